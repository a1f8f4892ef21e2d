//! Deltas: what one costs in sets of different sizes, and how many empty ones there are a second.

use super::memory::next;
use super::served::Served;
use super::sync::check;
use super::{Bench, Measure};
use crate::data::{CHANGES, FULL, HUNDRED_THOUSAND, TEN_THOUSAND};
use crate::figure::{Figure, Goal, Rounds, Summary, Unit};
use crate::floor::Kind;
use crate::load::pdu::{State, serial_query};
use crate::load::router::Router;
use crate::subject::Subject;
use crate::{Outcome, context};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

pub(super) const MEASURE: Measure = Measure {
    name: "delta",
    text: "Serial Queries of one router of version 1: for 2,000 changes in sets of different sizes; and for none, 20,000 \
        of them at once, or each when the answer to the one before is there, beside a bare program with one thread that \
        blocks and sends the same octets",
    run,
};

const VERSION: u8 = 1;
/// Answers with changes in one round.
const ANSWERS: u32 = 200;
/// Empty answers in one round.
const EMPTY: usize = 20_000;
/// How much longer an answer may take in a set a hundred times as large.
const SIZE_GOAL: f64 = 1.5;

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    let mut figures = by_size(bench)?;
    figures.extend(empty(bench)?);
    Ok(figures)
}

/// A cache that has had one update, and a router that held what was before it.
struct Updated {
    _subject: Subject,
    router: Router,
    before: State,
    after: State,
}

fn by_size(bench: &Bench) -> Outcome<Vec<Figure>> {
    let sets = [TEN_THOUSAND, HUNDRED_THOUSAND, FULL];
    let mut updated = Vec::new();
    for set in sets {
        let mut served = Served::new(&bench.data, set, bench.folder.path())?;
        let subject = bench.serve(&[served.path()])?;
        let (mut router, first) = subject.first(VERSION)?;
        check(&first, set)?;
        served.replace()?;
        let after = next(&mut router, first.state)?;
        updated.push(Updated { _subject: subject, router, before: first.state, after });
    }
    let mut times = [const { Vec::new() }; 3];
    for round in 0..bench.rounds {
        let mut said = Vec::new();
        for ((set, updated), times) in sets.iter().zip(&mut updated).zip(&mut times) {
            let microseconds = answer(updated)? * 1e6;
            times.push(microseconds);
            said.push((set.name, format!("{microseconds:.0} µs")));
        }
        bench.say(round, &said);
    }
    let [small, middle, large] = times.map(Rounds::from_iter);
    Ok(vec![
        Figure::new("one answer with 2,000 changes, of 1,005,140 VRPs", Unit::Microseconds, large.summary())
            .beside([("of 10,000".to_owned(), small.summary()), ("of 100,000".to_owned(), middle.summary())]),
        Figure::new(
            "one answer with 2,000 changes, as a multiple of 10,000 VRPs'",
            Unit::Times,
            Summary::ratio(&large, &small),
        )
        .goal(Goal::AtMost(SIZE_GOAL)),
    ])
}

/// Seconds for one answer.
fn answer(updated: &mut Updated) -> Outcome<f64> {
    let started = Instant::now();
    for _ in 0..ANSWERS {
        let response = updated.router.changes(updated.before)?;
        if response.tally.announced + response.tally.withdrawn != CHANGES || response.state != updated.after {
            return Err(format!("{:?} leads to {:?}", response.tally, response.state));
        }
    }
    Ok(started.elapsed().as_secs_f64() / f64::from(ANSWERS))
}

fn empty(bench: &Bench) -> Outcome<Vec<Figure>> {
    let file = bench.data.file(FULL, 0, "json")?;
    let subject = bench.serve(&[&file])?;
    let (mut router, first) = subject.first(VERSION)?;
    check(&first, FULL)?;
    let (_, octets) = router.changes_octets(first.state)?;
    let file = bench.folder.path().join("empty");
    std::fs::write(&file, &octets).map_err(context("an answer"))?;
    let floor = bench.floor(Kind::Echo, &file)?;
    let query = serial_query(VERSION, first.state);
    let mut ours = Router::connect(subject.addr, VERSION)?.into_socket();
    let mut theirs = Router::connect(floor.addr, VERSION)?.into_socket();
    let [mut pipelined, mut one, mut bare] = [const { Vec::new() }; 3];
    for round in 0..bench.rounds {
        let rates = [pipeline(&ours, &query, &octets)?, ping(&mut ours, &query, &octets)?];
        let rates = [rates[0], rates[1], ping(&mut theirs, &query, &octets)?].map(|seconds| EMPTY as f64 / seconds);
        let names = ["pipelined", "one at a time", "bare"];
        bench.say(round, &names.into_iter().zip(rates.map(|rate| format!("{rate:.0}"))).collect::<Vec<_>>());
        for (all, rate) in [&mut pipelined, &mut one, &mut bare].into_iter().zip(rates) {
            all.push(rate);
        }
    }
    let [pipelined, one, bare] = [pipelined, one, bare].map(Rounds::from_iter);
    Ok(vec![
        Figure::new("empty deltas, 20,000 asked for at once", Unit::ASecond, pipelined.summary())
            .goal(Goal::AtLeast(20_000.0)),
        Figure::new("empty deltas, one at a time", Unit::ASecond, one.summary())
            .beside([("bare".to_owned(), bare.summary())])
            .plotted(),
        Figure::new(
            "empty deltas, one at a time, as a part of the bare program's",
            Unit::Times,
            Summary::ratio(&one, &bare),
        )
        .goal(Goal::AtLeast(0.8)),
    ])
}

/// Seconds for all answers to queries that are sent without waiting.
fn pipeline(socket: &TcpStream, query: &[u8], answer: &[u8]) -> Outcome<f64> {
    let (mut to, mut from) = (socket, socket);
    let queries = query.repeat(EMPTY);
    let mut answers = vec![0; answer.len() * EMPTY];
    let started = Instant::now();
    let seconds = std::thread::scope(|scope| {
        let asking = scope.spawn(move || to.write_all(&queries));
        from.read_exact(&mut answers).map_err(context("receiving"))?;
        let seconds = started.elapsed().as_secs_f64();
        asking.join().map_err(|_| "asking failed")?.map_err(context("asking"))?;
        Ok::<_, String>(seconds)
    })?;
    if answers.chunks(answer.len()).any(|one| one != answer) {
        return Err("an empty delta that differs from the first".to_owned());
    }
    Ok(seconds)
}

/// Seconds for all answers to queries that are sent one by one.
fn ping(socket: &mut TcpStream, query: &[u8], answer: &[u8]) -> Outcome<f64> {
    let mut got = vec![0; answer.len()];
    let started = Instant::now();
    for _ in 0..EMPTY {
        socket.write_all(query).map_err(context("asking"))?;
        socket.read_exact(&mut got).map_err(context("receiving"))?;
        if got != answer {
            return Err("an empty delta that differs from the first".to_owned());
        }
    }
    Ok(started.elapsed().as_secs_f64())
}
