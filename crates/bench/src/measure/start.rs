//! From the start of the program to the first complete answer.

use super::sync::check;
use super::{Bench, Measure, Refresh};
use crate::data::FULL;
use crate::figure::{Figure, Goal, Rounds, Unit};
use crate::subject::{Folder, Subject};
use crate::{Outcome, context};
use std::path::Path;

pub(super) const MEASURE: Measure = Measure {
    name: "start",
    text: "From the start of the program until a router of version 1, which tries to connect all the time, has \
        everything; the file is in the page cache",
    run,
};

/// The formats, and from which on a figure has a goal.
const FORMATS: [&str; 3] = ["json", "csv", "ccr"];
/// Seconds from JSON; from the others it is to be less.
const GOAL_S: f64 = 0.5;

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    let mut times = [const { Vec::new() }; 3];
    for round in 0..bench.rounds {
        let mut said = Vec::new();
        for (format, times) in FORMATS.iter().zip(&mut times) {
            let file = bench.data.file(FULL, 0, format)?;
            let time = until_first(&bench.serve(&[&file])?)?;
            times.push(time);
            said.push((*format, format!("{time:.3} s")));
        }
        bench.say(round, &said);
    }
    let peers = bench.peers(|peer| {
        let folder = Folder::new(bench.folder.path())?;
        let file = bench.data.file(FULL, 0, "json")?;
        let time = until_first(&peer.start(&file, folder.path(), Refresh::Seldom)?)?;
        println!("  {}: {time:.3} s", peer.name());
        Ok(time)
    })?;
    let [json, csv, ccr] = times.map(|times| Rounds::from_iter(times).summary());
    let size = |format| {
        let file = bench.data.file(FULL, 0, format)?;
        octets(&file).map(|octets| octets as f64 / 1e6)
    };
    let name = |format: &str, megabytes| format!("first complete answer from {format} ({megabytes:.0} MB)");
    Ok(vec![
        Figure::new(name("JSON", size("json")?), Unit::Seconds, json)
            .goal(Goal::AtMost(GOAL_S))
            .beside(peers)
            .plotted(),
        Figure::new(name("CSV", size("csv")?), Unit::Seconds, csv).goal(Goal::AtMost(json.median)),
        Figure::new(name("CCR", size("ccr")?), Unit::Seconds, ccr).goal(Goal::AtMost(json.median)),
    ])
}

/// Seconds until a router has everything.
pub(super) fn until_first(subject: &Subject) -> Outcome<f64> {
    let (_router, response) = subject.first(1)?;
    let time = subject.started.elapsed().as_secs_f64();
    check(&response, FULL)?;
    Ok(time)
}

fn octets(path: &Path) -> Outcome<u64> {
    Ok(std::fs::metadata(path).map_err(context("a data set"))?.len())
}
