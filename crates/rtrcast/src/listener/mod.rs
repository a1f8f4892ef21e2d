//! Listeners with their certificates, keys and users: opened at the start and exchanged by a reload, whole or not at all.
//!
//! `load.rs` reads the files, which may take long; what is here touches sockets only. A listener is its place: whatever
//! else changes there, its socket stays. `conflict.rs` says why an address can't be had that is our own.

mod conflict;
mod load;
mod validity;

use crate::cli::{ListenAddr, ListenEndpoint, ListenOptions, ProxyFrom};
use crate::config::plan::ConfiguredListener;
use crate::config::scheme::Scheme;
use crate::credentials::Look;
use crate::exit::Failure;
use crate::observe::listeners::OpenListener;
use crate::observe::log::Log;
use crate::observe::log::event::listeners::ListenerEvent;
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use conflict::{Use, own_use};
pub(crate) use load::{Loaded, Loader};
use load::{OfFiles, wrong};
use rtrcast_net::{
    Activated, ActivatedListener, BACKLOG, Endpoint, Ipv4Beside, Listener, Manner, SocketName, TcpKeys, UnixSocket,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Permissions of a Unix socket: for its owner and group.
const UNIX_MODE: u32 = 0o660;

/// Connections that are taken out of the backlog of a socket of systemd, at the most: no backlog is as long.
const DRAINED_MAX: usize = 65_536;

/// All listeners.
pub(crate) struct Listeners {
    /// Sockets that systemd passed. They stay open even while no listener uses them.
    passed: Activated,
    /// The keys that they have, by name: the kernel keeps those even while no listener uses them.
    passed_keys: BTreeMap<String, TcpKeys>,
    /// The address of the HTTP server, if there is one.
    http: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
    open: Vec<Open>,
    listeners: watch::Sender<Vec<Arc<Listener>>>,
    looks: watch::Sender<Vec<Arc<dyn Look>>>,
}

/// The sockets of a listener, several if systemd passed several of one name; and the name of one of Unix that is ours.
type Sockets = (Vec<Arc<Listener>>, Option<Arc<SocketName>>);

/// A listener that is open.
#[derive(Clone)]
struct Open {
    configured: ConfiguredListener,
    /// Several if systemd passed several sockets of one name.
    listeners: Vec<Arc<Listener>>,
    /// The name of a Unix socket that is ours.
    name: Option<Arc<SocketName>>,
    beside: Ipv4Beside,
    files: Option<OfFiles>,
    keys: TcpKeys,
}

/// A listener as it is to be, and what was open there before.
struct Change {
    new: Open,
    before: Option<Open>,
}

impl Listeners {
    /// None is open yet.
    pub(crate) fn new(passed: Activated, metrics: Arc<Metrics>, routers: Arc<Routers>) -> Listeners {
        let (listeners, looks) = (watch::channel(Vec::new()).0, watch::channel(Vec::new()).0);
        let (passed_keys, open) = (BTreeMap::new(), Vec::new());
        Listeners { passed, passed_keys, http: None, metrics, routers, open, listeners, looks }
    }

    /// Takes note of where HTTP is spoken.
    pub(crate) fn beside_http(&mut self, address: SocketAddr) {
        self.http = Some(address);
    }

    /// A loader of the files for [`Listeners::open`], for any thread. No listener may be opened or closed in between.
    pub(crate) fn loader(&self) -> Loader {
        let open = self.open.iter().map(|open| open.configured.clone()).collect();
        Loader { open }
    }

    /// Opens what is planned, and closes what is not any more; connections that are there stay. What fails changes
    /// nothing.
    pub(crate) fn open(&mut self, loaded: Vec<Loaded>) -> Result<(), Failure> {
        let planned: Vec<ConfiguredListener> = loaded.iter().map(|loaded| loaded.configured.clone()).collect();
        let remarks: Vec<(String, String)> = loaded.iter().flat_map(Loaded::remarks).collect();
        let prepared = loaded.into_iter().map(|loaded| self.prepare(loaded, &planned));
        let changes: Vec<Change> = prepared.collect::<Result<_, _>>()?;
        for (at, change) in changes.iter().enumerate() {
            if let Err(failure) = self.make(change) {
                changes.iter().take(at + 1).for_each(|change| self.take_back(change));
                return Err(failure);
            }
        }
        let open: Vec<Open> = changes.into_iter().map(|change| change.new).collect();
        for (listener, reason) in &remarks {
            ListenerEvent::CertificateWarning { listener, reason }.log();
        }
        self.note_keys(&open);
        self.show(&open);
        self.open = open;
        let files = self.open.iter().filter_map(|open| open.files.as_ref());
        self.looks.send_replace(files.map(|files| Arc::clone(&files.look)).collect());
        self.listeners.send_replace(self.open.iter().flat_map(|open| open.listeners.clone()).collect());
        Ok(())
    }

    /// The listeners, as they are exchanged.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Vec<Arc<Listener>>> {
        self.listeners.subscribe()
    }

    /// The files that are to be looked at from time to time.
    pub(crate) fn looks(&self) -> watch::Receiver<Vec<Arc<dyn Look>>> {
        self.looks.subscribe()
    }

    /// Each listener as a router names it.
    pub(crate) fn places(&self) -> impl Iterator<Item = String> {
        self.open.iter().flat_map(Open::shown).map(|listener| listener.name)
    }

    /// The listener that takes connections to an address, if one does, as a reason.
    pub(crate) fn taker(&self, address: SocketAddr) -> Option<String> {
        let wanted = Use::alone(address);
        let mut open = self.open.iter().filter_map(|open| Use::of(&open.configured.addr, open.beside));
        open.find(|open| open.overlaps(&wanted)).map(|open| format!("--listen {open} takes what comes there already"))
    }

    /// The listener that is open at a socket address, whatever its transport. Port 0 is another address each time, but
    /// for the same listener.
    fn before(&self, addr: &ListenAddr, beside: Ipv4Beside) -> Option<&Open> {
        let is_chosen = matches!(addr.endpoint, ListenEndpoint::Ip(address) if address.port() == 0);
        let same = self.open.iter().find(|open| open.configured.addr == *addr);
        let same =
            same.or_else(|| self.open.iter().find(|open| !is_chosen && open.configured.addr.endpoint == addr.endpoint));
        same.filter(|open| open.beside == beside)
    }

    /// A listener as it is to be, with the sockets that its place has already.
    fn prepare(&self, loaded: Loaded, planned: &[ConfiguredListener]) -> Result<Change, Failure> {
        let Loaded { configured, keys, changed, remarks: _ } = loaded;
        let beside = beside(&configured.addr, planned);
        let before = self.before(&configured.addr, beside).cloned();
        let (mut listeners, name) = match &before {
            Some(before) => (before.listeners.clone(), before.name.clone()),
            None => self.bind(&configured, &keys, beside, planned)?,
        };
        let is_unix = listeners.iter().any(|listener| matches!(listener.local(), Endpoint::Unix(_)));
        if is_unix && !keys.is_empty() {
            return Err(wrong(
                &configured,
                "it is a Unix socket, which has no keys of TCP: no --tcp-md5 and no --tcp-ao",
            ));
        }
        let files = match changed {
            Some((security, files)) => {
                let manner = Manner { security, ..proxied(&configured.options) };
                listeners = listeners.iter().map(|socket| Arc::new(socket.with(manner.clone()))).collect();
                files
            }
            None => before.as_ref().and_then(|before| before.files.clone()),
        };
        Ok(Change { new: Open { configured, listeners, name, beside, files, keys }, before })
    }

    fn bind(
        &self,
        configured: &ConfiguredListener,
        keys: &TcpKeys,
        beside: Ipv4Beside,
        planned: &[ConfiguredListener],
    ) -> Result<Sockets, Failure> {
        match &configured.addr.endpoint {
            ListenEndpoint::Ip(address) => {
                let listener = Listener::bind_with_keys(*address, beside, keys);
                let failure = |error| {
                    let error = self.explain(error, configured, beside, planned);
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
                let failure = |error: io::Error| wrong(configured, &error.to_string());
                let sockets = self.passed.sockets(name).map_err(failure)?;
                if sockets.is_empty() {
                    let names = self.passed.names().collect::<Vec<_>>().join(", ");
                    let passed = if names.is_empty() { "none".to_owned() } else { names };
                    return Err(wrong(configured, &format!("systemd passes no such socket; it passes {passed}")));
                }
                let listeners = sockets.into_iter().map(|socket| Ok(Arc::new(Listener::passed(socket)?)));
                Ok((listeners.collect::<Result<_, _>>().map_err(failure)?, None))
            }
        }
    }

    /// Says who uses an address if that is nobody else than we.
    fn explain(
        &self,
        error: io::Error,
        configured: &ConfiguredListener,
        beside: Ipv4Beside,
        planned: &[ConfiguredListener],
    ) -> io::Error {
        let wanted = Use::of(&configured.addr, beside).filter(|_| error.kind() == io::ErrorKind::AddrInUse);
        let Some(wanted) = wanted else { return error };
        let open = self.open.iter().filter_map(|open| Use::of(&open.configured.addr, open.beside));
        let others = planned.iter().filter(|other| other.addr != configured.addr);
        let others = others.filter_map(|other| Use::of(&other.addr, self::beside(&other.addr, planned)));
        own_use(&wanted, self.http, open, others).map_or(error, io::Error::other)
    }

    /// The keys that the kernel knows for a listener; none if it has those that are wanted, since it was just bound.
    fn keys_before(&self, change: &Change) -> Option<TcpKeys> {
        match &change.new.configured.addr.endpoint {
            ListenEndpoint::Ip(_) => change.before.as_ref().map(|before| before.keys.clone()),
            ListenEndpoint::Passed(name) => Some(self.passed_keys.get(name).cloned().unwrap_or_default()),
            ListenEndpoint::Unix(_) => None,
        }
    }

    /// Has the kernel know the keys and the permissions of a listener.
    fn make(&self, change: &Change) -> Result<(), Failure> {
        let Change { new, .. } = change;
        if let Some(keys) = self.keys_before(change) {
            for listener in &new.listeners {
                let set = new.keys.apply_to_listener(listener, Some(&keys));
                set.map_err(|error| wrong(&new.configured, &error.to_string()))?;
            }
        }
        let Some((name, _)) = change.other_mode() else { return Ok(()) };
        let set = name.set_mode(mode(&new.configured.options));
        if !set.map_err(|error| wrong(&new.configured, &format!("its permissions can't be changed: {error}")))? {
            ListenerEvent::NameLost { listener: &new.configured.addr.to_string() }.log();
        }
        Ok(())
    }

    /// Has the kernel know what it knew before, as far as it takes it: what went wrong is what is told.
    fn take_back(&self, change: &Change) {
        if let Some(keys) = self.keys_before(change) {
            for listener in &change.new.listeners {
                let _ = keys.apply_to_listener(listener, Some(&change.new.keys));
            }
        }
        if let Some((name, before)) = change.other_mode() {
            let _ = name.set_mode(before);
        }
    }

    /// Notes which keys sockets of systemd have now. Whoever connected before they had any is turned away.
    fn note_keys(&mut self, open: &[Open]) {
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

    /// Has the metrics show what is open, and says which sockets are left over.
    fn show(&self, open: &[Open]) {
        self.routers.set_listeners(open.iter().flat_map(Open::shown).collect());
        let files = open.iter().filter_map(|open| open.files.as_ref());
        self.metrics.watch_credentials(files.map(|files| Arc::clone(&files.in_force)).collect());
        let is_used = |name: &str| {
            open.iter().any(|open| matches!(&open.configured.addr.endpoint, ListenEndpoint::Passed(p) if p == name))
        };
        let unused: BTreeSet<&str> = self.passed.names().filter(|name| !is_used(name)).collect();
        for name in unused {
            ListenerEvent::SocketUnused { socket: name }.log();
        }
    }
}

impl Open {
    /// Its sockets as metrics and status show them.
    fn shown(&self) -> impl Iterator<Item = OpenListener> {
        let layer = self.configured.addr.layer;
        let credentials = self.files.as_ref().map(|files| Arc::clone(&files.in_force));
        self.listeners.iter().map(move |listener| {
            let scheme = Scheme::at(layer, listener.local());
            let address = listener.local().to_string();
            OpenListener { name: format!("{scheme}://{address}"), address, credentials: credentials.clone() }
        })
    }
}

impl Change {
    /// The name of a Unix socket whose permissions are to change, and those that it has.
    fn other_mode(&self) -> Option<(&SocketName, u32)> {
        let before = mode(&self.before.as_ref()?.configured.options);
        let name = self.new.name.as_deref()?;
        (mode(&self.new.configured.options) != before).then_some((name, before))
    }
}

/// Makes a Unix socket, and keeps its name apart: that can be given other permissions.
fn bind_unix(path: &Path, mode: u32) -> io::Result<(Listener, SocketName)> {
    let (listener, name) = UnixSocket::bind(path, mode, BACKLOG)?.into_parts();
    Ok((Listener::passed(OwnedFd::from(listener.into_std()?))?, name))
}

/// The permissions of a Unix socket.
fn mode(options: &ListenOptions) -> u32 {
    options.unix_mode.unwrap_or(UNIX_MODE)
}

/// Tells an IPv6 listener that leaves IPv4 to another.
fn beside(addr: &ListenAddr, planned: &[ConfiguredListener]) -> Ipv4Beside {
    let ListenEndpoint::Ip(SocketAddr::V6(address)) = &addr.endpoint else { return Ipv4Beside::No };
    let is_beside = |other: &ConfiguredListener| match other.addr.endpoint {
        ListenEndpoint::Ip(other) => other.is_ipv4() && other.port() == address.port(),
        ListenEndpoint::Unix(_) | ListenEndpoint::Passed(_) => false,
    };
    let takes_all = address.ip().is_unspecified() && address.port() != 0;
    if takes_all && planned.iter().any(is_beside) { Ipv4Beside::Yes } else { Ipv4Beside::No }
}

/// Closes whoever waits at a socket: they came before it had keys, and the kernel asked them for none. How many.
fn drain(listener: &ActivatedListener) -> usize {
    let ActivatedListener::Tcp(listener) = listener else { return 0 };
    (0..DRAINED_MAX).take_while(|_| listener.accept().is_ok()).count()
}

/// The peers whose connections begin with a PROXY header.
fn proxied(options: &ListenOptions) -> Manner {
    let prefixes = options.proxy_from.iter().filter_map(|from| match from {
        ProxyFrom::Prefix(prefix) => Some(*prefix),
        ProxyFrom::Unix => None,
    });
    Manner {
        proxies: prefixes.collect(),
        is_unix_proxied: options.proxy_from.contains(&ProxyFrom::Unix),
        ..Manner::default()
    }
}
