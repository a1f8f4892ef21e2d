//! Each rule of the ledger, with moments chosen by the test.

use super::*;
use std::net::Ipv4Addr;

fn limits(connections_max: u32) -> Limits {
    Limits { connections_max, per_address_max: None, handshakes_max: 100, memory_octets_max: 1_000 }
}

fn address(n: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)))
}

/// Who has been told to go.
fn told(ledger: &Ledger, seats: &[Seat]) -> Vec<Seat> {
    let is_told = |seat: &&Seat| matches!(ledger.newcomers[*seat].told, Told::ToGo);
    seats.iter().filter(is_told).copied().collect()
}

fn after(now: Instant, milliseconds: u64) -> Instant {
    now + Duration::from_millis(milliseconds)
}

#[test]
fn a_newcomer_has_its_place_for_a_second() {
    let now = Instant::now();
    let mut ledger = Ledger::new(limits(1));
    assert!(matches!(ledger.verdict(now, 1), Verdict::Room));
    let seat = ledger.enter(now, address(1), 1).unwrap();
    let until = after(now, 1_000);
    for milliseconds in [0, 999] {
        assert!(matches!(ledger.verdict(after(now, milliseconds), 1), Verdict::Full(Some(at)) if at == until));
    }
    assert_eq!(ledger.counts().leaving, 0);
    assert!(matches!(ledger.verdict(until, 1), Verdict::Tell(None)));
    assert_eq!(told(&ledger, &[seat]), [seat]);
    assert!(matches!(ledger.verdict(until, 1), Verdict::Full(None)), "until it is gone");
    ledger.leave(seat, address(1), 1);
    assert!(matches!(ledger.verdict(until, 1), Verdict::Room));
}

#[test]
fn the_oldest_of_the_address_that_has_most_newcomers_goes() {
    let now = Instant::now();
    let late = after(now, 5_000);
    let mut ledger = Ledger::new(limits(4));
    let seats = [1, 2, 2, 2].map(|n| ledger.enter(now, address(n), 1).unwrap());
    // Of those who have asked none counts.
    ledger.asked(seats[1]);
    assert!(matches!(ledger.verdict(late, 1), Verdict::Tell(None)));
    assert_eq!(told(&ledger, &[seats[0], seats[2], seats[3]]), [seats[2]]);
    ledger.leave(seats[2], address(2), 1);
    ledger.enter(late, address(3), 1).unwrap();
    // Each has one now.
    assert!(matches!(ledger.verdict(late, 1), Verdict::Tell(None)));
    assert_eq!(told(&ledger, &[seats[0], seats[3]]), [seats[0]]);
}

#[test]
fn t_tcp_06_who_has_asked_is_waited_for() {
    let now = Instant::now();
    let mut ledger = Ledger::new(limits(1));
    let seat = ledger.enter(now, address(1), 1).unwrap();
    ledger.asked(seat);
    assert!(matches!(ledger.verdict(after(now, 5_000), 1), Verdict::Full(None)));
    assert_eq!(ledger.counts(), Counts { connections: 1, memory_octets: 1, ..Counts::default() });
}

#[test]
fn who_asks_after_all_stays_and_another_one_goes() {
    let now = Instant::now();
    let late = after(now, 5_000);
    let mut ledger = Ledger::new(limits(2));
    let seats = [1, 2].map(|n| ledger.enter(now, address(n), 1).unwrap());
    assert!(matches!(ledger.verdict(late, 1), Verdict::Tell(None)));
    assert_eq!(told(&ledger, &seats), [seats[0]]);
    ledger.asked(seats[0]);
    assert!(matches!(ledger.verdict(late, 1), Verdict::Tell(None)));
    assert_eq!(told(&ledger, &seats[1..]), [seats[1]]);
}

#[test]
fn as_many_go_as_the_memory_needs_and_none_if_that_helps_nobody() {
    let now = Instant::now();
    let late = after(now, 5_000);
    let mut ledger = Ledger::new(limits(100));
    let seats = [1, 2, 3, 4].map(|n| ledger.enter(now, address(n), 250).unwrap());
    ledger.asked(seats[0]);
    assert!(matches!(ledger.verdict(late, 751), Verdict::Full(None)), "all newcomers have 750");
    assert_eq!(ledger.counts().leaving, 0);
    assert!(matches!(ledger.verdict(late, 500), Verdict::Tell(None)));
    assert!(matches!(ledger.verdict(late, 500), Verdict::Tell(None)));
    assert!(matches!(ledger.verdict(late, 500), Verdict::Full(None)));
    assert_eq!(told(&ledger, &seats[1..]), seats[1..3]);
    assert!(matches!(ledger.verdict(late, u64::MAX), Verdict::Full(None)));
}

