//! The defects that the simulator has to find still fit the code: `cargo xtask sim --defects` puts them into it.

use std::fs;
use std::path::Path;

/// Returns a file with one hunk after another of a unified diff applied, each at the place that its lines name by
/// themselves.
fn applied(text: &str, hunk: &[&str]) -> Result<String, String> {
    let side = |sign: char| {
        let lines = hunk.iter().filter(|line| !line.starts_with(sign)).map(|line| line.get(1..).unwrap_or_default());
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let (before, after) = (side('+'), side('-'));
    match text.matches(&before).count() {
        1 => Ok(text.replace(&before, &after)),
        times => Err(format!("these lines are there {times} times:\n{before}")),
    }
}

#[test]
fn each_defect_can_be_put_into_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut defects = 0;
    for entry in fs::read_dir(root.join("crates/sim/defects")).expect("there are defects") {
        let path = entry.expect("an entry").path();
        let patch = fs::read_to_string(&path).expect("a text");
        let name = path.display();
        let mut hunks = 0;
        for file in patch.split("--- a/").skip(1) {
            let (source, rest) = file.split_once('\n').expect("a file's name");
            let mut text =
                fs::read_to_string(root.join(source)).unwrap_or_else(|error| panic!("{name}: {source}: {error}"));
            let original = text.clone();
            for hunk in rest.split("\n@@ ").skip(1) {
                let lines: Vec<&str> = hunk.lines().skip(1).collect();
                text = applied(&text, &lines).unwrap_or_else(|error| panic!("{name}: {source}: {error}"));
                hunks += 1;
            }
            assert_ne!(text, original, "{name}");
        }
        assert!(hunks > 0, "{name}");
        defects += 1;
    }
    assert!(defects >= 30, "{defects} defects");
}
