//! Private keys: a cache's host keys, and what a router's side logs in with.

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::private::{KeypairData, RsaKeypair};
use russh::keys::ssh_key::{self, LineEnding};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey, PublicKey};
use std::error::Error;
use std::fmt;

/// The size of RSA keys that are made.
const RSA_BITS: usize = 3072;

/// The size below which RSA keys are refused.
pub(super) const RSA_BITS_MIN: u32 = 2048;

/// What kind of key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SshKeyKind {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-nistp256`.
    EcdsaP256,
    /// `ssh-rsa` of 3,072 bits, for routers that know nothing else. Making one takes seconds.
    Rsa,
}

/// Why a key is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// It is protected by a passphrase, and there is nobody to ask for it.
    Encrypted,
    /// Its kind or size is not supported; the text says why.
    Unsupported(String),
    /// It is no key in OpenSSH's format.
    Malformed(String),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Encrypted => f.write_str(
                "the key is encrypted; remove its passphrase with `ssh-keygen -p`, or make a key without one",
            ),
            KeyError::Unsupported(reason) => f.write_str(reason),
            KeyError::Malformed(reason) => {
                write!(
                    f,
                    "not a private key in OpenSSH's format ({reason}); `ssh-keygen -p -f FILE` converts older ones"
                )
            }
        }
    }
}

impl Error for KeyError {}

/// A private key.
#[derive(Clone)]
pub struct SshKey(PrivateKey);

impl SshKey {
    /// A new one.
    pub fn generate(kind: SshKeyKind) -> Result<SshKey, KeyError> {
        let mut random = safe_rng();
        let key = match kind {
            SshKeyKind::Ed25519 => PrivateKey::random(&mut random, Algorithm::Ed25519),
            SshKeyKind::EcdsaP256 => PrivateKey::random(&mut random, Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }),
            SshKeyKind::Rsa => RsaKeypair::random(&mut random, RSA_BITS)
                .and_then(|pair| PrivateKey::new(KeypairData::from(pair), String::new())),
        };
        key.map(SshKey).map_err(|error| KeyError::Unsupported(error.to_string()))
    }

    /// Reads what `ssh-keygen` writes.
    pub fn from_openssh(text: &str) -> Result<SshKey, KeyError> {
        let key = PrivateKey::from_openssh(text).map_err(|error| KeyError::Malformed(error.to_string()))?;
        if key.is_encrypted() {
            return Err(KeyError::Encrypted);
        }
        check_kind(key.public_key()).map_err(KeyError::Unsupported)?;
        Ok(SshKey(key))
    }

    /// As `ssh-keygen` writes it. It is a secret: the file must be the owner's alone.
    pub fn to_openssh(&self) -> Result<String, KeyError> {
        let text = self.0.to_openssh(LineEnding::LF).map_err(|error| KeyError::Unsupported(error.to_string()))?;
        Ok(text.as_str().to_owned())
    }

    /// The line of its public half, for `authorized_keys` and, behind a name, `known_hosts`.
    pub fn public_line(&self) -> String {
        public_line(self.0.public_key())
    }

    /// `SHA256:...`, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.0.public_key())
    }

    pub(super) fn private(&self) -> &PrivateKey {
        &self.0
    }
}

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshKey({})", self.fingerprint())
    }
}

pub(super) fn public_line(key: &PublicKey) -> String {
    // It cannot fail for a key that was read or made.
    key.to_openssh().unwrap_or_default()
}

pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Reads the type and the base64 text of a public key.
pub(super) fn read_public(kind: &str, text: &str) -> Result<PublicKey, String> {
    if kind == "ssh-dss" {
        return Err("DSA keys (ssh-dss) are too weak and are not supported; use ed25519, ecdsa or rsa".to_owned());
    }
    let key = PublicKey::from_openssh(&format!("{kind} {text}")).map_err(|error| match error {
        ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
            format!("keys of type {} are not supported", super::names::printable(kind))
        }
        error => format!("no public key: {error}"),
    })?;
    check_kind(&key)?;
    Ok(key)
}

fn check_kind(key: &PublicKey) -> Result<(), String> {
    match key.key_data() {
        ssh_key::public::KeyData::Ed25519(_) | ssh_key::public::KeyData::Ecdsa(_) => Ok(()),
        ssh_key::public::KeyData::Rsa(rsa) if rsa.key_size() >= RSA_BITS_MIN => Ok(()),
        ssh_key::public::KeyData::Rsa(rsa) => {
            Err(format!("an RSA key of {} bits is too short; {RSA_BITS_MIN} is the least", rsa.key_size()))
        }
        _ => Err(format!("keys of type {} are not supported; use ed25519, ecdsa or rsa", key.algorithm())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCRYPTED: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABANCd/y+0
t6erSExVnJ/BHJAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIL2exoBnxI+rMkdF
3B+RcVX3s4O7qG2chFgG6DfZQlJAAAAAkE3455Dv4DhHzGzaCGwd9x4XNonU92ssjomTeR
RPf/VFyYONy5ILUZbb5IS92siwshL88vtGFZ78P6Soa+HBwWAbmQMd2Yq7FLw4Ob53rxDQ
Fnm/wotp50pQeBHw5Pb/Ib8NdNsrekoMBHzHd6oE3spV3Q/Xk0xe2FRsQriKfbCkwwtkz8
1SZ9ifQ469f6kDJg==
-----END OPENSSH PRIVATE KEY-----
";

    #[test]
    fn keys_of_each_kind_are_written_and_read() {
        for (kind, name) in [
            (SshKeyKind::Ed25519, "ssh-ed25519"),
            (SshKeyKind::EcdsaP256, "ecdsa-sha2-nistp256"),
            (SshKeyKind::Rsa, "ssh-rsa"),
        ] {
            let made = SshKey::generate(kind).unwrap();
            let text = made.to_openssh().unwrap();
            assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
            let read = SshKey::from_openssh(&text).unwrap();
            assert_eq!((read.public_line(), read.fingerprint()), (made.public_line(), made.fingerprint()));
            assert!(made.fingerprint().starts_with("SHA256:"));
            let line = made.public_line();
            let (kind, text) = line.split_once(' ').unwrap();
            assert_eq!(kind, name);
            assert_eq!(fingerprint(&read_public(kind, text).unwrap()), made.fingerprint());
            // A secret does not get into a log.
            assert_eq!(format!("{made:?}"), format!("SshKey({})", made.fingerprint()));
        }
    }

    #[test]
    fn keys_that_are_not_taken() {
        assert_eq!(SshKey::from_openssh(ENCRYPTED).unwrap_err(), KeyError::Encrypted);
        for text in ["", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "ssh-ed25519 AAAA"] {
            assert!(matches!(SshKey::from_openssh(text), Err(KeyError::Malformed(_))), "{text}");
        }
        let pair = RsaKeypair::random(&mut safe_rng(), 1024).unwrap();
        let short = PrivateKey::new(KeypairData::from(pair), "").unwrap();
        let reason = check_kind(short.public_key()).unwrap_err();
        assert_eq!(reason, "an RSA key of 1024 bits is too short; 2048 is the least");
    }
}
