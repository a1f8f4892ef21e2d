//! The ordered close: half-close, read and discard until the peer's end or a limit, close.
//!
//! Closing a socket with unread input makes the kernel send a reset, which destroys what the peer has not read yet
//! (RFC 1122 section 4.2.2.13): an Error Report would be lost although it was written.

use crate::drain::{DRAIN_OCTETS_MAX, DRAIN_TIME_MAX, drain_in_time};
use crate::stream::TransportStream;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// Time that the end of a displaced connection may take.
const DISPLACED_END_MAX: Duration = Duration::from_millis(200);

/// The peer's side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerSide {
    /// The peer may still send.
    Open,
    /// The peer has ended it: all that it sent was read.
    Ended,
}

/// Closes in order, and returns true if the peer ended its side in time; `Err` if it did not even accept the octets
/// that were left to send.
pub(crate) async fn in_order(stream: &mut TransportStream, peer_side: PeerSide, octets_max: usize) -> io::Result<bool> {
    let ended = match timeout(DRAIN_TIME_MAX, stream.end()).await {
        Ok(ended) => ended,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not take the end of the connection")),
    };
    if let Err(error) = ended {
        stream.socket().reset_at_close();
        return Err(error);
    }
    // Only below the upper layers is the peer's end the end of what can come.
    if peer_side == PeerSide::Ended && matches!(stream, TransportStream::Plain(_)) {
        return Ok(true);
    }
    drain_in_time(stream.socket(), octets_max).await
}

/// Closes a displaced connection, and returns true if the router had ended its side. It was sent no response, and its
/// capacity is needed: its end is not waited for.
pub(crate) async fn for_another(stream: &mut TransportStream) -> bool {
    let _ = timeout(DISPLACED_END_MAX, stream.end()).await;
    // Unread input would turn the end into a reset.
    let mut discarded = 0;
    while discarded < DRAIN_OCTETS_MAX {
        match stream.socket().read_now(&mut [0; 16 * 1024]) {
            Ok(0) => return true,
            Ok(octets) => discarded += octets,
            Err(_) => return false,
        }
    }
    false
}
