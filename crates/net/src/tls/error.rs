//! What can be wrong with certificates, keys and lists before any connection is made.

use super::describe;
use std::error::Error;
use std::fmt;

/// What was to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPart {
    /// The certificate chain that is shown.
    Chain,
    /// Its private key.
    Key,
    /// The certificates of the authorities that are trusted.
    Authorities,
    /// The CRLs, by their place in the list from 0 on.
    Crls(usize),
}

impl fmt::Display for TlsPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsPart::Chain => "the certificate chain",
            TlsPart::Key => "the key",
            TlsPart::Authorities => "the authorities",
            TlsPart::Crls(_) => "the CRLs",
        })
    }
}

/// Why TLS can't be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// Nothing of the kind is in the PEM text.
    Missing(TlsPart),
    /// It can't be read.
    Unreadable(TlsPart, String),
    /// The private key is encrypted.
    EncryptedKey,
    /// The private key is not that of the first certificate in the chain.
    KeyMismatch,
    /// This is no name that a server's certificate can have.
    Name(String),
    /// The system has no authorities.
    NoSystemAuthorities(String),
}

impl TlsError {
    /// What the library does not take of a part.
    pub(super) fn of_library(part: TlsPart, error: &rustls::Error) -> TlsError {
        TlsError::Unreadable(part, describe::error(error))
    }

    /// Which of the inputs it is about, so that the caller can name its file.
    pub fn part(&self) -> Option<TlsPart> {
        match self {
            TlsError::Missing(part) | TlsError::Unreadable(part, _) => Some(*part),
            TlsError::EncryptedKey | TlsError::KeyMismatch => Some(TlsPart::Key),
            TlsError::Name(_) | TlsError::NoSystemAuthorities(_) => None,
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Missing(TlsPart::Chain | TlsPart::Authorities) => f.write_str("there is no certificate in it"),
            TlsError::Missing(TlsPart::Key) => f.write_str("there is no private key in it"),
            TlsError::Missing(TlsPart::Crls(_)) => f.write_str("there is no CRL in it (PEM calls it X509 CRL)"),
            TlsError::Unreadable(part, why) => write!(f, "{part} can't be read: {why}"),
            TlsError::EncryptedKey => {
                f.write_str("the key is encrypted, and encrypted keys are not read: decrypt it with `openssl pkey`")
            }
            TlsError::KeyMismatch => {
                f.write_str("the key does not belong to the certificate (the first one in the chain has to be our own)")
            }
            TlsError::Name(name) => {
                write!(f, "{name:?} is no name that a certificate can be for; it is a DNS name or an address")
            }
            TlsError::NoSystemAuthorities(why) if why.is_empty() => {
                f.write_str("the system has no authorities: name the one that vouches for the cache")
            }
            TlsError::NoSystemAuthorities(why) => {
                write!(f, "the system's authorities can't be read ({why}): name the one that vouches for the cache")
            }
        }
    }
}

impl Error for TlsError {}
