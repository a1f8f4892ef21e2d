//! OpenSSH's `authorized_keys`: keys that may log in, with addresses and an expiry time.
//!
//! Options that only forbid what is not offered here anyway are accepted. Any other option would be a restriction that
//! is not enforced, so the file is refused.

use super::line_error::LineError;
use super::names::SUBSYSTEM;
use super::{key, pattern};
use russh::keys::PublicKey;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Options that change nothing here: no shell, terminal, forwarding or environment is offered. In small letters.
const WITHOUT_EFFECT: &[&str] = &[
    "restrict",
    "agent-forwarding",
    "no-agent-forwarding",
    "port-forwarding",
    "no-port-forwarding",
    "pty",
    "no-pty",
    "user-rc",
    "no-user-rc",
    "x11-forwarding",
    "no-x11-forwarding",
];

/// Options with a value that change nothing here.
const WITHOUT_EFFECT_WITH_VALUE: &[&str] = &["environment", "permitopen", "permitlisten", "tunnel"];

/// Start of a pattern of IPv4-mapped addresses, and its length.
const MAPPED: &str = "::ffff:";
const MAPPED_BITS: u8 = 96;

/// The keys that may log in.
#[derive(Clone, Debug, Default)]
pub struct AuthorizedKeys {
    entries: Vec<AuthorizedKey>,
}

#[derive(Clone, Debug)]
struct AuthorizedKey {
    key: PublicKey,
    from: Option<Vec<FromPattern>>,
    expires: Option<SystemTime>,
}

/// One pattern of `from=`.
#[derive(Clone, Debug)]
struct FromPattern {
    is_negated: bool,
    address: AddressPattern,
}

#[derive(Clone, Debug)]
enum AddressPattern {
    Prefix(IpAddr, u8),
    Glob(String),
}

impl AuthorizedKeys {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<AuthorizedKeys, LineError> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                entries.push(read_entry(line).map_err(|reason| LineError { line: index + 1, reason })?);
            }
        }
        Ok(AuthorizedKeys { entries })
    }

    /// Checks a login with this key from this address now; the error is the reason of a refusal.
    pub(super) fn permit(&self, key: &PublicKey, peer: Option<IpAddr>, now: SystemTime) -> Result<(), &'static str> {
        let mut reason = "is not authorised";
        for entry in self.entries.iter().filter(|entry| entry.key.key_data() == key.key_data()) {
            if entry.expires.is_some_and(|expires| expires <= now) {
                reason = "has expired";
            } else if !entry.from.as_ref().is_none_or(|from| is_from(from, peer)) {
                reason = "is not authorised from this address";
            } else {
                return Ok(());
            }
        }
        Err(reason)
    }
}

fn read_entry(line: &str) -> Result<AuthorizedKey, String> {
    let (first, rest) = split_word(line);
    if is_key_type(first) {
        let (text, _comment) = split_word(rest);
        return Ok(AuthorizedKey { key: key::read_public(first, text)?, from: None, expires: None });
    }
    let (options, rest) = split_options(line)?;
    let (kind, rest) = split_word(rest);
    let (text, _comment) = split_word(rest);
    if !is_key_type(kind) {
        return Err(format!("no type of key after the options, but {:?}", super::names::printable(kind)));
    }
    let mut entry = AuthorizedKey { key: key::read_public(kind, text)?, from: None, expires: None };
    for option in options {
        take_option(&mut entry, &option)?;
    }
    Ok(entry)
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-", "rsa-"].iter().any(|start| word.starts_with(start))
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once([' ', '\t']).unwrap_or((text, ""))
}

/// Splits at commas, up to the first space; both are plain text within quotes, where `\"` is a quote.
fn split_options(line: &str) -> Result<(Vec<String>, &str), String> {
    let mut options = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if is_quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                characters.next();
                options.last_mut().into_iter().for_each(|option| option.push('"'));
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => options.push(String::new()),
            ' ' | '\t' if !is_quoted => return Ok((options, line.get(at..).unwrap_or_default())),
            character => options.last_mut().into_iter().for_each(|option| option.push(character)),
        }
    }
    Err(if is_quoted { "a quote is not closed".to_owned() } else { "there is no key".to_owned() })
}

fn take_option(entry: &mut AuthorizedKey, option: &str) -> Result<(), String> {
    let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
    match (name.to_ascii_lowercase().as_str(), value) {
        ("from", Some(_)) if entry.from.is_some() => return Err("from= is given twice".to_owned()),
        ("from", Some(value)) => entry.from = Some(read_from(value)?),
        ("expiry-time", Some(value)) => {
            let expires = read_time(value)?;
            entry.expires = Some(entry.expires.map_or(expires, |earlier| earlier.min(expires)));
        }
        // In OpenSSH it replaces any request, that of the subsystem too; only this command changes nothing.
        ("command", Some(SUBSYSTEM)) => {}
        ("command", _) => {
            let option = super::names::printable(option);
            return Err(format!(
                "{option} is a restriction that is not enforced: only command={SUBSYSTEM} is accepted"
            ));
        }
        ("cert-authority", _) => return Err("certificates (cert-authority) are not supported".to_owned()),
        (name, None) if WITHOUT_EFFECT.contains(&name) => {}
        (name, Some(_)) if WITHOUT_EFFECT_WITH_VALUE.contains(&name) => {}
        _ => return Err(format!("option {} is not supported", super::names::printable(option))),
    }
    Ok(())
}

