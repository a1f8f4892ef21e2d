//! What caches and routers show each other, made anew for each run.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The certificate of the authority that routers trust.
pub(crate) const CA: &str = "ca.pem";

/// The certificate of a cache at 127.0.0.1, and its key.
pub(crate) const CERT: &str = "cert.pem";
pub(crate) const KEY: &str = "key.pem";

/// A cache's host key, and its public half.
pub(crate) const SSH_HOST_KEY: &str = "ssh_host_key";
pub(crate) const SSH_HOST_KEY_PUBLIC: &str = "ssh_host_key.pub";

/// What routers log in with, and the file of a cache that lets them.
pub(crate) const SSH_CLIENT_KEY: &str = "ssh_client_key";
pub(crate) const AUTHORIZED_KEYS: &str = "authorized_keys";

/// The user that routers log in as.
pub(crate) const SSH_USER: &str = "router";

/// Writes all of these.
pub(crate) fn write(directory: &Path) -> Result<(), String> {
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        // rtrcast says so if others may read a secret.
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        opened
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    write_tls(&file).map_err(|error| format!("certificates: {error}"))?;
    let (host, client) = (new_ssh_key()?, new_ssh_key()?);
    file(SSH_HOST_KEY, &private_text(&host)?)?;
    file(SSH_HOST_KEY_PUBLIC, &public_line(&host)?)?;
    file(SSH_CLIENT_KEY, &private_text(&client)?)?;
    file(AUTHORIZED_KEYS, &public_line(&client)?)
}

fn write_tls(file: &impl Fn(&str, &str) -> Result<(), String>) -> Result<(), String> {
    let text = |error: rcgen::Error| error.to_string();
    let ca_key = KeyPair::generate().map_err(text)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(text)?;
    params.distinguished_name.push(DnType::CommonName, "an authority of benches");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    file(CA, &params.self_signed(&ca_key).map_err(text)?.pem())?;
    let issuer = Issuer::new(params, ca_key);

    let key = KeyPair::generate().map_err(text)?;
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).map_err(text)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    file(CERT, &params.signed_by(&key, &issuer).map_err(text)?.pem())?;
    file(KEY, &key.serialize_pem())
}

fn new_ssh_key() -> Result<PrivateKey, String> {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(|error| format!("a key for SSH: {error}"))
}

fn private_text(key: &PrivateKey) -> Result<String, String> {
    let text = key.to_openssh(LineEnding::LF).map_err(|error| format!("a key for SSH: {error}"))?;
    Ok(text.as_str().to_owned())
}

fn public_line(key: &PrivateKey) -> Result<String, String> {
    let line = key.public_key().to_openssh().map_err(|error| format!("a key for SSH: {error}"))?;
    Ok(line + "\n")
}
