//! The server of the `rpki` crate, which Routinator and RTRTR are built on, with a source of our own behind it.
//!
//! After a restart it has no data yet when it is asked first, and notifies as soon as it has some.
//!
//! It leaves the order of records to its source. Ours is as wild as version 0 and 1 allow: backwards in a whole set,
//! and announcements before withdrawals in a change.

use super::carrier::Carrier;
use super::{Peer, Release, Server, Start};
use crate::Outcome;
use crate::process::free_address;
use crate::router::{background, version};
use crate::step::{Exception, Kind, Step};
use crate::world::{Aspa, Records, RouterKey, Vrp};
use futures_util::stream::unfold;
use rpki::resources::Asn;
use rpki::resources::addr::{MaxLenPrefix, Prefix};
use rpki::rtr::payload::{Action, Payload, PayloadRef, Timing};
use rpki::rtr::pdu::{ProviderAsns, RouterKeyInfo};
use rpki::rtr::server::{NotifySender, PayloadDiff, PayloadSet, PayloadSource, Server as RtrServer};
use rpki::rtr::state::{Serial, State};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

pub(crate) const PEER: Peer = Peer {
    name: "rpki server (crate)",
    package: "",
    release: Release::Machine,
    version: |_| version("rpki"),
    speaks: &[2, 1, 0],
    can_be_held_to: &[],
    serves: Records::clone,
    reads_within: Duration::ZERO,
    start,
    exceptions: &[Exception {
        step: Step::Downgrade,
        kind: Kind::NotApplicable,
        reason: "it speaks all versions, and cannot be limited to lower ones.",
    }],
    notes: &["leaves the order of the records to the program that provides them. The matrix provides them in reverse \
            order, and announcements before withdrawals."],
};

/// The serial before the one that has zeros in all places, so that it wraps.
const FIRST_SERIAL: u32 = u32::MAX;

/// How long it has no data after somebody has asked.
const NOT_READY: Duration = Duration::from_millis(300);

struct RpkiRs {
    address: SocketAddr,
    source: Source,
    notify: NotifySender,
    tls: Option<TlsAcceptor>,
    running: Option<Runtime>,
}

fn start(start: &Start) -> Outcome<Box<dyn Server>> {
    start_over(start, None)
}

/// The same over TLS, if there is somebody who accepts that.
pub(crate) fn start_over(start: &Start, tls: Option<TlsAcceptor>) -> Outcome<Box<dyn Server>> {
    let source = Source::new(1, start.retry_s, start.records)?;
    let mut server = RpkiRs { address: free_address()?, source, notify: NotifySender::new(), tls, running: None };
    server.run()?;
    Ok(Box::new(server))
}

impl RpkiRs {
    fn run(&mut self) -> Outcome {
        let listener = std::net::TcpListener::bind(self.address).map_err(|error| format!("listening: {error}"))?;
        listener.set_nonblocking(true).map_err(|error| format!("listening: {error}"))?;
        self.address = listener.local_addr().map_err(|error| format!("listening: {error}"))?;
        let (notify, source, tls) = (self.notify.clone(), self.source.clone(), self.tls.clone());
        self.running = Some(background(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            let routers = Box::pin(unfold((listener, tls), async |(listener, tls)| {
                let router = router(&listener, tls.as_ref()).await;
                Some((router, (listener, tls)))
            }));
            // Its end is seen by the router.
            let _ = RtrServer::new(routers, notify, source).run().await;
        })?);
        Ok(())
    }
}

/// The next router whose handshake, if there is one, comes to its end.
async fn router(listener: &TcpListener, tls: Option<&TlsAcceptor>) -> io::Result<Carrier> {
    loop {
        let (stream, _) = listener.accept().await?;
        match tls {
            None => return Ok(Carrier::Tcp(stream)),
            Some(tls) => {
                if let Ok(stream) = tls.accept(stream).await {
                    return Ok(Carrier::Tls(Box::new(stream)));
                }
            }
        }
    }
}

impl Server for RpkiRs {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn put(&mut self, records: &Records) -> Outcome {
        self.source.put(records)?;
        self.notify.notify();
        Ok(())
    }

    fn restart(&mut self, records: &Records) -> Outcome {
        self.running = None;
        let (session, retry_s) = self.source.identity();
        self.source = Source::new(session + 1, retry_s, records)?;
        self.notify = NotifySender::new();
        self.source.sets().tells_when_ready = Some(self.notify.clone());
        self.run()
    }
}

/// Which record of a set it is. An ASPA of a customer replaces the one before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Aspa(u32),
    Other(Payload),
}

type Set = BTreeMap<Key, Payload>;

#[derive(Clone)]
struct Source(Arc<Mutex<Sets>>);

struct Sets {
    session: u16,
    retry_s: u32,
    /// One per serial, the newest last.
    sets: Vec<Arc<Set>>,
    /// There are no data for the first who asks, and this says that there are, soon after.
    tells_when_ready: Option<NotifySender>,
}

