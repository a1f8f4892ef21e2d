//! The ledger against a naive model: a list of connections, from which everything is counted anew each time.

use super::ledger::{AdmissionLedger, CapacityCheck, PermitId};
use super::{ConnectionCounts, ConnectionLimits, LimitExceeded, NEWCOMER_TIME_MIN};
use crate::time::Moment;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};
use core::task::Waker;
use core::time::Duration;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// An action; connections are chosen by a number, modulo their count.
#[derive(Clone, Copy, Debug)]
enum LimiterAction {
    Admit(Option<u8>, u64),
    Leave(usize),
    Query(usize),
    Begin(usize),
    End(usize),
    Move(usize, u8),
    Limit(ConnectionLimits),
    CheckCapacity(u64),
    Advance(u64),
}

#[derive(Clone, Copy, Debug)]
struct ModelConnection {
    id: PermitId,
    address: Option<IpAddr>,
    cost: u64,
    since: Moment,
    is_newcomer: bool,
    is_displaced: bool,
    /// Step at which its handshake began.
    handshake: Option<usize>,
}

struct Model {
    limits: ConnectionLimits,
    lowered: bool,
    connections: Vec<ModelConnection>,
}

impl Model {
    fn counts(&self) -> ConnectionCounts {
        let count = |is: &dyn Fn(&&ModelConnection) -> bool| self.connections.iter().filter(is).count() as u32;
        ConnectionCounts {
            connections: count(&|_| true),
            newcomers: count(&|one| one.is_newcomer),
            leaving: count(&|one| one.is_displaced),
            handshakes: count(&|one| one.handshake.is_some()),
            memory_octets: self.octets(|_| true),
        }
    }

    fn octets(&self, is: impl Fn(&ModelConnection) -> bool) -> u64 {
        self.connections.iter().filter(|one| is(one)).map(|one| one.cost).sum()
    }

    fn keeps_limits(&self) -> bool {
        let counts = self.counts();
        counts.connections <= self.limits.connections_max && counts.memory_octets <= self.limits.memory_octets_max
    }

    /// Returns true if one more fits beside those that stay.
    fn fits(&self, cost: u64, stays: impl Fn(&ModelConnection) -> bool) -> bool {
        let connections = self.connections.iter().filter(|one| stays(one)).count();
        connections < self.limits.connections_max as usize && self.octets(stays) + cost <= self.limits.memory_octets_max
    }

    fn has_capacity_at(&self, address: Option<IpAddr>) -> bool {
        let there = self.connections.iter().filter(|one| one.address == address).count();
        address.is_none() || self.limits.per_address_max.is_none_or(|max| there < max as usize)
    }

    /// The one with the lowest rank of the address with the most.
    fn next<Turn: Ord>(&self, turn: impl Fn(&ModelConnection) -> Option<Turn>) -> Option<usize> {
        let mut addresses: BTreeMap<Option<IpAddr>, Vec<(Turn, usize)>> = BTreeMap::new();
        for (at, one) in self.connections.iter().enumerate() {
            if let Some(turn) = turn(one) {
                addresses.entry(one.address).or_default().push((turn, at));
            }
        }
        let most = addresses.values().map(Vec::len).max()?;
        addresses.into_values().filter(|turns| turns.len() == most).flatten().min().map(|(_, at)| at)
    }

    fn report_event(&mut self, at: usize) {
        self.connections[at].is_displaced = true;
        self.connections[at].handshake = None;
    }
}

fn address(n: u8) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, n.into(), 0, 0, 0, 1))
}

fn limits() -> impl Strategy<Value = ConnectionLimits> {
    (0..12_u32, proptest::option::of(0..5_u32), 0..5_u32, 0..100_u64).prop_map(
        |(connections_max, per_address_max, handshakes_max, memory_octets_max)| ConnectionLimits {
            connections_max,
            per_address_max,
            handshakes_max,
            memory_octets_max,
        },
    )
}

fn action() -> impl Strategy<Value = LimiterAction> {
    prop_oneof![
        6 => (proptest::option::of(0..4_u8), 0..20_u64).prop_map(|(address, cost)| LimiterAction::Admit(address, cost)),
        2 => any::<usize>().prop_map(LimiterAction::Leave),
        2 => any::<usize>().prop_map(LimiterAction::Query),
        3 => any::<usize>().prop_map(LimiterAction::Begin),
        1 => any::<usize>().prop_map(LimiterAction::End),
        1 => (any::<usize>(), 0..4_u8).prop_map(|(at, address)| LimiterAction::Move(at, address)),
        1 => limits().prop_map(LimiterAction::Limit),
        6 => (0..20_u64).prop_map(LimiterAction::CheckCapacity),
        3 => (0..800_u64).prop_map(LimiterAction::Advance),
    ]
}

