//! OpenSSH's `known_hosts`: host keys that a cache may present.

use super::line_error::LineError;
use super::{key, pattern};
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::PublicKey;
use russh::keys::ssh_encoding::base64::{Base64, Encoding};
use russh::keys::ssh_key::Algorithm;
use sha1::Sha1;

/// The port that names leave out.
const DEFAULT_PORT: u16 = 22;

/// Known host keys.
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    entries: Vec<KnownHost>,
    notes: Vec<LineError>,
}

/// Result of the lookup of a host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HostKey {
    /// It is a key of the host.
    Known,
    /// There is no key of this host.
    Unknown,
    /// The host has another key in this line.
    Changed {
        /// The line, from 1 on.
        line: usize,
    },
    /// This line revokes the key.
    Revoked {
        /// The line, from 1 on.
        line: usize,
    },
}

#[derive(Clone, Debug)]
struct KnownHost {
    line: usize,
    is_revoked: bool,
    names: HostNames,
    key: PublicKey,
}

#[derive(Clone, Debug)]
enum HostNames {
    /// The HMAC of one name.
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
    /// Patterns, those with `!` in a list of their own.
    Patterns { wanted: Vec<String>, unwanted: Vec<String> },
}

impl KnownHosts {
    /// Reads the file's text. Lines that do not concern plain host keys are noted and skipped.
    pub fn parse(text: &str) -> Result<KnownHosts, LineError> {
        let mut known = KnownHosts::default();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refused = |reason: &str| LineError { line: number, reason: reason.to_owned() };
            let mut words = line.split_ascii_whitespace();
            let mut names = words.next().unwrap_or_default();
            let mut is_revoked = false;
            match names {
                "@cert-authority" => {
                    known.notes.push(refused("certificates are not supported, so the line has no effect"));
                    continue;
                }
                "@revoked" => {
                    is_revoked = true;
                    names = words.next().unwrap_or_default();
                }
                marker if marker.starts_with('@') => return Err(refused("an unknown marker")),
                _ => {}
            }
            let (Some(kind), Some(text)) = (words.next(), words.next()) else {
                return Err(refused("a line is names, type of key, key"));
            };
            let names = read_names(names).map_err(refused)?;
            match key::read_public(kind, text) {
                Ok(key) => known.entries.push(KnownHost { line: number, is_revoked, names, key }),
                // A file that many programs use has keys that this one cannot, as of other hosts.
                Err(reason) => known.notes.push(LineError { line: number, reason }),
            }
        }
        Ok(known)
    }

    /// Returns one public key (`ssh-ed25519 AAAA...`), for any host.
    pub fn any_host_with(line: &str) -> Result<KnownHosts, LineError> {
        let mut words = line.split_ascii_whitespace();
        let (kind, text) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let key = key::read_public(kind, text).map_err(|reason| LineError { line: 1, reason })?;
        let names = HostNames::Patterns { wanted: vec!["*".to_owned()], unwanted: Vec::new() };
        Ok(KnownHosts { entries: vec![KnownHost { line: 1, is_revoked: false, names, key }], notes: Vec::new() })
    }

    /// Lines that have no effect, and why.
    pub fn notes(&self) -> &[LineError] {
        &self.notes
    }

    /// Looks up a host key.
    pub(super) fn judge(&self, host: &str, port: u16, key: &PublicKey) -> HostKey {
        let mut verdict = HostKey::Unknown;
        for entry in self.entries_of(host, port) {
            let is_this = entry.key.key_data() == key.key_data();
            match (entry.is_revoked, is_this) {
                (true, true) => return HostKey::Revoked { line: entry.line },
                (true, false) => {}
                (false, true) => verdict = HostKey::Known,
                (false, false) if verdict == HostKey::Unknown => verdict = HostKey::Changed { line: entry.line },
                (false, false) => {}
            }
        }
        verdict
    }

    /// Returns the algorithms to offer to a host: first those of its known keys, so that it does not present another
    /// one.
    pub(super) fn algorithms(&self, host: &str, port: u16, all: &[Algorithm]) -> Vec<Algorithm> {
        let known: Vec<Algorithm> =
            self.entries_of(host, port).filter(|entry| !entry.is_revoked).map(|entry| entry.key.algorithm()).collect();
        let is_known = |algorithm: &Algorithm| {
            known.iter().any(|known| known == algorithm || (known.clone().is_rsa() && algorithm.clone().is_rsa()))
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = all.iter().cloned().partition(is_known);
        first.extend(rest);
        first
    }

    fn entries_of(&self, host: &str, port: u16) -> impl Iterator<Item = &KnownHost> {
        let name = name(host, port);
        self.entries.iter().filter(move |entry| entry.names.match_name(&name))
    }
}

/// Returns the name of a host in the file.
pub(super) fn name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == DEFAULT_PORT { host } else { format!("[{host}]:{port}") }
}

