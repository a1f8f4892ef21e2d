//! Memory after updates, and the most that an update takes.

use super::served::Served;
use super::sync::check;
use super::{Bench, Measure, Refresh};
use crate::Outcome;
use crate::data::{CHANGES, FULL};
use crate::figure::{Figure, Goal, Rounds, Unit};
use crate::load::pdu::State;
use crate::load::router::Router;
use crate::process;
use crate::subject::{Folder, Subject};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

pub(super) const MEASURE: Measure = Measure {
    name: "memory",
    text: "Anonymous pages and the blocks of memory files, after ten updates of 2,000 changes; the peak is the largest of \
        samples that are taken every 2 ms during them. Of other caches it is the resident size, without updates",
    run,
};

const UPDATES: usize = 10;
/// Between two samples of what an update takes.
const SAMPLES_APART: Duration = Duration::from_millis(2);
/// Between two questions whether an update is there.
const QUESTIONS_APART: Duration = Duration::from_millis(5);
/// An update that is not there by then does not come.
const UPDATE_MAX: Duration = Duration::from_secs(60);
/// Memory that stays the same for so long is what stays.
const SETTLED: Duration = Duration::from_millis(300);
const SETTLED_MAX: Duration = Duration::from_secs(5);

/// Octets of one run.
struct Run {
    after: u64,
    peak: u64,
}

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    let [mut one, mut three, mut peaks] = [const { Vec::new() }; 3];
    let megabytes = |octets: u64| octets as f64 / 1e6;
    for round in 0..bench.rounds {
        let of_one = updates(bench, &[1])?;
        let of_three = updates(bench, &[0, 1, 2])?;
        let said = |octets| format!("{:.1} MB", megabytes(octets));
        let said = [
            ("one version", said(of_one.after)),
            ("peak", said(of_one.peak)),
            ("three versions", said(of_three.after)),
            ("peak", said(of_three.peak)),
        ];
        bench.say(round, &said);
        one.push(megabytes(of_one.after));
        peaks.push(megabytes(of_one.peak));
        three.push(megabytes(of_three.after));
    }
    let peers = bench.peers(|peer| {
        let folder = Folder::new(bench.folder.path())?;
        let file = bench.data.file(FULL, 0, "json")?;
        let subject = peer.start(&file, folder.path(), Refresh::Seldom)?;
        let (_router, response) = subject.first(1)?;
        check(&response, FULL)?;
        let resident = megabytes(subject.resident()?);
        println!("  {}: {resident:.1} MB", peer.name());
        Ok(resident)
    })?;
    let figure = |what, values: Vec<f64>, goal| {
        Figure::new(what, Unit::Megabytes, Rounds::from_iter(values).summary()).goal(Goal::AtMost(goal))
    };
    Ok(vec![
        figure("after ten updates, one version in use", one, 48.0).beside(peers).plotted(),
        figure("after ten updates, three versions in use", three, 96.0),
        figure("peak of an update, one version in use", peaks, 128.0),
    ])
}

/// A cache with a router of each version, which stay, and what it takes through ten updates.
fn updates(bench: &Bench, versions: &[u8]) -> Outcome<Run> {
    let mut served = Served::new(&bench.data, FULL, bench.folder.path())?;
    let subject = bench.serve(&[served.path()])?;
    let mut routers = Vec::new();
    for version in versions {
        let (router, response) = subject.first(*version)?;
        check(&response, FULL)?;
        routers.push((router, response.state));
    }
    let sampler = Sampler::start(subject.pid());
    for _ in 0..UPDATES {
        served.replace()?;
        for (router, state) in &mut routers {
            *state = next(router, *state)?;
        }
    }
    let peak = sampler.stop()?;
    Ok(Run { after: settled(&subject)?, peak })
}

/// Asks until there is something newer, and returns what.
pub(super) fn next(router: &mut Router, state: State) -> Outcome<State> {
    let deadline = Instant::now() + UPDATE_MAX;
    loop {
        let response = router.changes(state)?;
        let changes = response.tally.announced + response.tally.withdrawn;
        match (response.state == state, changes) {
            (false, CHANGES) => return Ok(response.state),
            (true, 0) if Instant::now() < deadline => sleep(QUESTIONS_APART),
            (true, 0) => return Err("no update comes".to_owned()),
            _ => return Err(format!("{changes} changes from {state:?} to {:?}", response.state)),
        }
    }
}

/// Memory once it stays the same.
pub(super) fn settled(subject: &Subject) -> Outcome<u64> {
    let deadline = Instant::now() + SETTLED_MAX;
    let mut last = subject.memory()?;
    loop {
        sleep(SETTLED);
        let now = subject.memory()?;
        if now == last || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}

/// Looks at a process's memory all the time.
struct Sampler {
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    peak: AtomicU64,
    is_over: AtomicBool,
}

impl Sampler {
    fn start(pid: u32) -> Sampler {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || {
            while !of_thread.is_over.load(Ordering::Relaxed) {
                of_thread.peak.fetch_max(process::memory(pid).unwrap_or_default(), Ordering::Relaxed);
                sleep(SAMPLES_APART);
            }
        });
        Sampler { thread, shared }
    }

    fn stop(self) -> Outcome<u64> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the sampler failed")?;
        match self.shared.peak.load(Ordering::Relaxed) {
            0 => Err("no sample could be taken".to_owned()),
            peak => Ok(peak),
        }
    }
}
