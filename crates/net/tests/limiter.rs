//! The limiter, with tasks for connections and no network.

use rtrcast_net::{Capacity, ConnectionLimiter, Permit};
use rtrcast_proto::{ConnectionCounts, ConnectionLimits, LimitExceeded, NEWCOMER_TIME_MIN};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::task::JoinSet;
use tokio::time::Instant;

const LIMITS: ConnectionLimits =
    ConnectionLimits { connections_max: 2, per_address_max: None, handshakes_max: 100, memory_octets_max: u64::MAX };

fn address(n: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)))
}

/// When those entered who may be told to go by now.
fn long_ago() -> Instant {
    Instant::now() - 2 * NEWCOMER_TIME_MIN
}

/// Somebody who entered long ago.
fn admit(limiter: &Arc<ConnectionLimiter>, n: u8) -> Permit {
    limiter.admit(long_ago(), address(n), 1).expect("there is no limit for an address")
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

fn is_displaced(permit: &Permit) -> bool {
    poll(pin!(permit.displaced()), Waker::noop()).is_ready()
}

#[tokio::test]
async fn room_that_is_there_is_not_waited_for() {
    let limiter = ConnectionLimiter::new(LIMITS);
    let _one = admit(&limiter, 1);
    assert_eq!(limiter.wait_for_capacity(1, || panic!("it is not full")).await, Capacity::Immediate);
}

#[test]
fn t_tcp_06_at_the_limit_capacity_returns_exactly_when_a_connection_ends() {
    let limiter = ConnectionLimiter::new(LIMITS);
    let (one, two) = (admit(&limiter, 1), admit(&limiter, 2));
    one.mark_queried();
    two.mark_queried();
    let (wakes, mut full) = (Arc::new(Wakes::default()), 0);
    let waker = Waker::from(Arc::clone(&wakes));
    {
        let mut wait_for_capacity = pin!(limiter.wait_for_capacity(1, || full += 1));
        assert_eq!(poll(wait_for_capacity.as_mut(), &waker), Poll::Pending);
        // What changes nothing for it.
        one.begin_handshake();
        one.end_handshake();
        one.mark_queried();
        assert_eq!(wakes.take(), 0);
        limiter.set_limits(ConnectionLimits { connections_max: 1, ..LIMITS });
        assert_eq!(poll(wait_for_capacity.as_mut(), &waker), Poll::Pending);
        wakes.take();
        drop(two);
        assert_eq!(wakes.take(), 1);
        assert_eq!(poll(wait_for_capacity.as_mut(), &waker), Poll::Pending, "one is in, and one may be");
        drop(one);
        assert_eq!(wakes.take(), 1);
        assert_eq!(poll(wait_for_capacity.as_mut(), &waker), Poll::Ready(Capacity::AfterWait));
    }
    assert_eq!(full, 1, "it is said once");
}

#[test]
fn room_comes_with_higher_limits() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { connections_max: 0, ..LIMITS });
    let wakes = Arc::new(Wakes::default());
    let mut wait_for_capacity = pin!(limiter.wait_for_capacity(1, || ()));
    assert_eq!(poll(wait_for_capacity.as_mut(), &Waker::from(Arc::clone(&wakes))), Poll::Pending);
    limiter.set_limits(LIMITS);
    assert_eq!(wakes.take(), 1);
    assert_eq!(poll(wait_for_capacity.as_mut(), Waker::noop()), Poll::Ready(Capacity::AfterWait));
}

#[test]
fn all_waiting_tasks_check_again() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { connections_max: 1, memory_octets_max: 10, ..LIMITS });
    let permit = admit(&limiter, 1);
    permit.mark_queried();
    let (mut costly, mut cheap) =
        (pin!(limiter.wait_for_capacity(11, || ())), pin!(limiter.wait_for_capacity(10, || ())));
    assert!(poll(costly.as_mut(), Waker::noop()).is_pending());
    assert!(poll(cheap.as_mut(), Waker::noop()).is_pending());
    drop(permit);
    assert!(poll(costly.as_mut(), Waker::noop()).is_pending(), "it never fits");
    assert!(poll(cheap.as_mut(), Waker::noop()).is_ready());
}