/// Does a step to both; `number` is how many there were before.
fn take(
    ledger: &mut AdmissionLedger<Moment>,
    model: &mut Model,
    now: &mut Moment,
    number: usize,
    step: LimiterAction,
) -> Result<(), TestCaseError> {
    let chosen = |at: usize| if model.connections.is_empty() { None } else { Some(at % model.connections.len()) };
    match step {
        LimiterAction::Admit(n, cost) => {
            let address = n.map(address);
            let admitted = ledger.admit(*now, address, cost);
            prop_assert_eq!(admitted.is_ok(), model.has_capacity_at(address));
            let Ok(id) = admitted else { return Ok(()) };
            let (is_newcomer, is_displaced, handshake) = (true, false, None);
            model.connections.push(ModelConnection {
                id,
                address,
                cost,
                since: *now,
                is_newcomer,
                is_displaced,
                handshake,
            });
        }
        LimiterAction::Leave(at) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let ModelConnection { id, address, cost, .. } = model.connections.remove(at);
            ledger.leave(id, address, cost);
            model.lowered &= !model.keeps_limits();
        }
        LimiterAction::Query(at) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let one = &mut model.connections[at];
            *one = ModelConnection { is_newcomer: false, is_displaced: false, handshake: None, ..*one };
            ledger.mark_queried(one.id);
        }
        LimiterAction::Begin(at) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let one = &mut model.connections[at];
            let _ = ledger.begin_handshake(one.id);
            if !one.is_newcomer || one.is_displaced || one.handshake.is_some() {
                return Ok(());
            }
            one.handshake = Some(number);
            if model.counts().handshakes > model.limits.handshakes_max {
                let next = model.next(|one| one.handshake).filter(|next| *next != at);
                next.into_iter().for_each(|next| model.report_event(next));
            }
        }
        LimiterAction::End(at) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let one = &mut model.connections[at];
            one.handshake = None;
            ledger.end_handshake(one.id);
        }
        LimiterAction::Move(at, n) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let (one, new) = (model.connections[at], address(n));
            let may = one.address == Some(new) || model.has_capacity_at(Some(new));
            let moved = ledger.set_address(one.id, one.address, new);
            let limit = model.limits.per_address_max.unwrap_or(0);
            prop_assert_eq!(moved, if may { Ok(()) } else { Err(LimitExceeded::PerAddress { limit }) });
            if may {
                model.connections[at].address = Some(new);
            }
        }
        LimiterAction::Limit(limits) => {
            ledger.set_limits(limits);
            model.limits = limits;
            model.lowered = !model.keeps_limits();
        }
        LimiterAction::CheckCapacity(cost) => compare_capacity(ledger, model, *now, cost)?,
        LimiterAction::Advance(milliseconds) => *now = *now + Duration::from_millis(milliseconds),
    }
    Ok(())
}

fn compare_capacity(
    ledger: &mut AdmissionLedger<Moment>,
    model: &mut Model,
    now: Moment,
    cost: u64,
) -> Result<(), TestCaseError> {
    let capacity = ledger.check_capacity(now, cost);
    if model.fits(cost, |_| true) {
        prop_assert!(matches!(capacity, CapacityCheck::Available), "{capacity:?}");
        return Ok(());
    }
    let helps =
        !model.lowered && !model.fits(cost, |one| !one.is_displaced) && model.fits(cost, |one| !one.is_newcomer);
    let next = model.next(|one| (one.is_newcomer && !one.is_displaced).then_some(one.id));
    match next.filter(|_| helps) {
        None => prop_assert!(matches!(capacity, CapacityCheck::Full(None)), "{capacity:?}"),
        Some(at) => {
            let may_go = model.connections[at].since + NEWCOMER_TIME_MIN;
            if may_go > now {
                prop_assert!(matches!(capacity, CapacityCheck::Full(Some(until)) if until == may_go), "{capacity:?}");
            } else {
                prop_assert!(matches!(capacity, CapacityCheck::Displace(_)), "{capacity:?}");
                model.report_event(at);
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_ledger_counts_and_decides_like_a_naive_model(
        limits in limits(),
        actions in proptest::collection::vec(action(), 0..80),
    ) {
        let mut now = Moment(0);
        let mut ledger = AdmissionLedger::new(limits);
        let mut model = Model { limits, lowered: false, connections: Vec::new() };
        for (number, step) in actions.into_iter().enumerate() {
            take(&mut ledger, &mut model, &mut now, number, step)?;
            prop_assert_eq!(ledger.counts(), model.counts());
            for one in &model.connections {
                prop_assert_eq!(ledger.poll_displaced(one.id, Waker::noop()).0, one.is_displaced, "{:?}", one);
            }
        }
        for one in model.connections {
            ledger.leave(one.id, one.address, one.cost);
        }
        prop_assert_eq!(ledger.counts(), ConnectionCounts::default());
        prop_assert!(ledger.is_empty(), "no entry is left");
    }
}
