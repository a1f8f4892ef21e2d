//! The files of keys. No error tells what a key is: whatever a line has where it should not be may be one.
//!
//! ```text
//! # TCP-MD5
//! 192.0.2.1        a-key-of-printable-signs
//! 2001:db8::/32    0x00112233445566778899aabbccddeeff
//!
//! # TCP-AO: the ids are those of this side, SEND-ID here is the router's receive id
//! 192.0.2.0/24     1  2  hmac-sha1-96  another-key
//! ```

use super::{AoAlgorithm, AoKey, Secret, TcpAuth, TcpKeys};
use crate::ip_prefix::{IpPrefix, IpPrefixError};
use std::fmt;

/// The most octets of a key, of TCP-MD5 and TCP-AO alike: the kernel has room for no more.
pub const KEY_OCTETS_MAX: usize = 80;

/// The most keys for TCP-MD5; a file with more is refused.
pub const MD5_KEYS_MAX: usize = 1_024;

/// The most keys for TCP-AO; a file with more is refused.
pub const AO_KEYS_MAX: usize = 1_024;

impl TcpKeys {
    /// Adds the keys of a file for TCP-MD5: lines of `PREFIX KEY`.
    pub fn with_md5(mut self, text: &str) -> Result<TcpKeys, KeyFileError> {
        for (line, words) in lines(text) {
            self.add_md5(&words).map_err(|reason| KeyFileError { line, reason })?;
        }
        Ok(self)
    }

    /// Adds the keys of a file for TCP-AO: lines of `PREFIX SEND-ID RECV-ID ALGORITHM KEY`.
    pub fn with_ao(mut self, text: &str) -> Result<TcpKeys, KeyFileError> {
        for (line, words) in lines(text) {
            self.add_ao(&words).map_err(|reason| KeyFileError { line, reason })?;
        }
        Ok(self)
    }

    fn add_md5(&mut self, words: &[&str]) -> Result<(), KeyFileReason> {
        let &[prefix, secret] = words else { return Err(KeyFileReason::Words(TcpAuth::Md5)) };
        let (prefix, secret) = (read_prefix(prefix)?, read_secret(secret)?);
        if self.md5.iter().count() >= MD5_KEYS_MAX {
            return Err(KeyFileReason::TooMany(MD5_KEYS_MAX));
        }
        if let Some((other, _)) = self.ao.iter().find(|(other, _)| other.overlaps(&prefix)) {
            return Err(KeyFileReason::OtherAuth(*other, TcpAuth::Ao));
        }
        match self.md5.insert(prefix, secret) {
            Some(_) => Err(KeyFileReason::Twice(prefix)),
            None => Ok(()),
        }
    }

    fn add_ao(&mut self, words: &[&str]) -> Result<(), KeyFileReason> {
        let &[prefix, send_id, recv_id, algorithm, secret] = words else {
            return Err(KeyFileReason::Words(TcpAuth::Ao));
        };
        let prefix = read_prefix(prefix)?;
        let (send_id, recv_id) = (read_id(send_id)?, read_id(recv_id)?);
        let algorithm = AoAlgorithm::ALL.into_iter().find(|known| known.name() == algorithm);
        let algorithm = algorithm.ok_or(KeyFileReason::Algorithm)?;
        let key = AoKey { prefix, send_id, recv_id, algorithm, secret: read_secret(secret)? };
        if self.ao_keys().count() >= AO_KEYS_MAX {
            return Err(KeyFileReason::TooMany(AO_KEYS_MAX));
        }
        if let Some((other, _)) = self.md5.iter().find(|(other, _)| other.overlaps(&prefix)) {
            return Err(KeyFileReason::OtherAuth(*other, TcpAuth::Md5));
        }
        if let Some(other) = self.ao_keys().find(|other| other.conflicts(&key)) {
            return Err(KeyFileReason::SameIds(other.prefix));
        }
        let mut keys = self.ao.get(&prefix).cloned().unwrap_or_default();
        keys.push(key);
        self.ao.insert(prefix, keys);
        Ok(())
    }

