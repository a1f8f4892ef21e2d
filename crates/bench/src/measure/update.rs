//! An update on its way to many routers.

use super::served::Served;
use super::sync::check;
use super::{Bench, Measure, Peer, Refresh};
use crate::Outcome;
use crate::data::{CHANGES, FULL};
use crate::figure::{Figure, Goal, Rounds, Unit};
use crate::load::flock::Flock;
use crate::subject::Folder;
use std::time::{Duration, Instant};

pub(super) const MEASURE: Measure = Measure {
    name: "update",
    text: "The file is replaced by one with 2,000 changes, by a rename, while 1,000 routers of version 1 are connected \
        that hold everything; each asks for the changes when it is notified, and has to get all of them. Of other \
        caches it is the first notify whose changes are complete; StayRTR is told of the file by SIGHUP",
    run,
};

/// Routers that are connected. A connection is notified once a minute, so each round has its own.
const ROUTERS: usize = 1_000;
/// Other caches take their time.
const NOTIFY_MAX: Duration = Duration::from_secs(300);

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    let mut served = Served::new(&bench.data, FULL, bench.folder.path())?;
    let subject = bench.serve(&[served.path()])?;
    let [mut notified, mut all] = [const { Vec::new() }; 2];
    for round in 0..bench.rounds {
        let (_router, first) = subject.first(1)?;
        check(&first, FULL)?;
        let mut flock = Flock::connect(subject.addr, ROUTERS, first.state)?;
        let replaced = served.replace()?;
        let update = flock.update(CHANGES)?;
        let [to_notify, to_all] =
            [update.first_notify, update.all].map(|instant| instant.duration_since(replaced).as_secs_f64());
        bench.say(round, &[("first notify", format!("{to_notify:.3} s")), ("all", format!("{to_all:.3} s"))]);
        notified.push(to_notify);
        all.push(to_all);
    }
    drop(subject);
    let peers = bench.peers(|peer| {
        let time = of_peer(bench, peer)?;
        println!("  {}: {time:.3} s", peer.name());
        Ok(time)
    })?;
    let figure = |what, values: Vec<f64>, goal| {
        Figure::new(what, Unit::Seconds, Rounds::from_iter(values).summary()).goal(Goal::AtMost(goal)).plotted()
    };
    Ok(vec![
        figure("from the rename to the first notify", notified, 0.5).beside(peers),
        figure("from the rename until 1,000 routers have their delta", all, 1.0),
    ])
}

/// Seconds to the notify whose changes are those of the file. Other caches may notify of nothing before it.
fn of_peer(bench: &Bench, peer: Peer) -> Outcome<f64> {
    let folder = Folder::new(bench.folder.path())?;
    let mut served = Served::new(&bench.data, FULL, folder.path())?;
    let subject = peer.start(served.path(), folder.path(), Refresh::EachSecond)?;
    let (mut router, first) = subject.first(1)?;
    check(&first, FULL)?;
    let mut state = first.state;
    let replaced = served.replace()?;
    if peer == Peer::StayRtr {
        subject.hang_up()?;
    }
    loop {
        router.notify(NOTIFY_MAX)?;
        let notified = Instant::now();
        let response = router.changes(state)?;
        match response.tally.announced + response.tally.withdrawn {
            CHANGES => return Ok(notified.duration_since(replaced).as_secs_f64()),
            0 => state = response.state,
            other => return Err(format!("{other} changes")),
        }
    }
}
