//! The files of listeners: certificates, keys and users. File systems may be slow, so they are read in the background,
//! before anything is opened.

use super::{ConfiguredListener, validity};
use crate::cli::{ListenOptions, TlsClientAddressArgument, TlsClientsArgument, TlsVersionArgument};
use crate::credentials::{self, in_file};
use crate::exit::Failure;
use crate::observe::listeners::CredentialsState;
use crate::observe::log::Log;
use crate::observe::log::event::listeners::ListenerEvent;
use crate::reloadable::{FileBacked, Recheck, observe_listener};
use rtrcast_net::{
    AddressCheck, AuthorizedKeys, ClientCertificates, ClientCheck, Handshake, Logins, Passwords, SshKey, SshServer,
    TcpKeys, TlsError, TlsIdentity, TlsMinimum, TlsPart, TlsServer, Transport,
};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A listener with the content of its files.
pub(crate) struct LoadedListener {
    pub(super) configured: ConfiguredListener,
    pub(super) keys: TcpKeys,
    /// None if it is open already with the same options.
    pub(super) changed: Option<(Handshake, Option<CredentialFiles>)>,
    /// Remarks on its files, though they are used.
    pub(super) remarks: Vec<String>,
}

impl LoadedListener {
    /// Returns remarks on the files, though they are used, each with its listener.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = (String, String)> {
        self.remarks.iter().map(|remark| (self.configured.addr.to_string(), remark.clone()))
    }
}

/// The layer between RTR and the socket, its files, and remarks on them.
type HandshakeAndFiles = (Handshake, Option<CredentialFiles>, Vec<String>);

/// The reloadable files of a listener.
#[derive(Clone)]
pub(super) struct CredentialFiles {
    pub(super) recheck: Arc<dyn Recheck>,
    pub(super) credentials: Arc<CredentialsState>,
}

/// Loads the files of listeners.
pub(crate) struct ListenerLoader {
    /// The listeners that are open.
    pub(super) open: Vec<ConfiguredListener>,
}

impl ListenerLoader {
    /// Returns a loader for which no listener is open.
    pub(crate) fn new() -> ListenerLoader {
        ListenerLoader { open: Vec::new() }
    }

    /// Reads the files. Those of a listener that stays as it is are left to its periodic recheck, except for keys of
    /// TCP.
    pub(crate) fn load(&self, planned: &[ConfiguredListener]) -> Result<Vec<LoadedListener>, Failure> {
        planned
            .iter()
            .map(|configured| self.one(configured).map_err(|reason| config_error(configured, &reason)))
            .collect()
    }

    fn one(&self, configured: &ConfiguredListener) -> Result<LoadedListener, String> {
        let options = &configured.options;
        let keys = credentials::tcp_keys(options.tcp_md5.as_deref(), options.tcp_ao.as_deref())?;
        let is_open = self.open.contains(configured);
        let (changed, remarks) = match is_open {
            true => (None, Vec::new()),
            false => {
                let (security, files, remarks) = security(configured)?;
                (Some((security, files)), remarks)
            }
        };
        Ok(LoadedListener { configured: configured.clone(), keys, changed, remarks })
    }
}

pub(super) fn config_error(configured: &ConfiguredListener, reason: &str) -> Failure {
    Failure::Config(format!("--listen {}: {reason}", configured.addr))
}

