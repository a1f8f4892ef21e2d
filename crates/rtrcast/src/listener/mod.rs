//! Listeners with their certificates, keys and users: opened at the start and replaced by a reload, all or none.
//!
//! `load.rs` reads the files, which may take long; this file touches sockets only, and `handover.rs` hands them over. A listener is identified by its
//! address: its socket stays whatever else changes. `conflict.rs` describes conflicts of addresses within this process.

mod conflict;
mod handover;
mod load;
mod validity;

use crate::cli::{ListenAddr, ListenEndpoint, ListenOptions, ProxyFrom};
use crate::config::plan::ConfiguredListener;
use crate::config::scheme::Scheme;
use crate::exit::Failure;
use crate::observe::listeners::OpenListener;
use crate::observe::log::Log;
use crate::observe::log::event::listeners::ListenerEvent;
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use crate::reloadable::Recheck;
use conflict::{AddressUse, describe_own_use};
use load::{CredentialFiles, config_error};
pub(crate) use load::{ListenerLoader, LoadedListener};
use rtrcast_net::{
    Activated, ActivatedListener, BACKLOG_CONNECTIONS_MAX, ConnectionSetup, Endpoint, Listener, SocketName, TcpKeys,
    UnixSocket, V6Only,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Permissions of a Unix socket: read and write for its owner and group.
const UNIX_MODE: u32 = 0o660;

/// Limit of connections that are removed from the backlog of systemd's socket, longer than any backlog.
const DRAINED_MAX: usize = 65_536;

/// All listeners.
pub(crate) struct Listeners {
    /// Sockets that systemd passed. They stay open even while no listener uses them.
    passed: Activated,
    /// The keys of these sockets, by name: the kernel keeps them even while no listener uses the socket.
    passed_keys: BTreeMap<String, TcpKeys>,
    /// The address of the HTTP server, if there is one.
    http: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
    open: Vec<BoundListener>,
    /// Those of the program before this one, as long as the configuration may need their sockets.
    handed: Vec<BoundListener>,
    listeners: watch::Sender<Vec<Arc<Listener>>>,
    rechecks: watch::Sender<Vec<Arc<dyn Recheck>>>,
}

/// The sockets of a listener, several if systemd passed several of one name; and the name of a Unix socket of our own.
type BoundSockets = (Vec<Arc<Listener>>, Option<Arc<SocketName>>);

/// A listener that is open.
#[derive(Clone)]
struct BoundListener {
    configured: ConfiguredListener,
    /// Several if systemd passed several sockets of one name.
    listeners: Vec<Arc<Listener>>,
    /// The name of a Unix socket of our own.
    name: Option<Arc<SocketName>>,
    v6_only: V6Only,
    files: Option<CredentialFiles>,
    keys: TcpKeys,
}

/// A listener as it is to be, and the open one at the same address.
struct ListenerChange {
    new: BoundListener,
    before: Option<BoundListener>,
}

impl Listeners {
    /// Returns a set without listeners.
    pub(crate) fn new(passed: Activated, metrics: Arc<Metrics>, routers: Arc<Routers>) -> Listeners {
        let (listeners, rechecks) = (watch::channel(Vec::new()).0, watch::channel(Vec::new()).0);
        let (passed_keys, open, handed) = (BTreeMap::new(), Vec::new(), Vec::new());
        Listeners { passed, passed_keys, http: None, metrics, routers, open, handed, listeners, rechecks }
    }

    /// Records the address of the HTTP server.
    pub(crate) fn set_http_address(&mut self, address: SocketAddr) {
        self.http = Some(address);
    }

    /// Returns a loader of the files for [`Listeners::open`], for any thread. No listener may be opened or closed in
    /// between.
    pub(crate) fn loader(&self) -> ListenerLoader {
        let open = self.open.iter().map(|open| open.configured.clone()).collect();
        ListenerLoader { open }
    }

    /// Opens the planned listeners, and closes the others; their connections stay. An error changes nothing.
    pub(crate) fn open(&mut self, loaded: Vec<LoadedListener>) -> Result<(), Failure> {
        let planned: Vec<ConfiguredListener> = loaded.iter().map(|loaded| loaded.configured.clone()).collect();
        let remarks: Vec<(String, String)> = loaded.iter().flat_map(LoadedListener::remarks).collect();
        let prepared = loaded.into_iter().map(|loaded| self.prepare(loaded, &planned));
        let changes: Vec<ListenerChange> = prepared.collect::<Result<_, _>>()?;
        for (at, change) in changes.iter().enumerate() {
            if let Err(failure) = self.apply(change) {
                changes.iter().take(at + 1).for_each(|change| self.revert(change));
                return Err(failure);
            }
        }
        let open: Vec<BoundListener> = changes.into_iter().map(|change| change.new).collect();
        for (listener, reason) in &remarks {
            ListenerEvent::CertificateWarning { listener, reason }.log();
        }
        self.record_passed_keys(&open);
        self.show(&open);
        self.open = open;
        let files = self.open.iter().filter_map(|open| open.files.as_ref());
        self.rechecks.send_replace(files.map(|files| Arc::clone(&files.recheck)).collect());
        self.listeners.send_replace(self.open.iter().flat_map(|open| open.listeners.clone()).collect());
        Ok(())
    }

    /// Returns the channel of the open listeners.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Vec<Arc<Listener>>> {
        self.listeners.subscribe()
    }

    /// Returns the channel of the values whose files are rechecked.
    pub(crate) fn rechecks(&self) -> watch::Receiver<Vec<Arc<dyn Recheck>>> {
        self.rechecks.subscribe()
    }

    /// Returns the URL of each listener.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.open.iter().flat_map(BoundListener::shown).map(|listener| listener.name)
    }

    /// Describes the listener that accepts connections to an address, if one does.
    pub(crate) fn describe_holder(&self, address: SocketAddr) -> Option<String> {
        let wanted = AddressUse::alone(address);
        let mut open = self.open.iter().filter_map(|open| AddressUse::of(&open.configured.addr, open.v6_only));
        open.find(|open| open.overlaps(&wanted)).map(|open| format!("--listen {open} takes what comes there already"))
    }

    /// Returns the open listener at a socket address, whatever its transport. With port 0 only the same listener has
    /// the same address.
    fn before(&self, addr: &ListenAddr, v6_only: V6Only) -> Option<&BoundListener> {
        let is_chosen = matches!(addr.endpoint, ListenEndpoint::Ip(address) if address.port() == 0);
        let mut open = self.open.iter().chain(&self.handed);
        let same = open.clone().find(|open| open.configured.addr == *addr);
        let same = same.or_else(|| open.find(|open| !is_chosen && open.configured.addr.endpoint == addr.endpoint));
        same.filter(|open| open.v6_only == v6_only)
    }

    /// Returns the change for a listener, with the sockets that are open at its address.
    fn prepare(&self, loaded: LoadedListener, planned: &[ConfiguredListener]) -> Result<ListenerChange, Failure> {
        let LoadedListener { configured, keys, changed, remarks: _ } = loaded;
        let v6_only = v6_only_of(&configured.addr, planned);
        let before = self.before(&configured.addr, v6_only).cloned();
        let (mut listeners, name) = match &before {
            Some(before) => (before.listeners.clone(), before.name.clone()),
            None => self.bind(&configured, &keys, v6_only, planned)?,
        };
        let is_unix = listeners.iter().any(|listener| matches!(listener.local(), Endpoint::Unix(_)));
        if is_unix && !keys.is_empty() {
            return Err(config_error(
                &configured,
                "it is a Unix socket, which has no keys of TCP: no --tcp-md5 and no --tcp-ao",
            ));
        }
        let files = match changed {
            Some((security, files)) => {
                let setup = ConnectionSetup { handshake: security, ..proxied(&configured.options) };
                listeners = listeners.iter().map(|socket| Arc::new(socket.with(setup.clone()))).collect();
                files
            }
            None => before.as_ref().and_then(|before| before.files.clone()),
        };
        Ok(ListenerChange { new: BoundListener { configured, listeners, name, v6_only, files, keys }, before })
    }

    fn bind(
        &self,
        configured: &ConfiguredListener,
        keys: &TcpKeys,
        v6_only: V6Only,
        planned: &[ConfiguredListener],
    ) -> Result<BoundSockets, Failure> {
        match &configured.addr.endpoint {
            ListenEndpoint::Ip(address) => {
                let listener = Listener::bind_with_keys(*address, v6_only, keys);
                let failure = |error| {
                    let error = self.explain(error, configured, v6_only, planned);
                    Failure::Address { flag: "--listen", address: *address, error }
                };
                Ok((vec![Arc::new(listener.map_err(failure)?)], None))
            }
            ListenEndpoint::Unix(path) => {
                let failure = |error| Failure::Socket { flag: "--listen", path: path.clone(), error };
                let (listener, name) = bind_unix(path, mode(&configured.options)).map_err(failure)?;
                Ok((vec![Arc::new(listener)], Some(Arc::new(name))))
            }
            ListenEndpoint::Passed(name) => {
                let failure = |error: io::Error| config_error(configured, &error.to_string());
                let sockets = self.passed.sockets(name).map_err(failure)?;
                if sockets.is_empty() {
                    let names = self.passed.names().collect::<Vec<_>>().join(", ");
                    let passed = if names.is_empty() { "none".to_owned() } else { names };
                    return Err(config_error(
                        configured,
                        &format!("systemd passes no such socket; it passes {passed}"),
                    ));
                }
                let listeners = sockets.into_iter().map(|socket| Ok(Arc::new(Listener::passed(socket)?)));
                Ok((listeners.collect::<Result<_, _>>().map_err(failure)?, None))
            }
        }
    }

    /// Replaces an error by a description of the conflict if this process itself has the address.
    fn explain(
        &self,
        error: io::Error,
        configured: &ConfiguredListener,
        v6_only: V6Only,
        planned: &[ConfiguredListener],
    ) -> io::Error {
        let wanted = AddressUse::of(&configured.addr, v6_only).filter(|_| error.kind() == io::ErrorKind::AddrInUse);
        let Some(wanted) = wanted else { return error };
        let open = self.open.iter().filter_map(|open| AddressUse::of(&open.configured.addr, open.v6_only));
        let others = planned.iter().filter(|other| other.addr != configured.addr);
        let others = others.filter_map(|other| AddressUse::of(&other.addr, v6_only_of(&other.addr, planned)));
        describe_own_use(&wanted, self.http, open, others).map_or(error, io::Error::other)
    }

    /// Returns the keys that the kernel has for a listener; none if it has the wanted ones, since the socket was just
    /// bound.
    fn keys_before(&self, change: &ListenerChange) -> Option<TcpKeys> {
        match &change.new.configured.addr.endpoint {
            ListenEndpoint::Ip(_) => change.before.as_ref().map(|before| before.keys.clone()),
            ListenEndpoint::Passed(name) => Some(self.passed_keys.get(name).cloned().unwrap_or_default()),
            ListenEndpoint::Unix(_) => None,
        }
    }

    /// Sets a listener's keys and permissions in the kernel.
    fn apply(&self, change: &ListenerChange) -> Result<(), Failure> {
        let ListenerChange { new, .. } = change;
        if let Some(keys) = self.keys_before(change) {
            for listener in &new.listeners {
                let set = new.keys.apply_to_listener(listener, Some(&keys));
                set.map_err(|error| config_error(&new.configured, &error.to_string()))?;
            }
        }
        let Some((name, _)) = change.other_mode() else { return Ok(()) };
        let set = name.set_mode(mode(&new.configured.options));
        if !set.map_err(|error| config_error(&new.configured, &format!("its permissions can't be changed: {error}")))? {
            ListenerEvent::NameLost { listener: &new.configured.addr.to_string() }.log();
        }
        Ok(())
    }

    /// Restores the former keys and permissions as far as possible: the first error is the one that is reported.
    fn revert(&self, change: &ListenerChange) {
        if let Some(keys) = self.keys_before(change) {
            for listener in &change.new.listeners {
                let _ = keys.apply_to_listener(listener, Some(&change.new.keys));
            }
        }
        if let Some((name, before)) = change.other_mode() {
            let _ = name.set_mode(before);
        }
    }

    /// Records the keys that systemd's sockets have now. Connections from before they had any are closed.
    fn record_passed_keys(&mut self, open: &[BoundListener]) {
        for open in open {
            let ListenEndpoint::Passed(name) = &open.configured.addr.endpoint else { continue };
            let before = self.passed_keys.insert(name.clone(), open.keys.clone());
            if before.is_none() && !open.keys.is_empty() {
                let drained: usize = self.passed.named(name).map(drain).sum();
                if drained > 0 {
                    let listener = open.configured.addr.to_string();
                    ListenerEvent::WithoutKeysClosed { listener: &listener, connections: drained }.log();
                }
            }
        }
    }

    /// Shows the open listeners in metrics and status, and logs unused sockets.
    fn show(&self, open: &[BoundListener]) {
        self.routers.set_listeners(open.iter().flat_map(BoundListener::shown).collect());
        let files = open.iter().filter_map(|open| open.files.as_ref());
        self.metrics.watch_credentials(files.map(|files| Arc::clone(&files.credentials)).collect());
        let is_used = |name: &str| {
            open.iter().any(|open| matches!(&open.configured.addr.endpoint, ListenEndpoint::Passed(p) if p == name))
        };
        let unused: BTreeSet<&str> = self.passed.names().filter(|name| !is_used(name)).collect();
        for name in unused {
            ListenerEvent::SocketUnused { socket: name }.log();
        }
    }
}

