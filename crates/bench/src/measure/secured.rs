//! Full synchronisation of many routers at once over TLS and SSH.

use super::sync::check;
use super::{Bench, Measure};
use crate::credentials::{self, AUTHORIZED_KEYS, CERT, KEY, SSH_HOST_KEY};
use crate::data::FULL;
use crate::figure::{Figure, Goal, Rounds, Summary, Unit};
use crate::floor::Kind;
use crate::load::{ssh, tls};
use crate::subject::free_address;
use crate::{Outcome, context};
use std::net::SocketAddr;
use std::path::Path;

pub(super) const MEASURE: Measure = Measure {
    name: "secured",
    text: "20 routers of version 1 over TLS, and 20 over SSH, whose handshakes are done, ask for everything at once; time \
        until the last End of Data, beside bare programs that send a shared buffer by the same libraries",
    run,
};

/// Routers that ask at once.
const CLIENTS: usize = 20;

/// What protects.
#[derive(Clone, Copy)]
enum Over {
    Tls,
    Ssh,
}

impl Over {
    fn name(self) -> &'static str {
        match self {
            Over::Tls => "TLS",
            Over::Ssh => "SSH",
        }
    }

    fn floor(self) -> Kind {
        match self {
            Over::Tls => Kind::Tls,
            Over::Ssh => Kind::Ssh,
        }
    }

    /// A listener of rtrcast's.
    fn listener(self, addr: SocketAddr, folder: &Path) -> String {
        let file = |name| folder.join(name).display().to_string();
        match self {
            Over::Tls => format!("tls://{addr},tls-cert={},tls-key={},tls-clients=off", file(CERT), file(KEY)),
            Over::Ssh => {
                format!(
                    "ssh://{addr},ssh-host-key={},ssh-authorized-keys={}",
                    file(SSH_HOST_KEY),
                    file(AUTHORIZED_KEYS)
                )
            }
        }
    }

    /// Seconds until all have a response of so many octets.
    fn synchronise(self, addr: SocketAddr, octets: u64, folder: &Path) -> Outcome<f64> {
        let time = match self {
            Over::Tls => tls::Clients::connect(addr, CLIENTS, folder)?.synchronise(octets)?,
            Over::Ssh => ssh::Clients::connect(addr, CLIENTS, folder)?.synchronise(octets)?,
        };
        Ok(time.as_secs_f64())
    }
}

fn run(bench: &Bench) -> Outcome<Vec<Figure>> {
    credentials::write(bench.folder.path())?;
    let [tls, ssh] = [Over::Tls, Over::Ssh].map(|over| measure(bench, over));
    Ok([tls?, ssh?].concat())
}

fn measure(bench: &Bench, over: Over) -> Outcome<Vec<Figure>> {
    let (file, folder) = (bench.data.file(FULL, 0, "json")?, bench.folder.path());
    let addr = free_address()?;
    let subject = bench.serve_at(&[&file], &[&over.listener(addr, folder)])?;
    // Over TCP: it says how long a response is, and makes it.
    let (mut router, first) = subject.first(1)?;
    check(&first, FULL)?;
    let (first, octets) = router.reset_octets()?;
    let response = folder.join("response");
    std::fs::write(&response, octets).map_err(context("the response"))?;
    let floor = bench.floor(over.floor(), &response)?;
    let [mut ours, mut bare] = [const { Vec::new() }; 2];
    for round in 0..bench.rounds {
        let length = first.tally.octets;
        let times = [over.synchronise(addr, length, folder)?, over.synchronise(floor.addr, length, folder)?];
        let [our_time, bare_time] = times;
        bench.say(round, &[(over.name(), format!("{our_time:.3} s")), ("bare", format!("{bare_time:.3} s"))]);
        ours.push(our_time);
        bare.push(bare_time);
    }
    let [ours, bare] = [ours, bare].map(Rounds::from_iter);
    Ok(vec![
        Figure::new(format!("20 routers synchronised over {}", over.name()), Unit::Seconds, ours.summary())
            .beside([("bare".to_owned(), bare.summary())])
            .plotted(),
        Figure::new(
            format!("speed over {}, as a part of the bare program's", over.name()),
            Unit::Times,
            Summary::ratio(&bare, &ours),
        )
        .goal(Goal::AtLeast(0.8)),
    ])
}
