//! The data behind the API: the hub, the table of routers, and limits.

use crate::hub::message::Input;
use crate::observe::describe::count;
use crate::observe::listeners::OpenListener;
use crate::observe::routers::{ConnectedRouter, Routers};
use crate::observe::status::{
    CacheStatus, HealthState, HealthStatus, HubStatus, LimitStatus, ListenerStatus, RouterCounts, RouterList, SCHEMA,
    Timestamp, list,
};
use rtrcast_net::{ConnectionLimiter, Published};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// The sources of answers.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(crate) hub: mpsc::Sender<Input>,
    pub(crate) routers: Arc<Routers>,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) limiter: Arc<ConnectionLimiter>,
    pub(crate) started: Timestamp,
}

impl ApiState {
    /// Returns the whole status; none if the cache is ending.
    pub(super) async fn status(&self) -> Option<CacheStatus> {
        let (reply, answer) = oneshot::channel();
        self.hub.send(Input::Status(reply)).await.ok()?;
        let HubStatus { mut health, data, timers, history, sources, slurm, problems } = answer.await.ok()?;
        if self.published.borrow().stop.is_some() {
            health = HealthStatus { state: HealthState::Stopping, reason: None };
        }
        Some(CacheStatus {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: Timestamp::now(),
            started: self.started,
            health,
            data,
            timers,
            history,
            sources,
            slurm,
            problems,
            listeners: self.listeners(),
            routers: self.router_counts(),
            limits: self.limits(),
        })
    }

    /// Returns all routers.
    pub(super) fn routers(&self) -> RouterList {
        let view = Arc::clone(&self.published.borrow().view);
        list(&self.routers, &view)
    }

    fn router_counts(&self) -> RouterCounts {
        let RouterList { routers, absent, .. } = self.routers();
        let mut counts = RouterCounts { connected: routers.len(), absent: absent.len(), ..RouterCounts::default() };
        for router in routers {
            *counts.by_state.entry(router.state).or_default() += 1;
            if let Some(version) = router.protocol_version {
                *counts.by_version.entry(version).or_default() += 1;
            }
        }
        counts
    }

    fn listeners(&self) -> Vec<ListenerStatus> {
        let mut connections = self.routers.by_listener();
        let open = self.routers.listeners().into_iter().map(|listener| {
            let OpenListener { name, address, credentials } = listener;
            let expires = credentials.as_ref().and_then(|credentials| credentials.expiry());
            ListenerStatus {
                connections: connections.remove(&address).unwrap_or(0),
                name,
                address,
                open: true,
                credentials_in_effect: credentials.map(|credentials| credentials.is_in_effect()),
                certificate_expires: expires.and_then(|at| u32::try_from(at).ok()).map(Timestamp),
            }
        });
        let mut listeners: Vec<ListenerStatus> = open.collect();
        listeners.extend(connections.into_iter().map(|(address, connections)| ListenerStatus {
            name: address.clone(),
            address,
            open: false,
            connections,
            credentials_in_effect: None,
            certificate_expires: None,
        }));
        listeners
    }

    fn limits(&self) -> LimitStatus {
        let (counts, limits) = (self.limiter.counts(), self.published.borrow().policy.limits);
        LimitStatus {
            connections: counts.connections,
            connections_max: limits.connections_max,
            handshakes: counts.handshakes,
            handshakes_max: limits.handshakes_max,
            memory_octets: counts.memory_octets,
            memory_octets_max: limits.memory_octets_max,
        }
    }

    /// Accepts data that are held back, of one source or of all; none if the cache is ending.
    pub(super) async fn release(&self, source: Option<String>) -> Option<Result<String, String>> {
        let (reply, answer) = oneshot::channel();
        self.hub.send(Input::Release(source, reply)).await.ok()?;
        answer.await.ok()
    }

    /// Closes a router's connections in order: a line for each.
    pub(super) fn close(&self, router: &str) -> Result<String, String> {
        let connected = self.routers.list();
        let chosen: Vec<&ConnectedRouter> =
            connected.iter().filter(|connected| matches_router(connected, router)).collect();
        if chosen.is_empty() {
            return Err(match self.routers.absent().iter().any(|absent| &*absent.name == router) {
                true => format!("{router} is not connected"),
                false => {
                    let (number, is) =
                        (count(connected.len(), "connection"), if connected.len() == 1 { "is" } else { "are" });
                    format!(
                        "no router \"{router}\" is connected ({number} {is} open); `rtrcast ctl routers` lists them"
                    )
                }
            });
        }
        let lines = chosen.iter().map(|connected| {
            let behind = if connected.connection.stats().is_answering { ", behind its response" } else { "" };
            connected.connection.close();
            format!("closing {}{behind}", connected.connection.peer())
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Returns true if this is the router's name, its address, its address and port, or the name in its certificate or
/// login.
fn matches_router(connected: &ConnectedRouter, router: &str) -> bool {
    let peer = connected.connection.peer();
    let is_address = |address: IpAddr| peer.remote.ip() == Some(address.to_canonical());
    let is_socket = |socket: SocketAddr| peer.remote.address() == Some(socket);
    *connected.name == *router
        || router.parse().is_ok_and(is_address)
        || router.parse().is_ok_and(is_socket)
        || peer.name.as_deref() == Some(router)
}
