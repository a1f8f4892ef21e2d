//! What a CRL that can be read is still not good for: one of a stranger revokes nothing, and one that has expired
//! refuses all routers of its authority.

use super::der::{self, Elements, SEQUENCE};
use super::describe::duration;
use rustls::RootCertStore;

const INTEGER: u8 = 0x02;

/// What a cache knows of one of its CRLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlOrigin {
    /// Where it stands in the list of what was given, from 0 on.
    pub index: usize,
    /// Whether one of the authorities has the name of its issuer. If none has, it counts only for certificates of an
    /// intermediate authority that a router shows.
    pub is_of_authority: bool,
    /// When the next one is due, after which this one has expired, in seconds since 1970.
    pub next_update: Option<i64>,
}

impl CrlOrigin {
    /// That of a CRL in DER, if it can be read (RFC 5280 section 5.1).
    pub(super) fn of(index: usize, crl: &[u8], authorities: &RootCertStore) -> Option<CrlOrigin> {
        let (_, list) = Elements(crl).next()?;
        let (_, to_be_signed) = Elements(list).next()?;
        // A version may stand first, then the signature's algorithm.
        let mut elements = Elements(to_be_signed).skip_while(|(tag, _)| *tag == INTEGER).skip(1);
        let (_, issuer) = elements.next().filter(|(tag, _)| *tag == SEQUENCE)?;
        der::time(elements.next()?)?;
        let next_update = elements.next().and_then(der::time);
        let is_of_authority = authorities.roots.iter().any(|authority| authority.subject.as_ref() == issuer);
        Some(CrlOrigin { index, is_of_authority, next_update })
    }

    /// How long ago it expired at a time in seconds since 1970, in words.
    pub fn expired(&self, now: i64) -> Option<String> {
        let due = self.next_update.filter(|due| *due < now)?;
        Some(format!("{} ago", duration(u64::try_from(now.saturating_sub(due)).unwrap_or(0))))
    }
}
