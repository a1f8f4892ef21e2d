//! Full synchronisation of many routers at once.

use super::{Bench, Measure, Peer, Refresh};
use crate::data::{FULL, Set};
use crate::figure::{Figure, Goal, Rounds, Summary, Unit};
use crate::floor::Kind;
use crate::load::plain::Clients;
use crate::load::router::Response;
use crate::subject::{Folder, Subject};
use crate::{Outcome, context};
use std::time::Duration;

pub(super) const MEASURE: Measure = Measure {
    name: "sync",
    text: "50 routers of version 1 are connected and ask for everything at once; time until the last End of Data",
    run,
};

/// Routers that ask at once.
const CLIENTS: usize = 50;

/// What one round came to.
struct Round {
    time: Duration,
    /// Of the server, for one client.
    cpu: Duration,
}

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    let file = bench.data.file(FULL, 0, "json")?;
    let rtrcast = bench.serve(&[&file])?;
    let (mut router, first) = rtrcast.first(1)?;
    check(&first, FULL)?;
    let (first, octets) = router.reset_octets()?;
    let response = bench.folder.path().join("response");
    std::fs::write(&response, octets).map_err(context("the response"))?;
    let length = first.tally.octets;
    let subjects = [rtrcast, bench.floor(Kind::Sendfile, &response)?, bench.floor(Kind::Write, &response)?];
    let mut times = [const { Vec::new() }; 3];
    let mut cpus = [const { Vec::new() }; 3];
    for round in 0..bench.rounds {
        let mut said = Vec::new();
        for (place, (subject, name)) in subjects.iter().zip(["rtrcast", "sendfile", "write"]).enumerate() {
            let Round { time, cpu } = synchronise(subject, length)?;
            times[place].push(time.as_secs_f64());
            cpus[place].push(cpu.as_secs_f64() * 1e3);
            said.push((name, format!("{:.3} s and {:.2} CPU-ms", time.as_secs_f64(), cpu.as_secs_f64() * 1e3)));
        }
        bench.say(round, &said);
    }
    drop(subjects);
    let mut peer_cpus = Vec::new();
    let peer_times = bench.peers(|peer| {
        let Round { time, cpu } = peer_round(bench, peer)?;
        peer_cpus.push((peer.name().to_owned(), Rounds::from_iter([cpu.as_secs_f64() * 1e3]).summary()));
        Ok(time.as_secs_f64())
    })?;
    let [ours, sendfile, write] = times.map(Rounds::from_iter);
    let [our_cpu, sendfile_cpu, write_cpu] = cpus.map(|cpus| Rounds::from_iter(cpus).summary());
    let floors = |sendfile, write| [("sendfile".to_owned(), sendfile), ("write".to_owned(), write)];
    Ok(vec![
        Figure::new("50 routers synchronised", Unit::Seconds, ours.summary())
            .beside(floors(sendfile.summary(), write.summary()))
            .beside(peer_times)
            .plotted(),
        Figure::new(
            "50 routers synchronised, as a multiple of bare sendfile",
            Unit::Times,
            Summary::ratio(&ours, &sendfile),
        )
        .goal(Goal::AtMost(1.15)),
        Figure::new("server CPU for one router", Unit::Milliseconds, our_cpu)
            .goal(Goal::AtMost(10.0))
            .beside(floors(sendfile_cpu, write_cpu))
            .beside(peer_cpus)
            .plotted(),
    ])
}

fn synchronise(subject: &Subject, octets: u64) -> Outcome<Round> {
    let mut clients = Clients::connect(subject.addr, CLIENTS)?;
    let before = subject.cpu();
    let time = clients.synchronise(octets)?;
    // The clients are still connected, so a thread for each is still counted.
    let cpu = subject.cpu().since(&before) / u32::try_from(CLIENTS).map_err(context("clients"))?;
    Ok(Round { time, cpu })
}

fn peer_round(bench: &Bench, peer: Peer) -> Outcome<Round> {
    let folder = Folder::new(bench.folder.path())?;
    let subject = peer.start(&bench.data.file(FULL, 0, "json")?, folder.path(), Refresh::Seldom)?;
    let (_router, first) = subject.first(1)?;
    check(&first, FULL)?;
    let round = synchronise(&subject, first.tally.octets)?;
    println!("  {}: {:.3} s and {:.0} CPU-ms", peer.name(), round.time.as_secs_f64(), round.cpu.as_secs_f64() * 1e3);
    Ok(round)
}

/// Whether a response has all VRPs of a set and withdraws nothing.
pub(super) fn check(response: &Response, set: Set) -> Outcome {
    let tally = &response.tally;
    if tally.vrps == set.vrps && tally.withdrawn == 0 {
        return Ok(());
    }
    Err(format!("{} VRPs and {} withdrawals instead of {} VRPs", tally.vrps, tally.withdrawn, set.vrps))
}
