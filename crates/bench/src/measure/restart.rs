//! From a start with state to the first complete answer.

use super::start::until_first;
use super::{Bench, Measure};
use crate::data::FULL;
use crate::figure::{Figure, Goal, Rounds, Summary, Unit};
use crate::floor::Kind;
use crate::subject::Folder;
use crate::{Outcome, context};
use std::thread;
use std::time::{Duration, Instant};

pub(super) const MEASURE: Measure = Measure {
    name: "restart",
    text: "From a start with a state directory until a router of version 1, which tries to connect all the time, has \
        everything; beside it a bare program that reads a file with the same response and sends it. The files are in the \
        page cache, and rtrcast reads its source meanwhile",
    run,
};

/// Seconds from the start.
const GOAL_S: f64 = 0.1;

/// Limit of the time until the first snapshot is written.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(60);

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    let file = bench.data.file(FULL, 0, "json")?;
    let folder = Folder::new(bench.folder.path())?;
    let state = folder.path().join("state");
    let arguments = ["--state", state.to_str().ok_or("a path that is not UTF-8")?];
    let response = bench.folder.path().join("response");
    {
        let first = bench.serve_with(&[&file], &arguments)?;
        let (mut router, _) = first.first(1)?;
        std::fs::write(&response, router.reset_octets()?.1).map_err(context("the response"))?;
        let deadline = Instant::now() + SNAPSHOT_WAIT;
        while !state.join("snapshot").exists() {
            if Instant::now() > deadline {
                return Err("no snapshot is written".to_owned());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    let (mut times, mut bare) = (Rounds::default(), Rounds::default());
    for round in 0..bench.rounds {
        let time = until_first(&bench.serve_with(&[&file], &arguments)?)?;
        let floor = until_first(&bench.floor(Kind::Sendfile, &response)?)?;
        times.push(time);
        bare.push(floor);
        bench.say(round, &[("rtrcast", format!("{time:.3} s")), ("bare", format!("{floor:.3} s"))]);
    }
    let ratio = Summary::ratio(&times, &bare);
    Ok(vec![
        Figure::new("first complete answer of a start with state", Unit::Seconds, times.summary())
            .goal(Goal::AtMost(GOAL_S))
            .beside([("bare program".to_owned(), bare.summary())])
            .plotted(),
        Figure::new("the same, as a multiple of the bare program", Unit::Times, ratio),
    ])
}
