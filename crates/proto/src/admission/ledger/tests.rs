//! Each rule of the ledger, with moments chosen by the test.

use super::*;
use crate::time::Moment;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

fn limits(connections_max: u32) -> ConnectionLimits {
    ConnectionLimits { connections_max, per_address_max: None, handshakes_max: 100, memory_octets_max: 1_000 }
}

fn address(n: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)))
}

/// The connections whose displacement was requested.
fn displacement(ledger: &AdmissionLedger<Moment>, ids: &[PermitId]) -> Vec<PermitId> {
    let is_displaced =
        |id: &&PermitId| matches!(ledger.newcomers.get(**id).unwrap().displacement, Displacement::Requested);
    ids.iter().filter(is_displaced).copied().collect()
}

fn after(now: Moment, milliseconds: u64) -> Moment {
    now + Duration::from_millis(milliseconds)
}

#[test]
fn a_newcomer_is_displaced_after_a_second_at_the_earliest() {
    let now = Moment(0);
    let mut ledger = AdmissionLedger::new(limits(1));
    assert!(matches!(ledger.check_capacity(now, 1), CapacityCheck::Available));
    let id = ledger.admit(now, address(1), 1).unwrap();
    let until = after(now, 1_000);
    for milliseconds in [0, 999] {
        assert!(
            matches!(ledger.check_capacity(after(now, milliseconds), 1), CapacityCheck::Full(Some(at)) if at == until)
        );
    }
    assert_eq!(ledger.counts().leaving, 0);
    assert!(matches!(ledger.check_capacity(until, 1), CapacityCheck::Displace(None)));
    assert_eq!(displacement(&ledger, &[id]), [id]);
    assert!(matches!(ledger.check_capacity(until, 1), CapacityCheck::Full(None)), "until it is gone");
    ledger.leave(id, address(1), 1);
    assert!(matches!(ledger.check_capacity(until, 1), CapacityCheck::Available));
}

#[test]
fn the_oldest_newcomer_of_the_address_with_the_most_is_displaced() {
    let now = Moment(0);
    let late = after(now, 5_000);
    let mut ledger = AdmissionLedger::new(limits(4));
    let ids = [1, 2, 2, 2].map(|n| ledger.admit(now, address(n), 1).unwrap());
    // Connections that have sent a query are not counted.
    ledger.mark_queried(ids[1]);
    assert!(matches!(ledger.check_capacity(late, 1), CapacityCheck::Displace(None)));
    assert_eq!(displacement(&ledger, &[ids[0], ids[2], ids[3]]), [ids[2]]);
    ledger.leave(ids[2], address(2), 1);
    ledger.admit(late, address(3), 1).unwrap();
    // Each has one now.
    assert!(matches!(ledger.check_capacity(late, 1), CapacityCheck::Displace(None)));
    assert_eq!(displacement(&ledger, &[ids[0], ids[3]]), [ids[0]]);
}

#[test]
fn t_tcp_06_a_connection_with_a_query_is_never_displaced() {
    let now = Moment(0);
    let mut ledger = AdmissionLedger::new(limits(1));
    let id = ledger.admit(now, address(1), 1).unwrap();
    ledger.mark_queried(id);
    assert!(matches!(ledger.check_capacity(after(now, 5_000), 1), CapacityCheck::Full(None)));
    assert_eq!(ledger.counts(), ConnectionCounts { connections: 1, memory_octets: 1, ..ConnectionCounts::default() });
}

#[test]
fn a_query_cancels_a_displacement_and_another_newcomer_is_displaced() {
    let now = Moment(0);
    let late = after(now, 5_000);
    let mut ledger = AdmissionLedger::new(limits(2));
    let ids = [1, 2].map(|n| ledger.admit(now, address(n), 1).unwrap());
    assert!(matches!(ledger.check_capacity(late, 1), CapacityCheck::Displace(None)));
    assert_eq!(displacement(&ledger, &ids), [ids[0]]);
    ledger.mark_queried(ids[0]);
    assert!(matches!(ledger.check_capacity(late, 1), CapacityCheck::Displace(None)));
    assert_eq!(displacement(&ledger, &ids[1..]), [ids[1]]);
}

#[test]
fn as_many_are_displaced_as_the_memory_needs_and_none_in_vain() {
    let now = Moment(0);
    let late = after(now, 5_000);
    let mut ledger = AdmissionLedger::new(limits(100));
    let ids = [1, 2, 3, 4].map(|n| ledger.admit(now, address(n), 250).unwrap());
    ledger.mark_queried(ids[0]);
    assert!(matches!(ledger.check_capacity(late, 751), CapacityCheck::Full(None)), "all newcomers have 750");
    assert_eq!(ledger.counts().leaving, 0);
    assert!(matches!(ledger.check_capacity(late, 500), CapacityCheck::Displace(None)));
    assert!(matches!(ledger.check_capacity(late, 500), CapacityCheck::Displace(None)));
    assert!(matches!(ledger.check_capacity(late, 500), CapacityCheck::Full(None)));
    assert_eq!(displacement(&ledger, &ids[1..]), ids[1..3]);
    assert!(matches!(ledger.check_capacity(late, u64::MAX), CapacityCheck::Full(None)));
}

