//! Counts of connections, and decisions on which newcomer is displaced: a plain value, with the time as an argument.
//!
//! A connection is a newcomer until its first query, and only newcomers have an entry of their own here. Of the others
//! only the sums are kept, and their number by address.

use super::id_map::IdMap;
use super::ranking::Ranking;
use super::{ConnectionCounts, ConnectionLimits, LimitExceeded};
use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::ops::Add;
use core::task::Waker;
use core::time::Duration;

/// Time for which a newcomer is not displaced: a router on a slow path sends its query within that time, or is in the
/// middle of its handshake, which has a limit of its own.
pub const NEWCOMER_TIME_MIN: Duration = Duration::from_secs(1);

/// A connection's number; a lower one entered earlier.
pub type PermitId = u64;

/// The entry of a connection that has sent no query yet.
#[derive(Debug)]
struct Newcomer<T> {
    address: Option<IpAddr>,
    cost: u64,
    since: T,
    /// The rank of its handshake, while that is under way.
    handshake: Option<u64>,
    displacement: Displacement,
}

/// Displacement of a newcomer.
#[derive(Debug)]
enum Displacement {
    /// Not requested. The waker is woken when it is.
    None(Option<Waker>),
    /// Requested: the connection is to end.
    Requested,
}

/// Result of a check for one more connection.
#[derive(Debug)]
pub enum CapacityCheck<T> {
    /// There is.
    Available,
    /// There is none until something changes, or until this moment.
    Full(Option<T>),
    /// A newcomer has to be woken, since its displacement is requested; then check again.
    Displace(Option<Waker>),
}

/// Counts of connections, and the decisions on further ones. `T` is a moment of any clock. Wakers belong to whoever
/// waits for a displacement: they are kept and returned, and none is woken here.
#[derive(Debug)]
pub struct AdmissionLedger<T> {
    limits: ConnectionLimits,
    next: u64,
    connections: u32,
    memory_octets: u64,
    /// Connections by address, of those that have one; no address has 0.
    addresses: BTreeMap<IpAddr, u32>,
    newcomers: IdMap<Newcomer<T>>,
    newcomers_octets: u64,
    /// The newcomers whose displacement is not requested, by id.
    undisplaced: Ranking,
    /// Their handshakes under way, by the order in which they began, and the ids of their connections.
    handshakes: Ranking,
    handshake_owners: IdMap<PermitId>,
    leaving: u32,
    leaving_octets: u64,
    /// The limits were lowered below what is in use, and not enough connections have ended yet.
    lowered: bool,
}

impl<T: Copy + Ord + Add<Duration, Output = T>> AdmissionLedger<T> {
    /// Returns a ledger without connections.
    pub fn new(limits: ConnectionLimits) -> AdmissionLedger<T> {
        AdmissionLedger {
            limits,
            next: 0,
            connections: 0,
            memory_octets: 0,
            addresses: BTreeMap::new(),
            newcomers: IdMap::new(),
            newcomers_octets: 0,
            undisplaced: Ranking::default(),
            handshakes: Ranking::default(),
            handshake_owners: IdMap::new(),
            leaving: 0,
            leaving_octets: 0,
            lowered: false,
        }
    }

    /// Sets other limits. They may be below what is in use.
    pub fn set_limits(&mut self, limits: ConnectionLimits) {
        self.limits = limits;
        self.lowered = !self.keeps_limits();
    }

    /// Returns what is in use.
    pub fn counts(&self) -> ConnectionCounts {
        let of = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        ConnectionCounts {
            connections: self.connections,
            newcomers: of(self.newcomers.len()),
            leaving: self.leaving,
            handshakes: of(self.handshakes.len()),
            memory_octets: self.memory_octets,
        }
    }