impl BoundListener {
    /// Returns its sockets as metrics and status show them.
    fn shown(&self) -> impl Iterator<Item = OpenListener> {
        let transport = self.configured.addr.transport;
        let credentials = self.files.as_ref().map(|files| Arc::clone(&files.credentials));
        self.listeners.iter().map(move |listener| {
            let scheme = Scheme::at(transport, listener.local());
            let address = listener.local().to_string();
            OpenListener { name: format!("{scheme}://{address}"), address, credentials: credentials.clone() }
        })
    }
}

impl ListenerChange {
    /// Returns the name of a Unix socket whose permissions change, and its former permissions.
    fn other_mode(&self) -> Option<(&SocketName, u32)> {
        let before = mode(&self.before.as_ref()?.configured.options);
        let name = self.new.name.as_deref()?;
        (mode(&self.new.configured.options) != before).then_some((name, before))
    }
}

/// Binds a Unix socket, and returns its name too, by which its permissions can be changed.
fn bind_unix(path: &Path, mode: u32) -> io::Result<(Listener, SocketName)> {
    let (listener, name) = UnixSocket::bind(path, mode, BACKLOG_CONNECTIONS_MAX)?.into_parts();
    Ok((Listener::passed(OwnedFd::from(listener.into_std()?))?, name))
}

