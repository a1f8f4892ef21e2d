//! Certificates and keys that are an identity.

use super::authority::{Authority, Pair};
use crate::tls::{TlsError, TlsIdentity, TlsPart};

fn error(chain: &str, key: &str) -> TlsError {
    TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes()).err().unwrap()
}

fn pem(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

#[test]
fn the_key_has_to_be_that_of_the_first_certificate() {
    let authority = Authority::new("caches");
    let (one, other) = (authority.router(&["one.example"]), authority.router(&["other.example"]));
    let Pair { chain, key } = &one;
    assert!(TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes()).is_ok());
    // With any text around them, and in one file.
    let both = format!("a comment\n{key}{chain}{}", authority.pem());
    assert!(TlsIdentity::from_pem(both.as_bytes(), both.as_bytes()).is_ok());
    assert_eq!(error(&other.chain, key), TlsError::KeyMismatch);
    assert_eq!(error(&format!("{}{chain}", authority.pem()), key), TlsError::KeyMismatch);
    let text = error(&other.chain, key).to_string();
    let wanted = "the key does not belong to the certificate (the first one in the chain has to be our own)";
    assert_eq!(text, wanted);
    assert_eq!(error(&other.chain, key).part(), Some(TlsPart::Key));
}

#[test]
fn missing_parts_are_named() {
    let Pair { chain, key } = Authority::new("caches").router(&["one.example"]);
    assert_eq!(error("", &key).to_string(), "there is no certificate in it");
    assert_eq!(error(&key, &key), TlsError::Missing(TlsPart::Chain));
    assert_eq!(error(&chain, "").to_string(), "there is no private key in it");
    assert_eq!(error(&chain, &chain), TlsError::Missing(TlsPart::Key));
}

#[test]
fn broken_parts_are_named() {
    let Pair { chain, key } = Authority::new("caches").router(&["one.example"]);
    assert!(error(&pem("CERTIFICATE", "AAAA"), &key).to_string().starts_with("the certificate chain can't be read: "));
    assert!(error(&pem("CERTIFICATE", "?"), &key).to_string().starts_with("the certificate chain can't be read: "));
    assert!(error(&chain, &pem("PRIVATE KEY", "AAAA")).to_string().starts_with("the key can't be read: "));
    assert!(error(&chain, "-----BEGIN PRIVATE KEY-----\n").to_string().starts_with("the key can't be read: "));
}

#[test]
fn an_encrypted_key_is_named_so() {
    let Pair { chain, .. } = Authority::new("caches").router(&["one.example"]);
    assert_eq!(error(&chain, &pem("ENCRYPTED PRIVATE KEY", "AAAA")), TlsError::EncryptedKey);
    let older = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA";
    assert_eq!(error(&chain, &pem("RSA PRIVATE KEY", older)), TlsError::EncryptedKey);
    let text = error(&chain, &pem("ENCRYPTED PRIVATE KEY", "AAAA")).to_string();
    assert_eq!(text, "the key is encrypted, and encrypted keys are not read: decrypt it with `openssl pkey`");
}

#[test]
fn the_key_is_never_printed() {
    let identity = Authority::new("caches").server();
    assert_eq!(format!("{identity:?}"), "TlsIdentity { .. }");
}
