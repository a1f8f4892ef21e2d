//! How caches are connected to: what the options mean for one, and why it did not work.
//!
//! Whoever connects (`command/dump/`, `source/rtr.rs`) or only tries the files out (`config/plan.rs`) gets a dialer here.

use crate::cli::DialOptions;
use crate::config::options::InvalidOptions;
use crate::credentials::{self, Kept, Tell, in_file};
use rtrcast_net::{
    ConnectFailure, Dialer, HandshakeFailure, KnownHosts, Layer, SshClient, SshKey, Target, TlsClient, TlsError,
    TlsIdentity, TlsPart,
};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a person's known hosts are, below the home directory.
const KNOWN_HOSTS: &str = ".ssh/known_hosts";

/// What options are for.
const TLS: [&str; 4] = ["ca", "client-cert", "client-key", "tls-name"];
const SSH: [&str; 3] = ["ssh-key", "known-hosts", "password-file"];
const TCP: [&str; 2] = ["tcp-md5", "tcp-ao"];

/// Whose options they are, and so how a person calls one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// Those of a command: `--ca`.
    Flag,
    /// Those of a source among others: `--cache-ca`, or `ca` in its table.
    Source,
}

impl Spelling {
    fn of(self, option: &str) -> String {
        match self {
            Spelling::Flag => format!("--{option}"),
            Spelling::Source => format!("--cache-{option}"),
        }
    }
}

impl DialOptions {
    /// The names of all.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        TLS.into_iter().chain(SSH).chain(TCP)
    }

    /// Sets one by its name, if there is one.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> bool {
        let path = || Some(PathBuf::from(value));
        match name {
            "ca" => self.ca = path(),
            "client-cert" => self.client_cert = path(),
            "client-key" => self.client_key = path(),
            "tls-name" => self.tls_name = Some(value.to_owned()),
            "ssh-key" => self.ssh_key = path(),
            "known-hosts" => self.known_hosts = path(),
            "password-file" => self.password_file = path(),
            "tcp-md5" => self.tcp_md5 = path(),
            "tcp-ao" => self.tcp_ao = path(),
            _ => return false,
        }
        true
    }

    /// Those that mean something for a cache: what is said for all of them is not all for each.
    pub(crate) fn only_for(self, target: &Target) -> DialOptions {
        let nothing = DialOptions::default;
        let only = match target.layer() {
            Layer::Plain => nothing(),
            Layer::Tls => DialOptions {
                ca: self.ca,
                client_cert: self.client_cert,
                client_key: self.client_key,
                tls_name: self.tls_name,
                ..nothing()
            },
            Layer::Ssh => DialOptions {
                ssh_key: self.ssh_key,
                known_hosts: self.known_hosts,
                password_file: self.password_file,
                ..nothing()
            },
        };
        match target.path() {
            Some(_) => only,
            None => DialOptions { tcp_md5: self.tcp_md5, tcp_ao: self.tcp_ao, ..only },
        }
    }

    /// Whether they make sense for a cache.
    pub(crate) fn check(&self, target: &Target) -> Result<(), InvalidOptions> {
        let invalid =
            |flag: &'static str, reason: &str| Err(InvalidOptions { flags: vec![flag], reason: reason.into() });
        let only = self.clone().only_for(target);
        if let Some(flag) = DialOptions::names().find(|name| self.has(name) && !only.has(name)) {
            return invalid(flag, &format!("only {} have such an option", who_has(flag)));
        }
        match (&self.client_cert, &self.client_key) {
            (Some(_), None) => invalid("client-cert", "a client certificate needs its key"),
            (None, Some(_)) => invalid("client-key", "a client key needs its certificate"),
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }

    fn has(&self, name: &str) -> bool {
        match name {
            "ca" => self.ca.is_some(),
            "client-cert" => self.client_cert.is_some(),
            "client-key" => self.client_key.is_some(),
            "tls-name" => self.tls_name.is_some(),
            "ssh-key" => self.ssh_key.is_some(),
            "known-hosts" => self.known_hosts.is_some(),
            "password-file" => self.password_file.is_some(),
            "tcp-md5" => self.tcp_md5.is_some(),
            "tcp-ao" => self.tcp_ao.is_some(),
            _ => false,
        }
    }
}

/// The caches that an option is for.
pub(crate) fn who_has(option: &str) -> &'static str {
    if TLS.contains(&option) {
        "caches at tls://"
    } else if SSH.contains(&option) {
        "caches at ssh://"
    } else {
        "caches at tcp://, tls:// and ssh://"
    }
}

