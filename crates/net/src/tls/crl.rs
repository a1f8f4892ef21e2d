//! Defects of a CRL that can be read: one of another authority revokes nothing, and one that has expired refuses all
//! routers of its authority.

use super::der::{self, Elements, SEQUENCE};
use super::describe::duration;
use rustls::RootCertStore;

const INTEGER: u8 = 0x02;

/// Issuer and expiry of a CRL of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlOrigin {
    /// Index in the list of CRLs, from 0 on.
    pub index: usize,
    /// True if one of the authorities has the name of its issuer. Otherwise it is in effect only for certificates of an
    /// intermediate authority that a router presents.
    pub is_of_authority: bool,
    /// Time at which the next one is due, after which this one has expired, in seconds since 1970.
    pub next_update: Option<i64>,
}

impl CrlOrigin {
    /// Reads those of a CRL in DER (RFC 5280 section 5.1).
    pub(super) fn of(index: usize, crl: &[u8], authorities: &RootCertStore) -> Option<CrlOrigin> {
        let (_, list) = Elements(crl).next()?;
        let (_, to_be_signed) = Elements(list).next()?;
        // A version may come first, then the algorithm of the signature.
        let mut elements = Elements(to_be_signed).skip_while(|(tag, _)| *tag == INTEGER).skip(1);
        let (_, issuer) = elements.next().filter(|(tag, _)| *tag == SEQUENCE)?;
        der::time(elements.next()?)?;
        let next_update = elements.next().and_then(der::time);
        let is_of_authority = authorities.roots.iter().any(|authority| authority.subject.as_ref() == issuer);
        Some(CrlOrigin { index, is_of_authority, next_update })
    }

    /// Returns the time since it expired, in English, at a time in seconds since 1970.
    pub fn expired(&self, now: i64) -> Option<String> {
        let due = self.next_update.filter(|due| *due < now)?;
        Some(format!("{} ago", duration(u64::try_from(now.saturating_sub(due)).unwrap_or(0))))
    }
}
