//! What is asked for: a prefix or an AS, and since when.

use crate::clock::unix_now;
use crate::observe::status::Timestamp;
use rtrcast_feed::write::from_utc;
use rtrcast_proto::{Asn, Prefix, PrefixError};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A prefix, an address or an AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectArgument {
    Prefix(Prefix),
    Asn(Asn),
}

impl FromStr for SubjectArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<SubjectArgument, String> {
        let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text);
        if let Ok(asn) = digits.parse() {
            return Ok(SubjectArgument::Asn(Asn(asn)));
        }
        let unknown = || "not a prefix such as 192.0.2.0/24, and not an AS such as AS64496".to_owned();
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| unknown())?;
        let length_max = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(length_max), str::parse).map_err(|_| unknown())?;
        let prefix = Prefix::new(address, length).map_err(|error| match (error, Prefix::masked(address, length)) {
            (PrefixError::HostBits, Ok(masked)) => format!("there are bits behind the length; the prefix is {masked}"),
            _ => format!("the length is at most {length_max}"),
        })?;
        Ok(SubjectArgument::Prefix(prefix))
    }
}

impl fmt::Display for SubjectArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubjectArgument::Prefix(prefix) => write!(f, "{prefix}"),
            SubjectArgument::Asn(asn) => write!(f, "{asn}"),
        }
    }
}

/// A time, or a time span before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SinceArgument(pub(crate) Timestamp);

impl FromStr for SinceArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<SinceArgument, String> {
        let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
        let ago = units.iter().find_map(|(unit, seconds)| {
            let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
            Some(unix_now().saturating_sub(number.saturating_mul(*seconds)))
        });
        // A day begins in UTC.
        let time = ago.or_else(|| from_utc(text)).or_else(|| from_utc(&format!("{text}T00:00:00Z")));
        time.map(|time| SinceArgument(Timestamp(time))).ok_or_else(|| {
            "not a time such as 2026-01-31T12:00:00Z or 2026-01-31, and not a time span such as 90m, 24h or 7d"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_prefix_an_address_or_an_as() {
        for (text, shown) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("AS64496", "AS64496"),
            ("as64496", "AS64496"),
            ("64496", "AS64496"),
        ] {
            assert_eq!(text.parse::<SubjectArgument>().unwrap().to_string(), shown);
        }
        let error = |text: &str| text.parse::<SubjectArgument>().unwrap_err();
        assert_eq!(error("192.0.2.1/24"), "there are bits behind the length; the prefix is 192.0.2.0/24");
        assert_eq!(error("192.0.2.0/33"), "the length is at most 32");
        assert_eq!(error("x"), "not a prefix such as 192.0.2.0/24, and not an AS such as AS64496");
    }

    #[test]
    fn a_time_is_absolute_or_a_span_before_now() {
        let time = |text: &str| text.parse::<SinceArgument>().unwrap().0.0;
        assert_eq!(time("2026-01-31T12:00:00Z"), 1_769_860_800);
        assert_eq!(time("2026-01-31"), 1_769_817_600);
        for (text, seconds) in [("90m", 5_400), ("24h", 86_400), ("7d", 604_800), ("30s", 30)] {
            let ago = unix_now() - time(text);
            assert!((seconds..seconds + 5).contains(&ago), "{text}: {ago}");
        }
        let error = "yesterday".parse::<SinceArgument>().unwrap_err();
        assert!(error.contains("not a time span such as 90m"), "{error}");
    }
}