#[tokio::test]
async fn five_hundred_silent_connections_do_not_keep_a_router_out() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { connections_max: 500, ..LIMITS });
    let mut undisplaced = JoinSet::new();
    for _ in 0..500 {
        let permit = admit(&limiter, 1);
        undisplaced.spawn(async move { permit.displaced().await });
    }
    assert_eq!(limiter.counts().newcomers, 500);
    let mut full = 0;
    assert_eq!(limiter.wait_for_capacity(1, || full += 1).await, Capacity::AfterWait);
    let router = admit(&limiter, 2);
    router.mark_queried();
    assert_eq!((full, limiter.counts().connections, limiter.counts().newcomers), (1, 500, 499));
    undisplaced.join_next().await.unwrap().unwrap();
    assert!(undisplaced.try_join_next().is_none(), "one had to go, and no more");
}

#[tokio::test]
async fn a_newcomer_is_displaced_when_it_has_had_its_second() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { connections_max: 1, ..LIMITS });
    let since = Instant::now() - NEWCOMER_TIME_MIN * 9 / 10;
    let permit = limiter.admit(since, address(1), 1).unwrap();
    let undisplaced = tokio::spawn(async move {
        permit.displaced().await;
        Instant::now()
    });
    limiter.wait_for_capacity(1, || ()).await;
    assert!(undisplaced.await.unwrap() >= since + NEWCOMER_TIME_MIN);
}

#[test]
fn t_tcp_06_a_query_after_the_request_to_end_cancels_it() {
    let limiter = ConnectionLimiter::new(LIMITS);
    let (one, two) = (admit(&limiter, 1), admit(&limiter, 2));
    let wakes = Arc::new(Wakes::default());
    let mut wait_for_capacity = pin!(limiter.wait_for_capacity(1, || ()));
    assert!(poll(wait_for_capacity.as_mut(), &Waker::from(Arc::clone(&wakes))).is_pending());
    assert!(is_displaced(&one) && !is_displaced(&two));
    one.mark_queried();
    assert_eq!(wakes.take(), 1);
    assert!(poll(wait_for_capacity.as_mut(), Waker::noop()).is_pending());
    assert!(!is_displaced(&one) && is_displaced(&two));
    assert_eq!(
        limiter.counts(),
        ConnectionCounts { connections: 2, newcomers: 1, leaving: 1, handshakes: 0, memory_octets: 2 }
    );
}

#[test]
fn the_addresses_of_one_ipv6_network_are_treated_as_one() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { connections_max: 3, ..LIMITS });
    let router = admit(&limiter, 1);
    let of_network = |host: &str| limiter.admit(long_ago(), Some(host.parse().unwrap()), 1).unwrap();
    let (one, two) = (of_network("2001:db8::1"), of_network("2001:db8::ffff:0:0:2"));
    let mut wait_for_capacity = pin!(limiter.wait_for_capacity(1, || ()));
    assert!(poll(wait_for_capacity.as_mut(), Waker::noop()).is_pending());
    assert!(!is_displaced(&router) && is_displaced(&one) && !is_displaced(&two));
}

#[test]
fn the_wait_for_displacement_can_be_cancelled_and_resumed() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { handshakes_max: 1, ..LIMITS });
    let (one, two) = (admit(&limiter, 1), admit(&limiter, 2));
    let [before, now] = [(); 2].map(|()| Arc::new(Wakes::default()));
    assert!(poll(pin!(one.displaced()), &Waker::from(Arc::clone(&before))).is_pending());
    assert!(poll(pin!(one.displaced()), &Waker::from(Arc::clone(&now))).is_pending());
    one.begin_handshake();
    two.begin_handshake();
    assert_eq!((before.take(), now.take()), (0, 1));
    assert!(is_displaced(&one) && is_displaced(&one) && !is_displaced(&two));
}

