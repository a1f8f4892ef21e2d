//! Keeps ARCHITECTURE.md's map true: each path that it names exists, and each file and folder at the top of a crate is
//! named.
//!
//! In the map a heading names a crate, "### `crates/net`: connections", and each item files and folders of its `src`,
//! "* `tls/`: certificates, `anchors.rs` has the authorities"; what follows a folder may lie in it. Elsewhere a path begins
//! with its crate: `proto/limits.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "ARCHITECTURE.md";
const MAP: &str = "## Code map";

pub(crate) fn check() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent directory")?;
    let document = fs::read_to_string(root.join(DOCUMENT)).map_err(|error| format!("{DOCUMENT}: {error}"))?;
    let (before, map) = document.split_once(MAP).ok_or_else(|| format!("{DOCUMENT} has no section {MAP:?}"))?;
    let (map, after) = map.split_once("\n## ").unwrap_or((map, ""));
    let mut paths = 0;
    let mut wrong = Vec::new();
    for section in map.split("\n### ").skip(1) {
        let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
        let package =
            quoted(heading).next().ok_or_else(|| format!("{DOCUMENT}: heading {heading:?} names no crate"))?;
        let source = root.join(package).join("src");
        let mut named = BTreeSet::new();
        for item in body.split("\n* ").skip(1) {
            let mut folder = "";
            for path in quoted(item).filter(|path| is_path(path)) {
                paths += 1;
                if source.join(path).exists() {
                    named.insert(path.trim_end_matches('/').to_owned());
                    folder = if folder.is_empty() && path.ends_with('/') { path } else { folder };
                } else if folder.is_empty() || !source.join(folder).join(path).exists() {
                    wrong.push(format!("{package}: there is no {folder}{path}"));
                }
            }
        }
        wrong.extend(top(&source)?.difference(&named).map(|name| format!("{package}: {name} is not in the map")));
    }
    let elsewhere = quoted(before).chain(quoted(after)).filter(|path| is_path(path) && path.contains('/'));
    for path in elsewhere {
        paths += 1;
        let (package, rest) = path.split_once('/').unwrap_or((path, ""));
        let places: [PathBuf; 4] = [
            root.join("crates").join(package).join("src").join(rest),
            root.join("crates").join(path),
            root.join(package).join("src").join(rest),
            root.join(path),
        ];
        if !places.iter().any(|place| place.exists()) {
            wrong.push(format!("there is no {path}"));
        }
    }
    if wrong.is_empty() {
        println!("{DOCUMENT}: {paths} paths, all there");
        Ok(())
    } else {
        Err(format!("{DOCUMENT} and the folders disagree:\n  {}", wrong.join("\n  ")))
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_path(text: &str) -> bool {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"_-./".contains(&octet);
    (text.ends_with(".rs") || text.ends_with('/')) && text.bytes().all(is_plain)
}

/// The files and folders at the top of a crate, its root and the tests of that aside.
fn top(source: &Path) -> Result<BTreeSet<String>, String> {
    let entries = fs::read_dir(source).map_err(|error| format!("{}: {error}", source.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| !["lib.rs", "main.rs", "tests"].contains(&name.as_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_between_backticks() {
        let text = "* `tls/`: certificates (`anchors.rs`), `Arc`, `cargo xtask check`, `proto/limits.rs`";
        let paths: Vec<&str> = quoted(text).filter(|path| is_path(path)).collect();
        assert_eq!(paths, ["tls/", "anchors.rs", "proto/limits.rs"]);
    }
}
