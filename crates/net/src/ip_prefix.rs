//! Addresses by prefix: who may connect, and which key is whose.
//!
//! An IPv4 address that comes as IPv6 (`::ffff:192.0.2.1`, what a listener for both families sees) is IPv4 everywhere
//! here, so that what an operator writes holds however the peer came in.

use rtrcast_proto::Prefix;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A prefix of IPv4 or IPv6 with no bit set beyond its length. In order, IPv4 comes first, and a prefix before what
/// lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpPrefix {
    address: IpAddr,
    length: u8,
}

impl IpPrefix {
    /// The prefix of one address.
    pub fn host(address: IpAddr) -> IpPrefix {
        let address = address.to_canonical();
        IpPrefix { address, length: length_max(address) }
    }

    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The length in bits.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether an address lies in it. No IPv4 address lies in a prefix of IPv6, not even in `::/0`.
    pub fn contains(&self, address: IpAddr) -> bool {
        IpPrefix::around(address.to_canonical(), self.length) == Some(*self)
    }

    /// Whether one of both lies in the other.
    pub fn overlaps(&self, other: &IpPrefix) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }

    /// What holds the address at this length, if its family has that.
    fn around(address: IpAddr, length: u8) -> Option<IpPrefix> {
        let masked = Prefix::masked(address, length).ok()?;
        Some(IpPrefix { address: masked.addr(), length })
    }
}

fn length_max(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Reads `192.0.2.0/24`, `2001:db8::/32`, or a lone address.
impl FromStr for IpPrefix {
    type Err = IpPrefixError;

    fn from_str(text: &str) -> Result<IpPrefix, IpPrefixError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| IpPrefixError::Address(text.to_owned()))?;
        let Some(length) = length else { return Ok(IpPrefix::host(address)) };
        let wrong_length = || IpPrefixError::Length(text.to_owned(), length_max(address));
        // A sign or more digits than there are lengths are no length, though a number could be read of them.
        if length.len() > 3 || !length.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(wrong_length());
        }
        let length = length.parse().map_err(|_| wrong_length())?;
        let right = IpPrefix::around(address, length).ok_or_else(wrong_length)?;
        if right.address != address {
            return Err(IpPrefixError::HostBits { is: text.to_owned(), right });
        }
        let canonical = address.to_canonical();
        if canonical.is_ipv4() && address.is_ipv6() {
            // All of the 96 bits before the IPv4 address lie in the length, or one of them were beyond it.
            return Ok(IpPrefix { address: canonical, length: length.saturating_sub(96) });
        }
        Ok(right)
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IpPrefixError {
    /// No address.
    Address(String),
    /// No length, or more than the family has (this much).
    Length(String, u8),
    /// A bit beyond the length is set.
    HostBits {
        /// What it is.
        is: String,
        /// What it has to be.
        right: IpPrefix,
    },
}

impl fmt::Display for IpPrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IpPrefixError::Address(text) => {
                write!(f, "\"{text}\" is no address or prefix; 192.0.2.1 and 2001:db8::/32 are")
            }
            IpPrefixError::Length(text, max) => write!(f, "{text}: the length of this prefix is from 0 to {max}"),
            IpPrefixError::HostBits { is, right } => {
                write!(f, "{is}: bits beyond the length are set; the prefix is {right}")
            }
        }
    }
}

impl std::error::Error for IpPrefixError {}

/// Values by prefix; an address has that of the longest prefix around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixMap<Value> {
    entries: BTreeMap<IpPrefix, Value>,
}

