//! The door, with tasks for connections and no network.

use rtrcast_net::{Counts, DISPLACE_AFTER, Door, Guest, Limits, Refused, Room};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::task::JoinSet;
use tokio::time::Instant;

const LIMITS: Limits =
    Limits { connections_max: 2, per_address_max: None, handshakes_max: 100, memory_octets_max: u64::MAX };

fn address(n: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)))
}

/// When those entered who may be told to go by now.
fn long_ago() -> Instant {
    Instant::now() - 2 * DISPLACE_AFTER
}

/// Somebody who entered long ago.
fn enter(door: &Arc<Door>, n: u8) -> Guest {
    door.enter(long_ago(), address(n), 1).expect("there is no limit for an address")
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    /// How often it was woken since the last look.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>, waker: &Waker) -> Poll<T> {
    future.poll(&mut Context::from_waker(waker))
}

fn is_displaced(guest: &Guest) -> bool {
    poll(pin!(guest.displaced()), Waker::noop()).is_ready()
}

#[tokio::test]
async fn room_that_is_there_is_not_waited_for() {
    let door = Door::new(LIMITS);
    let _one = enter(&door, 1);
    assert_eq!(door.room(1, || panic!("it is not full")).await, Room::AtOnce);
}

#[test]
fn t_tcp_06_at_the_limit_room_comes_exactly_when_somebody_goes() {
    let door = Door::new(LIMITS);
    let (one, two) = (enter(&door, 1), enter(&door, 2));
    one.has_asked();
    two.has_asked();
    let (wakes, mut full) = (Arc::new(Wakes::default()), 0);
    let waker = Waker::from(Arc::clone(&wakes));
    {
        let mut room = pin!(door.room(1, || full += 1));
        assert_eq!(poll(room.as_mut(), &waker), Poll::Pending);
        // What changes nothing for it.
        one.handshake_begins();
        one.handshake_ends();
        one.has_asked();
        assert_eq!(wakes.take(), 0);
        door.set_limits(Limits { connections_max: 1, ..LIMITS });
        assert_eq!(poll(room.as_mut(), &waker), Poll::Pending);
        wakes.take();
        drop(two);
        assert_eq!(wakes.take(), 1);
        assert_eq!(poll(room.as_mut(), &waker), Poll::Pending, "one is in, and one may be");
        drop(one);
        assert_eq!(wakes.take(), 1);
        assert_eq!(poll(room.as_mut(), &waker), Poll::Ready(Room::AfterWait));
    }
    assert_eq!(full, 1, "it is said once");
}

#[test]
fn room_comes_with_higher_limits() {
    let door = Door::new(Limits { connections_max: 0, ..LIMITS });
    let wakes = Arc::new(Wakes::default());
    let mut room = pin!(door.room(1, || ()));
    assert_eq!(poll(room.as_mut(), &Waker::from(Arc::clone(&wakes))), Poll::Pending);
    door.set_limits(LIMITS);
    assert_eq!(wakes.take(), 1);
    assert_eq!(poll(room.as_mut(), Waker::noop()), Poll::Ready(Room::AfterWait));
}

#[test]
fn all_who_wait_for_room_look_again() {
    let door = Door::new(Limits { connections_max: 1, memory_octets_max: 10, ..LIMITS });
    let guest = enter(&door, 1);
    guest.has_asked();
    let (mut costly, mut cheap) = (pin!(door.room(11, || ())), pin!(door.room(10, || ())));
    assert!(poll(costly.as_mut(), Waker::noop()).is_pending());
    assert!(poll(cheap.as_mut(), Waker::noop()).is_pending());
    drop(guest);
    assert!(poll(costly.as_mut(), Waker::noop()).is_pending(), "it never fits");
    assert!(poll(cheap.as_mut(), Waker::noop()).is_ready());
}

