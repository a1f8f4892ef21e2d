//! Why an address is in use that nobody else has: by this very process. One listener's address may be part of another's:
//! `0.0.0.0` takes what comes to any IPv4 address, `[::]` that and IPv6, unless IPv4 has a listener beside it.

use crate::cli::{ListenAddr, ListenEndpoint};
use rtrcast_net::V6Only;
use std::fmt;
use std::net::SocketAddr;

/// An address that a listener has or wants.
pub(super) struct Use {
    name: String,
    address: SocketAddr,
    beside: V6Only,
}

impl Use {
    /// That of a listener, if it is one of TCP whose address is known.
    pub(super) fn of(addr: &ListenAddr, beside: V6Only) -> Option<Use> {
        match addr.endpoint {
            ListenEndpoint::Ip(address) => Some(Use { name: addr.to_string(), address, beside }),
            ListenEndpoint::Unix(_) | ListenEndpoint::Passed(_) => None,
        }
    }

    /// That of a server without others beside it.
    pub(super) fn alone(address: SocketAddr) -> Use {
        Use { name: address.to_string(), address, beside: V6Only::No }
    }

    /// True if both take what comes to some address.
    pub(super) fn overlaps(&self, other: &Use) -> bool {
        let is_same = self.address.ip() == other.address.ip() || self.covers(other) || other.covers(self);
        self.address.port() != 0 && self.address.port() == other.address.port() && is_same
    }

    /// True if it takes what comes to the other.
    fn covers(&self, other: &Use) -> bool {
        let has_family = match self.address {
            SocketAddr::V4(_) => other.address.is_ipv4(),
            SocketAddr::V6(_) => other.address.is_ipv6() || self.beside == V6Only::No,
        };
        self.address.ip().is_unspecified() && has_family
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Which of ours has the address that is wanted, and what to do. Nothing is handed over from one socket to another while
/// the cache runs: between closing the one and binding the other, routers would be turned away, and one that is waits
/// minutes.
pub(super) fn own_use(
    wanted: &Use,
    http: Option<SocketAddr>,
    open: impl Iterator<Item = Use>,
    mut planned: impl Iterator<Item = Use>,
) -> Option<String> {
    if let Some(http) = http.filter(|http| Use::alone(*http).overlaps(wanted)) {
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

    fn used(listener: &str, beside: V6Only) -> Use {
        Use::of(&listener.parse().unwrap(), beside).unwrap()
    }

    #[test]
    fn addresses_overlap_by_what_they_take() {
        use V6Only::{No, Yes};
        for (one, beside, other, expected) in [
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
            let (one, other) = (used(one, beside), used(other, No));
            assert_eq!(one.overlaps(&other), expected, "{} {}", one.name, other.name);
            assert_eq!(other.overlaps(&one), expected, "{} {}", other.name, one.name);
        }
    }

    #[test]
    fn who_has_it_is_named() {
        let wanted = used("[::]:1", V6Only::No);
        let say = |http: Option<&str>, open: &[&str], planned: &[&str]| {
            let uses = |list: &[&str]| list.iter().map(|at| used(at, V6Only::No)).collect::<Vec<_>>().into_iter();
            own_use(&wanted, http.map(|http| http.parse().unwrap()), uses(open), uses(planned))
        };
        assert_eq!(say(None, &["0.0.0.0:2"], &["0.0.0.0:2"]), None);
        let of_http = "this cache itself has the address, for --http 127.0.0.1:1";
        assert_eq!(say(Some("127.0.0.1:1"), &[], &[]).unwrap(), of_http);
        let planned = "--listen tcp://0.0.0.0:1 takes what comes there already; one of the two is enough";
        assert_eq!(say(None, &["0.0.0.0:1"], &["0.0.0.0:1"]).unwrap(), planned);
        let open = say(None, &["0.0.0.0:2", "0.0.0.0:1"], &[]).unwrap();
        assert!(open.starts_with("this cache itself has the address, for --listen tcp://0.0.0.0:1; "), "{open}");
        assert!(open.ends_with(": a restart does it"), "{open}");
    }
}
