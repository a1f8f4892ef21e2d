//! The ordered close: half-close, read and discard until the peer's end or a limit, close.
//!
//! Closing a socket with unread input makes the kernel send a reset, which destroys what the peer has not read yet
//! (RFC 1122 section 4.2.2.13): an Error Report would be lost although it was written.

use crate::transport::Tcp;
use std::future::poll_fn;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// How long the peer's end is waited for.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How much of what a router still sends is read and discarded.
pub const DRAIN_OCTETS_MAX: usize = 1024 * 1024;

/// The same of what a cache still sends, which may be in the middle of a large response when it is told of a mistake.
pub const DRAIN_RESPONSE_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// Whether the peer ended its side in time.
pub(crate) async fn in_order(mut transport: Tcp, peer_ended: bool, octets_max: usize) -> io::Result<bool> {
    match transport.half_close() {
        // It has reset the connection: it is gone without ceremony.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(true),
        result => result?,
    }
    if peer_ended {
        return Ok(true);
    }
    timeout(DRAIN_MAX, drain(&mut transport, octets_max)).await.unwrap_or(Ok(false))
}

async fn drain(transport: &mut Tcp, octets_max: usize) -> io::Result<bool> {
    let mut discarded = 0;
    while discarded < octets_max {
        let octets = match poll_fn(|context| transport.poll_read(context, &mut [0; 16 * 1024])).await {
            // It has read what it wanted, and goes without ceremony.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            result => result?,
        };
        if octets == 0 {
            return Ok(true);
        }
        discarded += octets;
    }
    Ok(false)
}
