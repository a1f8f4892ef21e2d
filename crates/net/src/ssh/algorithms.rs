//! Algorithms that both sides offer, best first, and limits of rekeying.
//!
//! No SHA-1, no CBC, no compression. Support by routers: OpenSSH and libssh have all of it, older ones ECDH over the
//! NIST curves or group 14, AES in counter mode, and HMAC-SHA2.

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Limits, Preferred, cipher, compression, kex, mac};
use std::borrow::Cow;
use std::time::Duration;

/// Curve25519 is the cheapest; the hybrid is for clients that prefer it; group 14 is mandatory in RFC 9142. The larger
/// groups are left out on the cache's side: one exchange in group 16 takes 0.15 s of a processor and in group 18 more
/// than a second, and it comes before any login. The last four are no algorithms: they announce rsa-sha2, and strict
/// key exchange (Terrapin).
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::MLKEM768X25519_SHA256,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

/// Algorithms that a router's side offers in addition: it chooses its caches.
const KEY_EXCHANGES_OF_CLIENTS: &[kex::Name] = &[kex::DH_G16_SHA512];

/// AES-GCM first: processors have instructions for it, and a whole data set is sent to many routers.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// For the ciphers in counter mode.
const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];

/// Of host keys. `ssh-rsa` signs with SHA-1, and is left out.
pub(super) const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// The most octets under one set of keys (RFC 4253 section 9).
const REKEY_OCTETS_MAX: usize = 1 << 30;

/// As in OpenSSH the volume alone decides: an idle session is not disturbed every hour, which not every router survives.
const REKEY_TIME_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) fn of_server() -> Preferred {
    Preferred {
        kex: Cow::Borrowed(KEY_EXCHANGES),
        key: Cow::Borrowed(KEYS),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

/// With the algorithms of host keys in this order.
pub(super) fn of_client(keys: Vec<Algorithm>) -> Preferred {
    let key_exchanges = [KEY_EXCHANGES, KEY_EXCHANGES_OF_CLIENTS].concat();
    Preferred { kex: Cow::Owned(key_exchanges), key: Cow::Owned(keys), ..of_server() }
}

pub(super) fn limits() -> Limits {
    Limits::new(REKEY_OCTETS_MAX, REKEY_OCTETS_MAX, REKEY_TIME_MAX)
}