#[tokio::test]
async fn five_hundred_silent_connections_do_not_keep_a_router_out() {
    let door = Door::new(Limits { connections_max: 500, ..LIMITS });
    let mut silent = JoinSet::new();
    for _ in 0..500 {
        let guest = enter(&door, 1);
        silent.spawn(async move { guest.displaced().await });
    }
    assert_eq!(door.counts().newcomers, 500);
    let mut full = 0;
    assert_eq!(door.room(1, || full += 1).await, Room::AfterWait);
    let router = enter(&door, 2);
    router.has_asked();
    assert_eq!((full, door.counts().connections, door.counts().newcomers), (1, 500, 499));
    silent.join_next().await.unwrap().unwrap();
    assert!(silent.try_join_next().is_none(), "one had to go, and no more");
}

#[tokio::test]
async fn a_newcomer_is_displaced_when_it_has_had_its_second() {
    let door = Door::new(Limits { connections_max: 1, ..LIMITS });
    let since = Instant::now() - DISPLACE_AFTER * 9 / 10;
    let guest = door.enter(since, address(1), 1).unwrap();
    let silent = tokio::spawn(async move {
        guest.displaced().await;
        Instant::now()
    });
    door.room(1, || ()).await;
    assert!(silent.await.unwrap() >= since + DISPLACE_AFTER);
}

#[test]
fn t_tcp_06_who_asks_when_told_to_go_stays() {
    let door = Door::new(LIMITS);
    let (one, two) = (enter(&door, 1), enter(&door, 2));
    let wakes = Arc::new(Wakes::default());
    let mut room = pin!(door.room(1, || ()));
    assert!(poll(room.as_mut(), &Waker::from(Arc::clone(&wakes))).is_pending());
    assert!(is_displaced(&one) && !is_displaced(&two));
    one.has_asked();
    assert_eq!(wakes.take(), 1);
    assert!(poll(room.as_mut(), Waker::noop()).is_pending());
    assert!(!is_displaced(&one) && is_displaced(&two));
    assert_eq!(door.counts(), Counts { connections: 2, newcomers: 1, leaving: 1, handshakes: 0, memory_octets: 2 });
}

#[test]
fn the_addresses_of_one_ipv6_network_are_one_crowd() {
    let door = Door::new(Limits { connections_max: 3, ..LIMITS });
    let router = enter(&door, 1);
    let of_network = |host: &str| door.enter(long_ago(), Some(host.parse().unwrap()), 1).unwrap();
    let (one, two) = (of_network("2001:db8::1"), of_network("2001:db8::ffff:0:0:2"));
    let mut room = pin!(door.room(1, || ()));
    assert!(poll(room.as_mut(), Waker::noop()).is_pending());
    assert!(!is_displaced(&router) && is_displaced(&one) && !is_displaced(&two));
}

#[test]
fn the_wait_to_be_displaced_can_be_given_up_and_taken_up_again() {
    let door = Door::new(Limits { handshakes_max: 1, ..LIMITS });
    let (one, two) = (enter(&door, 1), enter(&door, 2));
    let [before, now] = [(); 2].map(|()| Arc::new(Wakes::default()));
    assert!(poll(pin!(one.displaced()), &Waker::from(Arc::clone(&before))).is_pending());
    assert!(poll(pin!(one.displaced()), &Waker::from(Arc::clone(&now))).is_pending());
    one.handshake_begins();
    two.handshake_begins();
    assert_eq!((before.take(), now.take()), (0, 1));
    assert!(is_displaced(&one) && is_displaced(&one) && !is_displaced(&two));
}

