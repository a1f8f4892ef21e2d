//! Files of the shipped crates: their imports must not form a circle, and none may have more than 500 lines.
//!
//! A folder's `mod.rs` and the files in that folder may import each other: they are one module in several files. A circle
//! that leaves the folder is one, by whichever of these imports it leads.
//! Everything else that imports something and is imported by it, however far around, can only be read together.

use crate::modules::Crate;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that are shipped, in the order of their dependencies.
pub(crate) const SHIPPED: [&str; 4] = ["proto", "feed", "net", "rtrcast"];

/// The most lines that a file may have: one with more has more than one job.
const LINES_MAX: usize = 500;

type Imports = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// Checks that the imports in no shipped crate form a circle, and that no file is too long.
pub(crate) fn check() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent directory")?;
    let (mut circles, mut long) = (Vec::new(), Vec::new());
    for name in SHIPPED {
        let source = root.join("crates").join(name).join("src");
        let imports = Crate::read(&source)?.imports()?;
        println!("{name}: {} files, {} imports", imports.len(), imports.values().map(BTreeSet::len).sum::<usize>());
        circles.extend(shortest_circles(&imports).iter().map(|circle| render(name, &source, circle)));
        for file in imports.keys() {
            let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let lines = text.lines().count();
            if lines > LINES_MAX {
                let file = file.strip_prefix(&source).unwrap_or(file).display();
                long.push(format!("{name}: {file} has {lines} lines, more than {LINES_MAX}"));
            }
        }
    }
    if !circles.is_empty() {
        return Err(format!("files that import each other in a circle:\n  {}", circles.join("\n  ")));
    }
    if !long.is_empty() {
        return Err(format!("files that are too long:\n  {}", long.join("\n  ")));
    }
    Ok(())
}

fn render(name: &str, source: &Path, circle: &[PathBuf]) -> String {
    let files = circle.iter().map(|file| file.strip_prefix(source).unwrap_or(file).display().to_string());
    format!("{name}: {}", files.collect::<Vec<_>>().join(" → "))
}

/// The shortest circle through each import that is in one, each circle once; its first file is repeated at its end. What
/// a folder's `mod.rs` and its files import of each other counts only for circles that leave the folder.
fn shortest_circles(imports: &Imports) -> Vec<Vec<PathBuf>> {
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    let all = imports.iter().flat_map(|(from, targets)| targets.iter().map(move |to| (from, to)));
    for (from, to) in all {
        let way = match (from.parent() == to.parent(), are_one_module(from, to)) {
            (false, _) => shortest_way(imports, to, from, |_, _| true),
            (true, false) => shortest_way(imports, to, from, |one, other| !are_one_module(one, other)),
            (true, true) => None,
        };
        if let Some(way) = way {
            let members: BTreeSet<&PathBuf> = way.iter().copied().collect();
            if seen.insert(members) {
                circles.push([from].into_iter().chain(way).cloned().collect());
            }
        }
    }
    circles
}

/// The shortest way from one file to another by imports that count, both of them included.
fn shortest_way<'a>(
    imports: &'a Imports,
    from: &'a PathBuf,
    to: &'a PathBuf,
    counts: impl Fn(&Path, &Path) -> bool,
) -> Option<Vec<&'a PathBuf>> {
    let mut came_from: BTreeMap<&PathBuf, &PathBuf> = BTreeMap::from([(from, from)]);
    let mut queue = VecDeque::from([from]);
    while let Some(file) = queue.pop_front() {
        if file == to {
            let mut way = vec![to];
            let mut at = to;
            while at != from {
                at = came_from.get(at)?;
                way.push(at);
            }
            way.reverse();
            return Some(way);
        }
        for next in imports.get(file).into_iter().flatten().filter(|next| counts(file, next)) {
            if !came_from.contains_key(next) {
                came_from.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}

/// Whether one is the `mod.rs` of the folder in which the other lies.
fn are_one_module(one: &Path, other: &Path) -> bool {
    let holds = |module: &Path, file: &Path| {
        module.file_name().is_some_and(|name| name == "mod.rs") && module.parent() == file.parent()
    };
    one != other && (holds(one, other) || holds(other, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(pairs: &[(&str, &str)]) -> Imports {
        let mut imports = Imports::new();
        for (from, to) in pairs {
            imports.entry(from.into()).or_default().insert(to.into());
            imports.entry(to.into()).or_default();
        }
        imports
    }

    fn circles(pairs: &[(&str, &str)]) -> Vec<String> {
        shortest_circles(&imports(pairs)).iter().map(|circle| render("it", Path::new(""), circle)).collect()
    }

    #[test]
    fn a_circle_is_found_and_named_once() {
        assert_eq!(
            circles(&[("a.rs", "b.rs"), ("b.rs", "c.rs"), ("c.rs", "a.rs"), ("d.rs", "a.rs")]),
            ["it: a.rs → b.rs → c.rs → a.rs"]
        );
        assert_eq!(circles(&[("a.rs", "b.rs"), ("b.rs", "c.rs"), ("a.rs", "c.rs")]), [""; 0]);
    }

    #[test]
    fn a_folder_is_one_module_and_its_files_are_not_with_others() {
        let folder = [("hub/mod.rs", "hub/decide.rs"), ("hub/decide.rs", "hub/mod.rs")];
        assert_eq!(circles(&folder), [""; 0]);
        let out_of_a_file = [("hub/mod.rs", "hub/decide.rs"), ("hub/decide.rs", "x.rs"), ("x.rs", "hub/mod.rs")];
        assert_eq!(circles(&out_of_a_file), ["it: hub/decide.rs → x.rs → hub/mod.rs → hub/decide.rs"]);
        let through_another = [("hub/mod.rs", "http/mod.rs"), ("http/mod.rs", "hub/mod.rs")];
        assert_eq!(circles(&through_another), ["it: http/mod.rs → hub/mod.rs → http/mod.rs"]);
    }
}