fn read_names(text: &str) -> Result<HostNames, &'static str> {
    if let Some(rest) = text.strip_prefix("|1|") {
        let (salt, hash) = rest.split_once('|').ok_or("a hashed name is |1|salt|hash")?;
        let read = |text| Base64::decode_vec(text).map_err(|_| "a hashed name is not base64");
        return Ok(HostNames::Hashed { salt: read(salt)?, hash: read(hash)? });
    }
    if text.starts_with('|') {
        return Err("a name hashed in an unknown way");
    }
    let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
    for pattern in text.split(',').filter(|pattern| !pattern.is_empty()) {
        match pattern.strip_prefix('!') {
            Some(pattern) => unwanted.push(pattern.to_owned()),
            None => wanted.push(pattern.to_owned()),
        }
    }
    Ok(HostNames::Patterns { wanted, unwanted })
}

impl HostNames {
    fn match_name(&self, name: &str) -> bool {
        match self {
            HostNames::Hashed { salt, hash } => {
                Hmac::<Sha1>::new_from_slice(salt).is_ok_and(|mac| mac.chain_update(name).verify_slice(hash).is_ok())
            }
            HostNames::Patterns { wanted, unwanted } => {
                !unwanted.iter().any(|pattern| pattern::matches(pattern, name))
                    && wanted.iter().any(|pattern| pattern::matches(pattern, name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SshKey, SshKeyKind};
    use super::*;

    fn judge(text: &str, host: &str, port: u16, key: &SshKey) -> HostKey {
        KnownHosts::parse(text).unwrap().judge(host, port, key.private().public_key())
    }

    #[test]
    fn names_patterns_and_ports() {
        let key = SshKey::generate(SshKeyKind::Ed25519).unwrap();
        let line = key.public_line();
        for (names, host, port, known) in [
            ("cache.example", "Cache.Example", 22, true),
            ("cache.example", "cache.example", 2222, false),
            ("[cache.example]:2222", "cache.example", 2222, true),
            ("[cache.example]:2222", "cache.example", 22, false),
            ("*.example,!b.example", "a.example", 22, true),
            ("*.example,!b.example", "b.example", 22, false),
            ("[*]:2222", "::1", 2222, true),
            ("other,192.0.2.?", "192.0.2.7", 22, true),
        ] {
            let expected = if known { HostKey::Known } else { HostKey::Unknown };
            assert_eq!(judge(&format!("# c\n{names} {line} comment"), host, port, &key), expected, "{names}");
        }
    }

    #[test]
    fn hashed_names() {
        // HMAC-SHA1 of the name under the salt 0, 1, .. 19.
        let key = SshKey::generate(SshKeyKind::Ed25519).unwrap();
        let salt: Vec<u8> = (0..20).collect();
        let hash = Hmac::<Sha1>::new_from_slice(&salt).unwrap().chain_update("[cache.example]:2222").finalize();
        let (salt, hash) = (Base64::encode_string(&salt), Base64::encode_string(&hash.into_bytes()));
        let text = format!("|1|{salt}|{hash} {}", key.public_line());
        assert_eq!(judge(&text, "cache.example", 2222, &key), HostKey::Known);
        assert_eq!(judge(&text, "cache.example", 22, &key), HostKey::Unknown);
    }

    #[test]
    fn changed_and_revoked_keys() {
        let (old, new) =
            (SshKey::generate(SshKeyKind::Ed25519).unwrap(), SshKey::generate(SshKeyKind::EcdsaP256).unwrap());
        let text = format!("a {}\n", old.public_line());
        assert_eq!(judge(&text, "a", 22, &new), HostKey::Changed { line: 1 });
        let text = format!("a {}\na {}\n", old.public_line(), new.public_line());
        assert_eq!(judge(&text, "a", 22, &new), HostKey::Known);
        let text = format!("a {}\n@revoked * {}\n", new.public_line(), new.public_line());
        assert_eq!(judge(&text, "a", 22, &new), HostKey::Revoked { line: 2 });
    }

    #[test]
    fn known_algorithms_come_first() {
        let key = SshKey::generate(SshKeyKind::EcdsaP256).unwrap();
        let known = KnownHosts::parse(&format!("a {}", key.public_line())).unwrap();
        let all = super::super::algorithms::KEYS;
        let asked = known.algorithms("a", 22, all);
        assert_eq!(asked.first(), Some(&key.private().algorithm()));
        assert_eq!(asked.len(), all.len());
        assert_eq!(known.algorithms("b", 22, all), all);
    }

    #[test]
    fn lines_with_no_effect_are_noted_and_others_refused() {
        let line = SshKey::generate(SshKeyKind::Ed25519).unwrap().public_line();
        let known = KnownHosts::parse(&format!("@cert-authority *.example {line}\nb ssh-dss AAAA\n")).unwrap();
        assert_eq!(known.notes().iter().map(|note| note.line).collect::<Vec<_>>(), [1, 2]);
        for text in ["@other a ssh-ed25519 AAAA", "a", "a ssh-ed25519", "|2|a|b ssh-ed25519 AAAA", "|1|a ssh-ed25519 A"]
        {
            assert_eq!(KnownHosts::parse(text).unwrap_err().line, 1, "{text}");
        }
        assert!(KnownHosts::any_host_with("ssh-ed25519 AAAA").is_err());
        assert!(KnownHosts::any_host_with(&line).is_ok());
    }
}