/// Returns the permissions of a Unix socket.
fn mode(options: &ListenOptions) -> u32 {
    options.unix_mode.unwrap_or(UNIX_MODE)
}

/// Returns whether an IPv6 listener leaves IPv4 to another one.
fn v6_only_of(addr: &ListenAddr, planned: &[ConfiguredListener]) -> V6Only {
    let ListenEndpoint::Ip(SocketAddr::V6(address)) = &addr.endpoint else { return V6Only::No };
    let is_beside = |other: &ConfiguredListener| match other.addr.endpoint {
        ListenEndpoint::Ip(other) => other.is_ipv4() && other.port() == address.port(),
        ListenEndpoint::Unix(_) | ListenEndpoint::Passed(_) => false,
    };
    let takes_all = address.ip().is_unspecified() && address.port() != 0;
    if takes_all && planned.iter().any(is_beside) { V6Only::Yes } else { V6Only::No }
}

/// Closes the connections in a socket's backlog, for which the kernel checked no keys. Returns their number.
fn drain(listener: &ActivatedListener) -> usize {
    let ActivatedListener::Tcp(listener) = listener else { return 0 };
    (0..DRAINED_MAX).take_while(|_| listener.accept().is_ok()).count()
}

/// Returns the peers whose connections begin with a PROXY header.
fn proxied(options: &ListenOptions) -> ConnectionSetup {
    let prefixes = options.proxy_from.iter().filter_map(|from| match from {
        ProxyFrom::Prefix(prefix) => Some(*prefix),
        ProxyFrom::Unix => None,
    });
    ConnectionSetup {
        proxies: prefixes.collect(),
        is_unix_proxied: options.proxy_from.contains(&ProxyFrom::Unix),
        ..ConnectionSetup::default()
    }
}
