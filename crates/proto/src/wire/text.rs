//! One line of text for each PDU, printed and parsed: for dumps, logs, tests and fuzzers.
//!
//! ```text
//! v1 reset-query
//! v1 serial-query session=4660 serial=7
//! v1 ipv4 + 10.0.0.0/8-24 AS64496
//! v2 aspa + AS64496 AS64497,AS64498
//! v1 end-of-data session=4660 serial=7 refresh=3600 retry=600 expire=7200
//! v1 error 4 "supported versions 0-1" copy=0202000000000008
//! ```

use super::{ErrorReport, Pdu};
use crate::payload::{Action, Asn, Prefix, ProviderAsn, RouteOrigin, RouterKey};
use crate::serial::{Serial, SessionId};
use crate::version::Version;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::net::IpAddr;

impl Pdu<'_> {
    /// The PDU as a line, without a line end.
    pub fn line(&self, version: Version) -> String {
        let mut line = format!("v{version} ");
        self.write_line(&mut line).expect("writing to a String does not fail");
        line
    }

    fn write_line(&self, f: &mut String) -> fmt::Result {
        let sign = |action: Action| match action {
            Action::Announce => '+',
            Action::Withdraw => '-',
        };
        match self {
            Pdu::SerialNotify { session, serial } => write!(f, "serial-notify session={session} serial={serial}"),
            Pdu::SerialQuery { session, serial } => write!(f, "serial-query session={session} serial={serial}"),
            Pdu::ResetQuery => f.write_str("reset-query"),
            Pdu::CacheResponse { session } => write!(f, "cache-response session={session}"),
            Pdu::CacheReset => f.write_str("cache-reset"),
            Pdu::Prefix { action, origin } => {
                let family = if origin.prefix().addr().is_ipv4() { "ipv4" } else { "ipv6" };
                write!(f, "{family} {} {origin}", sign(*action))
            }
            Pdu::EndOfData { session, serial, timers } => {
                write!(f, "end-of-data session={session} serial={serial}")?;
                match timers {
                    Some([refresh, retry, expire]) => write!(f, " refresh={refresh} retry={retry} expire={expire}"),
                    None => Ok(()),
                }
            }
            Pdu::RouterKey { action, key } => {
                write!(f, "router-key {} {} {} {}", sign(*action), hex(&key.ski()), key.asn(), hex(key.spki()))
            }
            Pdu::ErrorReport(report) => {
                write!(f, "error {} \"{}\" copy={}", report.code, report.text.escape_ascii(), hex(report.copy))
            }
            Pdu::Aspa { action, customer, providers } => {
                write!(f, "aspa {} {customer}", sign(*action))?;
                for (index, provider) in providers.iter().enumerate() {
                    write!(f, "{}AS{}", if index == 0 { ' ' } else { ',' }, u32::from_be_bytes(*provider))?;
                }
                Ok(())
            }
        }
    }
}

/// Octets as lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        write!(text, "{octet:02x}").expect("writing to a String does not fail");
        text
    })
}

/// Octets from hexadecimal in either case; white space is ignored.
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A line that is not a PDU's text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line.
    pub line: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a PDU in text form: {}", self.line)
    }
}

impl core::error::Error for ParseError {}

/// Reads a line as [`Pdu::line`] prints it, and gives the PDU's octets.
pub fn parse_line(line: &str) -> Result<Vec<u8>, ParseError> {
    octets_of(line).ok_or_else(|| ParseError { line: line.to_owned() })
}

