//! The door: accept loops wait at it for room, connections stand in it as guests.
//!
//! All guests share one lock, which no one holds for more than a few logarithmic steps, and never while waiting. A guest
//! that has asked takes it again only to leave.

use super::ledger::{CapacityCheck, Ledger, PermitId};
use super::{Counts, LimitExceeded, Limits};
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
pub struct ConnectionLimiter {
    ledger: Mutex<Ledger>,
    /// Tells those who wait for room that something changed.
    changed: Notify,
}

/// How room was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// It was there.
    Immediate,
    /// It had to be waited for.
    AfterWait,
}

impl ConnectionLimiter {
    /// A door with nobody in.
    pub fn new(limits: Limits) -> Arc<ConnectionLimiter> {
        Arc::new(ConnectionLimiter { ledger: Mutex::new(Ledger::new(limits)), changed: Notify::new() })
    }

    /// Other limits from now on. They may be below what is in use: nobody has to go for that, and nobody gets in before
    /// enough have gone.
    pub fn set_limits(&self, limits: Limits) {
        self.lock().set_limits(limits);
        self.changed.notify_waiters();
    }

    /// Waits until one more connection of this cost, in octets of memory, may be accepted. Without room `full` is called
    /// once, and newcomers are told to go, each after [`NEWCOMER_TIME_MIN`](super::NEWCOMER_TIME_MIN) at the earliest and one at
    /// a time: those who have asked are waited for. May be cancelled.
    ///
    /// Nothing is reserved: whoever accepts has to enter before it asks for room again, and each further accept loop may
    /// get one connection more in than the limits say.
    pub async fn wait_for_capacity(&self, cost: u64, full: impl FnOnce()) -> Capacity {
        let mut full = Some(full);
        loop {
            // Before looking, so that what changes behind the look is not missed.
            let changed = self.changed.notified();
            let capacity = self.lock().check_capacity(Instant::now(), cost);
            if let CapacityCheck::Available = capacity {
                return if full.is_some() { Capacity::Immediate } else { Capacity::AfterWait };
            }
            if let Some(full) = full.take() {
                full();
            }
            match capacity {
                CapacityCheck::Available => {}
                CapacityCheck::Full(None) => changed.await,
                CapacityCheck::Full(Some(until)) => {
                    // Either way it is time to look again.
                    let _ = timeout_at(until, changed).await;
                }
                CapacityCheck::Displace(waker) => waker.into_iter().for_each(std::task::Waker::wake),
            }
        }
    }

    /// Whether one more connection of this cost fits in now.
    pub fn has_capacity(&self, cost: u64) -> bool {
        self.lock().has_capacity(cost)
    }

    /// Whether one more connection from this address would be let in, as far as the address goes.
    pub fn check(&self, address: Option<IpAddr>) -> Result<(), LimitExceeded> {
        self.lock().check(address.map(|address| address.to_canonical()))
    }

    /// Lets in a connection that was accepted at this moment for which there was room. The limit of an address is kept;
    /// the other limits are those of [`ConnectionLimiter::wait_for_capacity`], since closing what was accepted is worse than one too many.
    ///
    /// Peers without an address count as one address when somebody has to go, and have no limit of their own.
    pub fn admit(self: &Arc<Self>, now: Instant, address: Option<IpAddr>, cost: u64) -> Result<Permit, LimitExceeded> {
        let address = address.map(|address| address.to_canonical());
        let id = self.lock().admit(now, address, cost)?;
        self.changed.notify_waiters();
        Ok(Permit { limiter: Arc::clone(self), id, address, cost, has_queried: AtomicBool::new(false) })
    }

    /// Waits until nobody is in. May be cancelled.
    pub async fn wait_until_empty(&self) {
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
pub struct Permit {
    limiter: Arc<ConnectionLimiter>,
    id: PermitId,
    address: Option<IpAddr>,
    cost: u64,
    has_queried: AtomicBool,
}

impl Permit {
    /// Its handshake begins. With too many under way another is told to go: the oldest of the address that has most.
    pub fn begin_handshake(&self) {
        let waker = self.limiter.lock().begin_handshake(self.id);
        waker.into_iter().for_each(std::task::Waker::wake);
    }

    /// Its handshake is over, well or not.
    pub fn end_handshake(&self) {
        self.limiter.lock().end_handshake(self.id);
    }

    /// It has asked something, and stays from now on: even if it was told to go and has not done so yet.
    pub fn mark_queried(&self) {
        if self.has_queried.swap(true, Ordering::Relaxed) {
            return;
        }
        let unneeded = self.limiter.lock().mark_queried(self.id);
        drop(unneeded);
        // Somebody may have counted on its place.
        self.limiter.changed.notify_waiters();
    }

    /// Ends when it is told to go, because somebody else needs its place; never once it has asked. May be cancelled and
    /// called again; of several at a time only the last is woken.
    pub async fn displaced(&self) {
        poll_fn(|context| {
            if self.has_queried.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            let (displacement, unneeded) = self.limiter.lock().poll_displaced(self.id, context.waker());
            drop(unneeded);
            if displacement { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Behind a proxy the address is known only when the proxy has told it. If it is one too many there, it still counts
    /// as what it was before, and should go.
    pub fn set_address(&mut self, address: IpAddr) -> Result<(), LimitExceeded> {
        let address = address.to_canonical();
        self.limiter.lock().set_address(self.id, self.address, address)?;
        self.address = Some(address);
        Ok(())
    }

    /// The address that it counts under.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let unneeded = self.limiter.lock().leave(self.id, self.address, self.cost);
        drop(unneeded);
        self.limiter.changed.notify_waiters();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("id", &self.id).field("address", &self.address).finish_non_exhaustive()
    }
}
