//! Connections that go on in another program.
//!
//! `connection.rs` writes a connection for another program, `stats.rs` its statistics, and `octets.rs` the octets that
//! responses are sent from. Descriptors go to the other program with their numbers, or by a Unix socket: they are written
//! as indices in [`Descriptors`].

mod connection;
mod descriptors;
mod octets;
mod stats;

use crate::admission::ConnectionLimiter;
use crate::publish::PublisherHandle;
use crate::suspended::{SuspendedConnection, SuspendedPart, WaitingConnection};
pub use connection::next_connection_id;
pub use descriptors::{Descriptors, PassedDescriptors, inherit_again, set_inherited};
pub use octets::{SharedOctets, SharedOctetsError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// All plain connections of a cache, without their tasks.
#[derive(Debug, Default)]
pub struct SuspendedConnections {
    /// Those with a session.
    pub connections: Vec<SuspendedConnection>,
    /// Those that wait for capacity.
    pub waiting: Vec<WaitingConnection>,
    /// How many did not end in time, such as those over TLS whose peers take nothing.
    pub left_over: u32,
}

impl PublisherHandle {
    /// Ends connections over TLS and SSH, and accepts no further ones, until [`resume`](PublisherHandle::resume). Returns when
    /// `is_over`, after `time` at the latest: those that are left end with the program.
    pub async fn end_protected(&self, limiter: &ConnectionLimiter, time: Duration, is_over: impl Fn() -> bool) {
        self.set_protected_ending(true);
        let deadline = Instant::now() + time;
        loop {
            // Before the check, so that an end after it is not missed.
            let changed = limiter.changed();
            if is_over() || timeout_at(deadline, changed).await.is_err() {
                return;
            }
        }
    }

    /// Takes all plain connections out of their tasks, also those that are being closed in order, and stops accepting,
    /// until [`resume`](PublisherHandle::resume). Connections over TLS and SSH, and those in a handshake, end. Returns what
    /// there is after `time` at the latest.
    pub async fn suspend(&self, limiter: &ConnectionLimiter, time: Duration) -> SuspendedConnections {
        let (suspending, mut parts) = mpsc::unbounded_channel();
        self.set_suspending(Some(suspending));
        let deadline = Instant::now() + time;
        let (mut suspended, mut is_accepting) = (SuspendedConnections::default(), true);
        loop {
            // Before the check, so that an end after it is not missed.
            let changed = limiter.changed();
            let connections = limiter.counts().connections as usize;
            suspended.left_over = u32::try_from(connections - suspended.connections.len()).unwrap_or(u32::MAX);
            if !is_accepting && suspended.left_over == 0 {
                return suspended;
            }
            let next = async {
                tokio::select! {
                    part = parts.recv() => part,
                    () = changed => None,
                }
            };
            match timeout_at(deadline, next).await {
                Ok(Some(SuspendedPart::Connection(connection))) => suspended.connections.push(*connection),
                Ok(Some(SuspendedPart::Accepting(waiting))) => (suspended.waiting, is_accepting) = (waiting, false),
                Ok(None) => {}
                Err(_) => return suspended,
            }
        }
    }

    /// Ends the suspension: connections are accepted, and stay in their tasks. Those that were taken go on by
    /// [`Service::resume`](crate::Service::resume).
    pub fn resume(&self) {
        self.set_suspending(None);
        self.set_protected_ending(false);
    }
}

#[cfg(test)]
mod tests;