/// What connects to a cache as the options say, with what lies in their files now; later ones are taken over when it
/// connects again. `tell` makes whoever wants to know of that.
pub(crate) fn dialer(target: &Target, options: &DialOptions, tell: impl Fn() -> Tell) -> Result<Dialer, String> {
    let mut dialer = Dialer::from(target.clone());
    if options.tcp_md5.is_some() || options.tcp_ao.is_some() {
        let (md5, ao) = (options.tcp_md5.clone(), options.tcp_ao.clone());
        let files = [&md5, &ao].into_iter().flatten().cloned().collect();
        let keys = Kept::load(tell(), files, move || credentials::tcp_keys(md5.as_deref(), ao.as_deref()))?;
        dialer = dialer.with_keys(Arc::new(keys));
    }
    let options = options.clone();
    match target.layer() {
        Layer::Plain => {}
        Layer::Tls => {
            let files = [&options.ca, &options.client_cert, &options.client_key];
            let files = files.into_iter().flatten().cloned().collect();
            let client = Kept::load(tell(), files, move || tls_client(&options))?;
            dialer = dialer.with_tls(Arc::new(client));
        }
        Layer::Ssh => {
            let known_hosts = options.known_hosts.clone().or_else(known_hosts_of_user);
            let files = [&options.ssh_key, &options.password_file, &known_hosts];
            let files = files.into_iter().flatten().cloned().collect();
            let client = Kept::load(tell(), files, move || ssh_client(&options))?;
            dialer = dialer.with_ssh(Arc::new(client));
        }
    }
    Ok(dialer)
}

fn tls_client(options: &DialOptions) -> Result<TlsClient, String> {
    let wrong = |error: TlsError| {
        let file = match error.part() {
            Some(TlsPart::Chain) => &options.client_cert,
            Some(TlsPart::Key) => &options.client_key,
            Some(TlsPart::Authorities) => &options.ca,
            Some(TlsPart::Crls(_)) | None => &None,
        };
        file.as_deref().map_or_else(|| error.to_string(), |file| in_file(file, &error))
    };
    let trusted = options.ca.as_deref().map(credentials::read).transpose()?;
    let identity = match (&options.client_cert, &options.client_key) {
        (Some(cert), Some(key)) => {
            Some(TlsIdentity::from_pem(&credentials::read(cert)?, &credentials::read(key)?).map_err(wrong)?)
        }
        _ => None,
    };
    TlsClient::new(trusted.as_deref(), identity, options.tls_name.as_deref()).map_err(wrong)
}

fn ssh_client(options: &DialOptions) -> Result<SshClient, String> {
    let identity = match &options.ssh_key {
        Some(path) => {
            let key = SshKey::from_openssh(&credentials::read_text(path)?);
            Some(key.map_err(|error| in_file(path, &error))?)
        }
        None => None,
    };
    let password = match &options.password_file {
        Some(path) => {
            let text = credentials::read_text(path)?;
            let password = text.lines().next().filter(|password| !password.is_empty());
            Some(password.ok_or_else(|| in_file(path, &"no password in the first line"))?.to_owned())
        }
        None => None,
    };
    // The user's own file need not be there.
    let known_hosts = options.known_hosts.clone().or_else(|| known_hosts_of_user().filter(|path| path.exists()));
    let known_hosts = match known_hosts {
        Some(path) => KnownHosts::parse(&credentials::read_text(&path)?).map_err(|error| in_file(&path, &error))?,
        None => KnownHosts::default(),
    };
    Ok(SshClient::new(identity, password, known_hosts))
}

fn known_hosts_of_user() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(KNOWN_HOSTS))
}

/// Why the two sides do not know each other, with the way out; none if it is about something else.
pub(crate) fn distrust(error: &io::Error, spelling: Spelling) -> Option<String> {
    let option = |name| spelling.of(name);
    if let Some(failure) = HandshakeFailure::of(error) {
        return match failure {
            HandshakeFailure::Untrusted(_) => {
                Some(format!("{failure}; {} says whom to trust, {} whom to expect", option("ca"), option("tls-name")))
            }
            HandshakeFailure::Refused(_) => {
                Some(format!("{failure}; {} and {} say what it is shown", option("client-cert"), option("client-key")))
            }
            HandshakeFailure::Protocol(_) | HandshakeFailure::Lost(_) | HandshakeFailure::Probed => None,
        };
    }
    let failure = ConnectFailure::of(error).filter(|failure| failure.is_authentication())?;
    Some(match failure {
        ConnectFailure::LoginRefused { .. } => {
            format!("{failure}; {} and {} say what logs in", option("ssh-key"), option("password-file"))
        }
        failure => failure.to_string(),
    })
}

/// Whether the two sides could not agree on how to speak, in TLS or SSH.
pub(crate) fn is_breach(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}
