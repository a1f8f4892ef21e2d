//! The client of the `rpki` crate, which Routinator, RTRTR and Rotonda are built on.
//!
//! It ends with its connection. So who uses it connects again, with the state that it had, as RTRTR does.

use super::carried::{Connector, tls_connector};
use super::library::{background, version};
use super::tables::{Change, Shared, Tables};
use super::{AfterCrash, Asks, Exception, Held, Kind, Peer, Release, Router, Start, Step};
use crate::Outcome;
use crate::transport::Way;
use crate::world::{Aspa, RouterKey, Vrp};
use rpki::rtr::client::{Client, PayloadError, PayloadTarget, PayloadUpdate};
use rpki::rtr::payload::{Action, Payload, Timing};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

pub(crate) const PEER: Peer = Peer {
    name: "rpki (crate)",
    package: "",
    release: Release::Machine,
    version: |_| version("rpki"),
    speaks: &[2, 1, 0],
    asks: Asks::Any,
    cache_flags: &[],
    after_crash: AfterCrash::Delta,
    start,
    exceptions: &[Exception {
        step: Step::AspaWithdrawal,
        kind: Kind::Deviates,
        reason: "its client treats the withdrawal of an ASPA, which has no providers, as an invalid PDU, and ends. \
            When it asks from the same serial again, it gets the same answer and ends again.",
    }],
    notes: &[
        "its client ends with its connection; the matrix connects again with the state that it had, as RTRTR does.",
    ],
};

struct RpkiRs {
    _runtime: Runtime,
    tables: Shared,
    last_end: LastEnd,
}

/// How the last connection ended, once it has.
type LastEnd = Arc<Mutex<Option<Outcome>>>;

impl Router for RpkiRs {
    fn held(&mut self) -> Outcome<Held> {
        self.tables.held()
    }

    fn saw_end(&mut self) -> Option<Outcome> {
        self.last_end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let way = match start.way {
        Way::Tls { files, version } => Connector::Tls(tls_connector(files, *version)?),
        _ => Connector::Tcp,
    };
    follow(start, way)
}

/// Follows a cache by some way, until the value is dropped.
pub(super) fn follow(start: &Start, way: Connector) -> Outcome<Box<dyn Router>> {
    let (tables, last_end) = (Shared::default(), LastEnd::default());
    let retry = Duration::from_secs(u64::from(start.retry_s));
    let stay = stay_connected(start.cache, way, start.version, retry, tables.clone(), Arc::clone(&last_end));
    Ok(Box::new(RpkiRs { _runtime: background(stay)?, tables, last_end }))
}

async fn stay_connected(
    cache: SocketAddr,
    way: Connector,
    version: u8,
    retry: Duration,
    tables: Shared,
    last_end: LastEnd,
) {
    let mut state = None;
    let note = |end| *last_end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    loop {
        if let Ok(carried) = way.connect(cache).await {
            note(None);
            let mut client = Client::with_initial_version(version, carried.stream, Target(tables.clone()), state);
            // However it ends: a router tries again.
            let _ = client.run().await;
            state = client.state();
            drop(client);
            note(Some(carried.end.await.unwrap_or_else(|error| Err(error.to_string()))));
        }
        tokio::time::sleep(retry).await;
    }
}

struct Target(Shared);

/// A response that has not ended.
struct Response {
    is_all: bool,
    records: Vec<(Action, Payload)>,
}

impl PayloadTarget for Target {
    type Update = Response;

    fn start(&mut self, reset: bool) -> Response {
        Response { is_all: reset, records: Vec::new() }
    }

    fn apply(&mut self, response: Response, _: Timing) -> Result<(), PayloadError> {
        let mut tables = self.0.tables();
        if response.is_all {
            tables.clear();
        }
        response.records.iter().for_each(|(action, payload)| take(&mut tables, *action, payload));
        Ok(())
    }
}

impl PayloadUpdate for Response {
    fn push_update(&mut self, action: Action, payload: Payload) -> Result<(), PayloadError> {
        self.records.push((action, payload));
        Ok(())
    }
}

fn take(tables: &mut Tables, action: Action, payload: &Payload) {
    let change = if action.is_announce() { Change::Announce } else { Change::Withdraw };
    match payload {
        Payload::Origin(origin) => {
            let (prefix, asn) = (origin.prefix, origin.asn.into_u32());
            let (address, length, max_length) = (prefix.addr(), prefix.prefix_len(), prefix.resolved_max_len());
            tables.vrp(change, Vrp { address, length, max_length, asn });
        }
        Payload::RouterKey(key) => {
            let (ski, spki) = (key.key_identifier.as_slice().to_vec(), AsRef::<[u8]>::as_ref(&key.key_info).to_vec());
            tables.router_key(change, &RouterKey { asn: key.asn.into_u32(), ski, spki });
        }
        Payload::Aspa(aspa) => {
            let providers = aspa.providers.iter().map(|provider| provider.into_u32()).collect();
            tables.aspa(change, &Aspa { customer: aspa.customer.into_u32(), providers });
        }
    }
}
