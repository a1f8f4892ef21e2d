//! A certificate chain and its private key, which one side presents.

use super::{TlsError, TlsPart, Validity, describe, from_pem, provider};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::fmt;
use std::sync::Arc;

/// A certificate chain with its private key. A server's certificate has its DNS name in the SAN (DNS-ID), a client's
/// its address (iPAddress): the common name is used nowhere (RFC 8210 section 9.2).
#[derive(Clone)]
pub struct TlsIdentity {
    shown: Arc<SingleCertAndKey>,
    validity: Option<Validity>,
}

impl TlsIdentity {
    /// Reads both as PEM: the chain begins with the own certificate; the key is PKCS#8, SEC1 or PKCS#1, not encrypted.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<TlsIdentity, TlsError> {
        let chain = from_pem::<CertificateDer<'static>>(TlsPart::Chain, chain)?;
        let key = private_key(key)?;
        let signing = provider().key_provider.load_private_key(key);
        let signing = signing.map_err(|error| TlsError::of_library(TlsPart::Key, &error))?;
        let validity = chain.first().and_then(|own| Validity::of(own));
        let pair = CertifiedKey::new(chain, signing);
        match pair.keys_match() {
            Ok(()) => Ok(TlsIdentity { shown: Arc::new(pair.into()), validity }),
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::KeyMismatch),
            Err(error) => Err(TlsError::of_library(TlsPart::Chain, &error)),
        }
    }

    /// Returns the time in which the own certificate is valid; none if that cannot be read. It is not checked here: an
    /// expired one is presented all the same.
    pub fn validity(&self) -> Option<Validity> {
        self.validity
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::clone(&self.shown)
    }
}

/// Leaves out the key.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    // In the first line of PKCS#8, in a header of the older forms.
    let is_encrypted = || pem.windows(b"ENCRYPTED".len()).any(|octets| octets == b"ENCRYPTED");
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        _ if is_encrypted() => TlsError::EncryptedKey,
        pem::Error::NoItemsFound => TlsError::Missing(TlsPart::Key),
        error => TlsError::Unreadable(TlsPart::Key, describe::pem(&error)),
    })
}
