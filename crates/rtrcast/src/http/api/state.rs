//! The data behind the API: the hub, the table of routers, and limits.

use super::{ProgramRequests, Upgrades};
use crate::blocking::blocking;
use crate::changes::ChangeRecord;
use crate::hub::message::Input;
use crate::observe::describe::count;
use crate::observe::listeners::OpenListener;
use crate::observe::routers::{ConnectedRouter, Routers};
use crate::observe::status::{
    CacheStatus, ConfigurationStatus, HealthState, HealthStatus, HubStatus, LimitStatus, ListenerStatus, RouterCounts,
    RouterList, SCHEMA, Timestamp, list, sum,
};
use rtrcast_net::{ConnectionLimiter, Published};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// The sources of answers.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub(crate) hub: mpsc::Sender<Input>,
    pub(crate) routers: Arc<Routers>,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) limiter: Arc<ConnectionLimiter>,
    pub(crate) started: Timestamp,
    pub(crate) configuration: Arc<Mutex<ConfigurationStatus>>,
    pub(crate) requests: Arc<ProgramRequests>,
    pub(crate) changes: Arc<ChangeRecord>,
    pub(crate) upgrades: Arc<Upgrades>,
    /// Permit to read them: one at a time.
    pub(crate) changes_permit: Arc<Semaphore>,
    /// Permit to make long answers: one at a time.
    pub(crate) long_answers: Arc<Semaphore>,
}

impl ApiState {
    /// Returns the whole status; none if the cache is ending.
    pub(super) async fn status(&self) -> Option<CacheStatus> {
        let (reply, answer) = oneshot::channel();
        self.hub.send(Input::Status(reply)).await.ok()?;
        let HubStatus { mut health, data, timers, history, sources, slurm, problems, state: kept } =
            answer.await.ok()?;
        if self.is_stopping() {
            health = HealthStatus { state: HealthState::Stopping, reason: None };
        }
        let (listeners, routers) = self.blocking(|state| (state.listeners(), state.router_counts())).await;
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
            configuration: self.configuration.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            state: kept,
            listeners,
            routers,
            limits: self.limits(),
        })
    }

    /// Returns all routers.
    pub(super) fn routers(&self) -> RouterList {
        let view = Arc::clone(&self.published.borrow().view);
        list(&self.routers, &view)
    }

    fn router_counts(&self) -> RouterCounts {
        let view = Arc::clone(&self.published.borrow().view);
        sum(&self.routers, &view)
    }

    /// Does what takes long with many routers on a thread that may block, one at a time.
    pub(super) async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&ApiState) -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.long_answers).acquire_owned().await;
        let state = self.clone();
        blocking(move || {
            // Held to the end, even if the client has gone meanwhile.
            let _permit = permit;
            work(&state)
        })
        .await
    }

    /// Returns true once the cache stops, or has promised to.
    pub(super) fn is_stopping(&self) -> bool {
        self.published.borrow().stop.is_some() || self.requests.is_stop_claimed()
    }

    /// Returns true to the first who wants to stop the cache.
    pub(super) fn claim_stop(&self) -> bool {
        self.published.borrow().stop.is_none() && self.requests.claim_stop()
    }

    fn listeners(&self) -> Vec<ListenerStatus> {
        let mut connections = self.routers.by_listener();
        let open = self.routers.listeners().into_iter().map(|listener| {
            let OpenListener { name, address, credentials } = listener;
            let expires = credentials.as_ref().and_then(|credentials| credentials.expiry());
            let refused = credentials.as_ref().and_then(|credentials| credentials.refused());
            let (credentials_error, credentials_refused_since) =
                refused.map(|(reason, since)| (reason, Timestamp(since))).unzip();
            ListenerStatus {
                connections: connections.remove(&address).unwrap_or(0),
                name,
                address,
                open: true,
                credentials_in_effect: credentials.map(|_| credentials_error.is_none()),
                credentials_error,
                credentials_refused_since,
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
            credentials_error: None,
            credentials_refused_since: None,
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
            let is_answering = connected.connection.stats().is_answering;
            let behind = if is_answering { ", behind its response if one is being sent" } else { "" };
            connected.connection.close();
            format!("closing {}{behind}", self.routers.describe(connected.connection.peer()))
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Returns true if this is the router's name, its address, its address and port, the name in its certificate or login,
/// or the number of its connection.
fn matches_router(connected: &ConnectedRouter, router: &str) -> bool {
    let peer = connected.connection.peer();
    let is_address = |address: IpAddr| peer.remote.ip() == Some(address.to_canonical());
    let is_socket = |socket: SocketAddr| peer.remote.address() == Some(socket);
    let number = router.strip_prefix(&peer.local.to_string()).and_then(|rest| rest.strip_prefix('#')).unwrap_or(router);
    *connected.name == *router
        || number.parse() == Ok(peer.id)
        || router.parse().is_ok_and(is_address)
        || router.parse().is_ok_and(is_socket)
        || peer.name.as_deref() == Some(router)
}
