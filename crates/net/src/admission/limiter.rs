//! The limiter: accept loops wait at it for capacity, and connections hold its permits.
//!
//! All permits share one lock, which is held for a few logarithmic steps, and never while waiting. A connection that
//! has sent a query takes it again only at its end.

use rtrcast_proto::{AdmissionLedger, CapacityCheck, ConnectionCounts, ConnectionLimits, LimitExceeded, PermitId};
use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Limiter of the connections of a cache. Each connection holds a [`Permit`].
#[derive(Debug)]
pub struct ConnectionLimiter {
    ledger: Mutex<AdmissionLedger<Instant>>,
    /// Wakes tasks that wait for capacity.
    changed: Notify,
}

/// Availability of capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// It was available at once.
    Immediate,
    /// It was available after a wait.
    AfterWait,
}

impl ConnectionLimiter {
    /// Returns a limiter without connections.
    pub fn new(limits: ConnectionLimits) -> Arc<ConnectionLimiter> {
        Arc::new(ConnectionLimiter { ledger: Mutex::new(AdmissionLedger::new(limits)), changed: Notify::new() })
    }

    /// Sets other limits. They may be below what is in use: no connection is closed for that, and none is admitted
    /// before enough have ended.
    pub fn set_limits(&self, limits: ConnectionLimits) {
        self.lock().set_limits(limits);
        self.changed.notify_waiters();
    }

    /// Waits until one more connection of this cost, in octets of memory, may be accepted. Without capacity `full` is
    /// called once, and newcomers are displaced, each after [`NEWCOMER_TIME_MIN`](rtrcast_proto::NEWCOMER_TIME_MIN) at the
    /// earliest and one at a time; connections that have sent a query are waited for. May be cancelled.
    ///
    /// Nothing is reserved: an accept loop has to call [`ConnectionLimiter::admit`] before it waits for capacity again,
    /// and each further accept loop may admit one connection more than the limits allow.
    pub async fn wait_for_capacity(&self, cost: u64, full: impl FnOnce()) -> Capacity {
        let mut full = Some(full);
        loop {
            // Before the check, so that a change after it is not missed.
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
                    // Either way it is time to check again.
                    let _ = timeout_at(until, changed).await;
                }
                CapacityCheck::Displace(waker) => waker.into_iter().for_each(std::task::Waker::wake),
            }
        }
    }

    /// Returns true if one more connection of this cost fits now.
    pub fn has_capacity(&self, cost: u64) -> bool {
        self.lock().has_capacity(cost)
    }

    /// Checks the limit of connections from one address for one more from this one.
    pub fn check(&self, address: Option<IpAddr>) -> Result<(), LimitExceeded> {
        self.lock().check(address.map(|address| address.to_canonical()))
    }

    /// Admits a connection that was accepted at this moment after a wait for capacity. The limit of an address is
    /// enforced; the other limits are those of [`ConnectionLimiter::wait_for_capacity`], since closing what was
    /// accepted is worse than one too many.
    ///
    /// Peers without an address are treated as one address in a displacement, and have no limit of their own.
    pub fn admit(self: &Arc<Self>, now: Instant, address: Option<IpAddr>, cost: u64) -> Result<Permit, LimitExceeded> {
        let address = address.map(|address| address.to_canonical());
        let id = self.lock().admit(now, address, cost)?;
        self.changed.notify_waiters();
        Ok(Permit { limiter: Arc::clone(self), id, address, cost, has_queried: AtomicBool::new(false) })
    }

    /// Admits a connection that another program had admitted, whatever the limits.
    pub(crate) fn readmit(self: &Arc<Self>, address: Option<IpAddr>, cost: u64, has_queried: bool) -> Permit {
        let id = self.lock().readmit(Instant::now(), address, cost);
        let permit = Permit { limiter: Arc::clone(self), id, address, cost, has_queried: AtomicBool::new(false) };
        if has_queried {
            permit.mark_queried();
        }
        permit
    }

    /// Waits until a connection comes or goes, from the call on.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Waits until there is no connection. May be cancelled.
    pub async fn wait_until_empty(&self) {
        loop {
            // Before the check, so that a change after it is not missed.
            let changed = self.changed.notified();
            if self.counts().connections == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Returns what is in use now.
    pub fn counts(&self) -> ConnectionCounts {
        self.lock().counts()
    }

    fn lock(&self) -> MutexGuard<'_, AdmissionLedger<Instant>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permit of an admitted connection. Dropping it returns all that it holds.
///
/// It takes 56 octets, and the limiter an entry for its address; for a newcomer some 200 octets more.
pub struct Permit {
    limiter: Arc<ConnectionLimiter>,
    id: PermitId,
    address: Option<IpAddr>,
    cost: u64,
    has_queried: AtomicBool,
}

impl Permit {
    /// Begins its handshake. With too many under way another newcomer is displaced: the oldest of the address with the
    /// most.
    pub fn begin_handshake(&self) {
        let waker = self.limiter.lock().begin_handshake(self.id);
        waker.into_iter().for_each(std::task::Waker::wake);
    }

    /// Its handshake is over, well or not.
    pub fn end_handshake(&self) {
        self.limiter.lock().end_handshake(self.id);
    }

    /// Notes its first query: it is no newcomer from now on, even if its displacement was requested before.
    pub fn mark_queried(&self) {
        if self.has_queried.swap(true, Ordering::Relaxed) {
            return;
        }
        let unneeded = self.limiter.lock().mark_queried(self.id);
        drop(unneeded);
        // A task may have waited for its end.
        self.limiter.changed.notify_waiters();
    }

    /// Returns whether it has sent a query.
    pub(crate) fn has_queried(&self) -> bool {
        self.has_queried.load(Ordering::Relaxed)
    }

    /// Waits until its displacement is requested, since another connection needs the capacity; never after its first
    /// query. May be cancelled and called again; of several calls at a time only the last is woken.
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

    /// Sets the address that a proxy gives for it. If the limit of that address is reached it remains under the one
    /// before, and should be closed.
    pub fn set_address(&mut self, address: IpAddr) -> Result<(), LimitExceeded> {
        let address = address.to_canonical();
        self.limiter.lock().set_address(self.id, self.address, address)?;
        self.address = Some(address);
        Ok(())
    }

    /// Returns the address under which it is limited.
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
