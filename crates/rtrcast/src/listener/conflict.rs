//! Conflicts of addresses within this process. One listener's address may include another's: `0.0.0.0` accepts
//! connections to any IPv4 address, `[::]` to those and IPv6, unless it is limited to IPv6.

use crate::cli::{ListenAddr, ListenEndpoint};
use rtrcast_net::V6Only;
use std::fmt;
use std::net::SocketAddr;

/// An address that a listener has or is to have.
pub(super) struct AddressUse {
    name: String,
    address: SocketAddr,
    v6_only: V6Only,
}

impl AddressUse {
    /// Returns the address of a TCP listener whose address is known; none for others.
    pub(super) fn of(addr: &ListenAddr, v6_only: V6Only) -> Option<AddressUse> {
        match addr.endpoint {
            ListenEndpoint::Ip(address) => Some(AddressUse { name: addr.to_string(), address, v6_only }),
            ListenEndpoint::Unix(_) | ListenEndpoint::Passed(_) => None,
        }
    }

    /// Returns the address of a server without a further listener for IPv4.
    pub(super) fn alone(address: SocketAddr) -> AddressUse {
        AddressUse { name: address.to_string(), address, v6_only: V6Only::No }
    }

    /// Returns true if some address belongs to both.
    pub(super) fn overlaps(&self, other: &AddressUse) -> bool {
        let is_same = self.address.ip() == other.address.ip() || self.covers(other) || other.covers(self);
        self.address.port() != 0 && self.address.port() == other.address.port() && is_same
    }

    /// Returns true if it includes the other address.
    fn covers(&self, other: &AddressUse) -> bool {
        let has_family = match self.address {
            SocketAddr::V4(_) => other.address.is_ipv4(),
            SocketAddr::V6(_) => other.address.is_ipv6() || self.v6_only == V6Only::No,
        };
        self.address.ip().is_unspecified() && has_family
    }
}

impl fmt::Display for AddressUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Describes the part of this process that has the wanted address, with the way out. No socket is handed over while the
/// cache runs: between closing the one and binding the other, routers would be refused, and wait minutes.
pub(super) fn describe_own_use(
    wanted: &AddressUse,
    http: Option<SocketAddr>,
    open: impl Iterator<Item = AddressUse>,
    mut planned: impl Iterator<Item = AddressUse>,
) -> Option<String> {
    if let Some(http) = http.filter(|http| AddressUse::alone(*http).overlaps(wanted)) {
        return Some(format!("this cache itself has the address, for --http {http}"));
    }
    if let Some(other) = planned.find(|other| other.overlaps(wanted)) {
        return Some(format!("--listen {} takes what comes there already; one of the two is enough", other.name));
    }
    let mut open = open;
    open.find(|other| other.overlaps(wanted)).map(|other| {
        format!(
            "this cache itself has the address, for --listen {}; which of its sockets takes what can't change while \
             routers may come: a restart does it",
            other.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(listener: &str, v6_only: V6Only) -> AddressUse {
        AddressUse::of(&listener.parse().unwrap(), v6_only).unwrap()
    }

    #[test]
    fn addresses_overlap_by_what_they_take() {
        use V6Only::{No, Yes};
        for (one, v6_only, other, expected) in [
            ("127.0.0.1:1", No, "tls://127.0.0.1:1", true),
            ("127.0.0.1:1", No, "127.0.0.1:2", false),
            ("127.0.0.1:1", No, "127.0.0.2:1", false),
            ("0.0.0.0:1", No, "127.0.0.1:1", true),
            ("0.0.0.0:1", No, "[::1]:1", false),
            ("[::]:1", No, "127.0.0.1:1", true),
            ("[::]:1", No, "0.0.0.0:1", true),
            ("[::]:1", Yes, "0.0.0.0:1", false),
            ("[::]:1", Yes, "[::1]:1", true),
            ("[::]:0", No, "127.0.0.1:0", false),
        ] {
            let (one, other) = (used(one, v6_only), used(other, No));
            assert_eq!(one.overlaps(&other), expected, "{} {}", one.name, other.name);
            assert_eq!(other.overlaps(&one), expected, "{} {}", other.name, one.name);
        }
    }

    #[test]
    fn the_message_names_the_holder() {
        let wanted = used("[::]:1", V6Only::No);
        let message = |http: Option<&str>, open: &[&str], planned: &[&str]| {
            let uses = |list: &[&str]| list.iter().map(|at| used(at, V6Only::No)).collect::<Vec<_>>().into_iter();
            describe_own_use(&wanted, http.map(|http| http.parse().unwrap()), uses(open), uses(planned))
        };
        assert_eq!(message(None, &["0.0.0.0:2"], &["0.0.0.0:2"]), None);
        let of_http = "this cache itself has the address, for --http 127.0.0.1:1";
        assert_eq!(message(Some("127.0.0.1:1"), &[], &[]).unwrap(), of_http);
        let planned = "--listen tcp://0.0.0.0:1 takes what comes there already; one of the two is enough";
        assert_eq!(message(None, &["0.0.0.0:1"], &["0.0.0.0:1"]).unwrap(), planned);
        let open = message(None, &["0.0.0.0:2", "0.0.0.0:1"], &[]).unwrap();
        assert!(open.starts_with("this cache itself has the address, for --listen tcp://0.0.0.0:1; "), "{open}");
        assert!(open.ends_with(": a restart does it"), "{open}");
    }
}
