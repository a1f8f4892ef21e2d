//! The table of routers: a row a connection, and the routers that have a name of the operator's and are not connected. The
//! hub, sources, metrics and the control socket ask it.
//!
//! Its lock is held while a connection comes or goes, and while the rows are copied: a pointer each. What passes over a
//! connection is counted in the connection itself.

mod usage;

use crate::clock::DayTime;
use crate::observe::listeners::OpenListener;
use rtrcast_net::{Clock, Connection, Endpoint, Peer};
use rtrcast_proto::{InUse, Moment, Profile, Version};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use usage::Usage;

/// All routers.
pub(crate) struct Routers {
    clock: Clock,
    day_time: DayTime,
    table: Mutex<RouterTable>,
    usage: Usage,
}

#[derive(Default)]
struct RouterTable {
    /// By the connection's number.
    connections: BTreeMap<u64, Arc<Connection>>,
    /// Routers that have a name, by their address.
    named: BTreeMap<IpAddr, NamedRouter>,
    /// Listeners that are open.
    listeners: Vec<OpenListener>,
}

/// A router that the operator gave a name.
struct NamedRouter {
    name: Arc<str>,
    connections: usize,
    /// Time when its last connection ended, or when its name was configured.
    left: Moment,
}

/// A connected router.
pub(crate) struct ConnectedRouter {
    /// Its name over all of its connections.
    pub(crate) name: Arc<str>,
    pub(crate) connection: Arc<Connection>,
}

/// A router that has a name and no connection.
pub(crate) struct UnconnectedRouter {
    pub(crate) name: Arc<str>,
    pub(crate) address: IpAddr,
    pub(crate) since: Moment,
}

impl Routers {
    pub(crate) fn new(clock: Clock) -> Routers {
        Routers { clock, day_time: DayTime::new(clock), table: Mutex::default(), usage: Usage::default() }
    }

    fn table(&self) -> MutexGuard<'_, RouterTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of day at moments in the table.
    pub(crate) fn day_time(&self) -> &DayTime {
        &self.day_time
    }

    /// The clock of all moments in the table.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Takes over the names that the operator gave to addresses.
    pub(crate) fn set_names(&self, names: &[(IpAddr, Arc<str>)]) {
        let now = self.clock.now();
        let mut table = self.table();
        let mut before = std::mem::take(&mut table.named);
        for (address, name) in names {
            let address = address.to_canonical();
            let known = before.remove(&address);
            let connections = || table.connections.values().filter(|connection| is_at(connection, address)).count();
            let named = match known {
                Some(known) => NamedRouter { name: Arc::clone(name), ..known },
                None => NamedRouter { name: Arc::clone(name), connections: connections(), left: now },
            };
            table.named.insert(address, named);
        }
    }

    /// A router is connected.
    pub(crate) fn connected(&self, connection: &Arc<Connection>) {
        let mut table = self.table();
        let peer = connection.peer();
        if let Some(named) = peer.remote.ip().and_then(|address| table.named.get_mut(&address)) {
            named.connections += 1;
        }
        table.connections.insert(peer.id, Arc::clone(connection));
    }

    /// Its session speaks a version.
    pub(crate) fn negotiated(&self, profile: Profile) {
        self.usage.add(profile);
    }

    /// Its connection ended. Returns what it spoke.
    pub(crate) fn ended(&self, connection: &Connection) -> Option<Profile> {
        let profile = connection.stats().profile;
        if let Some(profile) = profile {
            self.usage.remove(profile);
        }
        let mut table = self.table();
        let peer = connection.peer();
        table.connections.remove(&peer.id);
        let now = self.clock.now();
        if let Some(named) = peer.remote.ip().and_then(|address| table.named.get_mut(&address)) {
            named.connections = named.connections.saturating_sub(1);
            named.left = now;
        }
        profile
    }

    /// Profiles of the sessions of now.
    pub(crate) fn in_use(&self) -> InUse {
        InUse::count(|profile| self.usage.of(profile))
    }