impl Source {
    fn new(session: u16, retry_s: u32, records: &Records) -> Outcome<Source> {
        Ok(Source(Arc::new(Mutex::new(Sets {
            session,
            retry_s,
            sets: vec![Arc::new(set(records)?)],
            tells_when_ready: None,
        }))))
    }

    fn put(&self, records: &Records) -> Outcome {
        let set = Arc::new(set(records)?);
        self.sets().sets.push(set);
        Ok(())
    }

    fn identity(&self) -> (u16, u32) {
        let sets = self.sets();
        (sets.session, sets.retry_s)
    }

    fn sets(&self) -> MutexGuard<'_, Sets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sets {
    fn state(&self, age: usize) -> State {
        State::from_parts(self.session, Serial(FIRST_SERIAL).add((self.sets.len() - 1 - age) as u32))
    }

    fn newest(&self) -> Arc<Set> {
        self.sets.last().cloned().unwrap_or_default()
    }
}

impl PayloadSource for Source {
    type Set = All;
    type Diff = Changes;

    fn ready(&self) -> bool {
        let Some(mut notify) = self.sets().tells_when_ready.take() else { return true };
        tokio::spawn(async move {
            sleep(NOT_READY).await;
            notify.notify();
        });
        false
    }

    fn notify(&self) -> State {
        self.sets().state(0)
    }

    fn full(&self) -> (State, All) {
        let sets = self.sets();
        (sets.state(0), All { records: sets.newest().values().cloned().collect(), given: None })
    }

    fn diff(&self, state: State) -> Option<(State, Changes)> {
        let sets = self.sets();
        let is_it = |own: State| (own.session(), own.serial()) == (state.session(), state.serial());
        let age = (0..sets.sets.len()).find(|age| is_it(sets.state(*age)))?;
        let (old, new) = (&sets.sets[sets.sets.len() - 1 - age], sets.newest());
        let gone =
            old.iter().filter(|(key, _)| !new.contains_key(key)).map(|(_, gone)| (withdrawn(gone), Action::Withdraw));
        let come = new.iter().filter(|(key, payload)| old.get(key) != Some(payload));
        // The last one is given first.
        let records = gone.chain(come.map(|(_, payload)| (payload.clone(), Action::Announce))).collect();
        Some((sets.state(0), Changes { records, given: None }))
    }

    fn timing(&self) -> Timing {
        Timing { refresh: 3_600, retry: self.sets().retry_s, expire: 7_200 }
    }
}

fn withdrawn(payload: &Payload) -> Payload {
    match payload {
        Payload::Aspa(aspa) => Payload::Aspa(aspa.withdraw()),
        other => other.clone(),
    }
}

/// A whole set.
struct All {
    records: Vec<Payload>,
    given: Option<Payload>,
}

impl PayloadSet for All {
    fn next(&mut self) -> Option<PayloadRef<'_>> {
        self.given = self.records.pop();
        self.given.as_ref().map(Payload::as_ref)
    }
}

/// What changed.
struct Changes {
    records: Vec<(Payload, Action)>,
    given: Option<(Payload, Action)>,
}

impl PayloadDiff for Changes {
    fn next(&mut self) -> Option<(PayloadRef<'_>, Action)> {
        self.given = self.records.pop();
        self.given.as_ref().map(|(payload, action)| (payload.as_ref(), *action))
    }
}

fn set(records: &Records) -> Outcome<Set> {
    let vrps = records.vrps.iter().map(|vrp| origin(vrp).ok_or_else(|| format!("not for the rpki crate: {vrp}")));
    let keys = records.router_keys.iter();
    let keys = keys.map(|key| router_key(key).ok_or_else(|| format!("not for the rpki crate: {key}")));
    let aspas = records.aspas.iter();
    let aspas = aspas.map(|record| aspa(record).ok_or_else(|| format!("not for the rpki crate: {record}")));
    vrps.chain(keys).chain(aspas).map(|payload| payload.map(|payload| (key_of(&payload), payload))).collect()
}

fn key_of(payload: &Payload) -> Key {
    match payload {
        Payload::Aspa(aspa) => Key::Aspa(aspa.customer.into_u32()),
        other => Key::Other(other.clone()),
    }
}

fn origin(vrp: &Vrp) -> Option<Payload> {
    let prefix = Prefix::new(vrp.address, vrp.length).ok()?;
    Some(Payload::origin(MaxLenPrefix::new(prefix, Some(vrp.max_length)).ok()?, Asn::from_u32(vrp.asn)))
}

fn router_key(key: &RouterKey) -> Option<Payload> {
    let info = RouterKeyInfo::new(key.spki.clone().into()).ok()?;
    Some(Payload::router_key(key.ski.as_slice().try_into().ok()?, Asn::from_u32(key.asn), info))
}

fn aspa(aspa: &Aspa) -> Option<Payload> {
    let providers = ProviderAsns::try_from_iter(aspa.providers.iter().map(|provider| Asn::from_u32(*provider))).ok()?;
    Some(Payload::aspa(Asn::from_u32(aspa.customer), providers))
}