fn read_from(list: &str) -> Result<Vec<FromPattern>, String> {
    list.split(',').map(str::trim).map(read_pattern).collect()
}

fn read_pattern(text: &str) -> Result<FromPattern, String> {
    let (is_negated, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let refused = |what: &str| format!("from={}: {what}", super::names::printable(text));
    if let Some((address, length)) = text.split_once('/') {
        let address: IpAddr = address.parse().map_err(|_| refused("not an address before the /"))?;
        let length: u8 = length.parse().map_err(|_| refused("not a prefix length"))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        if length > bits {
            return Err(refused("the prefix length is too large"));
        }
        if prefix_of(address, length) != prefix_of_host(address) {
            return Err(refused("there are bits beyond the prefix length"));
        }
        return Ok(FromPattern { is_negated, address: canonical(address, length) });
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let length = if address.is_ipv4() { 32 } else { 128 };
        return Ok(FromPattern { is_negated, address: canonical(address, length) });
    }
    if text.to_ascii_lowercase().starts_with(MAPPED) {
        return Err(refused("IPv4 addresses are compared as such; leave ::ffff: out"));
    }
    let is_address_text = |character: char| character.is_ascii_hexdigit() || ".:*?".contains(character);
    if text.is_empty() || !text.chars().all(is_address_text) {
        return Err(refused("only addresses, prefixes and patterns of addresses; names are not looked up"));
    }
    Ok(FromPattern { is_negated, address: AddressPattern::Glob(text.to_owned()) })
}

/// A prefix of IPv4-mapped addresses as one of IPv4: that is how peers are compared.
fn canonical(address: IpAddr, length: u8) -> AddressPattern {
    match (address.to_canonical(), length.checked_sub(MAPPED_BITS)) {
        (mapped @ IpAddr::V4(_), Some(length)) if address.is_ipv6() => AddressPattern::Prefix(mapped, length),
        _ => AddressPattern::Prefix(address, length),
    }
}

/// A negated pattern that matches decides; else one has to match.
fn is_from(list: &[FromPattern], peer: Option<IpAddr>) -> bool {
    let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return false };
    let matches = |from: &&FromPattern| match &from.address {
        AddressPattern::Prefix(address, length) => {
            address.is_ipv4() == peer.is_ipv4() && prefix_of(peer, *length) == prefix_of_host(*address)
        }
        AddressPattern::Glob(text) => pattern::matches(text, &peer.to_string()),
    };
    !list.iter().filter(|from| from.is_negated).any(|from| matches(&from))
        && list.iter().filter(|from| !from.is_negated).any(|from| matches(&from))
}

/// An address's first bits, those behind them zero.
fn prefix_of(address: IpAddr, length: u8) -> u128 {
    let (bits, width) = (prefix_of_host(address), if address.is_ipv4() { 32 } else { 128 });
    let host_bits = u32::from(width - length.min(width));
    bits.checked_shr(host_bits).and_then(|bits| bits.checked_shl(host_bits)).unwrap_or(0)
}

