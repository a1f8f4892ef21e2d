//! PROXY protocol version 2 (haproxy's proxy-protocol.txt, section 2.2): a balancer gives the address of the router.
//!
//! The header is read to its last octet and not beyond: the next octets are the router's. The caller limits the time,
//! and accepts headers only from configured balancers.

mod header;

use crate::stream::Socket;
use header::{Parsed, parse};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

/// The most octets of addresses and additions that a header may have; a longer one is refused. Balancers send some
/// hundreds at most.
pub(crate) const PROXY_OCTETS_MAX: usize = 4 * 1024;

/// Read at once, at most.
const READ_OCTETS_MAX: usize = 512;

/// The ends of a connection that came through a balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxied {
    /// Those of the socket: the balancer itself, as in its health checks, or a router without an address.
    Local,
    /// A router.
    From {
        /// The router.
        remote: SocketAddr,
        /// The address that the router connected to.
        local: SocketAddr,
    },
}

/// A header is the same read at once and octet by octet.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(octets: &[u8]) {
    let outcome =
        |(read, taken): (Result<Proxied, ProxyError>, usize)| (read.map_err(|error| error.to_string()), taken);
    let (whole, pieces) = (header::read_in_pieces(octets, || usize::MAX), header::read_in_pieces(octets, || 1));
    let (whole, pieces) = (outcome(whole), outcome(pieces));
    if whole.0.is_ok() || pieces.0.is_ok() {
        assert_eq!(whole, pieces);
    }
}

/// Reads a header from the start of a connection.
pub(crate) async fn read_header(socket: &Socket) -> Result<Proxied, ProxyError> {
    let mut header = Vec::new();
    let mut buffer = [0; READ_OCTETS_MAX];
    loop {
        let missing = match parse(&header)? {
            Parsed::Header(proxied) => return Ok(proxied),
            Parsed::Needs(missing) => missing.min(READ_OCTETS_MAX),
        };
        let into = buffer.get_mut(..missing).unwrap_or_default();
        let octets = match poll_fn(|context| socket.poll_read(context, into)).await {
            Ok(octets) => octets,
            Err(_) if header.is_empty() => return Err(ProxyError::Probed),
            Err(error) => return Err(ProxyError::Io(error)),
        };
        if octets == 0 {
            return Err(if header.is_empty() { ProxyError::Probed } else { ProxyError::Ended });
        }
        header.extend(buffer.iter().take(octets));
    }
}

/// Reason that the start of a connection is no header.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// Something else.
    NoHeader,
    /// A header of version 1, which is a line of text.
    Version1,
    /// A version that is not there.
    Version(u8),
    /// A command that is not there.
    Command(u8),
    /// A family, with its protocol, that is not there or that carries no stream.
    Family(u8),
    /// More octets than a header may have.
    Length(usize),
    /// Fewer octets than the addresses have.
    Address,
    /// An addition that does not end where the header does.
    Tlv,
    /// Another checksum than the header's.
    Checksum,
    /// The connection ended within the header.
    Ended,
    /// The connection ended before it.
    Probed,
    /// The connection broke.
    Io(io::Error),
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyError::NoHeader => f.write_str("not a PROXY v2 header"),
            ProxyError::Version1 => f.write_str("a PROXY header of version 1; version 2 is needed"),
            ProxyError::Version(version) => write!(f, "a PROXY header of version {version}; version 2 is needed"),
            ProxyError::Command(command) => write!(f, "a PROXY v2 header with the unknown command {command}"),
            ProxyError::Family(family) => {
                write!(f, "a PROXY v2 header of family and protocol 0x{family:02x}, which is no stream")
            }
            ProxyError::Length(octets) => {
                write!(
                    f,
                    "a PROXY v2 header with {octets} octets of addresses and more; at most {PROXY_OCTETS_MAX} are read"
                )
            }
            ProxyError::Address => f.write_str("a PROXY v2 header that ends within its addresses"),
            ProxyError::Tlv => f.write_str("a PROXY v2 header that ends within a TLV"),
            ProxyError::Checksum => f.write_str("a PROXY v2 header with a wrong checksum"),
            ProxyError::Ended => f.write_str("the connection ended before the end of the PROXY v2 header"),
            ProxyError::Probed => f.write_str("the connection ended before anything was received"),
            ProxyError::Io(error) => write!(f, "reading the PROXY v2 header: {error}"),
        }
    }
}

impl std::error::Error for ProxyError {}

#[cfg(test)]
mod tests {
    use super::header::tests::{IPV4, all, header, shown};
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn pair() -> (UnixStream, Socket) {
        let (balancer, cache) = UnixStream::pair().unwrap();
        cache.set_nonblocking(true).unwrap();
        (balancer, Socket::Unix(tokio::net::UnixStream::from_std(cache).unwrap()))
    }

    #[tokio::test]
    async fn octets_after_a_header_are_left_for_the_session() {
        for (octets, expected) in all() {
            let (mut balancer, cache) = pair();
            balancer.write_all(&[&octets[..], b"query"].concat()).unwrap();
            let read = tokio::time::timeout(Duration::from_secs(60), read_header(&cache)).await.unwrap();
            assert_eq!(shown(&read), expected);
            if read.is_ok() {
                let mut rest = [0; 64];
                let octets = cache.read_now(&mut rest).unwrap();
                assert_eq!(&rest[..octets], b"query");
            }
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_within_the_header_is_an_error() {
        for octets in [&header(0x21, 0x11, &IPV4)[..20], b"\r\n\r\n\0"] {
            let (mut balancer, cache) = pair();
            balancer.write_all(octets).unwrap();
            drop(balancer);
            let read = read_header(&cache).await;
            assert_eq!(shown(&read), "the connection ended before the end of the PROXY v2 header");
        }
        let (balancer, cache) = pair();
        drop(balancer);
        assert!(matches!(read_header(&cache).await, Err(ProxyError::Probed)));
    }
}
