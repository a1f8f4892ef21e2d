//! Route origins: a prefix, how long its announcements may be, and the AS that may originate them (a VRP).

use super::Asn;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 or IPv6 prefix with all bits beyond its length zero. [C-DEL-06]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    addr: IpAddr,
    len: u8,
}

impl Prefix {
    /// A prefix; an error if the length is too large for the family, or if a bit beyond the length is set.
    pub fn new(addr: IpAddr, len: u8) -> Result<Prefix, PrefixError> {
        let prefix = Prefix::masked(addr, len)?;
        if prefix.addr == addr { Ok(prefix) } else { Err(PrefixError::HostBits) }
    }

    /// A prefix, whatever the bits beyond its length are: they become zero.
    pub fn masked(addr: IpAddr, len: u8) -> Result<Prefix, PrefixError> {
        let addr = match addr {
            IpAddr::V4(v4) if len <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) if len <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return Err(PrefixError::Length),
        };
        Ok(Prefix { addr, len })
    }

    /// The address, with host bits zero.
    pub fn addr(self) -> IpAddr {
        self.addr
    }

    /// The length in bits.
    #[expect(clippy::len_without_is_empty, reason = "a prefix length is no collection's size")]
    pub fn len(self) -> u8 {
        self.len
    }

    /// The most bits that a prefix of this family can have: 32 or 128.
    pub fn len_max(self) -> u8 {
        match self.addr {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.len)
    }
}

/// Error of an address and a length that are no [`Prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// Longer than 32 or 128 bits.
    Length,
    /// A bit beyond the length is set.
    HostBits,
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PrefixError::Length => "the prefix length is too large for the address family",
            PrefixError::HostBits => "bits beyond the prefix length are set",
        })
    }
}

impl core::error::Error for PrefixError {}

/// One VRP: the payload of an IPv4 or IPv6 Prefix PDU (RFC 8210 sections 5.6 and 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteOrigin {
    prefix: Prefix,
    max_len: u8,
    asn: Asn,
}

impl RouteOrigin {
    /// A VRP; an error if `max_len` is not between the prefix's length and 32 or 128. [C-DEL-05]
    pub fn new(prefix: Prefix, max_len: u8, asn: Asn) -> Result<RouteOrigin, OriginError> {
        if (prefix.len()..=prefix.len_max()).contains(&max_len) {
            Ok(RouteOrigin { prefix, max_len, asn })
        } else {
            Err(OriginError { prefix, max_len })
        }
    }

    /// The prefix.
    pub fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// The greatest length of a route that this VRP makes valid.
    pub fn max_len(&self) -> u8 {
        self.max_len
    }

    /// The origin AS. AS 0 means that no AS may originate the prefix (RFC 6483 section 4).
    pub fn asn(&self) -> Asn {
        self.asn
    }
}

impl fmt::Display for RouteOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} {}", self.prefix, self.max_len, self.asn)
    }
}

/// A maximum length that does not fit its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginError {
    /// The prefix.
    pub prefix: Prefix,
    /// The maximum length.
    pub max_len: u8,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, max_len) = (self.prefix, self.max_len);
        write!(f, "maximum length {max_len} of {prefix} is not from {} to {}", prefix.len(), prefix.len_max())
    }
}

impl core::error::Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn c_del_06_host_bits_are_refused_or_masked() {
        let addr = "10.1.2.3".parse().unwrap();
        assert_eq!(Prefix::new(addr, 8), Err(PrefixError::HostBits));
        assert_eq!(Prefix::masked(addr, 8).unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(Prefix::masked(addr, 0).unwrap().to_string(), "0.0.0.0/0");
        assert_eq!(Prefix::masked("2001:db8::1".parse().unwrap(), 0).unwrap().to_string(), "::/0");
        assert_eq!(Prefix::masked(addr, 33), Err(PrefixError::Length));
        assert_eq!(Prefix::masked("::".parse().unwrap(), 129), Err(PrefixError::Length));
    }

    #[test]
    fn c_del_05_maximum_length_is_between_length_and_family() {
        let prefix = Prefix::new("10.0.0.0".parse().unwrap(), 8).unwrap();
        assert!(RouteOrigin::new(prefix, 8, Asn(1)).is_ok());
        assert!(RouteOrigin::new(prefix, 32, Asn(1)).is_ok());
        let error = RouteOrigin::new(prefix, 7, Asn(1)).unwrap_err();
        assert_eq!(error.to_string(), "maximum length 7 of 10.0.0.0/8 is not from 8 to 32");
        assert!(RouteOrigin::new(prefix, 33, Asn(1)).is_err());
    }
}
