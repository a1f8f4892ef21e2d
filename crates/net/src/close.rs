//! The ordered close: half-close, read and discard until the peer's end or a limit, close.
//!
//! Closing a socket with unread input makes the kernel send a reset, which destroys what the peer has not read yet
//! (RFC 1122 section 4.2.2.13): an Error Report would be lost although it was written.

use crate::transport::{Socket, Transport};
use std::future::poll_fn;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// How long the peer's end is waited for.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long the end of a connection that makes room for another may take.
const DISPLACED_END_MAX: Duration = Duration::from_millis(200);

/// How much of what a router still sends is read and discarded.
pub const DRAIN_OCTETS_MAX: usize = 1024 * 1024;

/// The same of what a cache still sends, which may be in the middle of a large response when it is told of a mistake.
pub const DRAIN_RESPONSE_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// Whether the peer ended its side in time; `Err` if it did not even take what is still to be said.
pub(crate) async fn in_order(transport: &mut Transport, peer_ended: bool, octets_max: usize) -> io::Result<bool> {
    let ended = match timeout(DRAIN_MAX, transport.end()).await {
        Ok(ended) => ended,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not take the end of the connection")),
    };
    if let Err(error) = ended {
        transport.socket().reset_at_close();
        return Err(error);
    }
    // Only below the upper layers is the peer's end the end of what can come.
    if peer_ended && matches!(transport, Transport::Plain(_)) {
        return Ok(true);
    }
    drain_in_time(transport.socket(), octets_max).await
}

/// Closes the connection of a router that makes room for another: whether it had ended its side. It has been given
/// nothing that it asked for, and its place is needed: nobody waits for its end.
pub(crate) async fn for_another(transport: &mut Transport) -> bool {
    let _ = timeout(DISPLACED_END_MAX, transport.end()).await;
    // What lies unread would turn the end into a reset.
    let mut discarded = 0;
    while discarded < DRAIN_OCTETS_MAX {
        match transport.socket().read_now(&mut [0; 16 * 1024]) {
            Ok(0) => return true,
            Ok(octets) => discarded += octets,
            Err(_) => return false,
        }
    }
    false
}

/// Reads and discards until the peer's end, or for as long and as much as it is worth: whether it ended.
pub(crate) async fn drain_in_time(socket: &Socket, octets_max: usize) -> io::Result<bool> {
    timeout(DRAIN_MAX, drain(socket, octets_max)).await.unwrap_or(Ok(false))
}

async fn drain(socket: &Socket, octets_max: usize) -> io::Result<bool> {
    let mut discarded = 0;
    while discarded < octets_max {
        let octets = match poll_fn(|context| socket.poll_read(context, &mut [0; 16 * 1024])).await {
            // It has read what it wanted, and goes without ceremony.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected) => 0,
            result => result?,
        };
        if octets == 0 {
            return Ok(true);
        }
        discarded += octets;
    }
    Ok(false)
}