fn prefix_of_host(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// `YYYYMMDD[HHMM[SS]]Z`. Without the Z OpenSSH uses the time zone of its machine, which this program does not have.
fn read_time(text: &str) -> Result<SystemTime, String> {
    let refused = || format!("expiry-time={} is not YYYYMMDDZ or YYYYMMDDHHMM[SS]Z", super::names::printable(text));
    let Some(digits) = text.strip_suffix(['Z', 'z']) else {
        return Err(format!("{}; only times in UTC are understood, with a Z at the end", refused()));
    };
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) || ![8, 12, 14].contains(&digits.len()) {
        return Err(refused());
    }
    let number = |range| digits.get(range).map_or(Ok(0), |part: &str| part.parse::<u64>().map_err(|_| refused()));
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second) = (number(8..10)?, number(10..12)?, number(12..14)?);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_of = |year: u64, month: u64| match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year < 1970
        || !(1..=12).contains(&month)
        || !(1..=days_of(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return Err(refused());
    }
    let days = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum::<u64>()
        + (1..month).map(|month| days_of(year, month)).sum::<u64>()
        + (day - 1);
    Ok(UNIX_EPOCH + Duration::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::super::{SshKey, SshKeyKind};
    use super::*;

    fn key() -> SshKey {
        SshKey::generate(SshKeyKind::Ed25519).unwrap()
    }

    fn permits(keys: &AuthorizedKeys, key: &SshKey, peer: &str) -> bool {
        keys.permit(key.private().public_key(), Some(peer.parse().unwrap()), SystemTime::now()).is_ok()
    }

    #[test]
    fn keys_comments_and_options_without_effect() {
        let (one, two) = (key(), key());
        let text = format!(
            "# routers\n\n{} r1 with a comment\n restrict,No-PTY,command=\"rpki-rtr\",pty,environment=\"A=\\\"B\\\", C\" {}\n",
            one.public_line(),
            two.public_line()
        );
        let keys = AuthorizedKeys::parse(&text).unwrap();
        assert!(permits(&keys, &one, "192.0.2.1"));
        assert!(permits(&keys, &two, "2001:db8::1"));
        assert!(!permits(&keys, &key(), "192.0.2.1"));
    }

    #[test]
    fn from_decides_by_address() {
        let key = key();
        for (from, yes, no) in [
            (
                "192.0.2.0/24,!192.0.2.9",
                &["192.0.2.1", "::ffff:192.0.2.1"][..],
                &["192.0.2.9", "198.51.100.1", "::1"][..],
            ),
            ("!192.0.2.9", &[], &["192.0.2.1", "192.0.2.9"]),
            ("192.0.2.1", &["192.0.2.1"], &["192.0.2.10"]),
            ("192.0.2.?", &["192.0.2.1"], &["192.0.2.10"]),
            ("192.0.*", &["192.0.2.10"], &["192.1.2.10"]),
            ("2001:db8::/32, 10.0.0.0/8", &["2001:db8:1::1", "10.9.9.9"], &["2001:db9::1", "11.0.0.1"]),
            ("*,!::ffff:192.0.2.1", &["192.0.2.2", "2001:db8::1"], &["192.0.2.1", "::ffff:192.0.2.1"]),
            ("*,!::FFFF:c000:0200/120", &["192.0.3.1", "2001:db8::1"], &["192.0.2.1"]),
            ("::ffff:0:0/96", &["192.0.2.1"], &["2001:db8::1"]),
            ("0.0.0.0/0", &["192.0.2.1"], &["2001:db8::1"]),
            ("::/0", &["2001:db8::1"], &["192.0.2.1"]),
        ] {
            let keys = AuthorizedKeys::parse(&format!("from=\"{from}\" {}", key.public_line())).unwrap();
            yes.iter().for_each(|peer| assert!(permits(&keys, &key, peer), "{from} {peer}"));
            no.iter().for_each(|peer| assert!(!permits(&keys, &key, peer), "{from} {peer}"));
            // A peer without an address is from nowhere.
            assert!(keys.permit(key.private().public_key(), None, SystemTime::now()).is_err());
        }
    }

    #[test]
    fn a_second_line_may_permit_what_the_first_does_not() {
        let key = key();
        let line = key.public_line();
        let keys = AuthorizedKeys::parse(&format!("from=\"192.0.2.1\" {line}\nfrom=\"192.0.2.2\" {line}")).unwrap();
        assert!(permits(&keys, &key, "192.0.2.2"));
        assert!(!permits(&keys, &key, "192.0.2.3"));
    }

    #[test]
    fn expiry_is_a_moment_in_utc() {
        let key = key();
        for (text, seconds) in
            [("20300101Z", 1_893_456_000), ("203001010000Z", 1_893_456_000), ("20240229235959Z", 1_709_251_199)]
        {
            let keys = AuthorizedKeys::parse(&format!("expiry-time=\"{text}\" {}", key.public_line())).unwrap();
            let at = |seconds| {
                let now = UNIX_EPOCH + Duration::from_secs(seconds);
                keys.permit(key.private().public_key(), None, now)
            };
            assert_eq!(at(seconds - 1), Ok(()));
            assert_eq!(at(seconds), Err("has expired"));
        }
    }

    #[test]
    fn lines_that_refuse_the_file() {
        let line = key().public_line();
        let short = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7";
        for text in [
            format!("cert-authority {line}"),
            format!("verify-required {line}"),
            format!("from=\"router.example\" {line}"),
            format!("from=\"!router.example,*\" {line}"),
            format!("from=\"*,!::FFFF:192.0.2.*\" {line}"),
            format!("command=\"/usr/bin/false\" {line}"),
            format!("command {line}"),
            format!("from=\"192.0.2.1/24\" {line}"),
            format!("from=\"192.0.2.0/33\" {line}"),
            format!("from=\"192.0.2.0/24 {line}"),
            format!("from=\"\" {line}"),
            format!("from {line}"),
            format!("pty=\"x\" {line}"),
            format!("expiry-time=\"20300101\" {line}"),
            format!("expiry-time=\"20300230Z\" {line}"),
            format!("expiry-time=\"2030é101Z\" {line}"),
            "restrict".to_owned(),
            "ssh-ed25519 AAAA".to_owned(),
            "sk-ssh-ed25519@openssh.com AAAA".to_owned(),
            short.to_owned(),
            "nonsense on a line".to_owned(),
        ] {
            let error = AuthorizedKeys::parse(&format!("# first\n{text}")).unwrap_err();
            assert_eq!(error.line, 2, "{text}");
        }
        let error = AuthorizedKeys::parse(&format!("command=\"/usr/bin/false\" {line}")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1: command=/usr/bin/false is a restriction that is not enforced: only command=rpki-rtr is accepted"
        );
        let error = AuthorizedKeys::parse("ssh-dss AAAAB3NzaC1kc3MAAACBAKR5").unwrap_err();
        assert!(error.reason.contains("DSA"), "{error}");
    }
}