fn octets_of(line: &str) -> Option<Vec<u8>> {
    let (version, rest) = line.trim().split_once(' ')?;
    let version = Version::from_octet(version.strip_prefix('v')?.parse().ok()?)?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let words: Vec<&str> = rest.split_whitespace().collect();
    let mut out = Vec::new();
    let encode = |pdu: Pdu<'_>, out: &mut Vec<u8>| pdu.encode(version, out);
    match (name, words.as_slice()) {
        ("reset-query", []) => encode(Pdu::ResetQuery, &mut out),
        ("cache-reset", []) => encode(Pdu::CacheReset, &mut out),
        ("cache-response", [session]) => {
            encode(Pdu::CacheResponse { session: session_of(session)? }, &mut out);
        }
        ("serial-notify", [session, serial]) => {
            encode(Pdu::SerialNotify { session: session_of(session)?, serial: serial_of(serial)? }, &mut out);
        }
        ("serial-query", [session, serial]) => {
            encode(Pdu::SerialQuery { session: session_of(session)?, serial: serial_of(serial)? }, &mut out);
        }
        ("end-of-data", [session, serial, timers @ ..]) => {
            let timers = match timers {
                [] => None,
                [refresh, retry, expire] => {
                    Some([member(refresh, "refresh=")?, member(retry, "retry=")?, member(expire, "expire=")?])
                }
                _ => return None,
            };
            let (session, serial) = (session_of(session)?, serial_of(serial)?);
            encode(Pdu::EndOfData { session, serial, timers }, &mut out);
        }
        ("ipv4" | "ipv6", [action, prefix, asn]) => {
            let (prefix, max_len) = prefix.rsplit_once('-')?;
            let (addr, len) = prefix.split_once('/')?;
            let addr: IpAddr = addr.parse().ok()?;
            if addr.is_ipv4() != (name == "ipv4") {
                return None;
            }
            let prefix = Prefix::new(addr, len.parse().ok()?).ok()?;
            let origin = RouteOrigin::new(prefix, max_len.parse().ok()?, asn_of(asn)?).ok()?;
            encode(Pdu::Prefix { action: action_of(action)?, origin }, &mut out);
        }
        ("router-key", [action, ski, asn, spki]) => {
            let spki = parse_hex(spki)?;
            let key = RouterKey::new(parse_hex(ski)?.try_into().ok()?, asn_of(asn)?, &spki).ok()?;
            encode(Pdu::RouterKey { action: action_of(action)?, key }, &mut out);
        }
        ("aspa", [action, customer, providers @ ..]) if providers.len() <= 1 => {
            let providers = providers
                .iter()
                .flat_map(|list| list.split(','))
                .map(|asn| asn_of(asn).map(|asn| asn.0.to_be_bytes()))
                .collect::<Option<Vec<ProviderAsn>>>()?;
            let (action, customer) = (action_of(action)?, asn_of(customer)?);
            encode(Pdu::Aspa { action, customer, providers: &providers }, &mut out);
        }
        ("error", [_, _, ..]) => {
            let (code, rest) = rest.split_once(" \"")?;
            let (text, copy) = rest.rsplit_once("\" copy=")?;
            let (text, copy) = (unescape(text)?, parse_hex(copy)?);
            encode(Pdu::ErrorReport(ErrorReport { code: code.parse().ok()?, copy: &copy, text: &text }), &mut out);
        }
        _ => return None,
    }
    Some(out)
}

fn member<T: core::str::FromStr>(word: &str, name: &str) -> Option<T> {
    word.strip_prefix(name)?.parse().ok()
}

fn session_of(word: &str) -> Option<SessionId> {
    member(word, "session=").map(SessionId)
}

fn serial_of(word: &str) -> Option<Serial> {
    member(word, "serial=").map(Serial)
}

fn asn_of(word: &str) -> Option<Asn> {
    member(word, "AS").map(Asn)
}

fn action_of(word: &str) -> Option<Action> {
    match word {
        "+" => Some(Action::Announce),
        "-" => Some(Action::Withdraw),
        _ => None,
    }
}

/// Undoes [`u8::escape_ascii`].
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        out.push(match octet {
            b'\\' => match rest.next()? {
                b't' => b'\t',
                b'r' => b'\r',
                b'n' => b'\n',
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(core::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                quoted @ (b'\\' | b'\'' | b'"') => quoted,
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(out)
}
