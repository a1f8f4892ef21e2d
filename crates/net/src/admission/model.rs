//! The ledger against a naive model: a list of connections, from which everything is counted anew each time.

use super::ledger::{Ledger, Seat, Verdict};
use super::{Counts, DISPLACE_AFTER, Limits, Refused};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// What happens; connections are chosen by a number, modulo how many there are.
#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(Option<u8>, u64),
    Leave(usize),
    Ask(usize),
    Begin(usize),
    End(usize),
    Move(usize, u8),
    Limit(Limits),
    Look(u64),
    Later(u64),
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    seat: Seat,
    address: Option<IpAddr>,
    cost: u64,
    since: Instant,
    is_newcomer: bool,
    is_told: bool,
    /// When its handshake began, in steps.
    handshake: Option<usize>,
}

struct Model {
    limits: Limits,
    lowered: bool,
    connections: Vec<Connection>,
}

impl Model {
    fn counts(&self) -> Counts {
        let count = |is: &dyn Fn(&&Connection) -> bool| self.connections.iter().filter(is).count() as u32;
        Counts {
            connections: count(&|_| true),
            newcomers: count(&|one| one.is_newcomer),
            leaving: count(&|one| one.is_told),
            handshakes: count(&|one| one.handshake.is_some()),
            memory_octets: self.octets(|_| true),
        }
    }

    fn octets(&self, is: impl Fn(&Connection) -> bool) -> u64 {
        self.connections.iter().filter(|one| is(one)).map(|one| one.cost).sum()
    }

    fn keeps_limits(&self) -> bool {
        let counts = self.counts();
        counts.connections <= self.limits.connections_max && counts.memory_octets <= self.limits.memory_octets_max
    }

    /// Whether one more fits beside those that are counted.
    fn fits(&self, cost: u64, stays: impl Fn(&Connection) -> bool) -> bool {
        let connections = self.connections.iter().filter(|one| stays(one)).count();
        connections < self.limits.connections_max as usize && self.octets(stays) + cost <= self.limits.memory_octets_max
    }

    fn has_room_at(&self, address: Option<IpAddr>) -> bool {
        let there = self.connections.iter().filter(|one| one.address == address).count();
        address.is_none() || self.limits.per_address_max.is_none_or(|max| there < max as usize)
    }

    /// The one with the lowest turn of the address with most of them.
    fn foremost<Turn: Ord>(&self, turn: impl Fn(&Connection) -> Option<Turn>) -> Option<usize> {
        let mut addresses: BTreeMap<Option<IpAddr>, Vec<(Turn, usize)>> = BTreeMap::new();
        for (at, one) in self.connections.iter().enumerate() {
            if let Some(turn) = turn(one) {
                addresses.entry(one.address).or_default().push((turn, at));
            }
        }
        let most = addresses.values().map(Vec::len).max()?;
        addresses.into_values().filter(|turns| turns.len() == most).flatten().min().map(|(_, at)| at)
    }

    fn tell(&mut self, at: usize) {
        self.connections[at].is_told = true;
        self.connections[at].handshake = None;
    }
}

fn address(n: u8) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, n.into(), 0, 0, 0, 1))
}

