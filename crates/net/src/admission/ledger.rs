//! What the door counts, and whom it tells to go: a plain value, with the time as an argument.
//!
//! A connection is a newcomer until it has asked, and only newcomers have an entry of their own here. Of the others only
//! the sums are kept, and how many there are from each address.

use super::ranking::Ranking;
use super::{Counts, Limits, Refused};
use std::collections::HashMap;
use std::net::IpAddr;
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;

/// How long a newcomer has its place for certain: a router on a slow path asks within that time, or is in the middle of
/// its handshake, which has a limit of its own.
pub const DISPLACE_AFTER: Duration = Duration::from_secs(1);

/// A connection's number; a lower one entered earlier.
pub(super) type Seat = u64;

/// What the ledger keeps of a connection that has not asked yet.
#[derive(Debug)]
struct Newcomer {
    address: Option<IpAddr>,
    cost: u64,
    since: Instant,
    /// The turn of its handshake, while that is under way.
    handshake: Option<u64>,
    told: Told,
}

/// Whether a newcomer has been told to go.
#[derive(Debug)]
enum Told {
    /// It may stay, and this is who waits for that to change.
    No(Option<Waker>),
    /// It has.
    ToGo,
}

/// Whether there is room for one more.
#[derive(Debug)]
pub(super) enum Verdict {
    /// There is.
    Room,
    /// There is none until something changes, or until this moment.
    Full(Option<Instant>),
    /// A newcomer has to be woken and told to go; then ask again.
    Tell(Option<Waker>),
}

#[derive(Debug)]
pub(super) struct Ledger {
    limits: Limits,
    next: u64,
    connections: u32,
    memory_octets: u64,
    /// Connections by address, of those that have one; no address has 0.
    addresses: HashMap<IpAddr, u32>,
    newcomers: HashMap<Seat, Newcomer>,
    newcomers_octets: u64,
    /// The newcomers that were not told to go, by seat.
    silent: Ranking,
    /// Their handshakes under way, by the order in which they began, and whose they are.
    handshakes: Ranking,
    shaking: HashMap<u64, Seat>,
    leaving: u32,
    leaving_octets: u64,
    /// The limits were lowered under those who are in, and not enough have gone yet.
    lowered: bool,
}

impl Ledger {
    pub(super) fn new(limits: Limits) -> Ledger {
        Ledger {
            limits,
            next: 0,
            connections: 0,
            memory_octets: 0,
            addresses: HashMap::new(),
            newcomers: HashMap::new(),
            newcomers_octets: 0,
            silent: Ranking::default(),
            handshakes: Ranking::default(),
            shaking: HashMap::new(),
            leaving: 0,
            leaving_octets: 0,
            lowered: false,
        }
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.lowered = !self.keeps_limits();
    }

    pub(super) fn counts(&self) -> Counts {
        let of = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        Counts {
            connections: self.connections,
            newcomers: of(self.newcomers.len()),
            leaving: self.leaving,
            handshakes: of(self.handshakes.len()),
            memory_octets: self.memory_octets,
        }
    }

    /// Whether one more connection of this cost may be accepted; if not, whom to tell to go for it.
    pub(super) fn verdict(&mut self, now: Instant, cost: u64) -> Verdict {
        if self.has_room(cost) {
            return Verdict::Room;
        }
        if self.lowered {
            // Nobody is thrown out for that.
            return Verdict::Full(None);
        }
        let (connections, octets) = (self.connections - self.leaving, self.memory_octets - self.leaving_octets);
        if self.fits(connections, octets, cost) || !self.fits_without_newcomers(cost) {
            return Verdict::Full(None);
        }
        let Some(seat) = self.silent.foremost() else { return Verdict::Full(None) };
        match self.newcomers.get(&seat).map(|newcomer| newcomer.since + DISPLACE_AFTER) {
            Some(may_go) if may_go > now => Verdict::Full(Some(may_go)),
            Some(_) | None => Verdict::Tell(self.tell_to_go(seat)),
        }
    }

    /// Whether one more connection of this cost fits in.
    pub(super) fn has_room(&self, cost: u64) -> bool {
        self.fits(self.connections, self.memory_octets, cost)
    }

    fn fits(&self, connections: u32, octets: u64, cost: u64) -> bool {
        connections < self.limits.connections_max && octets.saturating_add(cost) <= self.limits.memory_octets_max
    }

    fn keeps_limits(&self) -> bool {
        self.connections <= self.limits.connections_max && self.memory_octets <= self.limits.memory_octets_max
    }

    /// Whether all newcomers together could make room: if they can't, none has to go.
    fn fits_without_newcomers(&self, cost: u64) -> bool {
        let connections = self.connections - self.counts().newcomers;
        self.fits(connections, self.memory_octets - self.newcomers_octets, cost)
    }

    /// Counts a connection that was accepted.
    pub(super) fn enter(&mut self, now: Instant, address: Option<IpAddr>, cost: u64) -> Result<Seat, Refused> {
        self.count_in(address)?;
        self.connections += 1;
        self.memory_octets += cost;
        self.newcomers_octets += cost;
        let seat = self.turn();
        let newcomer = Newcomer { address, cost, since: now, handshake: None, told: Told::No(None) };
        self.newcomers.insert(seat, newcomer);
        self.silent.insert(address, seat);
        Ok(seat)
    }

