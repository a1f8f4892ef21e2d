//! A cache of one's own, for programs that have the payload themselves: a validator that wants to serve routers, say.
//!
//! `rtrcast serve` has a hub of its own, which also follows sources and merges them.

use crate::admission::Door;
use crate::clock::Clock;
use crate::listen::{Listener, listen};
use crate::memfd::DataSink;
use crate::observe::Observer;
use crate::publish::{Published, Wanted};
use crate::service::Service;
use crate::terms::Terms;
use rtrcast_proto::{
    History, HistoryLimits, Image, Publication, Serial, SessionIds, Stop, Timing, View, limits::PINNED_IMAGES_MAX,
};
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Sessions that wait for something to be made; more wait for their turn.
const WANTS_MAX: usize = 1_024;

/// How long a cache that was stopped waits for its connections to end.
pub const STOP_GRACE_MAX: Duration = Duration::from_secs(10);

/// What a [`Cache`] is made with.
#[derive(Clone, Debug, Default)]
pub struct CacheOptions {
    /// On what terms routers are served, and how many.
    pub terms: Terms,
    /// What they are told of when to ask again.
    pub timing: Timing,
    /// How much they can be told of what changed.
    pub history: HistoryLimits,
}

/// A cache. Publish what it has, as often as that changes, and have it serve routers.
pub struct Cache {
    history: Mutex<History>,
    published: watch::Sender<Published>,
    door: Arc<Door>,
}

impl Cache {
    /// A cache with no data yet. `seed` has to be random: session ids and the first serial come from it, and routers
    /// that knew the program's last run must not take this one for it. [C-SID-01]
    pub fn new(options: CacheOptions, seed: u64) -> Cache {
        let [a, b, c, d, high, low, _, _] = seed.to_be_bytes();
        let sessions = SessionIds::new(u16::from_be_bytes([high, low]));
        let serial = Serial(u32::from_be_bytes([a, b, c, d]));
        let mut history = History::new(options.history, sessions, options.timing, serial);
        let view = Arc::new(history.view(0));
        let door = Door::new(options.terms.limits);
        let published = Published { view, stop: None, terms: Arc::new(options.terms) };
        Cache { history: Mutex::new(history), published: watch::channel(published).0, door }
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
        let view = Arc::new(history.view(oldest));
        self.published.send_modify(|published| published.view = view);
        publication
    }

    /// Serves routers at these addresses until [`Cache::stop`].
    pub async fn serve(&self, listeners: Vec<Listener>, observer: Arc<dyn Observer>) {
        let (wants, wanted) = mpsc::channel(WANTS_MAX);
        let service = Arc::new(Service {
            clock: Clock::start(),
            published: self.published.subscribe(),
            wants,
            observer,
            door: Arc::clone(&self.door),
        });
        let listeners = watch::channel(listeners.into_iter().map(Arc::new).collect()).1;
        let serve = async {
            listen(listeners, service).await;
            let _ = timeout(STOP_GRACE_MAX, self.door.empty()).await;
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

    /// Serves on other terms from now on.
    pub fn set_terms(&self, terms: Terms) {
        self.door.set_limits(terms.limits);
        self.published.send_modify(|published| published.terms = Arc::new(terms));
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