#[test]
fn handshakes_of_one_address_do_not_keep_another_out() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { connections_max: 1_000, ..LIMITS });
    let flood: Vec<Permit> = (0..500)
        .map(|_| {
            let permit = admit(&limiter, 1);
            permit.begin_handshake();
            permit
        })
        .collect();
    assert_eq!(limiter.counts().handshakes, 100);
    let router = admit(&limiter, 2);
    router.begin_handshake();
    let displacement: Vec<bool> = flood.iter().map(is_displaced).collect();
    assert_eq!(displacement.iter().filter(|displacement| **displacement).count(), 401);
    assert!(displacement[..401].iter().all(|displacement| *displacement), "the oldest");
    // More of them take places of their own.
    let more = admit(&limiter, 1);
    more.begin_handshake();
    assert!(!is_displaced(&router) && !is_displaced(&more) && is_displaced(&flood[401]));
    router.mark_queried();
    assert_eq!(limiter.counts().handshakes, 99);
}

#[test]
fn an_address_is_the_same_in_ipv4_and_mapped_into_ipv6() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { per_address_max: Some(1), connections_max: 10, ..LIMITS });
    let now = Instant::now();
    let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
    let refused = LimitExceeded::PerAddress { limit: 1 };
    let permit = limiter.admit(now, Some(mapped), 1).unwrap();
    assert_eq!(permit.address(), address(1));
    assert_eq!(limiter.admit(now, address(1), 1).unwrap_err(), refused);
    // Behind a proxy it is known only later.
    let [mut one, mut two] = [(); 2].map(|()| limiter.admit(now, None, 1).unwrap());
    assert_eq!(one.set_address(mapped), Err(refused));
    assert_eq!(one.address(), None);
    drop(permit);
    assert_eq!(one.set_address(mapped), Ok(()));
    assert_eq!(one.set_address(mapped), Ok(()));
    assert_eq!(two.set_address(mapped), Err(refused));
    drop(one);
    assert_eq!(two.set_address(mapped), Ok(()));
    assert_eq!(limiter.counts().connections, 1, "who is refused is not counted");
}

#[test]
fn a_connection_with_a_query_needs_little_memory() {
    assert!(size_of::<Permit>() <= 56);
}

/// Hangs if a wake-up is lost: each round has one, which races with the look for room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_check_and_wait() {
    let limiter = ConnectionLimiter::new(ConnectionLimits { connections_max: 1, ..LIMITS });
    let (goodbye, mut permits) = tokio::sync::mpsc::channel::<Permit>(1);
    let goes = tokio::task::spawn_blocking(move || {
        // At another point of the race each time.
        for round in 0.. {
            let Some(permit) = permits.blocking_recv() else { return };
            (0..round % 200).for_each(|_| std::hint::spin_loop());
            drop(permit);
        }
    });
    for _ in 0..40_000 {
        let permit = admit(&limiter, 1);
        permit.mark_queried();
        goodbye.send(permit).await.unwrap();
        limiter.wait_for_capacity(1, || ()).await;
    }
    drop(goodbye);
    goes.await.unwrap();
}

/// Hangs if a wake-up is lost: each round needs one of somebody who was told to go, or went by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_stress_the_limits_are_kept_and_all_connections_are_admitted() {
    let limits = ConnectionLimits { connections_max: 8, memory_octets_max: 60, handshakes_max: 3, ..LIMITS };
    let limiter = ConnectionLimiter::new(limits);
    let mut permits = JoinSet::new();
    for round in 0..3_000_u32 {
        let cost = u64::from(round % 20);
        limiter.wait_for_capacity(cost, || ()).await;
        let permit = limiter.admit(long_ago(), address((round % 5) as u8), cost).unwrap();
        let counts = limiter.counts();
        assert!(counts.connections <= limits.connections_max && counts.memory_octets <= limits.memory_octets_max);
        permits.spawn(async move {
            permit.begin_handshake();
            match round % 3 {
                0 => permit.displaced().await,
                1 => {
                    tokio::select! {
                        () = permit.displaced() => {}
                        () = tokio::task::yield_now() => {}
                    }
                    permit.mark_queried();
                    tokio::task::yield_now().await;
                }
                _ => {
                    permit.end_handshake();
                    tokio::task::yield_now().await;
                    permit.displaced().await;
                }
            }
        });
        while permits.try_join_next().is_some() {}
    }
    permits.shutdown().await;
    assert_eq!(limiter.counts(), ConnectionCounts::default());
}