    /// Gives back what a connection had.
    pub(super) fn leave(&mut self, seat: Seat, address: Option<IpAddr>, cost: u64) -> Option<Waker> {
        let waker = self.asked(seat);
        self.count_out(address);
        self.connections -= 1;
        self.memory_octets -= cost;
        self.lowered &= !self.keeps_limits();
        waker
    }

    /// A connection is no newcomer any longer. Even if it was told to go, it stays now. The waker is one that nobody
    /// needs; it should be dropped without the lock.
    pub(super) fn asked(&mut self, seat: Seat) -> Option<Waker> {
        self.handshake_ends(seat);
        let newcomer = self.newcomers.remove(&seat)?;
        self.newcomers_octets -= newcomer.cost;
        match newcomer.told {
            Told::No(waker) => {
                self.silent.remove(newcomer.address, seat);
                waker
            }
            Told::ToGo => {
                self.leaving -= 1;
                self.leaving_octets -= newcomer.cost;
                None
            }
        }
    }

    /// A newcomer's handshake begins. If there are too many, the oldest of the address that has most is told to go, but
    /// never this one.
    pub(super) fn handshake_begins(&mut self, seat: Seat) -> Option<Waker> {
        let turn = self.turn();
        let newcomer = self.newcomers.get_mut(&seat)?;
        if newcomer.handshake.is_some() || matches!(newcomer.told, Told::ToGo) {
            return None;
        }
        newcomer.handshake = Some(turn);
        self.handshakes.insert(newcomer.address, turn);
        self.shaking.insert(turn, seat);
        if u32::try_from(self.handshakes.len()).unwrap_or(u32::MAX) <= self.limits.handshakes_max {
            return None;
        }
        let oldest = self.handshakes.foremost().filter(|oldest| *oldest != turn)?;
        self.tell_to_go(*self.shaking.get(&oldest)?)
    }

    pub(super) fn handshake_ends(&mut self, seat: Seat) {
        let Some(newcomer) = self.newcomers.get_mut(&seat) else { return };
        let Some(turn) = newcomer.handshake.take() else { return };
        self.handshakes.remove(newcomer.address, turn);
        self.shaking.remove(&turn);
    }

    /// A connection comes from another address than it seemed to.
    pub(super) fn set_address(&mut self, seat: Seat, old: Option<IpAddr>, new: IpAddr) -> Result<(), Refused> {
        let new = Some(new);
        if old == new {
            return Ok(());
        }
        self.count_in(new)?;
        self.count_out(old);
        let Some(newcomer) = self.newcomers.get_mut(&seat) else { return Ok(()) };
        newcomer.address = new;
        if let Told::No(_) = newcomer.told {
            self.silent.remove(old, seat);
            self.silent.insert(new, seat);
        }
        if let Some(turn) = newcomer.handshake {
            self.handshakes.remove(old, turn);
            self.handshakes.insert(new, turn);
        }
        Ok(())
    }

    /// Whether a newcomer has been told to go; if not, `waker` is woken when it is. The other waker is one that nobody
    /// needs any more.
    pub(super) fn poll_told(&mut self, seat: Seat, waker: &Waker) -> (bool, Option<Waker>) {
        match self.newcomers.get_mut(&seat).map(|newcomer| &mut newcomer.told) {
            Some(Told::ToGo) => (true, None),
            Some(Told::No(Some(kept))) if kept.will_wake(waker) => (false, None),
            Some(Told::No(kept)) => (false, kept.replace(waker.clone())),
            None => (false, None),
        }
    }

    fn tell_to_go(&mut self, seat: Seat) -> Option<Waker> {
        self.handshake_ends(seat);
        let newcomer = self.newcomers.get_mut(&seat)?;
        let Told::No(waker) = std::mem::replace(&mut newcomer.told, Told::ToGo) else { return None };
        self.silent.remove(newcomer.address, seat);
        self.leaving += 1;
        self.leaving_octets += newcomer.cost;
        waker
    }

    /// Whether an address may have one connection more.
    pub(super) fn check(&self, address: Option<IpAddr>) -> Result<(), Refused> {
        let connections = address.and_then(|address| self.addresses.get(&address)).copied().unwrap_or(0);
        match self.limits.per_address_max {
            Some(limit) if address.is_some() && connections >= limit => Err(Refused::PerAddress { limit }),
            Some(_) | None => Ok(()),
        }
    }

    fn count_in(&mut self, address: Option<IpAddr>) -> Result<(), Refused> {
        self.check(address)?;
        if let Some(address) = address {
            *self.addresses.entry(address).or_default() += 1;
        }
        Ok(())
    }

    fn count_out(&mut self, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        let Some(connections) = self.addresses.get_mut(&address) else { return };
        *connections -= 1;
        if *connections == 0 {
            self.addresses.remove(&address);
        }
    }

    /// Whether nothing is kept of anybody.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.addresses.is_empty()
            && self.newcomers.is_empty()
            && self.shaking.is_empty()
            && self.silent.is_empty()
            && self.handshakes.is_empty()
            && (self.newcomers_octets, self.leaving_octets) == (0, 0)
    }

    fn turn(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests;