    /// Checks for capacity for one more connection of this cost; without it, requests the displacement of a newcomer.
    pub fn check_capacity(&mut self, now: T, cost: u64) -> CapacityCheck<T> {
        if self.has_capacity(cost) {
            return CapacityCheck::Available;
        }
        if self.lowered {
            // Lowered limits displace no connection.
            return CapacityCheck::Full(None);
        }
        let (connections, octets) = (self.connections - self.leaving, self.memory_octets - self.leaving_octets);
        if self.fits(connections, octets, cost) || !self.fits_without_newcomers(cost) {
            return CapacityCheck::Full(None);
        }
        let Some(id) = self.undisplaced.next() else { return CapacityCheck::Full(None) };
        match self.newcomers.get(id).map(|newcomer| newcomer.since + NEWCOMER_TIME_MIN) {
            Some(may_go) if may_go > now => CapacityCheck::Full(Some(may_go)),
            Some(_) | None => CapacityCheck::Displace(self.displace(id)),
        }
    }

    /// Returns true if one more connection of this cost fits.
    pub fn has_capacity(&self, cost: u64) -> bool {
        self.fits(self.connections, self.memory_octets, cost)
    }

    fn fits(&self, connections: u32, octets: u64, cost: u64) -> bool {
        connections < self.limits.connections_max && octets.saturating_add(cost) <= self.limits.memory_octets_max
    }

    fn keeps_limits(&self) -> bool {
        self.connections <= self.limits.connections_max && self.memory_octets <= self.limits.memory_octets_max
    }

    /// Returns true if all newcomers together could free enough: if they cannot, none is displaced.
    fn fits_without_newcomers(&self, cost: u64) -> bool {
        let connections = self.connections - self.counts().newcomers;
        self.fits(connections, self.memory_octets - self.newcomers_octets, cost)
    }

    /// Adds a connection that was accepted. Addresses are compared as they are: an IPv4 address that is mapped to IPv6
    /// has to be made canonical before.
    pub fn admit(&mut self, now: T, address: Option<IpAddr>, cost: u64) -> Result<PermitId, LimitExceeded> {
        self.check(address)?;
        Ok(self.readmit(now, address, cost))
    }

    /// Admits a connection that was admitted before, whatever the limit of its address.
    pub fn readmit(&mut self, now: T, address: Option<IpAddr>, cost: u64) -> PermitId {
        self.count_in(address);
        self.connections += 1;
        self.memory_octets += cost;
        self.newcomers_octets += cost;
        let id = self.next_number();
        let newcomer = Newcomer { address, cost, since: now, handshake: None, displacement: Displacement::None(None) };
        self.newcomers.insert(id, newcomer);
        self.undisplaced.insert(address, id);
        id
    }

    /// Gives back what a connection had: once, by the address under which it is counted. The waker that is returned is not
    /// needed any more.
    pub fn leave(&mut self, id: PermitId, address: Option<IpAddr>, cost: u64) -> Option<Waker> {
        let waker = self.mark_queried(id);
        self.count_out(address);
        self.connections -= 1;
        self.memory_octets -= cost;
        self.lowered &= !self.keeps_limits();
        waker
    }

    /// Ends the state of a newcomer, even if its displacement was requested. The waker that is returned is not needed
    /// any more; it should be dropped without the lock.
    pub fn mark_queried(&mut self, id: PermitId) -> Option<Waker> {
        self.end_handshake(id);
        let newcomer = self.newcomers.remove(id)?;
        self.newcomers_octets -= newcomer.cost;
        match newcomer.displacement {
            Displacement::None(waker) => {
                self.undisplaced.remove(newcomer.address, id);
                waker
            }
            Displacement::Requested => {
                self.leaving -= 1;
                self.leaving_octets -= newcomer.cost;
                None
            }
        }
    }