    /// Sessions of a version.
    pub(crate) fn sessions(&self, version: Version) -> usize {
        self.usage.sessions(version)
    }

    /// These listeners are open from now on, and no others.
    pub(crate) fn set_listeners(&self, listeners: Vec<OpenListener>) {
        self.table().listeners = listeners;
    }

    /// Listeners that are open.
    pub(crate) fn listeners(&self) -> Vec<OpenListener> {
        self.table().listeners.clone()
    }

    /// Connections by the address of their listener, which is listed while it is open or has connections.
    pub(crate) fn by_listener(&self) -> BTreeMap<String, usize> {
        let (open, connections) = {
            let table = self.table();
            (table.listeners.clone(), table.connections())
        };
        let mut counts: BTreeMap<&Endpoint, usize> = BTreeMap::new();
        for connection in &connections {
            *counts.entry(&connection.peer().local).or_default() += 1;
        }
        let mut listeners: BTreeMap<String, usize> = open.into_iter().map(|listener| (listener.address, 0)).collect();
        for (local, count) in counts {
            *listeners.entry(local.to_string()).or_default() += count;
        }
        listeners
    }

    /// A connection as log lines and `ctl` name it: the address with the name of its certificate or login, as in
    /// `192.0.2.7:57891 (alice)`, and with a name by `--peer` `edge1.fra (192.0.2.7:57891, alice)`.
    pub(crate) fn describe(&self, peer: &Peer) -> String {
        let configured = self.table().configured_name(peer);
        configured.map_or_else(
            || peer.to_string(),
            |name| match &peer.name {
                Some(own) => format!("{name} ({}, {own})", peer.remote),
                None => format!("{name} ({})", peer.remote),
            },
        )
    }

    /// The name of a router over all of its connections.
    pub(crate) fn name(&self, peer: &Peer) -> Arc<str> {
        let configured = self.table().configured_name(peer);
        configured.unwrap_or_else(|| own_name(peer))
    }

    /// Routers that are connected, in the order in which they came.
    pub(crate) fn list(&self) -> Vec<ConnectedRouter> {
        let rows: Vec<(Option<Arc<str>>, Arc<Connection>)> = {
            let table = self.table();
            table.connections().into_iter().map(|row| (table.configured_name(row.peer()), row)).collect()
        };
        let row = |(configured, connection): (Option<Arc<str>>, Arc<Connection>)| ConnectedRouter {
            name: configured.unwrap_or_else(|| own_name(connection.peer())),
            connection,
        };
        rows.into_iter().map(row).collect()
    }

    /// Connections, in the order in which they came.
    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        self.table().connections()
    }

    /// Routers that have a name and are not connected.
    pub(crate) fn absent(&self) -> Vec<UnconnectedRouter> {
        let table = self.table();
        let absent = table.named.iter().filter(|(_, named)| named.connections == 0);
        absent
            .map(|(address, named)| UnconnectedRouter {
                name: Arc::clone(&named.name),
                address: *address,
                since: named.left,
            })
            .collect()
    }
}

impl RouterTable {
    /// The name of a router by `--peer`.
    fn configured_name(&self, peer: &Peer) -> Option<Arc<str>> {
        let named = peer.remote.ip().and_then(|address| self.named.get(&address))?;
        Some(Arc::clone(&named.name))
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        self.connections.values().cloned().collect()
    }
}

/// The name of a router that has none by `--peer`: that of its certificate, or its user of SSH, else its address, and never
/// its port. At a Unix socket, that socket.
fn own_name(peer: &Peer) -> Arc<str> {
    match (&peer.name, &peer.remote) {
        (Some(name), _) => Arc::clone(name),
        (None, Endpoint::Ip(address)) => address.ip().to_string().into(),
        (None, Endpoint::Unix(_)) => peer.local.to_string().into(),
    }
}

fn is_at(connection: &Connection, address: IpAddr) -> bool {
    connection.peer().remote.ip() == Some(address)
}
