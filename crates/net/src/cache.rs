//! A cache for programs that have the payload themselves, such as a validator that serves routers.
//!
//! `rtrcast serve` has a hub of its own, which also follows sources and merges them.

use crate::admission::ConnectionLimiter;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::listen::{Listener, listen};
use crate::memfd::DataSink;
use crate::observe::{AcceptEvent, End, Observer, RefusalReason};
use crate::peer::Peer;
use crate::publish::{Publisher, PublisherHandle, Wanted};
use crate::service::Service;
use crate::service_policy::ServicePolicy;
use rtrcast_proto::{
    Asn, AspaError, History, HistoryLimits, Image, ImageBuilder, InUse, Profile, Publication, Record, Serial,
    ServerEvent, SessionIds, Stop, Timing,
};
use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Requests of sessions that are queued; further ones wait.
const WANTS_MAX: usize = 1_024;

/// Time for which a stopped cache waits for its connections to end.
pub const STOP_GRACE_MAX: Duration = Duration::from_secs(10);

/// Options of a [`Cache`].
#[derive(Clone, Debug, Default)]
pub struct CacheOptions {
    /// Policy by which routers are served, and limits.
    pub policy: ServicePolicy,
    /// Refresh, retry and expire intervals that routers are sent.
    pub timing: Timing,
    /// Limits of the changes that routers can be sent.
    pub history: HistoryLimits,
}

/// Reason that data were not published.
#[derive(Debug)]
pub enum PublishError {
    /// All ASPAs of a customer together make none.
    Aspa {
        /// The customer.
        customer: Asn,
        /// The error.
        error: AspaError,
    },
    /// There is no memory for the data.
    NoMemory(io::Error),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishError::Aspa { customer, error } => write!(f, "{customer}: {error}"),
            PublishError::NoMemory(error) => write!(f, "no memory for the data: {error}"),
        }
    }
}

impl std::error::Error for PublishError {}

/// A cache. Publish what it has, as often as that changes, and have it serve routers.
pub struct Cache {
    publisher: Arc<Mutex<Publisher>>,
    handle: PublisherHandle,
    sessions: Arc<SessionProfiles>,
    limiter: Arc<ConnectionLimiter>,
}

impl Cache {
    /// A cache with no data yet. `seed` has to be random: session ids and the first serial come from it, and routers
    /// that knew the program's last run must not take this one for it. [C-SID-01]
    pub fn new(options: CacheOptions, seed: u64) -> Cache {
        let [a, b, c, d, high, low, _, _] = seed.to_be_bytes();
        let sessions = SessionIds::new(u16::from_be_bytes([high, low]));
        let serial = Serial(u32::from_be_bytes([a, b, c, d]));
        let history = History::new(options.history, sessions, options.timing, serial);
        let limiter = ConnectionLimiter::new(options.policy.limits);
        let publisher = Publisher::new(history, options.policy);
        let handle = publisher.handle();
        Cache { publisher: Arc::new(Mutex::new(publisher)), handle, sessions: Arc::default(), limiter }
    }

