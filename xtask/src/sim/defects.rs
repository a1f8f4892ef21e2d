//! Defects that are put into a copy of the code, one after another: the simulator has to find each.

use crate::run::Outcome;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Minutes that the simulator has for each.
const MINUTES: &str = "2";

/// What the simulator is built of.
const COPIED: [&str; 3] = ["crates/proto", "crates/feed", "crates/sim"];

pub(super) fn run(root: &Path) -> Outcome {
    let copy = root.join("target/defects");
    let mut rows = Vec::new();
    let mut missed = 0;
    let patches =
        fs::read_dir(root.join("crates/sim/defects")).map_err(|error| format!("crates/sim/defects: {error}"))?;
    let mut patches: Vec<_> = patches.filter_map(|entry| Some(entry.ok()?.path())).collect();
    patches.sort();
    for patch in patches {
        let name = patch.file_stem().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        copy_tree(root, &copy)?;
        let applied = Command::new("git").arg("apply").arg(&patch).current_dir(&copy).status();
        if !applied.is_ok_and(|status| status.success()) {
            return Err(format!("{name}: the patch does not apply"));
        }
        let built = Command::new("cargo")
            .args(["build", "--quiet", "--profile", "sim", "--package", "rtrcast-sim"])
            .env("CARGO_TARGET_DIR", copy.join("target"))
            .current_dir(&copy)
            .status();
        if !built.is_ok_and(|status| status.success()) {
            return Err(format!("{name}: the code does not compile"));
        }
        let began = Instant::now();
        let output = Command::new(copy.join("target/sim/rtrcast-sim")).args([MINUTES, "0"]).output();
        let output = output.map_err(|error| format!("rtrcast-sim: {error}"))?;
        let (text, panic) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let found =
            text.lines().find(|line| line.contains(" fails after ")).or(panic.lines().find(|line| !line.is_empty()));
        let found = found.filter(|_| !output.status.success()).unwrap_or_else(|| {
            missed += 1;
            "NOT FOUND"
        });
        let row = format!("{name}: {:.1} s: {found}", began.elapsed().as_secs_f64());
        println!("{row}");
        rows.push(row);
    }
    if missed > 0 { Err(format!("{missed} of {} defects were not found", rows.len())) } else { Ok(()) }
}

/// Makes the copy anew. It is a repository of its own, since `git apply` within another one changes nothing; what is
/// compiled stays.
fn copy_tree(root: &Path, copy: &Path) -> Outcome {
    for folder in COPIED {
        let target = copy.join(folder);
        if target.exists() {
            fs::remove_dir_all(&target).map_err(|error| format!("{}: {error}", target.display()))?;
        }
        copy_folder(&root.join(folder), &target)?;
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).map_err(|error| format!("Cargo.toml: {error}"))?;
    let members = COPIED.map(|folder| format!("\"{folder}\"")).join(", ");
    let lines = manifest.lines().map(|line| match line {
        line if line.starts_with("members = ") => format!("members = [{members}]"),
        line if line.starts_with("default-members = ") => "default-members = [\"crates/sim\"]".to_owned(),
        line => line.to_owned(),
    });
    let write = |name: &str, text: String| fs::write(copy.join(name), text).map_err(|error| format!("{name}: {error}"));
    write("Cargo.toml", lines.collect::<Vec<_>>().join("\n"))?;
    write("Cargo.lock", fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default())?;
    if !copy.join(".git").exists() {
        let made = Command::new("git").args(["init", "--quiet"]).current_dir(copy).status();
        made.map_err(|error| format!("git: {error}"))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Outcome {
    let error = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(error)?;
    for entry in fs::read_dir(from).map_err(error)? {
        let entry = entry.map_err(error)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(error)?;
        }
    }
    Ok(())
}
