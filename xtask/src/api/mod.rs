//! The public APIs of the libraries, against the lists in `docs/api/`: a change of one is seen, and meant.
//!
//! rustdoc's own list of a crate would be more exact, but its form differs from compiler to compiler, and whoever builds
//! this may have any. So the list is read from the sources: it has what is written there, but neither the auto traits of
//! a type (`Send`), nor what a macro makes; the derived traits are there.

mod surface;
mod text;

use crate::modules::Crate;
use crate::run::Outcome;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use surface::{HIDDEN, Surface};

/// What to do with the lists.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write the lists, instead of comparing them with the sources
    #[arg(long)]
    write: bool,
}

/// The crates that others build on.
const LIBRARIES: [&str; 3] = ["proto", "feed", "net"];

/// The crates whose types a public signature may name. A new version of any other is then nobody's concern but ours.
const NAMED: [&str; 6] = ["std", "core", "alloc", "rtrcast_proto", "rtrcast_feed", "tokio"];

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.write {
        for name in LIBRARIES {
            let path = list(name)?;
            let text: String = read(name)?.lines.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    check()
}

/// Checks that each library's public API is what its list says, and names no type of a crate that may not be named.
pub(crate) fn check() -> Outcome {
    let mut wrong = Vec::new();
    for name in LIBRARIES {
        let (path, found) = (list(name)?, read(name)?);
        println!("rtrcast-{name}: {} lines of public API", found.lines.len());
        let listed = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let differences = compare(&listed, &found.lines);
        if !differences.is_empty() {
            let list = format!("docs/api/rtrcast-{name}.txt");
            wrong.push(format!(
                "what is public in rtrcast-{name} is not what {list} lists:\n{}",
                differences.join("\n")
            ));
            wrong.push("  if that is meant, accept it with `cargo xtask api --write`".to_owned());
        }
        wrong.extend(
            strangers(&found).into_iter().map(|line| format!("rtrcast-{name} names in public what it may not: {line}")),
        );
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn root() -> Result<&'static Path, String> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or_else(|| "xtask has no parent directory".to_owned())
}

fn list(name: &str) -> Result<PathBuf, String> {
    Ok(root()?.join("docs/api").join(format!("rtrcast-{name}.txt")))
}

fn read(name: &str) -> Result<Api, String> {
    let source = root()?.join("crates").join(name).join("src");
    api(&source).map_err(|error| format!("rtrcast-{name}: {error}"))
}

/// The lines, and the other crates that they name.
struct Api {
    lines: Vec<String>,
    foreign: BTreeSet<String>,
}

fn api(source: &Path) -> Result<Api, String> {
    let read = Crate::read(source)?;
    let surface = Surface::of(&read)?;
    Ok(Api { lines: surface.lines.into_iter().map(|line| line.text).collect(), foreign: surface.foreign })
}

/// What is listed and gone, and what is there and not listed.
fn compare(listed: &str, lines: &[String]) -> Vec<String> {
    let listed: BTreeSet<&str> = listed.lines().collect();
    let there: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
    let gone = listed.difference(&there).map(|line| format!("  - {line}"));
    gone.chain(there.difference(&listed).map(|line| format!("  + {line}"))).collect()
}

/// The lines that name a crate that may not be named, or a type that is not public.
fn strangers(api: &Api) -> Vec<&String> {
    let strangers = api.foreign.iter().filter(|name| !NAMED.contains(&name.as_str()));
    let paths: Vec<String> = strangers.map(|name| format!("{name}::")).chain([HIDDEN.to_owned()]).collect();
    let begins = |before: &str| !before.ends_with(|last: char| last.is_alphanumeric() || ['_', ':'].contains(&last));
    let names = |line: &&String| paths.iter().any(|path| line.match_indices(path).any(|(at, _)| begins(&line[..at])));
    api.lines.iter().filter(names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const CRATE: [(&str, &str); 3] = [
        (
            "lib.rs",
            "mod a; pub mod b; mod c; pub use a::{A, Kind as Sort, make}; \
             /// A limit.\n pub const MAX: usize = 1;",
        ),
        (
            "a.rs",
            "use crate::c::Hidden; use rustls as tls; use std::{fmt, io}; \
             #[derive(Clone, Debug)] pub struct A { pub one: Vec<Hidden>, two: u8 } \
             impl A { pub(crate) fn no(&self) {} pub async fn read(mut self, by: &mut [u8]) -> io::Result<u8> { todo!() } } \
             impl fmt::Display for A { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { Ok(()) } } \
             impl From<Hidden> for A { fn from(_: Hidden) -> A { todo!() } } \
             #[non_exhaustive] pub enum Kind { One, Two(A), #[doc = \"It.\"] Three { of: tls::Error } } \
             pub fn make<T: Into<A>>(of: T,) -> impl Iterator<Item = Kind> where T: Copy { [].into_iter() } \
             #[cfg(test)] impl A { pub fn tested() {} }",
        ),
        ("b.rs", "pub use crate::a::A; pub trait T { type Of; fn must(&self) -> Self::Of; fn may(&self) {} }"),
    ];

    #[test]
    fn a_crates_api_is_what_others_can_name() {
        let root = std::env::temp_dir().join(format!("xtask-api-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        for (path, text) in CRATE.into_iter().chain([("c.rs", "pub struct Hidden; impl crate::b::T for Hidden {}")]) {
            fs::write(root.join(path), text).unwrap();
        }
        let api = api(&root);
        fs::remove_dir_all(&root).unwrap();
        let api = api.unwrap();
        let expected = [
            "pub struct A { .. }",
            "impl Clone for A",
            "impl Debug for A",
            "impl std::fmt::Display for A",
            "pub A::one: Vec<crate::c::Hidden>",
            "pub async fn A::read(self, by: &mut [u8]) -> std::io::Result<u8>",
            "pub const MAX: usize",
            "#[non_exhaustive] pub enum Sort",
            "Sort::One",
            "Sort::Three { of: rustls::Error }",
            "Sort::Two(A)",
            "pub use A as b::A",
            "pub trait b::T",
            "type b::T::Of",
            "fn b::T::may(&self) { .. }",
            "fn b::T::must(&self) -> Self::Of",
            "pub fn make<T: Into<A>>(of: T) -> impl Iterator<Item = Sort> where T: Copy",
        ];
        assert_eq!(api.lines, expected);
        assert_eq!(strangers(&api), [expected[4], expected[9]]);

        let listed = expected[1..].join("\n") + "\npub fn gone()\n";
        assert_eq!(compare(&listed, &api.lines), ["  - pub fn gone()", "  + pub struct A { .. }"]);
    }
}