    /// Makes these records the data that routers are sent, instead of those before. They come in any order; one that
    /// comes twice is sent once, and a customer's ASPAs become one. The same set again changes nothing, nor does an
    /// error. A million records take a second or so: in asynchronous code that is for `spawn_blocking`.
    pub fn publish<'a, R: Into<Record<'a>>>(
        &self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<Publication, PublishError> {
        let mut builder = ImageBuilder::new();
        for record in records {
            match record.into() {
                Record::Origin(origin) => builder.origin(&origin),
                Record::RouterKey(key) => builder.router_key(&key),
                Record::Aspa(aspa) => {
                    let providers = aspa.providers().iter().map(|provider| Asn(u32::from_be_bytes(*provider)));
                    let customer = aspa.customer();
                    builder.aspa(customer, providers).map_err(|error| PublishError::Aspa { customer, error })?;
                }
            }
        }
        let spoken = self.sessions.in_use().versions.first().copied();
        let version = spoken.unwrap_or(self.handle.policy().session.versions().max());
        let image = builder.finish(version, DataSink::new()).map_err(PublishError::NoMemory)?;
        Ok(self.publish_image(image))
    }

    /// Publishes an image. Comparing a million records takes some milliseconds.
    pub fn publish_image(&self, image: Image) -> Publication {
        let mut publisher = lock(&self.publisher);
        let prepared = publisher.publish(image, &self.sessions.in_use(), &mut ());
        if let Some(view) = prepared.view {
            publisher.commit(view);
        }
        prepared.publication
    }

    /// Serves nothing until data are published again, since all data have expired: sessions end, and queries are
    /// answered with the Error Report "No Data Available".
    pub fn withhold(&self) {
        let mut publisher = lock(&self.publisher);
        let view = publisher.withhold();
        publisher.commit(view);
    }

    /// Serves routers at these addresses until [`Cache::stop`].
    pub async fn serve(&self, listeners: Vec<Listener>, observer: Arc<dyn Observer>) {
        let (wants, wanted) = mpsc::channel(WANTS_MAX);
        let service = Arc::new(Service {
            clock: Clock::start(),
            published: self.handle.subscribe(),
            wants,
            observer: Arc::new(SessionCounter { sessions: Arc::clone(&self.sessions), observer }),
            limiter: Arc::clone(&self.limiter),
        });
        let listeners = watch::channel(listeners.into_iter().map(Arc::new).collect()).1;
        let serve = async {
            listen(listeners, service, Vec::new()).await;
            let _ = timeout(STOP_GRACE_MAX, self.limiter.wait_until_empty()).await;
        };
        let fulfil = async {
            self.fulfil_all(wanted).await;
            // No session is left that could send a request: the connections are about to end.
            pending::<()>().await;
        };
        tokio::select! {
            () = serve => {}
            () = fulfil => {}
        }
    }

    /// Sets another policy.
    pub fn set_policy(&self, policy: ServicePolicy) {
        self.limiter.set_limits(policy.limits);
        self.handle.set_policy(policy);
    }

    /// Ends all connections in order: [`Cache::serve`] returns when their final Error Reports are sent, or after
    /// [`STOP_GRACE_MAX`].
    pub fn stop(&self, stop: Stop) {
        self.handle.stop(stop);
    }

    async fn fulfil_all(&self, mut wanted: mpsc::Receiver<Wanted>) {
        while let Some(Wanted { want, reply }) = wanted.recv().await {
            let (publisher, sessions) = (Arc::clone(&self.publisher), Arc::clone(&self.sessions));
            let fulfil = move || lock(&publisher).fulfil(want, &sessions.in_use(), &mut ());
            // Without memory there is no answer, and the session's own limit decides.
            let Ok(made) = spawn_blocking(fulfil).await.map_err(io::Error::other).flatten() else { continue };
            // The session may have ended.
            let _ = reply.send(made);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Profiles of the sessions that have sent a query, by connection id.
#[derive(Default)]
struct SessionProfiles(Mutex<HashMap<u64, Profile>>);

impl SessionProfiles {
    fn in_use(&self) -> InUse {
        let mut sessions = [0; Profile::COUNT];
        for profile in lock(&self.0).values() {
            sessions[profile.index()] += 1;
        }
        InUse::count(|profile| sessions[profile.index()])
    }
}

/// Observer that also keeps the profiles in use.
struct SessionCounter {
    sessions: Arc<SessionProfiles>,
    observer: Arc<dyn Observer>,
}

impl Observer for SessionCounter {
    fn refused(&self, peer: &Peer, why: &RefusalReason) {
        self.observer.refused(peer, why);
    }

    fn connected(&self, connection: &Arc<Connection>) {
        self.observer.connected(connection);
    }

    fn handed_over(&self, connection: &Arc<Connection>) {
        self.observer.handed_over(connection);
    }

    fn event(&self, connection: &Connection, event: &ServerEvent) {
        if let ServerEvent::Negotiated(profile) = event {
            lock(&self.sessions.0).insert(connection.peer().id, *profile);
        }
        self.observer.event(connection, event);
    }

    fn ended(&self, connection: &Connection, end: &End) {
        lock(&self.sessions.0).remove(&connection.peer().id);
        self.observer.ended(connection, end);
    }

    fn accept_event(&self, accept_event: &AcceptEvent) {
        self.observer.accept_event(accept_event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::V6Only;
    use rtrcast_proto::{Aspa, Prefix, Providers, RouteOrigin, RouterKey, Version, wire};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    fn origin(asn: u32) -> RouteOrigin {
        RouteOrigin::new(Prefix::new("192.0.2.0".parse().unwrap(), 24).unwrap(), 24, Asn(asn)).unwrap()
    }

    /// The versions in which the newest data set is there.
    fn made(cache: &Cache) -> Vec<Version> {
        cache.handle.view().images().map(Image::version).collect()
    }

    #[tokio::test]
    async fn data_are_made_in_the_versions_in_use() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), V6Only::No).unwrap();
        let address = listener.local().address().unwrap();
        let cache = Arc::new(Cache::new(CacheOptions::default(), 7));
        cache.publish([origin(1)]).unwrap();
        assert_eq!(made(&cache), [Version::V2]);
        let serving = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move { cache.serve(vec![listener], Arc::new(())).await }
        });
        let mut router = TcpStream::connect(address).await.unwrap();
        router.write_all(&wire::parse_line("v1 reset-query").unwrap()).await.unwrap();
        // Cache Response, a VRP and End of Data.
        router.read_exact(&mut [0; 8 + 20 + 24]).await.unwrap();
        assert_eq!(made(&cache), [Version::V1]);
        cache.publish([origin(2)]).unwrap();
        assert_eq!(made(&cache), [Version::V1]);
        // Serial Notify.
        router.read_exact(&mut [0; 12]).await.unwrap();
        drop(router);
        cache.stop(Stop::Restart);
        serving.await.unwrap();
        cache.publish([origin(3)]).unwrap();
        assert_eq!(made(&cache), [Version::V2]);
    }

    #[test]
    fn records_of_all_types_and_in_any_order_are_one_set() {
        let cache = Cache::new(CacheOptions::default(), 7);
        let mut providers: Providers = [Asn(64_499), Asn(64_498)].into_iter().collect();
        let (aspa, more) = (Aspa::new(Asn(1), providers.union()).unwrap(), [[0, 0, 0, 9]]);
        let more = Aspa::new(Asn(1), &more).unwrap();
        let key = RouterKey::new([7; 20], Asn(1), &[0x30, 0]).unwrap();
        let records = [Record::from(aspa), key.into(), origin(1).into(), more.into(), origin(1).into()];
        assert!(matches!(cache.publish(records), Ok(Publication::First)));
        assert!(matches!(cache.publish(records.into_iter().rev()), Ok(Publication::Same)));
        let view = cache.handle.view();
        let records = view.images().next().unwrap().layout().records();
        assert_eq!(records, 3);
    }

    #[test]
    fn providers_that_are_too_many_together_change_nothing() {
        let cache = Cache::new(CacheOptions::default(), 7);
        cache.publish([origin(1)]).unwrap();
        let mut lists = [1..6_001, 6_001..12_001].map(|asns| asns.map(Asn).collect::<Providers>());
        let aspas = lists.iter_mut().map(|list| Aspa::new(Asn(64_496), list.union()).unwrap());
        let error = cache.publish(aspas).unwrap_err();
        assert_eq!(error.to_string(), "AS64496: the ASPA has 12000 providers, more than 10000");
        assert!(matches!(cache.publish([origin(1)]), Ok(Publication::Same)));
    }
}