#[test]
fn nobody_goes_for_limits_that_were_lowered() {
    let now = Instant::now();
    let late = after(now, 5_000);
    let mut ledger = Ledger::new(limits(4));
    let seats = [1, 2, 3].map(|n| ledger.enter(now, address(n), 1).unwrap());
    ledger.set_limits(limits(2));
    assert!(matches!(ledger.verdict(late, 1), Verdict::Full(None)));
    assert_eq!(ledger.counts().leaving, 0);
    ledger.leave(seats[0], address(1), 1);
    // Now they are kept, and room is made as ever.
    assert!(matches!(ledger.verdict(late, 1), Verdict::Tell(None)));
    ledger.set_limits(Limits { memory_octets_max: 1, ..limits(4) });
    assert!(matches!(ledger.verdict(late, 0), Verdict::Full(None)));
    ledger.set_limits(limits(4));
    assert!(matches!(ledger.verdict(late, 1), Verdict::Room));
}

#[test]
fn one_handshake_too_many_takes_the_place_of_the_oldest_of_the_address_that_has_most() {
    let now = Instant::now();
    let mut ledger = Ledger::new(Limits { handshakes_max: 3, ..limits(100) });
    let seats = [1, 2, 2, 3, 3, 4].map(|n| ledger.enter(now, address(n), 1).unwrap());
    // The order in which they began counts, and that of nobody else.
    for at in [2, 1, 0] {
        ledger.handshake_begins(seats[at]);
        ledger.handshake_begins(seats[at]);
    }
    assert!(told(&ledger, &seats).is_empty());
    ledger.handshake_begins(seats[3]);
    assert_eq!(told(&ledger, &seats), [seats[2]]);
    ledger.handshake_begins(seats[4]);
    assert_eq!(told(&ledger, &seats), [seats[2], seats[3]], "its own address has most");
    ledger.handshake_ends(seats[4]);
    ledger.handshake_begins(seats[5]);
    assert_eq!(told(&ledger, &seats), [seats[2], seats[3]]);
    assert_eq!((ledger.counts().handshakes, ledger.counts().leaving), (3, 2));
    // Whoever was told to go begins nothing.
    ledger.handshake_begins(seats[2]);
    assert_eq!((ledger.counts().handshakes, ledger.counts().leaving), (3, 2));
}

#[test]
fn the_one_handshake_that_begins_is_never_the_one_that_goes() {
    let now = Instant::now();
    let mut ledger = Ledger::new(Limits { handshakes_max: 0, ..limits(100) });
    let seats = [1, 2].map(|n| ledger.enter(now, address(n), 1).unwrap());
    ledger.handshake_begins(seats[1]);
    assert!(told(&ledger, &seats).is_empty());
    ledger.handshake_begins(seats[0]);
    assert_eq!(told(&ledger, &seats), [seats[1]]);
}

#[test]
fn an_address_has_its_own_limit_and_no_entry_when_nobody_is_there() {
    let now = Instant::now();
    let mut ledger = Ledger::new(Limits { per_address_max: Some(2), ..limits(100) });
    let refused = Refused::PerAddress { limit: 2 };
    let seats = [1, 1].map(|n| ledger.enter(now, address(n), 1).unwrap());
    assert_eq!(ledger.enter(now, address(1), 1), Err(refused));
    let other = ledger.enter(now, address(2), 1).unwrap();
    assert_eq!(ledger.set_address(other, address(2), address(1).unwrap()), Err(refused));
    for _ in 0..5 {
        ledger.enter(now, None, 1).unwrap();
    }
    ledger.leave(seats[0], address(1), 1);
    assert_eq!(ledger.set_address(other, address(2), address(1).unwrap()), Ok(()));
    assert_eq!(ledger.enter(now, address(1), 1), Err(refused));
    for seat in [seats[1], other] {
        ledger.leave(seat, address(1), 1);
    }
    assert!(ledger.addresses.is_empty());
    assert_eq!(ledger.counts().connections, 5);
}