#[test]
fn lowered_limits_displace_no_connection() {
    let now = Moment(0);
    let late = after(now, 5_000);
    let mut ledger = AdmissionLedger::new(limits(4));
    let ids = [1, 2, 3].map(|n| ledger.admit(now, address(n), 1).unwrap());
    ledger.set_limits(limits(2));
    assert!(matches!(ledger.check_capacity(late, 1), CapacityCheck::Full(None)));
    assert_eq!(ledger.counts().leaving, 0);
    ledger.leave(ids[0], address(1), 1);
    // Now they are kept, and room is made as ever.
    assert!(matches!(ledger.check_capacity(late, 1), CapacityCheck::Displace(None)));
    ledger.set_limits(ConnectionLimits { memory_octets_max: 1, ..limits(4) });
    assert!(matches!(ledger.check_capacity(late, 0), CapacityCheck::Full(None)));
    ledger.set_limits(limits(4));
    assert!(matches!(ledger.check_capacity(late, 1), CapacityCheck::Available));
}

#[test]
fn one_handshake_too_many_displaces_the_oldest_of_the_address_with_the_most() {
    let now = Moment(0);
    let mut ledger = AdmissionLedger::new(ConnectionLimits { handshakes_max: 3, ..limits(100) });
    let ids = [1, 2, 2, 3, 3, 4].map(|n| ledger.admit(now, address(n), 1).unwrap());
    // The order in which they began decides, and no other.
    for at in [2, 1, 0] {
        let _ = ledger.begin_handshake(ids[at]);
        let _ = ledger.begin_handshake(ids[at]);
    }
    assert!(displacement(&ledger, &ids).is_empty());
    let _ = ledger.begin_handshake(ids[3]);
    assert_eq!(displacement(&ledger, &ids), [ids[2]]);
    let _ = ledger.begin_handshake(ids[4]);
    assert_eq!(displacement(&ledger, &ids), [ids[2], ids[3]], "its own address has most");
    ledger.end_handshake(ids[4]);
    let _ = ledger.begin_handshake(ids[5]);
    assert_eq!(displacement(&ledger, &ids), [ids[2], ids[3]]);
    assert_eq!((ledger.counts().handshakes, ledger.counts().leaving), (3, 2));
    // A connection that is displaced begins no handshake.
    let _ = ledger.begin_handshake(ids[2]);
    assert_eq!((ledger.counts().handshakes, ledger.counts().leaving), (3, 2));
}

#[test]
fn a_handshake_that_begins_is_never_displaced_by_itself() {
    let now = Moment(0);
    let mut ledger = AdmissionLedger::new(ConnectionLimits { handshakes_max: 0, ..limits(100) });
    let ids = [1, 2].map(|n| ledger.admit(now, address(n), 1).unwrap());
    let _ = ledger.begin_handshake(ids[1]);
    assert!(displacement(&ledger, &ids).is_empty());
    let _ = ledger.begin_handshake(ids[0]);
    assert_eq!(displacement(&ledger, &ids), [ids[1]]);
}

#[test]
fn an_address_has_its_own_limit_and_no_entry_without_connections() {
    let now = Moment(0);
    let mut ledger = AdmissionLedger::new(ConnectionLimits { per_address_max: Some(2), ..limits(100) });
    let refused = LimitExceeded::PerAddress { limit: 2 };
    let ids = [1, 1].map(|n| ledger.admit(now, address(n), 1).unwrap());
    assert_eq!(ledger.admit(now, address(1), 1), Err(refused));
    let other = ledger.admit(now, address(2), 1).unwrap();
    assert_eq!(ledger.set_address(other, address(2), address(1).unwrap()), Err(refused));
    for _ in 0..5 {
        ledger.admit(now, None, 1).unwrap();
    }
    ledger.leave(ids[0], address(1), 1);
    assert_eq!(ledger.set_address(other, address(2), address(1).unwrap()), Ok(()));
    assert_eq!(ledger.admit(now, address(1), 1), Err(refused));
    for id in [ids[1], other] {
        ledger.leave(id, address(1), 1);
    }
    assert!(ledger.addresses.is_empty());
    assert_eq!(ledger.counts().connections, 5);
}
