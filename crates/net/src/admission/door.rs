//! The door: accept loops wait at it for room, connections stand in it as guests.
//!
//! All guests share one lock, which no one holds for more than a few logarithmic steps, and never while waiting. A guest
//! that has asked takes it again only to leave.

use super::ledger::{Ledger, Seat, Verdict};
use super::{Counts, Limits, Refused};
use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How many connections may be in, and who is.
#[derive(Debug)]
pub struct Door {
    ledger: Mutex<Ledger>,
    /// Tells those who wait for room that something changed.
    changed: Notify,
}

/// How room was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It was there.
    AtOnce,
    /// It had to be waited for.
    AfterWait,
}

impl Door {
    /// A door with nobody in.
    pub fn new(limits: Limits) -> Arc<Door> {
        Arc::new(Door { ledger: Mutex::new(Ledger::new(limits)), changed: Notify::new() })
    }

    /// Other limits from now on. They may be below what is in use: nobody has to go for that, and nobody gets in before
    /// enough have gone.
    pub fn set_limits(&self, limits: Limits) {
        self.lock().set_limits(limits);
        self.changed.notify_waiters();
    }

    /// Waits until one more connection of this cost, in octets of memory, may be accepted. Without room `full` is called
    /// once, and newcomers are told to go, each after [`DISPLACE_AFTER`](super::DISPLACE_AFTER) at the earliest and one at
    /// a time: those who have asked are waited for. May be cancelled.
    ///
    /// Nothing is reserved: whoever accepts has to enter before it asks for room again, and each further accept loop may
    /// get one connection more in than the limits say.
    pub async fn room(&self, cost: u64, full: impl FnOnce()) -> Room {
        let mut full = Some(full);
        loop {
            // Before looking, so that what changes behind the look is not missed.
            let changed = self.changed.notified();
            let verdict = self.lock().verdict(Instant::now(), cost);
            if let Verdict::Room = verdict {
                return if full.is_some() { Room::AtOnce } else { Room::AfterWait };
            }
            if let Some(full) = full.take() {
                full();
            }
            match verdict {
                Verdict::Room => {}
                Verdict::Full(None) => changed.await,
                Verdict::Full(Some(until)) => {
                    // Either way it is time to look again.
                    let _ = timeout_at(until, changed).await;
                }
                Verdict::Tell(waker) => waker.into_iter().for_each(std::task::Waker::wake),
            }
        }
    }

    /// Whether one more connection of this cost fits in now.
    pub fn has_room(&self, cost: u64) -> bool {
        self.lock().has_room(cost)
    }

    /// Whether one more connection from this address would be let in, as far as the address goes.
    pub fn check(&self, address: Option<IpAddr>) -> Result<(), Refused> {
        self.lock().check(address.map(|address| address.to_canonical()))
    }

    /// Lets in a connection that was accepted at this moment for which there was room. The limit of an address is kept;
    /// the other limits are those of [`Door::room`], since closing what was accepted is worse than one too many.
    ///
    /// Peers without an address count as one address when somebody has to go, and have no limit of their own.
    pub fn enter(self: &Arc<Self>, now: Instant, address: Option<IpAddr>, cost: u64) -> Result<Guest, Refused> {
        let address = address.map(|address| address.to_canonical());
        let seat = self.lock().enter(now, address, cost)?;
        self.changed.notify_waiters();
        Ok(Guest { door: Arc::clone(self), seat, address, cost, has_asked: AtomicBool::new(false) })
    }

    /// Waits until nobody is in. May be cancelled.
    pub async fn empty(&self) {
        loop {
            // Before looking, so that what changes behind the look is not missed.
            let changed = self.changed.notified();
            if self.counts().connections == 0 {
                return;
            }
            changed.await;
        }
    }

    /// What is in use now.
    pub fn counts(&self) -> Counts {
        self.lock().counts()
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is in. Dropping it gives everything back.
///
/// It takes 56 octets, and the door an entry for its address; while it is a newcomer, some 200 octets more.
pub struct Guest {
    door: Arc<Door>,
    seat: Seat,
    address: Option<IpAddr>,
    cost: u64,
    has_asked: AtomicBool,
}

impl Guest {
    /// Its handshake begins. With too many under way another is told to go: the oldest of the address that has most.
    pub fn handshake_begins(&self) {
        let waker = self.door.lock().handshake_begins(self.seat);
        waker.into_iter().for_each(std::task::Waker::wake);
    }

    /// Its handshake is over, well or not.
    pub fn handshake_ends(&self) {
        self.door.lock().handshake_ends(self.seat);
    }

    /// It has asked something, and stays from now on: even if it was told to go and has not done so yet.
    pub fn has_asked(&self) {
        if self.has_asked.swap(true, Ordering::Relaxed) {
            return;
        }
        let unneeded = self.door.lock().asked(self.seat);
        drop(unneeded);
        // Somebody may have counted on its place.
        self.door.changed.notify_waiters();
    }

    /// Ends when it is told to go, because somebody else needs its place; never once it has asked. May be cancelled and
    /// called again; of several at a time only the last is woken.
    pub async fn displaced(&self) {
        poll_fn(|context| {
            if self.has_asked.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            let (told, unneeded) = self.door.lock().poll_told(self.seat, context.waker());
            drop(unneeded);
            if told { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Behind a proxy the address is known only when the proxy has told it. If it is one too many there, it still counts
    /// as what it was before, and should go.
    pub fn set_address(&mut self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        self.door.lock().set_address(self.seat, self.address, address)?;
        self.address = Some(address);
        Ok(())
    }

    /// The address that it counts under.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let unneeded = self.door.lock().leave(self.seat, self.address, self.cost);
        drop(unneeded);
        self.door.changed.notify_waiters();
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("seat", &self.seat).field("address", &self.address).finish_non_exhaustive()
    }
}
