//! What came of it: a table at the end of each measurement, and docs/BENCH.md.

use crate::figure::{Figure, Verdict};
use crate::measure::{Bench, Measure, Peer};
use crate::{Outcome, machine};
use std::path::Path;

/// The figures of one measurement as Markdown.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = "| Figure | Goal | Measured | Beside it | |\n|---|---|---|---|---|\n".to_owned();
    for figure in figures {
        let unit = figure.unit;
        let goal = figure.goal.map(|goal| goal.text(unit)).unwrap_or_default();
        let beside: Vec<String> =
            figure.beside.iter().map(|(name, summary)| format!("{name}: {}", summary.text(unit))).collect();
        let verdict = match figure.verdict() {
            Verdict::Missed => "**missed**".to_owned(),
            verdict => verdict.to_string(),
        };
        let cells = [&figure.what, &goal, &figure.measured.text(unit), &beside.join("; "), &verdict];
        text.push_str(&format!("| {} |\n", cells.map(String::as_str).join(" | ")));
    }
    text
}

/// Writes BENCH.md.
pub(crate) fn write(folder: &Path, bench: &Bench, sections: &[(&Measure, Vec<Figure>)]) -> Outcome {
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    put("BENCH.md", document(bench, sections))
}

fn document(bench: &Bench, sections: &[(&Measure, Vec<Figure>)]) -> String {
    let peers: Vec<String> = Peer::ALL
        .into_iter()
        .map(|peer| match peer.version() {
            Some(version) => format!("{} {version}", peer.name()),
            None => format!("{} was not installed", peer.name()),
        })
        .collect();
    let mut text = INTRODUCTION.replace("{machine}", &machine::describe());
    text = text.replace("{rounds}", &bench.rounds.to_string()).replace("{peers}", &peers.join("; "));
    for (measure, figures) in sections {
        text.push_str(&format!("\n## {}\n\n{}.\n\n{}", measure.name, measure.text, table(figures)));
    }
    text
}

const INTRODUCTION: &str = "\
# Speed and size

Written by `cargo xtask bench --write`.
";
