//! The order in which passwords are verified: few at a time in the whole process, and one of an address.
//!
//! A client that guesses waits for its own guesses, and others only for a few. An entry is given back when its
//! connection ends; their number is bounded by that of the connections that may be in a handshake.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Passwords that the process verifies at a time. Further ones wait.
pub const PASSWORD_VERIFICATIONS_MAX: usize = 2;

/// Of the process: whatever listeners there are and however often their files are read again.
static QUEUE: PasswordQueue = PasswordQueue::new();

/// Waits until a password from this address may be verified.
pub(super) async fn wait(peer: Option<IpAddr>) -> Option<PasswordPermit<'static>> {
    QUEUE.wait(peer).await
}

struct PasswordQueue {
    process: Semaphore,
    addresses: Mutex<BTreeMap<Option<IpAddr>, AddressQueue>>,
}

/// Connections of one address: one has the permit, the others wait.
struct AddressQueue {
    permit: Arc<Semaphore>,
    entries: usize,
}

impl PasswordQueue {
    const fn new() -> PasswordQueue {
        PasswordQueue {
            process: Semaphore::const_new(PASSWORD_VERIFICATIONS_MAX),
            addresses: Mutex::new(BTreeMap::new()),
        }
    }

    async fn wait(&self, peer: Option<IpAddr>) -> Option<PasswordPermit<'_>> {
        let (entry, permit) = self.join(peer.map(network_of));
        let address = permit.acquire_owned().await.ok()?;
        let process = self.process.acquire().await.ok()?;
        Some(PasswordPermit { _process: process, _address: address, _entry: entry })
    }

    fn join(&self, address: Option<IpAddr>) -> (QueueEntry<'_>, Arc<Semaphore>) {
        let mut addresses = self.lock();
        let new = || AddressQueue { permit: Arc::new(Semaphore::new(1)), entries: 0 };
        let of_address = addresses.entry(address).or_insert_with(new);
        of_address.entries += 1;
        (QueueEntry { queue: self, address }, of_address.permit.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<IpAddr>, AddressQueue>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permission to verify a password. When it is dropped the next connection gets it.
pub(super) struct PasswordPermit<'a> {
    _process: SemaphorePermit<'a>,
    _address: OwnedSemaphorePermit,
    _entry: QueueEntry<'a>,
}

/// A connection that waits or has the permit. With the last one of an address that address is removed.
struct QueueEntry<'a> {
    queue: &'a PasswordQueue,
    address: Option<IpAddr>,
}

impl Drop for QueueEntry<'_> {
    fn drop(&mut self) {
        let mut addresses = self.queue.lock();
        if let Some(of_address) = addresses.get_mut(&self.address) {
            of_address.entries -= 1;
            if of_address.entries == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// The unit that is limited: an IPv4 address or an IPv6 /64, since a host with one address of that has all.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: &mut Pin<&mut F>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_password_of_an_address_and_few_in_all_are_verified_at_a_time() {
        let queue = PasswordQueue::new();
        let mut first = pin!(queue.wait(address("192.0.2.1")));
        let Poll::Ready(first) = poll(&mut first) else { panic!("no other connection waits") };
        let mut again = pin!(queue.wait(address("::ffff:192.0.2.1")));
        assert!(poll(&mut again).is_pending());
        let mut second = pin!(queue.wait(address("2001:db8::1")));
        let Poll::Ready(second) = poll(&mut second) else { panic!("another address has a permit of its own") };
        let mut neighbour = pin!(queue.wait(address("2001:db8::2")));
        let mut third = pin!(queue.wait(None));
        assert!(poll(&mut neighbour).is_pending() && poll(&mut third).is_pending());
        drop(second);
        // In order of arrival: `third` asked for the process's permit first.
        let Poll::Ready(third) = poll(&mut third) else { panic!("a permit is free") };
        assert!(poll(&mut neighbour).is_pending() && poll(&mut again).is_pending());
        drop((first, third));
        assert!(poll(&mut neighbour).is_ready() && poll(&mut again).is_ready());
    }

    #[test]
    fn an_address_without_connections_has_no_entry() {
        let queue = PasswordQueue::new();
        let held = match poll(&mut pin!(queue.wait(address("192.0.2.1")))) {
            Poll::Ready(permit) => permit,
            Poll::Pending => panic!("no other connection waits"),
        };
        {
            let mut waiting = pin!(queue.wait(address("192.0.2.1")));
            assert!(poll(&mut waiting).is_pending());
            assert_eq!(queue.lock().len(), 1);
        }
        assert_eq!(queue.lock().len(), 1);
        drop(held);
        assert_eq!(queue.lock().len(), 0);
    }
}