    /// Begins a newcomer's handshake. If there are too many, displaces the oldest of the address with the most, but
    /// never this one. The waker that is returned has to be woken.
    #[must_use = "the waker of the connection that is displaced"]
    pub fn begin_handshake(&mut self, id: PermitId) -> Option<Waker> {
        let turn = self.next_number();
        let newcomer = self.newcomers.get_mut(id)?;
        if newcomer.handshake.is_some() || matches!(newcomer.displacement, Displacement::Requested) {
            return None;
        }
        newcomer.handshake = Some(turn);
        self.handshakes.insert(newcomer.address, turn);
        self.handshake_owners.insert(turn, id);
        if u32::try_from(self.handshakes.len()).unwrap_or(u32::MAX) <= self.limits.handshakes_max {
            return None;
        }
        let oldest = self.handshakes.next().filter(|oldest| *oldest != turn)?;
        self.displace(*self.handshake_owners.get(oldest)?)
    }

    /// Ends a connection's handshake, well or not.
    pub fn end_handshake(&mut self, id: PermitId) {
        let Some(newcomer) = self.newcomers.get_mut(id) else { return };
        let Some(turn) = newcomer.handshake.take() else { return };
        self.handshakes.remove(newcomer.address, turn);
        self.handshake_owners.remove(turn);
    }

    /// A connection comes from another address than it seemed to.
    pub fn set_address(&mut self, id: PermitId, old: Option<IpAddr>, new: IpAddr) -> Result<(), LimitExceeded> {
        let new = Some(new);
        if old == new {
            return Ok(());
        }
        self.check(new)?;
        self.count_in(new);
        self.count_out(old);
        let Some(newcomer) = self.newcomers.get_mut(id) else { return Ok(()) };
        newcomer.address = new;
        if let Displacement::None(_) = newcomer.displacement {
            self.undisplaced.remove(old, id);
            self.undisplaced.insert(new, id);
        }
        if let Some(turn) = newcomer.handshake {
            self.handshakes.remove(old, turn);
            self.handshakes.insert(new, turn);
        }
        Ok(())
    }

    /// Returns true if the displacement of a newcomer was requested; if not, `waker` is woken when it is. The waker
    /// that is returned is not needed any more.
    pub fn poll_displaced(&mut self, id: PermitId, waker: &Waker) -> (bool, Option<Waker>) {
        match self.newcomers.get_mut(id).map(|newcomer| &mut newcomer.displacement) {
            Some(Displacement::Requested) => (true, None),
            Some(Displacement::None(Some(kept))) if kept.will_wake(waker) => (false, None),
            Some(Displacement::None(kept)) => (false, kept.replace(waker.clone())),
            None => (false, None),
        }
    }

    fn displace(&mut self, id: PermitId) -> Option<Waker> {
        self.end_handshake(id);
        let newcomer = self.newcomers.get_mut(id)?;
        let Displacement::None(waker) = core::mem::replace(&mut newcomer.displacement, Displacement::Requested) else {
            return None;
        };
        self.undisplaced.remove(newcomer.address, id);
        self.leaving += 1;
        self.leaving_octets += newcomer.cost;
        waker
    }

    /// Checks the limit of connections from one address.
    pub fn check(&self, address: Option<IpAddr>) -> Result<(), LimitExceeded> {
        let connections = address.and_then(|address| self.addresses.get(&address)).copied().unwrap_or(0);
        match self.limits.per_address_max {
            Some(limit) if address.is_some() && connections >= limit => Err(LimitExceeded::PerAddress { limit }),
            Some(_) | None => Ok(()),
        }
    }

    fn count_in(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address {
            *self.addresses.entry(address).or_default() += 1;
        }
    }

    fn count_out(&mut self, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        let Some(connections) = self.addresses.get_mut(&address) else { return };
        *connections -= 1;
        if *connections == 0 {
            self.addresses.remove(&address);
        }
    }

    /// Returns true if there is no entry of any connection.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
            && self.newcomers.is_empty()
            && self.handshake_owners.is_empty()
            && self.undisplaced.is_empty()
            && self.handshakes.is_empty()
            && (self.newcomers_octets, self.leaving_octets) == (0, 0)
    }

    fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests;
