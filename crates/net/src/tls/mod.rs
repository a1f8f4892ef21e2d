//! TLS (RFC 8210 section 9.2): the certificates of each side, and the verification of the other.
//!
//! Everything here is read from PEM once, with errors that name the cause; `stream/tls.rs` has the stream. TLS 1.2 and
//! 1.3 only, with the suites that BCP 195 leaves [T-TLS-01]. There is one crypto provider, given explicitly: a default
//! of the process would belong to whichever library sets it first.

mod anchors;
mod client;
mod clients;
mod crl;
mod der;
mod describe;
mod error;
mod failure;
mod identity;
mod name;
mod server;
mod validity;

pub use client::TlsClient;
pub(crate) use client::connect;
pub use clients::{AddressCheck, ClientCertificates, ClientCheck};
pub use crl::CrlOrigin;
pub use error::{TlsError, TlsPart};
pub use failure::TlsFailure;
pub(crate) use failure::TlsRole;
pub use identity::TlsIdentity;
pub(crate) use server::accept;
pub use server::{TlsMinimum, TlsServer};
pub use validity::Validity;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use std::sync::{Arc, LazyLock};

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// All items of a kind in a PEM text; there has to be one.
fn from_pem<Item: PemObject>(part: TlsPart, pem: &[u8]) -> Result<Vec<Item>, TlsError> {
    let items: Result<Vec<Item>, _> = Item::pem_slice_iter(pem).collect();
    match items {
        Ok(items) if items.is_empty() => Err(TlsError::Missing(part)),
        Ok(items) => Ok(items),
        Err(error) => Err(TlsError::Unreadable(part, describe::pem(&error))),
    }
}

#[cfg(test)]
mod tests;