#[test]
fn handshakes_of_one_address_do_not_keep_another_out() {
    let door = Door::new(Limits { connections_max: 1_000, ..LIMITS });
    let flood: Vec<Guest> = (0..500)
        .map(|_| {
            let guest = enter(&door, 1);
            guest.handshake_begins();
            guest
        })
        .collect();
    assert_eq!(door.counts().handshakes, 100);
    let router = enter(&door, 2);
    router.handshake_begins();
    let told: Vec<bool> = flood.iter().map(is_displaced).collect();
    assert_eq!(told.iter().filter(|told| **told).count(), 401);
    assert!(told[..401].iter().all(|told| *told), "the oldest");
    // More of them take places of their own.
    let more = enter(&door, 1);
    more.handshake_begins();
    assert!(!is_displaced(&router) && !is_displaced(&more) && is_displaced(&flood[401]));
    router.has_asked();
    assert_eq!(door.counts().handshakes, 99);
}

#[test]
fn an_address_is_the_same_in_ipv4_and_mapped_into_ipv6() {
    let door = Door::new(Limits { per_address_max: Some(1), connections_max: 10, ..LIMITS });
    let now = Instant::now();
    let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
    let refused = Refused::PerAddress { limit: 1 };
    let guest = door.enter(now, Some(mapped), 1).unwrap();
    assert_eq!(guest.address(), address(1));
    assert_eq!(door.enter(now, address(1), 1).unwrap_err(), refused);
    // Behind a proxy it is known only later.
    let [mut one, mut two] = [(); 2].map(|()| door.enter(now, None, 1).unwrap());
    assert_eq!(one.set_address(mapped), Err(refused));
    assert_eq!(one.address(), None);
    drop(guest);
    assert_eq!(one.set_address(mapped), Ok(()));
    assert_eq!(one.set_address(mapped), Ok(()));
    assert_eq!(two.set_address(mapped), Err(refused));
    drop(one);
    assert_eq!(two.set_address(mapped), Ok(()));
    assert_eq!(door.counts().connections, 1, "who is refused is not counted");
}

#[test]
fn a_guest_that_has_asked_costs_little() {
    assert!(size_of::<Guest>() <= 56);
}

/// Hangs if a wake-up is lost: each round has one, which races with the look for room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_look_and_wait() {
    let door = Door::new(Limits { connections_max: 1, ..LIMITS });
    let (goodbye, mut guests) = tokio::sync::mpsc::channel::<Guest>(1);
    let goes = tokio::task::spawn_blocking(move || {
        // At another point of the race each time.
        for round in 0.. {
            let Some(guest) = guests.blocking_recv() else { return };
            (0..round % 200).for_each(|_| std::hint::spin_loop());
            drop(guest);
        }
    });
    for _ in 0..40_000 {
        let guest = enter(&door, 1);
        guest.has_asked();
        goodbye.send(guest).await.unwrap();
        door.room(1, || ()).await;
    }
    drop(goodbye);
    goes.await.unwrap();
}

/// Hangs if a wake-up is lost: each round needs one of somebody who was told to go, or went by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_stress_the_limits_are_kept_and_everybody_gets_in() {
    let limits = Limits { connections_max: 8, memory_octets_max: 60, handshakes_max: 3, ..LIMITS };
    let door = Door::new(limits);
    let mut guests = JoinSet::new();
    for round in 0..3_000_u32 {
        let cost = u64::from(round % 20);
        door.room(cost, || ()).await;
        let guest = door.enter(long_ago(), address((round % 5) as u8), cost).unwrap();
        let counts = door.counts();
        assert!(counts.connections <= limits.connections_max && counts.memory_octets <= limits.memory_octets_max);
        guests.spawn(async move {
            guest.handshake_begins();
            match round % 3 {
                0 => guest.displaced().await,
                1 => {
                    tokio::select! {
                        () = guest.displaced() => {}
                        () = tokio::task::yield_now() => {}
                    }
                    guest.has_asked();
                    tokio::task::yield_now().await;
                }
                _ => {
                    guest.handshake_ends();
                    tokio::task::yield_now().await;
                    guest.displaced().await;
                }
            }
        });
        while guests.try_join_next().is_some() {}
    }
    guests.shutdown().await;
    assert_eq!(door.counts(), Counts::default());
}
