//! The order in which newcomers are displaced: the oldest of the address with the most first. Each operation takes
//! logarithmic time.

use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;
use core::net::{IpAddr, Ipv6Addr};

/// Ranks by address; a lower rank came earlier.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// No address has an empty set.
    ranks: BTreeMap<Option<IpAddr>, BTreeSet<u64>>,
    /// The same addresses by their number of ranks; of equals, the one whose lowest rank is lowest is last here.
    order: BTreeSet<RankKey>,
    len: usize,
}

type RankKey = (usize, Reverse<u64>, Option<IpAddr>);

/// The unit that is limited: an IPv4 address or an IPv6 /64, since a host with one address of that has all.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

impl Ranking {
    /// Returns the number of ranks.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there is no rank.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0 && self.ranks.is_empty() && self.order.is_empty()
    }

    /// Adds a rank, which must be unique.
    pub(super) fn insert(&mut self, address: Option<IpAddr>, rank: u64) {
        self.change(address, |ranks| ranks.insert(rank));
    }

    /// Removes a rank, if it is there.
    pub(super) fn remove(&mut self, address: Option<IpAddr>, rank: u64) {
        self.change(address, |ranks| ranks.remove(&rank));
    }

    /// Returns the lowest rank of the address with the most.
    pub(super) fn next(&self) -> Option<u64> {
        self.order.last().map(|(_, Reverse(oldest), _)| *oldest)
    }

    fn change(&mut self, address: Option<IpAddr>, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let address = address.map(network_of);
        let mut ranks = self.ranks.remove(&address).unwrap_or_default();
        if let Some(rank_key) = rank_key(address, &ranks) {
            self.order.remove(&rank_key);
        }
        self.len -= ranks.len();
        change(&mut ranks);
        self.len += ranks.len();
        if let Some(rank_key) = rank_key(address, &ranks) {
            self.order.insert(rank_key);
            self.ranks.insert(address, ranks);
        }
    }
}

fn rank_key(address: Option<IpAddr>, ranks: &BTreeSet<u64>) -> Option<RankKey> {
    ranks.first().map(|oldest| (ranks.len(), Reverse(*oldest), address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    #[test]
    fn the_oldest_of_the_address_that_has_most_comes_first() {
        let [a, b] = [1, 2].map(|n| Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))));
        let mut ranking = Ranking::default();
        assert_eq!(ranking.next(), None);
        ranking.insert(None, 1);
        ranking.insert(a, 2);
        assert_eq!(ranking.next(), Some(1), "of equals the oldest");
        ranking.insert(a, 3);
        assert_eq!(ranking.next(), Some(2));
        ranking.insert(b, 4);
        ranking.insert(b, 5);
        assert_eq!(ranking.next(), Some(2));
        ranking.remove(a, 2);
        assert_eq!((ranking.next(), ranking.len()), (Some(4), 4));
        ranking.remove(a, 2);
        ranking.remove(b, 4);
        ranking.remove(b, 5);
        assert_eq!((ranking.next(), ranking.len()), (Some(1), 2));
        ranking.remove(None, 1);
        ranking.remove(a, 3);
        assert_eq!((ranking.next(), ranking.len()), (None, 0));
        assert!(ranking.is_empty());
    }
}