    pub(super) fn ao_keys(&self) -> impl Iterator<Item = &AoKey> {
        self.ao.iter().flat_map(|(_, keys)| keys)
    }
}

/// Lines by number with their words, without comments.
fn lines(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let numbered = text.lines().zip(1..).map(|(line, number)| (number, words(line)));
    numbered.filter(|(_, words)| !words.is_empty())
}

fn words(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace().take_while(|word| !word.starts_with('#')).collect()
}

fn read_prefix(word: &str) -> Result<IpPrefix, KeyFileReason> {
    word.parse().map_err(|error| match error {
        IpPrefixError::Address(_) => KeyFileReason::Prefix,
        IpPrefixError::Length(_, max) => KeyFileReason::PrefixLength(max),
        IpPrefixError::HostBits { right, .. } => KeyFileReason::HostBits(right),
    })
}

fn read_id(word: &str) -> Result<u8, KeyFileReason> {
    match word.bytes().all(|octet| octet.is_ascii_digit()) {
        true => word.parse().map_err(|_| KeyFileReason::Id),
        false => Err(KeyFileReason::Id),
    }
}

fn read_secret(word: &str) -> Result<Secret, KeyFileReason> {
    let octets = match word.strip_prefix("0x") {
        Some(digits) => read_hexadecimal(digits).ok_or(KeyFileReason::Hexadecimal)?,
        None if word.bytes().all(|octet| octet.is_ascii_graphic()) => word.as_bytes().to_vec(),
        None => return Err(KeyFileReason::Unprintable),
    };
    match octets.len() {
        1..=KEY_OCTETS_MAX => Ok(Secret(octets.into())),
        octets => Err(KeyFileReason::Octets(octets)),
    }
}

fn read_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let mut digits = digits.chars();
    let mut octets = Vec::new();
    while let Some(high) = digits.next() {
        let octet = high.to_digit(16)? << 4 | digits.next()?.to_digit(16)?;
        octets.push(u8::try_from(octet).ok()?);
    }
    Some(octets)
}

/// Which line of a file of keys is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFileError {
    /// Counted from 1.
    pub line: usize,
    /// Why.
    pub reason: KeyFileReason,
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for KeyFileError {}

/// Why a line of a file of keys is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFileReason {
    /// Not as many words as a line of this kind has.
    Words(TcpAuth),
    /// The first word is no address or prefix.
    Prefix,
    /// The prefix is longer than this, which its family does not allow.
    PrefixLength(u8),
    /// A bit beyond the prefix's length is set; it should be this one.
    HostBits(IpPrefix),
    /// An id that is none.
    Id,
    /// An algorithm that is not known here.
    Algorithm,
    /// `0x` and something else than an even number of hexadecimal digits.
    Hexadecimal,
    /// A key with other signs than printable ones of ASCII.
    Unprintable,
    /// A key with so many octets.
    Octets(usize),
    /// The prefix has a key already.
    Twice(IpPrefix),
    /// A key of this prefix, which overlaps, has one of the ids.
    SameIds(IpPrefix),
    /// This prefix, which overlaps, is protected the other way.
    OtherAuth(IpPrefix, TcpAuth),
    /// More than this many keys.
    TooMany(usize),
}

