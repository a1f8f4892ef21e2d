//! Reading and discarding what a peer still sends, before a socket is closed.

use crate::stream::Socket;
use std::future::poll_fn;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// Time for which the peer's end is waited for.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// Octets of a router that are read and discarded.
pub const DRAIN_OCTETS_MAX: usize = 1024 * 1024;

/// Octets of a cache that are read and discarded: it may be in the middle of a large response when it receives an Error
/// Report.
pub const DRAIN_RESPONSE_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// Reads and discards until the peer's end, or for as long and as much as it is worth: whether it ended.
pub(crate) async fn drain_in_time(socket: &Socket, octets_max: usize) -> io::Result<bool> {
    timeout(DRAIN_TIME_MAX, drain(socket, octets_max)).await.unwrap_or(Ok(false))
}

async fn drain(socket: &Socket, octets_max: usize) -> io::Result<bool> {
    let mut discarded = 0;
    while discarded < octets_max {
        let octets = match poll_fn(|context| socket.poll_read(context, &mut [0; 16 * 1024])).await {
            // It has read what it needed, and resets.
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