fn limits() -> impl Strategy<Value = Limits> {
    (0..12_u32, proptest::option::of(0..5_u32), 0..5_u32, 0..100_u64).prop_map(
        |(connections_max, per_address_max, handshakes_max, memory_octets_max)| Limits {
            connections_max,
            per_address_max,
            handshakes_max,
            memory_octets_max,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (proptest::option::of(0..4_u8), 0..20_u64).prop_map(|(address, cost)| Step::Enter(address, cost)),
        2 => any::<usize>().prop_map(Step::Leave),
        2 => any::<usize>().prop_map(Step::Ask),
        3 => any::<usize>().prop_map(Step::Begin),
        1 => any::<usize>().prop_map(Step::End),
        1 => (any::<usize>(), 0..4_u8).prop_map(|(at, address)| Step::Move(at, address)),
        1 => limits().prop_map(Step::Limit),
        6 => (0..20_u64).prop_map(Step::Look),
        3 => (0..800_u64).prop_map(Step::Later),
    ]
}

/// Does a step to both; `number` is how many there were before.
fn take(
    ledger: &mut Ledger,
    model: &mut Model,
    now: &mut Instant,
    number: usize,
    step: Step,
) -> Result<(), TestCaseError> {
    let chosen = |at: usize| if model.connections.is_empty() { None } else { Some(at % model.connections.len()) };
    match step {
        Step::Enter(n, cost) => {
            let address = n.map(address);
            let entered = ledger.enter(*now, address, cost);
            prop_assert_eq!(entered.is_ok(), model.has_room_at(address));
            let Ok(seat) = entered else { return Ok(()) };
            let (is_newcomer, is_told, handshake) = (true, false, None);
            model.connections.push(Connection { seat, address, cost, since: *now, is_newcomer, is_told, handshake });
        }
        Step::Leave(at) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let Connection { seat, address, cost, .. } = model.connections.remove(at);
            ledger.leave(seat, address, cost);
            model.lowered &= !model.keeps_limits();
        }
        Step::Ask(at) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let one = &mut model.connections[at];
            *one = Connection { is_newcomer: false, is_told: false, handshake: None, ..*one };
            ledger.asked(one.seat);
        }
        Step::Begin(at) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let one = &mut model.connections[at];
            ledger.handshake_begins(one.seat);
            if !one.is_newcomer || one.is_told || one.handshake.is_some() {
                return Ok(());
            }
            one.handshake = Some(number);
            if model.counts().handshakes > model.limits.handshakes_max {
                let foremost = model.foremost(|one| one.handshake).filter(|foremost| *foremost != at);
                foremost.into_iter().for_each(|foremost| model.tell(foremost));
            }
        }
        Step::End(at) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let one = &mut model.connections[at];
            one.handshake = None;
            ledger.handshake_ends(one.seat);
        }
        Step::Move(at, n) => {
            let Some(at) = chosen(at) else { return Ok(()) };
            let (one, new) = (model.connections[at], address(n));
            let may = one.address == Some(new) || model.has_room_at(Some(new));
            let moved = ledger.set_address(one.seat, one.address, new);
            let limit = model.limits.per_address_max.unwrap_or(0);
            prop_assert_eq!(moved, if may { Ok(()) } else { Err(Refused::PerAddress { limit }) });
            if may {
                model.connections[at].address = Some(new);
            }
        }
        Step::Limit(limits) => {
            ledger.set_limits(limits);
            model.limits = limits;
            model.lowered = !model.keeps_limits();
        }
        Step::Look(cost) => look(ledger, model, *now, cost)?,
        Step::Later(milliseconds) => *now += Duration::from_millis(milliseconds),
    }
    Ok(())
}

fn look(ledger: &mut Ledger, model: &mut Model, now: Instant, cost: u64) -> Result<(), TestCaseError> {
    let verdict = ledger.verdict(now, cost);
    if model.fits(cost, |_| true) {
        prop_assert!(matches!(verdict, Verdict::Room), "{verdict:?}");
        return Ok(());
    }
    let helps = !model.lowered && !model.fits(cost, |one| !one.is_told) && model.fits(cost, |one| !one.is_newcomer);
    let foremost = model.foremost(|one| (one.is_newcomer && !one.is_told).then_some(one.seat));
    match foremost.filter(|_| helps) {
        None => prop_assert!(matches!(verdict, Verdict::Full(None)), "{verdict:?}"),
        Some(at) => {
            let may_go = model.connections[at].since + DISPLACE_AFTER;
            if may_go > now {
                prop_assert!(matches!(verdict, Verdict::Full(Some(until)) if until == may_go), "{verdict:?}");
            } else {
                prop_assert!(matches!(verdict, Verdict::Tell(_)), "{verdict:?}");
                model.tell(at);
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_ledger_counts_and_decides_like_a_naive_model(
        limits in limits(),
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut now = Instant::now();
        let mut ledger = Ledger::new(limits);
        let mut model = Model { limits, lowered: false, connections: Vec::new() };
        for (number, step) in steps.into_iter().enumerate() {
            take(&mut ledger, &mut model, &mut now, number, step)?;
            prop_assert_eq!(ledger.counts(), model.counts());
            for one in &model.connections {
                prop_assert_eq!(ledger.poll_told(one.seat, Waker::noop()).0, one.is_told, "{:?}", one);
            }
        }
        for one in model.connections {
            ledger.leave(one.seat, one.address, one.cost);
        }
        prop_assert_eq!(ledger.counts(), Counts::default());
        prop_assert!(ledger.is_empty(), "nothing is kept of those who are gone");
    }
}
