//! Our client within this program: what it holds, each set that it has held, and what happened on the way.

use super::payload::{announce, nothing};
use crate::Outcome;
use crate::router::{Held, background};
use rtrcast_net::{Clock, Dialer, Target, follow};
use rtrcast_proto::{ClientData, ClientEvent, ClientPolicy, ClientSession, Reconnect, Section, Version, VersionRange};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// No test depends on it.
const SEED: u64 = 1;

/// It follows a cache until the value is dropped.
pub(crate) struct Client {
    _runtime: Runtime,
    shared: Arc<Mutex<History>>,
}

/// What has happened to it.
#[derive(Default)]
struct History {
    /// The version of the last session.
    version: Option<u8>,
    /// Every set that it held, the present one last, or why one can't be read.
    sets: Vec<Outcome<Arc<Held>>>,
    /// What happened, and how often.
    happened: BTreeMap<&'static str, usize>,
    /// The last end of a connection.
    ended: Option<String>,
}

impl Client {
    /// Follows a cache, beginning with this version.
    pub(super) fn start(cache: SocketAddr, begins: u8) -> Outcome<Client> {
        let versions = Version::from_octet(begins).and_then(|version| VersionRange::new(Version::V0, version));
        let versions = versions.ok_or_else(|| format!("our client speaks no version {begins}"))?;
        let target: Target = cache.to_string().parse().map_err(|error| format!("{cache}: {error}"))?;
        Client::follow(target.into(), versions)
    }

    /// Follows a cache by its own way there.
    pub(crate) fn follow(dialer: Dialer, versions: VersionRange) -> Outcome<Client> {
        let shared = Arc::new(Mutex::new(History::default()));
        let history = Arc::clone(&shared);
        let _runtime = background(async move {
            let clock = Clock::start();
            let policy = ClientPolicy { versions, ..ClientPolicy::default() };
            let session = ClientSession::new(clock.now(), policy, SEED);
            let mut on_event = |session: &ClientSession, event: ClientEvent| {
                lock(&history).note(session, &event);
                ControlFlow::Continue(())
            };
            follow(&dialer, clock, session, &Notify::new(), &mut on_event).await;
        })?;
        Ok(Client { _runtime, shared })
    }

    /// What it holds now, and in which version it came.
    pub(crate) fn held(&self) -> Outcome<(Arc<Held>, u8)> {
        let history = lock(&self.shared);
        let ended = || history.ended.clone().unwrap_or_default();
        let held = history.sets.last().ok_or_else(|| format!("our client holds nothing; {}", ended()))?;
        Ok((Arc::clone(held.as_ref()?), history.version.ok_or("our client knows no version")?))
    }

    /// Every set that it has held so far.
    pub(super) fn sets(&self) -> Vec<Outcome<Arc<Held>>> {
        lock(&self.shared).sets.clone()
    }

    /// How often something happened.
    pub(super) fn count(&self, what: &str) -> usize {
        lock(&self.shared).happened.get(what).copied().unwrap_or_default()
    }

    /// "asked 2, negotiated 1".
    pub(super) fn story(&self) -> String {
        let history = lock(&self.shared);
        let happened: Vec<String> = history.happened.iter().map(|(what, count)| format!("{what} {count}")).collect();
        format!("{}{}", happened.join(", "), history.ended.as_ref().map(|why| format!("; {why}")).unwrap_or_default())
    }
}

/// It waits for an interval to pass before it connects again.
pub(super) const WAITED: &str = "waited";
/// It connects again at once.
pub(super) const AGAIN_AT_ONCE: &str = "connected again at once";
/// It asks in a lower version.
pub(super) const STEPPED_DOWN: &str = "stepped down";
/// Its cache sent an Error Report.
pub(super) const GOT_REPORT: &str = "got an Error Report";
/// The cache can't go on from the serial that it was asked for.
pub(super) const CACHE_RESET: &str = "got a Cache Reset";
/// The cache has no data yet.
pub(super) const NO_DATA: &str = "got no data";
/// The data were void before they expired.
pub(super) const FLUSHED: &str = "flushed";
/// A Serial Notify made it ask.
pub(super) const NOTIFIED: &str = "notified";

impl History {
    fn note(&mut self, session: &ClientSession, event: &ClientEvent) {
        let what = match event {
            ClientEvent::Asked { since: None, .. } => "asked for everything",
            ClientEvent::Asked { since: Some(_), .. } => "asked from a serial on",
            ClientEvent::SteppedDown(_) => STEPPED_DOWN,
            ClientEvent::Negotiated(version) => {
                self.version = Some(version.octet());
                "negotiated"
            }
            ClientEvent::Notified(_) => NOTIFIED,
            ClientEvent::Updated(update) => {
                if (update.is_change() || self.sets.is_empty())
                    && let Some(data) = session.data()
                {
                    self.sets.push(records(data).map(Arc::new));
                }
                if update.is_full() { "loaded" } else { "updated" }
            }
            ClientEvent::CacheReset => CACHE_RESET,
            ClientEvent::NoData => NO_DATA,
            ClientEvent::TimersAdjusted { .. } => "adjusted timers",
            ClientEvent::PeerReported(_) => GOT_REPORT,
            ClientEvent::Reported { .. } => "sent an Error Report",
            ClientEvent::Flushed(_) => FLUSHED,
            ClientEvent::Ended { why, reconnect } => {
                self.ended = Some(why.to_string());
                match reconnect {
                    Reconnect::AtOnce => AGAIN_AT_ONCE,
                    Reconnect::At(_) | Reconnect::Never => WAITED,
                }
            }
        };
        *self.happened.entry(what).or_default() += 1;
    }
}

fn records(data: &ClientData) -> Outcome<Held> {
    let mut held = nothing();
    let mut records = Section::ALL.into_iter().flat_map(|section| data.image.records(section));
    records.try_for_each(|pdu| announce(&mut held, pdu))?;
    Ok(held)
}

fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}
