//! Certificates, keys and passwords of one run, made by the programs that operators make theirs with.

use crate::Outcome;
use crate::process::{Folder, output};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// Who logs in over SSH.
pub(crate) const USER: &str = "rpki";
/// Nobody has it outside of one run.
pub(crate) const PASSWORD: &str = "interop-only";

const SUBJECT: &str = "subjectAltName";

/// What both sides show and trust in TLS. The cache's certificate names it as the loopback's name and address, the
/// router's its address, as RFC 8210 section 9.2 wants it.
pub(crate) struct TlsFiles(Folder);

impl TlsFiles {
    pub(crate) fn make() -> Outcome<TlsFiles> {
        let files = TlsFiles(Folder::new()?);
        files.certificate("ca", &[])?;
        let leaf = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:false", "-addext"];
        let names =
            [("cache", format!("{SUBJECT}=DNS:localhost,IP:127.0.0.1")), ("router", format!("{SUBJECT}=IP:127.0.0.1"))];
        for (name, subject) in &names {
            files.certificate(name, &[&leaf[..], &[subject.as_str()]].concat())?;
        }
        Ok(files)
    }

    fn certificate(&self, name: &str, arguments: &[&str]) -> Outcome {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        command.args([
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ]);
        output(command.args(arguments).current_dir(self.0.path())).map(drop)
    }

    /// A file of them: `ca.pem`, `cache.pem`, `cache.key`, `router.pem`, `router.key`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Its content.
    pub(crate) fn read(&self, name: &str) -> Outcome<Vec<u8>> {
        read(&self.path(name))
    }

    /// The certificates in it.
    pub(crate) fn certificates(&self, name: &str) -> Outcome<Vec<CertificateDer<'static>>> {
        let read = CertificateDer::pem_slice_iter(&self.read(name)?).collect::<Result<_, _>>();
        read.map_err(|error| format!("{name}: {error}"))
    }

    /// Who is trusted.
    pub(crate) fn authorities(&self) -> Outcome<RootCertStore> {
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(self.certificates("ca.pem")?);
        Ok(authorities)
    }
}

/// What both sides show and know in SSH.
pub(crate) struct SshFiles(Folder);

/// A key of a kind that routers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SshKey {
    Ed25519,
    Ecdsa,
    Rsa,
}

impl SshKey {
    const ALL: [SshKey; 3] = [SshKey::Ed25519, SshKey::Ecdsa, SshKey::Rsa];

    pub(crate) fn name(self) -> &'static str {
        match self {
            SshKey::Ed25519 => "ed25519",
            SshKey::Ecdsa => "ecdsa",
            SshKey::Rsa => "rsa",
        }
    }
}

impl SshFiles {
    /// Host keys by our own program, keys of routers by OpenSSH's.
    pub(crate) fn make(program: &Path) -> Outcome<SshFiles> {
        let files = SshFiles(Folder::new()?);
        let mut authorized = String::new();
        for key in SshKey::ALL {
            let mut command = Command::new(program);
            command.args(["ssh", "host-key", "--type", key.name()]).arg(files.host_key(key));
            output(&mut command)?;
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", key.name(), "-N", "", "-C", "router", "-f"]).arg(files.key(key));
            output(&mut command)?;
            authorized += &read_text(&files.public_key(key))?;
        }
        files.0.put("authorized_keys", authorized.as_bytes())?;
        files.0.put("passwords", hashed_password(program)?.as_bytes())?;
        Ok(files)
    }

    fn host_key(&self, key: SshKey) -> PathBuf {
        self.0.path().join(format!("host_{}", key.name()))
    }

    /// The private key of a router.
    pub(crate) fn key(&self, key: SshKey) -> PathBuf {
        self.0.path().join(format!("router_{}", key.name()))
    }

    fn public_key(&self, key: SshKey) -> PathBuf {
        self.0.path().join(format!("router_{}.pub", key.name()))
    }

    /// What the cache has to be told.
    pub(crate) fn cache_flags(&self) -> Vec<String> {
        let host_keys = SshKey::ALL.iter().flat_map(|key| ["--ssh-host-key".to_owned(), text(&self.host_key(*key))]);
        let file = |name: &str| text(&self.0.path().join(name));
        let logins = ["--ssh-authorized-keys".to_owned(), file("authorized_keys")];
        let passwords = ["--ssh-passwords".to_owned(), file("passwords"), "--ssh-user".to_owned(), USER.to_owned()];
        host_keys.chain(logins).chain(passwords).collect()
    }

    /// Writes a file of known hosts for who connects to a cache.
    pub(crate) fn known_hosts(&self, cache: SocketAddr, folder: &Path) -> Outcome<PathBuf> {
        let mut lines = String::new();
        for key in SshKey::ALL {
            let public = read_text(&self.host_key(key).with_extension("pub"))?;
            lines += &format!("[{}]:{} {public}", cache.ip(), cache.port());
        }
        let path = folder.join("known_hosts");
        fs::write(&path, lines).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// The fingerprint of a host key, as OpenSSH writes it.
    pub(crate) fn fingerprint(&self, key: SshKey) -> Outcome<String> {
        let said = output(Command::new("ssh-keygen").args(["-l", "-f"]).arg(self.host_key(key).with_extension("pub")))?;
        said.split(' ').nth(1).map(str::to_owned).ok_or_else(|| format!("ssh-keygen said {said}"))
    }
}

fn hashed_password(program: &Path) -> Outcome<String> {
    let failed = |error: std::io::Error| format!("rtrcast ssh hash-password: {error}");
    let mut command = Command::new(program);
    command.args(["ssh", "hash-password", USER]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{PASSWORD}").map_err(failed)?;
    }
    let said = child.wait_with_output().map_err(failed)?;
    String::from_utf8(said.stdout).map_err(|error| format!("rtrcast ssh hash-password: {error}"))
}

/// A path of this run, which is made of what is UTF-8.
pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_text(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
