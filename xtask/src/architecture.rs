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
    let (paths, wrong) = compare(root, &document)?;
    if wrong.is_empty() {
        println!("{DOCUMENT}: {paths} paths, all there");
        Ok(())
    } else {
        Err(format!("{DOCUMENT} and the folders disagree:\n  {}", wrong.join("\n  ")))
    }
}

/// How many paths the document names, and what is wrong with them.
fn compare(root: &Path, document: &str) -> Result<(usize, Vec<String>), String> {
    if document.matches('`').count() % 2 == 1 {
        return Err(format!("{DOCUMENT}: a backtick has no other one"));
    }
    let (before, map) = document.split_once(MAP).ok_or_else(|| format!("{DOCUMENT} has no section {MAP:?}"))?;
    let (map, after) = map.split_once("\n## ").unwrap_or((map, ""));
    let mut paths = 0;
    let mut wrong = Vec::new();
    let mut crates = names(&root.join("crates"))?;
    for section in map.split("\n### ").skip(1) {
        let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
        let package =
            quoted(heading).next().ok_or_else(|| format!("{DOCUMENT}: heading {heading:?} names no crate"))?;
        crates.remove(package.trim_start_matches("crates/"));
        let source = root.join(package).join("src");
        let mut named = BTreeSet::new();
        for item in body.split("\n* ") {
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
        let roots = ["lib.rs", "main.rs", "tests"];
        let top = names(&source)?.into_iter().filter(|name| !roots.contains(&name.as_str()));
        wrong.extend(
            top.filter(|name| !named.contains(name)).map(|name| format!("{package}: {name} is not in the map")),
        );
    }
    wrong.extend(crates.iter().map(|name| format!("crates/{name} is not in the map")));
    for path in quoted(before).chain(quoted(after)).filter(|path| is_path(path) && path.contains('/')) {
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
    Ok((paths, wrong))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_path(text: &str) -> bool {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"_-./".contains(&octet);
    (text.ends_with(".rs") || text.ends_with('/')) && text.bytes().all(is_plain)
}

/// The names of what is in a folder.
fn names(folder: &Path) -> Result<BTreeSet<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
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
    #[test]
    fn the_map_and_the_folders_disagree() {
        let root = std::env::temp_dir().join(format!("xtask-architecture-{}", std::process::id()));
        for path in
            ["crates/net/src/lib.rs", "crates/net/src/tls/anchors.rs", "crates/net/src/sys.rs", "crates/sim/src/lib.rs"]
        {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let compared = |items: &str| {
            compare(&root, &format!("## Code map\n\n### `crates/net`: it\n\n{items}\n\n## Next\n`net/gone.rs`\n"))
        };
        let wrong = compared("Over `old.rs`.\n\n* `tls/`: `anchors.rs`, `none.rs`").unwrap();
        let expected = [
            "crates/net: there is no old.rs",
            "crates/net: there is no tls/none.rs",
            "crates/net: sys.rs is not in the map",
            "crates/sim is not in the map",
            "there is no net/gone.rs",
        ];
        assert_eq!(wrong, (5, expected.map(str::to_owned).to_vec()));
        assert_eq!(compared("* `tls/").unwrap_err(), "ARCHITECTURE.md: a backtick has no other one");
        fs::remove_dir_all(&root).unwrap();
    }
}
