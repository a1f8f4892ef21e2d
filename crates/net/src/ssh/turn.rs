//! Whose password is verified next: few at a time in the whole process, and of one address one.
//!
//! So whoever guesses waits for their own guesses, and others only for a few. A place here is given back when
//! its connection ends; how many there are is bounded by how many connections may be in a handshake.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How many passwords the process verifies at a time. The others wait their turn.
pub const VERIFICATIONS_MAX: usize = 2;

/// Of the process: whatever listeners there are and however often their files are read again.
static TURNS: Turns = Turns::new();

/// Waits for a turn of this address.
pub(super) async fn wait(peer: Option<IpAddr>) -> Option<Turn<'static>> {
    TURNS.wait(peer).await
}

struct Turns {
    all: Semaphore,
    origins: Mutex<BTreeMap<Option<IpAddr>, Origin>>,
}

/// Those of one address: one has the turn, the others wait.
struct Origin {
    turn: Arc<Semaphore>,
    places: usize,
}

impl Turns {
    const fn new() -> Turns {
        Turns { all: Semaphore::const_new(VERIFICATIONS_MAX), origins: Mutex::new(BTreeMap::new()) }
    }

    async fn wait(&self, peer: Option<IpAddr>) -> Option<Turn<'_>> {
        let (place, turn) = self.place(peer.map(origin_of));
        let of_origin = turn.acquire_owned().await.ok()?;
        let of_all = self.all.acquire().await.ok()?;
        Some(Turn { _of_all: of_all, _of_origin: of_origin, _place: place })
    }

    fn place(&self, origin: Option<IpAddr>) -> (Place<'_>, Arc<Semaphore>) {
        let mut origins = self.lock();
        let entry = origins.entry(origin).or_insert_with(|| Origin { turn: Arc::new(Semaphore::new(1)), places: 0 });
        entry.places += 1;
        (Place { turns: self, origin }, entry.turn.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<IpAddr>, Origin>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dropping it lets the next one.
pub(super) struct Turn<'a> {
    _of_all: SemaphorePermit<'a>,
    _of_origin: OwnedSemaphorePermit,
    _place: Place<'a>,
}

/// Waits or has the turn. The last one of an address leaves nothing of it.
struct Place<'a> {
    turns: &'a Turns,
    origin: Option<IpAddr>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut origins = self.turns.lock();
        if let Some(entry) = origins.get_mut(&self.origin) {
            entry.places -= 1;
            if entry.places == 0 {
                origins.remove(&self.origin);
            }
        }
    }
}

/// A network of IPv6 counts as one address: whoever has one address of 64 bits' worth has all.
fn origin_of(peer: IpAddr) -> IpAddr {
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
    fn an_address_has_one_turn_and_all_have_a_few() {
        let turns = Turns::new();
        let mut first = pin!(turns.wait(address("192.0.2.1")));
        let Poll::Ready(first) = poll(&mut first) else { panic!("nobody is before it") };
        let mut again = pin!(turns.wait(address("::ffff:192.0.2.1")));
        assert!(poll(&mut again).is_pending());
        let mut second = pin!(turns.wait(address("2001:db8::1")));
        let Poll::Ready(second) = poll(&mut second) else { panic!("another address has a turn") };
        let mut neighbour = pin!(turns.wait(address("2001:db8::2")));
        let mut third = pin!(turns.wait(None));
        assert!(poll(&mut neighbour).is_pending() && poll(&mut third).is_pending());
        drop(second);
        // In the order in which they came: the process's turn was asked for by `third` first.
        let Poll::Ready(third) = poll(&mut third) else { panic!("a turn is free") };
        assert!(poll(&mut neighbour).is_pending() && poll(&mut again).is_pending());
        drop((first, third));
        assert!(poll(&mut neighbour).is_ready() && poll(&mut again).is_ready());
    }

    #[test]
    fn who_leaves_leaves_nothing() {
        let turns = Turns::new();
        let held = match poll(&mut pin!(turns.wait(address("192.0.2.1")))) {
            Poll::Ready(turn) => turn,
            Poll::Pending => panic!("nobody is before it"),
        };
        {
            let mut waiting = pin!(turns.wait(address("192.0.2.1")));
            assert!(poll(&mut waiting).is_pending());
            assert_eq!(turns.lock().len(), 1);
        }
        assert_eq!(turns.lock().len(), 1);
        drop(held);
        assert_eq!(turns.lock().len(), 0);
    }
}