impl<Value> PrefixMap<Value> {
    /// One without entries.
    pub fn new() -> PrefixMap<Value> {
        PrefixMap { entries: BTreeMap::new() }
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a value, or replaces the one of this very prefix, which is returned.
    pub fn insert(&mut self, prefix: IpPrefix, value: Value) -> Option<Value> {
        self.entries.insert(prefix, value)
    }

    /// The value of this very prefix.
    pub fn get(&self, prefix: &IpPrefix) -> Option<&Value> {
        self.entries.get(prefix)
    }

    /// The longest prefix around an address, and its value.
    pub fn longest_match(&self, address: IpAddr) -> Option<(&IpPrefix, &Value)> {
        if self.entries.is_empty() {
            return None;
        }
        let address = address.to_canonical();
        // At most 129 steps, whatever the number of entries.
        let mut lengths = (0..=length_max(address)).rev();
        lengths.find_map(|length| self.entries.get_key_value(&IpPrefix::around(address, length)?))
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&IpPrefix, &Value)> {
        self.entries.iter()
    }
}

impl<Value> Default for PrefixMap<Value> {
    fn default() -> PrefixMap<Value> {
        PrefixMap::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read_and_shown() {
        let shown = |text: &str| match text.parse::<IpPrefix>() {
            Ok(prefix) => prefix.to_string(),
            Err(error) => error.to_string(),
        };
        for (text, expected) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::/0", "::/0"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("192.0.2.1/24", "192.0.2.1/24: bits beyond the length are set; the prefix is 192.0.2.0/24"),
            ("2001:db8::1/32", "2001:db8::1/32: bits beyond the length are set; the prefix is 2001:db8::/32"),
            ("::ffff:0:0/95", "::ffff:0:0/95: bits beyond the length are set; the prefix is ::fffe:0:0/95"),
            ("192.0.2.0/33", "192.0.2.0/33: the length of this prefix is from 0 to 32"),
            ("2001:db8::/129", "2001:db8::/129: the length of this prefix is from 0 to 128"),
            ("192.0.2.0/", "192.0.2.0/: the length of this prefix is from 0 to 32"),
            ("192.0.2.0/+8", "192.0.2.0/+8: the length of this prefix is from 0 to 32"),
            ("192.0.2.0/0024", "192.0.2.0/0024: the length of this prefix is from 0 to 32"),
            ("192.0.2.0/24/8", "192.0.2.0/24/8: the length of this prefix is from 0 to 32"),
            ("192.0.2/24", "\"192.0.2/24\" is no address or prefix; 192.0.2.1 and 2001:db8::/32 are"),
            ("router.example", "\"router.example\" is no address or prefix; 192.0.2.1 and 2001:db8::/32 are"),
            ("", "\"\" is no address or prefix; 192.0.2.1 and 2001:db8::/32 are"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_lies_in_prefixes_of_its_family() {
        let contains =
            |prefix: &str, address: &str| prefix.parse::<IpPrefix>().unwrap().contains(address.parse().unwrap());
        assert!(contains("192.0.2.0/24", "192.0.2.255"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.255"));
        assert!(!contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("0.0.0.0/0", "203.0.113.1"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(!contains("::/0", "192.0.2.1"));
        assert!(!contains("::/0", "::ffff:192.0.2.1"));
        assert!(contains("2001:db8::1", "2001:db8::1"));
        assert!(!contains("2001:db8::1", "2001:db8::2"));
    }

    #[test]
    fn of_two_prefixes_one_lies_in_the_other_or_they_are_apart() {
        let overlaps = |one: &str, other: &str| {
            let (one, other): (IpPrefix, IpPrefix) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.overlaps(&other), other.overlaps(&one));
            one.overlaps(&other)
        };
        assert!(overlaps("192.0.2.0/24", "192.0.2.0/24"));
        assert!(overlaps("192.0.0.0/16", "192.0.2.0/24"));
        assert!(overlaps("0.0.0.0/0", "192.0.2.1"));
        assert!(!overlaps("192.0.2.0/25", "192.0.2.128/25"));
        assert!(!overlaps("0.0.0.0/0", "::/0"));
    }

    #[test]
    fn the_longest_match_counts() {
        let mut map = PrefixMap::new();
        assert_eq!(map.longest_match("192.0.2.1".parse().unwrap()), None);
        for prefix in ["192.0.0.0/16", "192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "::/0"] {
            assert_eq!(map.insert(prefix.parse().unwrap(), prefix), None);
        }
        let value = |address: &str| map.longest_match(address.parse().unwrap()).map(|(_, value)| *value);
        assert_eq!(value("192.0.2.1"), Some("192.0.2.1"));
        assert_eq!(value("::ffff:192.0.2.1"), Some("192.0.2.1"));
        assert_eq!(value("192.0.2.2"), Some("192.0.2.0/24"));
        assert_eq!(value("192.0.3.2"), Some("192.0.0.0/16"));
        assert_eq!(value("198.51.100.1"), None);
        assert_eq!(value("2001:db8::1"), Some("2001:db8::/32"));
        assert_eq!(value("2001:db9::1"), Some("::/0"));
        let order: Vec<_> = map.iter().map(|(_, value)| *value).collect();
        assert_eq!(order, ["192.0.0.0/16", "192.0.2.0/24", "192.0.2.1", "::/0", "2001:db8::/32"]);
        assert_eq!(map.insert("192.0.2.1".parse().unwrap(), "another"), Some("192.0.2.1"));
        assert_eq!(map.get(&"192.0.2.1".parse().unwrap()), Some(&"another"));
    }
}
