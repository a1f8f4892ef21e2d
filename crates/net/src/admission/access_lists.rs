//! The operator's lists of addresses.

use crate::ip_prefix::IpPrefix;
use std::net::IpAddr;

/// Prefixes from which connections are permitted or denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLists {
    /// If there are any, only addresses in these.
    pub allow: Vec<IpPrefix>,
    /// Not these, unless a longer prefix allows them.
    pub deny: Vec<IpPrefix>,
}

impl AccessLists {
    /// Returns true if a peer with this address may connect. A peer without an address came through the file system,
    /// whose permissions decide.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address else { return true };
        match (longest(&self.allow, address), longest(&self.deny, address)) {
            (Some(allowed), Some(denied)) => allowed > denied,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => self.allow.is_empty(),
        }
    }
}

/// The length of the longest prefix around an address.
fn longest(prefixes: &[IpPrefix], address: IpAddr) -> Option<u8> {
    prefixes.iter().filter(|prefix| prefix.contains(address)).map(IpPrefix::length).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(allow: &[&str], deny: &[&str]) -> AccessLists {
        let parse = |list: &[&str]| list.iter().map(|prefix| prefix.parse().unwrap()).collect();
        AccessLists { allow: parse(allow), deny: parse(deny) }
    }

    fn admitted(lists: &AccessLists, addresses: &[&str]) -> Vec<bool> {
        addresses.iter().map(|address| lists.admits(Some(address.parse().unwrap()))).collect()
    }

    #[test]
    fn without_lists_all_are_permitted() {
        assert_eq!(admitted(&AccessLists::default(), &["192.0.2.1", "2001:db8::1"]), [true, true]);
        assert!(AccessLists::default().admits(None));
    }

    #[test]
    fn without_an_allow_list_all_that_are_not_denied_are_permitted() {
        let lists = lists(&[], &["192.0.2.0/24", "2001:db8::/32"]);
        let addresses = ["192.0.2.1", "192.0.3.1", "2001:db8::1", "2001:db9::1", "::ffff:192.0.2.1"];
        assert_eq!(admitted(&lists, &addresses), [false, true, false, true, false]);
    }

    #[test]
    fn with_an_allow_list_only_those_in_it_are_permitted() {
        let lists = lists(&["192.0.2.0/24"], &[]);
        let addresses = ["192.0.2.1", "192.0.3.1", "2001:db8::1", "::ffff:192.0.2.1"];
        assert_eq!(admitted(&lists, &addresses), [true, false, false, true]);
    }

    #[test]
    fn of_both_lists_the_longer_prefix_decides_and_of_equals_deny() {
        let lists = lists(&["10.0.0.0/8", "10.1.2.0/24", "10.9.0.0/16"], &["10.1.0.0/16", "10.1.2.3", "10.9.0.0/16"]);
        let addresses = ["10.0.0.1", "10.1.0.1", "10.1.2.1", "10.1.2.3", "10.9.0.1", "192.0.2.1"];
        assert_eq!(admitted(&lists, &addresses), [true, false, true, false, false, false]);
    }

    #[test]
    fn a_peer_without_an_address_is_permitted() {
        assert!(lists(&["192.0.2.0/24"], &["0.0.0.0/0", "::/0"]).admits(None));
    }
}
