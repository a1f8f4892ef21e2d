//! Keeps CONFORMANCE.md true: each requirement that it calls tested names a test that exists, and each test that
//! bears a requirement's id stands there.
//!
//! A row is `| C-ERR-01 | MUST NOT | tested | what it says |`; its tests are the functions whose names begin with
//! `c_err_01_`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn check() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent directory")?;
    let document =
        fs::read_to_string(root.join("CONFORMANCE.md")).map_err(|error| format!("CONFORMANCE.md: {error}"))?;
    let mut tests: BTreeMap<String, usize> = BTreeMap::new();
    for path in sources(&root.join("crates"))? {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for id in text.lines().filter_map(id_of_test) {
            *tests.entry(id).or_default() += 1;
        }
    }
    let rows: BTreeMap<String, String> = document.lines().filter_map(row).collect();
    let mut wrong = Vec::new();
    for (id, status) in &rows {
        match (status.as_str(), tests.contains_key(id)) {
            ("tested", false) => wrong.push(format!("{id} is called tested, and no test is named for it")),
            ("tested", true) | (_, false) => {}
            (status, true) => wrong.push(format!("{id} is called \"{status}\", and there is a test named for it")),
        }
    }
    let unknown: BTreeSet<&String> = tests.keys().filter(|id| !rows.contains_key(*id)).collect();
    wrong.extend(unknown.into_iter().map(|id| format!("a test is named for {id}, which CONFORMANCE.md does not list")));
    if wrong.is_empty() {
        let tested = rows.values().filter(|status| *status == "tested").count();
        println!(
            "CONFORMANCE.md: {tested} of {} requirements tested, by {} tests",
            rows.len(),
            tests.values().sum::<usize>()
        );
        Ok(())
    } else {
        Err(format!("CONFORMANCE.md and the tests disagree:\n  {}", wrong.join("\n  ")))
    }
}

/// A row's id and status.
fn row(line: &str) -> Option<(String, String)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let id = cells.next().filter(|id| is_id(id))?;
    let status = cells.nth(1)?;
    Some((id.to_owned(), status.to_owned()))
}

fn is_id(text: &str) -> bool {
    matches!(text.split('-').collect::<Vec<_>>().as_slice(), [_, .., number] if number.parse::<u8>().is_ok())
}

/// The id at the front of a test function's name: `fn c_err_01_...` is C-ERR-01, `fn s_01_...` is S-01,
/// `fn cc_01_...` is CC-01.
fn id_of_test(line: &str) -> Option<String> {
    let line = line.trim_start();
    let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    let words: Vec<&str> = name.split('_').collect();
    let id = match words.as_slice() {
        [kind @ ("s" | "sl" | "cc"), number, _, ..] => [*kind, *number].join("-"),
        ["c" | "r" | "t", group, number, _, ..] if matches!(group.len(), 2 | 3) => [words[0], group, number].join("-"),
        _ => return None,
    };
    is_id(&id).then(|| id.to_uppercase())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    Ok(found)
}
