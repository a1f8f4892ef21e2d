//! A cache of one's own, for programs that have the payload themselves: a validator that wants to serve routers, say.
//!
//! `rtrcast serve` has a hub of its own, which also follows sources and merges them.

use crate::clock::Clock;
use crate::listen::{Listener, listen};
use crate::memfd::DataSink;
use crate::service::{Observer, Published, Service, Wanted};
use rtrcast_proto::{
    Absent, History, HistoryLimits, Image, Publication, Serial, ServerPolicy, SessionIds, Stop, Timing, View,
    limits::PINNED_IMAGES_MAX,
};
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Sessions that wait for something to be made; more wait for their turn.
const WANTS_MAX: usize = 1_024;

/// How long a cache that was stopped waits for its connections to end.
pub const STOP_GRACE_MAX: Duration = Duration::from_secs(10);

/// What a [`Cache`] is made with.
#[derive(Clone, Debug)]
pub struct CacheOptions {
    /// What routers may ask for.
    pub policy: ServerPolicy,
    /// What they are told of when to ask again.
    pub timing: Timing,
    /// How much they can be told of what changed.
    pub history: HistoryLimits,
    /// The most connections at a time.
    pub connections_max: u32,
}

impl Default for CacheOptions {
    fn default() -> CacheOptions {
        CacheOptions {
            policy: ServerPolicy::default(),
            timing: Timing::default(),
            history: HistoryLimits::default(),
            connections_max: 1_000,
        }
    }
}

/// A cache. Publish what it has, as often as that changes, and have it serve routers.
pub struct Cache {
    options: CacheOptions,
    history: Mutex<History>,
    published: watch::Sender<Published>,
}

impl Cache {
    /// A cache with no data yet. `seed` has to be random: session ids and the first serial come from it, and routers
    /// that knew the program's last run must not take this one for it. [C-SID-01]
    pub fn new(options: CacheOptions, seed: u64) -> Cache {
        let [a, b, c, d, high, low, _, _] = seed.to_be_bytes();
        let sessions = SessionIds::new(u16::from_be_bytes([high, low]));
        let serial = Serial(u32::from_be_bytes([a, b, c, d]));
        let mut history = History::new(options.history, sessions, options.timing, serial);
        let view = Arc::new(history.view(Absent::Loading, 0));
        Cache { options, history: Mutex::new(history), published: watch::channel(Published { view, stop: None }).0 }
    }

    /// Makes an image the data that routers are sent; the same set again changes nothing. Comparing a million records
    /// takes some milliseconds.
    pub fn publish(&self, image: Image) -> Publication {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let publication = history.publish(image);
        if let Publication::Same = publication {
            return publication;
        }
        // Readers of older images are cut off, or slow ones would pin any number of them.
        let oldest = history.generation().saturating_sub(PINNED_IMAGES_MAX as u64);
        let view = Arc::new(history.view(Absent::Loading, oldest));
        self.published.send_modify(|published| published.view = view);
        publication
    }

    /// Serves routers at these addresses until [`Cache::stop`].
    pub async fn serve(&self, listeners: Vec<Listener>, observer: Arc<dyn Observer>) {
        let (wants, wanted) = mpsc::channel(WANTS_MAX);
        let stall_max = Duration::from_secs(u64::from(self.options.timing.retry()) * 3);
        let service = Arc::new(Service {
            policy: self.options.policy,
            clock: Clock::start(),
            published: self.published.subscribe(),
            wants,
            stall_max,
            observer,
        });
        let all = self.options.connections_max;
        let room = Arc::new(Semaphore::new(usize::try_from(all).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)));
        let serve = async {
            listen(listeners, service, Arc::clone(&room)).await;
            // All permits are back when the last connection has ended.
            let _ = timeout(STOP_GRACE_MAX, room.acquire_many(all)).await;
        };
        let fulfil = async {
            self.fulfil_all(wanted).await;
            // Nobody is left who could want anything: the connections are about to be counted out.
            pending::<()>().await;
        };
        tokio::select! {
            () = serve => {}
            () = fulfil => {}
        }
    }

    /// Ends all connections in order: [`Cache::serve`] returns when their last words are out, or after
    /// [`STOP_GRACE_MAX`].
    pub fn stop(&self, stop: Stop) {
        self.published.send_modify(|published| published.stop = Some(stop));
    }

    async fn fulfil_all(&self, mut wanted: mpsc::Receiver<Wanted>) {
        while let Some(Wanted { want, reply }) = wanted.recv().await {
            let view = Arc::clone(&self.published.borrow().view);
            let made = spawn_blocking(move || view.with(want, DataSink::new)).await.map_err(io::Error::other);
            // Without memory there is no answer, and the session's own limit decides.
            let Ok(made) = made.flatten() else { continue };
            let made = self.keep(made);
            // Whoever asked may be gone.
            let _ = reply.send(made);
        }
    }

    /// Keeps what was made for others who want it, unless there are newer data by now.
    fn keep(&self, made: View) -> Arc<View> {
        let made = Arc::new(made);
        self.published.send_if_modified(|published| {
            if published.view.revision() < made.revision() {
                published.view = Arc::clone(&made);
            }
            // Only who asked has to look again.
            false
        });
        made
    }
}
