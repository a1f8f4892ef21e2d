//! What came of it: a table at the end of each measurement, and docs/BENCH.md.

use crate::figure::{Figure, Verdict};
use crate::measure::{Bench, Measure, Peer};
use crate::{Outcome, machine, plot};
use std::path::Path;

/// Characters of a line.
const LINE: usize = 120;

/// The figures of one measurement as Markdown.
pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text = "| Figure | Goal | Measured | Beside it | Verdict |\n|---|---|---|---|---|\n".to_owned();
    for figure in figures {
        let unit = figure.unit;
        let goal = figure.goal.map(|goal| goal.text(unit)).unwrap_or_default();
        let beside: Vec<String> =
            figure.beside.iter().map(|(name, summary)| format!("{name}: {}", summary.text(unit))).collect();
        let remark = (!figure.remark.is_empty()).then(|| figure.remark.clone());
        let beside: Vec<String> = beside.into_iter().chain(remark).collect();
        let verdict = match figure.verdict() {
            Verdict::Missed => "**missed**".to_owned(),
            verdict => verdict.to_string(),
        };
        let cells = [&figure.what, &goal, &figure.measured.text(unit), &beside.join("; "), &verdict];
        text.push_str(&format!("| {} |\n", cells.map(String::as_str).join(" | ")));
    }
    text
}

/// Writes BENCH.md and bench.svg.
pub(crate) fn write(folder: &Path, bench: &Bench, sections: &[(&Measure, Vec<Figure>)]) -> Outcome {
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    put("BENCH.md", document(bench, sections))?;
    put("bench.svg", plot::svg(sections.iter().flat_map(|(_, figures)| figures)))
}

fn document(bench: &Bench, sections: &[(&Measure, Vec<Figure>)]) -> String {
    let peers: Vec<String> = Peer::ALL
        .into_iter()
        .map(|peer| match peer.version() {
            Some(version) if bench.peer_rounds > 0 => format!("{} {version}", peer.name()),
            Some(_) => format!("{} was left out", peer.name()),
            None => format!("{} was left out: it was not installed", peer.name()),
        })
        .collect();
    let text = [
        ("{machine}", machine::describe()),
        ("{rounds}", bench.rounds.to_string()),
        ("{peer_rounds}", bench.peer_rounds.to_string()),
        ("{peers}", peers.join(". ")),
        ("{missed}", missed(sections)),
    ]
    .iter()
    .fold(INTRODUCTION.to_owned(), |text, (name, value)| text.replace(name, value));
    sections.iter().fold(text, |mut text, (measure, figures)| {
        let Measure { name, text: what, .. } = measure;
        let what = wrapped(&format!("{what}. Again: `cargo xtask bench --only {name}`."));
        text.push_str(&format!("\n## {name}\n\n{what}\n\n{}", table(figures)));
        text
    })
}

/// A paragraph in lines as long as those of the other documents.
fn wrapped(paragraph: &str) -> String {
    let mut lines = vec![String::new()];
    for word in paragraph.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

fn missed(sections: &[(&Measure, Vec<Figure>)]) -> String {
    let figures = sections.iter().flat_map(|(measure, figures)| figures.iter().map(move |figure| (measure, figure)));
    let missed: Vec<String> = figures
        .filter(|(_, figure)| figure.verdict() == Verdict::Missed)
        .map(|(measure, figure)| format!("* {}: {}", measure.name, figure.what))
        .collect();
    if missed.is_empty() {
        "All goals are met.".to_owned()
    } else {
        format!("Missed, for the reasons that [DESIGN.md](../DESIGN.md) tells:\n\n{}", missed.join("\n"))
    }
}

const INTRODUCTION: &str = "\
# Speed and size

Written by `cargo xtask bench --write`, which builds the release programs, makes the data, runs rtrcast beside bare
programs and the caches of others over the loopback, and says what came of it. Do not edit it: what stands here is in
`crates/bench`. Nothing but time and memory differs from run to run: an answer that lacks one record ends the run.

{missed}

![Bars of what is measured](bench.svg)

Dark bars are rtrcast, dashed lines are goals.

## How it is measured

* The machine: {machine}.
  Routers and caches run on it at once, so each takes from the other.
* The data: 1,005,140 VRPs, 3,085 ASPAs and 2 router keys, made up with the shape of the global RPKI; 2,000 VRPs differ
  between two generations.
* A figure is the median of {rounds} rounds, with the least and the most behind it, in which rtrcast and the bare
  programs take turns. A ratio is that of the medians, and its range that of the rounds.
* Bare programs do one thing and nothing else: `sendfile` sends a sealed memory file, and `write` a shared buffer, with a
  thread for each connection. What they take is what the kernel takes.
* Routers cost little: one thread for all of them, which has the kernel discard the octets of a large response but the
  last 24, and these have to be an End of Data PDU. Before the rounds one router reads the whole response and checks it
  PDU by PDU. Changes are looked at PDU by PDU by each router.
* CPU is what the kernel counts for the threads of the cache. Memory is anonymous pages and the blocks of memory files,
  as an unmapped memory file shows in no Rss line.
* {peers}. Rounds of them: {peer_rounds}.
";