impl fmt::Display for KeyFileReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFileReason::Words(TcpAuth::Md5) => f.write_str("a TCP-MD5 key is written as PREFIX KEY"),
            KeyFileReason::Words(TcpAuth::Ao) => {
                f.write_str("a TCP-AO key is written as PREFIX SEND-ID RECV-ID ALGORITHM KEY")
            }
            KeyFileReason::Prefix => f.write_str("the line has to begin with an address or a prefix"),
            KeyFileReason::PrefixLength(max) => write!(f, "the length of this prefix is from 0 to {max}"),
            KeyFileReason::HostBits(right) => write!(f, "bits beyond the length are set; the prefix is {right}"),
            KeyFileReason::Id => f.write_str("SEND-ID and RECV-ID are numbers from 0 to 255"),
            KeyFileReason::Algorithm => {
                let [first, second, third] = AoAlgorithm::ALL.map(AoAlgorithm::name);
                write!(f, "ALGORITHM is {first}, {second} or {third}")
            }
            KeyFileReason::Hexadecimal => f.write_str("a key after 0x has two hexadecimal digits for each octet"),
            KeyFileReason::Unprintable => {
                f.write_str("a key has printable signs of ASCII only; other octets are written in hexadecimal after 0x")
            }
            KeyFileReason::Octets(octets) => {
                write!(f, "a key has from 1 to {KEY_OCTETS_MAX} octets; this one has {octets}")
            }
            KeyFileReason::Twice(prefix) => write!(f, "{prefix} has a key already"),
            KeyFileReason::SameIds(prefix) => {
                write!(f, "a key of {prefix} has this SEND-ID or RECV-ID already; keys for one peer differ in both")
            }
            KeyFileReason::OtherAuth(prefix, auth) => {
                write!(f, "{prefix} has a {auth} key already; a peer has either TCP-MD5 or TCP-AO")
            }
            KeyFileReason::TooMany(max) => write!(f, "more than {max} keys"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn md5(text: &str) -> Result<TcpKeys, String> {
        TcpKeys::default().with_md5(text).map_err(|error| error.to_string())
    }

    fn ao(text: &str) -> Result<TcpKeys, String> {
        TcpKeys::default().with_ao(text).map_err(|error| error.to_string())
    }

    #[test]
    fn t_md5_01_keys_are_read() {
        let longest = "~".repeat(80);
        let text = format!(
            "# routers\n\n192.0.2.1 s3cret#1!  # lab\n192.0.2.0/24\t0x00fF\r\n  2001:db8::/32 {longest}\n\
             ::ffff:192.0.2.2 0x{}",
            "a1".repeat(80)
        );
        let keys = md5(&text).unwrap();
        let secret = |address: &str| &*keys.md5.longest_match(address.parse().unwrap()).unwrap().1.0;
        assert_eq!(secret("192.0.2.1"), b"s3cret#1!");
        assert_eq!(secret("192.0.2.3"), [0x00, 0xff]);
        assert_eq!(secret("192.0.2.2"), [0xa1; 80]);
        assert_eq!(secret("2001:db8::1"), longest.as_bytes());
        assert_eq!(keys.key_for("198.51.100.1".parse().unwrap()), None);
        let of = ("192.0.2.0/24".parse().unwrap(), TcpAuth::Md5);
        assert_eq!(keys.key_for("::ffff:192.0.2.3".parse().unwrap()), Some(of));
        assert!(md5("# nothing\n").unwrap().is_empty());
    }

    #[test]
    fn t_ao_01_keys_are_read() {
        let text = "192.0.2.0/24 1 2 hmac-sha1-96 first # until May\n\
                    192.0.2.0/24 255 0 aes-128-cmac-96 0x00112233445566778899aabbccddeeff\n\
                    2001:db8::1 1 2 hmac-sha256-128 third";
        let keys = ao(text).unwrap();
        let shown: Vec<_> = keys
            .ao_keys()
            .map(|key| format!("{} {} {} {}", key.prefix, key.send_id, key.recv_id, key.algorithm.name()))
            .collect();
        assert_eq!(
            shown,
            [
                "192.0.2.0/24 1 2 hmac-sha1-96",
                "192.0.2.0/24 255 0 aes-128-cmac-96",
                "2001:db8::1/128 1 2 hmac-sha256-128"
            ]
        );
        assert_eq!(keys.ao_keys().nth(1).unwrap().secret.0.len(), 16);
        let of = ("2001:db8::1/128".parse().unwrap(), TcpAuth::Ao);
        assert_eq!(keys.key_for("2001:db8::1".parse().unwrap()), Some(of));
    }

    #[test]
    fn errors_name_the_line_and_no_key() {
        let two = "192.0.2.1 topsecret\n";
        for (line, expected) in [
            ("192.0.2.2", "a TCP-MD5 key is written as PREFIX KEY"),
            ("192.0.2.2 # topsecret", "a TCP-MD5 key is written as PREFIX KEY"),
            ("192.0.2.2 top secret", "a TCP-MD5 key is written as PREFIX KEY"),
            ("topsecret 192.0.2.2", "the line has to begin with an address or a prefix"),
            ("192.0.2.2/topsecret topsecret", "the length of this prefix is from 0 to 32"),
            ("192.0.2.2/24 topsecret", "bits beyond the length are set; the prefix is 192.0.2.0/24"),
            ("192.0.2.2 0xtopsecret", "a key after 0x has two hexadecimal digits for each octet"),
            ("192.0.2.2 0x123", "a key after 0x has two hexadecimal digits for each octet"),
            ("192.0.2.2 0x", "a key has from 1 to 80 octets; this one has 0"),
            (
                "192.0.2.2 tøpsecret",
                "a key has printable signs of ASCII only; other octets are written in hexadecimal after 0x",
            ),
            ("192.0.2.1 topsecret", "192.0.2.1/32 has a key already"),
            ("::ffff:192.0.2.1 topsecret", "192.0.2.1/32 has a key already"),
        ] {
            assert_eq!(md5(&format!("{two}{line}")).unwrap_err(), format!("line 2: {expected}"), "{line}");
        }
        let long = format!("192.0.2.1 {}", "k".repeat(81));
        assert_eq!(md5(&long).unwrap_err(), "line 1: a key has from 1 to 80 octets; this one has 81");
        let one = "192.0.2.0/24 1 2 hmac-sha1-96 topsecret\n";
        for (line, expected) in [
            ("192.0.2.2 topsecret", "a TCP-AO key is written as PREFIX SEND-ID RECV-ID ALGORITHM KEY"),
            ("192.0.2.2 1 256 hmac-sha1-96 k", "SEND-ID and RECV-ID are numbers from 0 to 255"),
            ("192.0.2.2 +1 2 hmac-sha1-96 k", "SEND-ID and RECV-ID are numbers from 0 to 255"),
            ("192.0.2.2 3 4 topsecret k", "ALGORITHM is hmac-sha1-96, aes-128-cmac-96 or hmac-sha256-128"),
            (
                "192.0.2.2 3 2 hmac-sha1-96 k",
                "a key of 192.0.2.0/24 has this SEND-ID or RECV-ID already; keys for one peer differ in both",
            ),
        ] {
            assert_eq!(ao(&format!("{one}{line}")).unwrap_err(), format!("line 2: {expected}"), "{line}");
        }
    }

    #[test]
    fn a_peer_has_one_kind_of_key() {
        let keys = md5("192.0.2.0/24 k").unwrap();
        assert_eq!(
            keys.clone().with_ao("192.0.2.1 1 1 hmac-sha1-96 k").unwrap_err().to_string(),
            "line 1: 192.0.2.0/24 has a TCP-MD5 key already; a peer has either TCP-MD5 or TCP-AO"
        );
        let keys = keys.with_ao("192.0.3.0/24 1 1 hmac-sha1-96 k").unwrap();
        assert_eq!(
            keys.with_md5("192.0.0.0/16 k").unwrap_err().to_string(),
            "line 1: 192.0.3.0/24 has a TCP-AO key already; a peer has either TCP-MD5 or TCP-AO"
        );
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let lines =
            |keys: u32| (0..keys).map(|n| format!("{} k\n", std::net::Ipv4Addr::from_bits(n))).collect::<String>();
        assert!(md5(&lines(1_024)).is_ok());
        assert_eq!(md5(&lines(1_025)).unwrap_err(), "line 1025: more than 1024 keys");
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = md5("192.0.2.1 topsecret").unwrap().with_ao("192.0.2.2 1 2 hmac-sha1-96 topsecret").unwrap();
        let shown = format!("{keys:?}");
        assert!(shown.contains("Secret") && !shown.contains("topsecret") && !shown.contains("116"), "{shown}");
    }
}