fn security(configured: &ConfiguredListener) -> Result<HandshakeAndFiles, String> {
    let options = configured.options.clone();
    let credentials = Arc::new(CredentialsState::new(configured.addr.to_string()));
    let observer = observe_listener(Arc::clone(&credentials));
    match configured.addr.transport {
        Transport::Tcp => Ok((Handshake::None, None, Vec::new())),
        Transport::Tls => {
            let files = [&options.tls_cert, &options.tls_key, &options.tls_client_ca];
            let files = files.into_iter().flatten().chain(&options.tls_crl).cloned().collect();
            let shown = Arc::clone(&credentials);
            let load = move |before: Option<&TlsServer>| {
                let server = tls_server(&options)?;
                if let Some(before) = before {
                    validity::is_no_worse(&options, before, &server)?;
                    let remarks = validity::remarks(&options, &server);
                    for reason in &remarks {
                        ListenerEvent::CertificateWarning { listener: &shown.listener, reason }.log();
                    }
                }
                shown.expires(server.validity().map(|validity| validity.not_after));
                Ok(server)
            };
            let backed = Arc::new(FileBacked::load_unless(observer, files, load)?);
            let remarks = validity::remarks(&configured.options, &backed.current());
            Ok((
                Handshake::Tls(Arc::clone(&backed) as _),
                Some(CredentialFiles { recheck: backed, credentials }),
                remarks,
            ))
        }
        Transport::Ssh => {
            let files = options.ssh_host_key.iter().chain(&options.ssh_authorized_keys).chain(&options.ssh_passwords);
            let files = files.cloned().collect();
            let backed = Arc::new(FileBacked::load(observer, files, move || ssh_server(&options))?);
            Ok((
                Handshake::Ssh(Arc::clone(&backed) as _),
                Some(CredentialFiles { recheck: backed, credentials }),
                Vec::new(),
            ))
        }
    }
}

fn tls_server(options: &ListenOptions) -> Result<TlsServer, String> {
    let (Some(cert), Some(key)) = (&options.tls_cert, &options.tls_key) else {
        return Err("a certificate and its key are needed".to_owned());
    };
    let with_file = |error: TlsError| match error.part() {
        Some(TlsPart::Chain) => in_file(cert, &error),
        Some(TlsPart::Key) => in_file(key, &error),
        Some(TlsPart::Authorities) => in_files(options.tls_client_ca.iter(), &error),
        Some(TlsPart::Crls(place)) => in_files(options.tls_crl.iter().skip(place), &error),
        None => error.to_string(),
    };
    let identity = TlsIdentity::from_pem(&credentials::read(cert)?, &credentials::read(key)?).map_err(with_file)?;
    let clients = match options.tls_clients.unwrap_or(TlsClientsArgument::Required) {
        TlsClientsArgument::Off => ClientCertificates::Off,
        TlsClientsArgument::Requested => ClientCertificates::Requested(client_check(options)?),
        TlsClientsArgument::Required => ClientCertificates::Required(client_check(options)?),
    };
    let minimum = match options.tls_min_version {
        Some(TlsVersionArgument::V13) => TlsMinimum::V1_3,
        Some(TlsVersionArgument::V12) | None => TlsMinimum::V1_2,
    };
    TlsServer::new(identity, clients, minimum).map_err(with_file)
}

fn client_check(options: &ListenOptions) -> Result<ClientCheck, String> {
    let path = options.tls_client_ca.as_deref().ok_or("the authorities of routers are needed")?;
    let crls = options.tls_crl.iter().map(|path| credentials::read(path)).collect::<Result<Vec<_>, _>>()?;
    let address = match options.tls_client_address {
        Some(TlsClientAddressArgument::Ignore) => AddressCheck::Ignored,
        Some(TlsClientAddressArgument::Match) | None => AddressCheck::Matches,
    };
    Ok(ClientCheck { authorities: credentials::read(path)?, crls, address })
}

fn ssh_server(options: &ListenOptions) -> Result<SshServer, String> {
    let mut host_keys = Vec::new();
    for path in &options.ssh_host_key {
        let key = SshKey::from_openssh(&credentials::read_text(path)?);
        host_keys.push(key.map_err(|error| in_file(path, &error))?);
    }
    let keys = match &options.ssh_authorized_keys {
        Some(path) => {
            let keys = AuthorizedKeys::parse(&credentials::read_users(path)?);
            Some(keys.map_err(|error| in_file(path, &error))?)
        }
        None => None,
    };
    let passwords = match &options.ssh_passwords {
        Some(path) => {
            let passwords = Passwords::parse(&credentials::read_users(path)?);
            Some(passwords.map_err(|error| in_file(path, &error))?)
        }
        None => None,
    };
    let logins = Logins { keys, passwords, anyone: options.ssh_allow_anyone, users: options.ssh_user.clone() };
    SshServer::new(&host_keys, logins).map_err(|error| error.to_string())
}

/// Returns an error's text behind the first of some files.
fn in_files<'a>(mut paths: impl Iterator<Item = &'a PathBuf>, error: &impl fmt::Display) -> String {
    paths.next().map_or_else(|| error.to_string(), |path| in_file(path, error))
}
