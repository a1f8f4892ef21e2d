//! Connections to caches: the meaning of their options, and the reasons of failures.
//!
//! `command/dump/` and `source/rtr.rs` connect by a dialer, and `config/plan.rs` only checks its files.

use crate::cli::DialOptions;
use crate::cli::options::CACHE;
use crate::credentials::{self, in_file};
use crate::reloadable::{FileBacked, ReloadObserver};
use rtrcast_net::{
    Dialer, KnownHosts, SshClient, SshFailure, SshKey, Target, TlsClient, TlsError, TlsFailure, TlsIdentity, TlsPart,
    Transport,
};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Known hosts of the user, below the home directory.
const KNOWN_HOSTS: &str = ".ssh/known_hosts";

/// The form in which messages name an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// An option of a command: `--ca`.
    Flag,
    /// An option of one source among others: `--cache-ca`, or `ca` in its table.
    Source,
}

impl Spelling {
    fn of(self, option: &str) -> String {
        match self {
            Spelling::Flag => format!("--{option}"),
            Spelling::Source => format!("--{CACHE}{option}"),
        }
    }
}

/// Returns a dialer that connects to a cache as the options say. Its files are read now, and again for each later
/// connection; `observer` makes the receiver of the outcomes.
pub(crate) fn dialer(
    target: &Target,
    options: &DialOptions,
    observer: impl Fn() -> ReloadObserver,
) -> Result<Dialer, String> {
    let mut dialer = Dialer::from(target.clone());
    if options.tcp_md5.is_some() || options.tcp_ao.is_some() {
        let (md5, ao) = (options.tcp_md5.clone(), options.tcp_ao.clone());
        let files = [&md5, &ao].into_iter().flatten().cloned().collect();
        let keys = FileBacked::load(observer(), files, move || credentials::tcp_keys(md5.as_deref(), ao.as_deref()))?;
        dialer = dialer.with_keys(Arc::new(keys));
    }
    let options = options.clone();
    match target.transport() {
        Transport::Tcp => {}
        Transport::Tls => {
            let files = [&options.ca, &options.client_cert, &options.client_key];
            let files = files.into_iter().flatten().cloned().collect();
            let client = FileBacked::load(observer(), files, move || tls_client(&options))?;
            dialer = dialer.with_tls(Arc::new(client));
        }
        Transport::Ssh => {
            let known_hosts = options.known_hosts.clone().or_else(known_hosts_of_user);
            let files = [&options.ssh_key, &options.password_file, &known_hosts];
            let files = files.into_iter().flatten().cloned().collect();
            let client = FileBacked::load(observer(), files, move || ssh_client(&options))?;
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
    // The user's own file may be missing.
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

/// Returns the reason that authentication failed, with the way out; none for other errors.
pub(crate) fn authentication_failure(error: &io::Error, spelling: Spelling) -> Option<String> {
    let option = |name| spelling.of(name);
    if let Some(failure) = TlsFailure::of(error) {
        return match failure {
            TlsFailure::Untrusted(_) => Some(format!(
                "{failure}; {} names the authorities to trust, {} the name to expect",
                option("ca"),
                option("tls-name")
            )),
            TlsFailure::Refused(_) => Some(format!(
                "{failure}; {} and {} are the certificate to show",
                option("client-cert"),
                option("client-key")
            )),
            TlsFailure::Protocol(_) | TlsFailure::Lost(_) | TlsFailure::Probed => None,
        };
    }
    let failure = SshFailure::of(error).filter(|failure| failure.is_authentication())?;
    Some(match failure {
        SshFailure::LoginRefused { .. } => {
            format!("{failure}; {} and {} are the credentials", option("ssh-key"), option("password-file"))
        }
        failure => failure.to_string(),
    })
}

/// Returns true if TLS or SSH could not be negotiated.
pub(crate) fn is_protocol_error(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}
