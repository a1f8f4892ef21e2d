//! A connection as it is handed over.

use super::{Descriptors, PassedDescriptors, SharedOctets, stats};
use crate::close::PeerSide;
use crate::connection::Connection;
use crate::peer::{Endpoint, Peer};
use crate::service::{NEXT_ID, Service};
use crate::stream::Socket;
use crate::suspended::{ObservedConnection, SuspendedConnection, WaitingConnection};
use crate::transfer::PendingWrite;
use crate::transport::Transport;
use rtrcast_proto::{Chunk, FieldDecoder, FieldEncoder, Moment, ServerSession};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Returns the number of the next connection of this process, so that a program that goes on with its connections gives
/// none of their numbers again.
pub fn next_connection_id() -> u64 {
    NEXT_ID.load(Ordering::Relaxed)
}

impl SuspendedConnection {
    /// Writes it for another program.
    pub fn encode<'a>(
        &'a self,
        encoder: &mut FieldEncoder,
        octets: &mut SharedOctets,
        descriptors: &mut Descriptors<'a>,
    ) {
        encode_socket(encoder, &self.socket, descriptors);
        let (connection, peer) = (self.connection(), self.connection().peer());
        encoder.u64(peer.id);
        encode_endpoint(encoder, &peer.remote);
        encode_endpoint(encoder, &peer.local);
        encoder.u64(connection.since().0);
        stats::encode(encoder, &connection.stats());
        encoder.option(self.permit.address(), encode_address);
        encoder.u8(u8::from(self.permit.has_queried()));
        self.session.encode(encoder, |shared| octets.number_of(shared));
        encoder.option(self.writing.as_ref(), |encoder, writing| {
            writing.encode(encoder, |shared| octets.number_of(shared));
        });
        encoder.option(self.closing_since, |encoder, since| encoder.u64(since.0));
        encoder.u8(u8::from(self.has_received));
        encoder.u8(u8::from(self.peer_side == PeerSide::Ended));
        encoder.u64(u64::try_from(self.stall_max.as_millis()).unwrap_or(u64::MAX));
        encoder.option(self.address, encode_address);
    }

    /// Reads one that another program wrote; none if the octets are not one. Nothing is read from its socket, or written,
    /// before [`Service::resume`].
    pub fn decode(
        decoder: &mut FieldDecoder<'_>,
        service: &Service,
        octets: &SharedOctets,
        descriptors: &mut PassedDescriptors,
    ) -> Option<io::Result<SuspendedConnection>> {
        let (is_unix, index) = (decoder.bool()?, decoder.u32()?);
        let id = decoder.u64()?;
        let (remote, local) = (decode_endpoint(decoder)?, decode_endpoint(decoder)?);
        let (since, stats) = (Moment(decoder.u64()?), stats::decode(decoder)?);
        let (permit_address, has_queried) = (decoder.option(decode_address)?, decoder.bool()?);
        let (view, now) = (Arc::clone(&service.published.borrow().view), service.clock.now());
        let session = ServerSession::decode(decoder, now, view, |number| octets.get(number))?;
        let writing = decoder.option(|decoder| PendingWrite::decode(decoder, |number| octets.get(number)))?;
        let closing_since = decoder.option(|decoder| decoder.u64().map(Moment))?;
        let has_received = decoder.bool()?;
        let peer_side = if decoder.bool()? { PeerSide::Ended } else { PeerSide::Open };
        let stall_max = Duration::from_millis(decoder.u64()?);
        let address = decoder.option(decode_address)?;
        let socket = match Socket::passed(descriptors.take(index)?, is_unix) {
            Ok(socket) => socket,
            Err(error) => return Some(Err(error)),
        };
        let permit = service.limiter.readmit(permit_address, Transport::Tcp.memory_octets(), has_queried);
        let peer = Peer { id, remote, local, transport: Transport::Tcp, name: None };
        let connection = Arc::new(Connection::handed_over(peer, since, stats));
        NEXT_ID.fetch_max(id.saturating_add(1), Ordering::Relaxed);
        service.observer.handed_over(&connection);
        let observed = ObservedConnection::new(connection, Arc::clone(&service.observer));
        Some(Ok(SuspendedConnection {
            socket,
            observed,
            permit,
            session,
            writing,
            closing_since,
            has_received,
            peer_side,
            stall_max,
            address,
        }))
    }
}

impl WaitingConnection {
    /// Writes it for another program.
    pub fn encode<'a>(&'a self, encoder: &mut FieldEncoder, descriptors: &mut Descriptors<'a>) {
        encoder.u32(descriptors.add(&self.socket));
        encode_endpoint(encoder, &self.remote);
        encode_endpoint(encoder, &self.local);
    }

    /// Reads one that another program wrote; none if the octets are not one.
    pub fn decode(decoder: &mut FieldDecoder<'_>, descriptors: &mut PassedDescriptors) -> Option<WaitingConnection> {
        Some(WaitingConnection {
            socket: descriptors.take(decoder.u32()?)?,
            remote: decode_endpoint(decoder)?,
            local: decode_endpoint(decoder)?,
        })
    }
}

impl PendingWrite {
    fn encode(&self, encoder: &mut FieldEncoder, number_of: impl FnOnce(&Arc<dyn rtrcast_proto::Octets>) -> u32) {
        self.chunk.encode(encoder, number_of);
        encoder.u64(self.done as u64);
        encoder.u64(self.progress.0);
    }

    fn decode(
        decoder: &mut FieldDecoder<'_>,
        shared: impl FnOnce(u32) -> Option<Arc<dyn rtrcast_proto::Octets>>,
    ) -> Option<PendingWrite> {
        let chunk = Chunk::decode(decoder, shared)?;
        let (done, progress) = (usize::try_from(decoder.u64()?).ok()?, Moment(decoder.u64()?));
        (done <= chunk.octets().len()).then_some(PendingWrite { chunk, done, progress })
    }
}

fn encode_socket<'a>(encoder: &mut FieldEncoder, socket: &'a Socket, descriptors: &mut Descriptors<'a>) {
    encoder.u8(match socket {
        Socket::Tcp(_) => 0,
        Socket::Unix(_) => 1,
    });
    encoder.u32(descriptors.add(socket));
}

fn encode_endpoint(encoder: &mut FieldEncoder, endpoint: &Endpoint) {
    match endpoint {
        Endpoint::Ip(address) => {
            encoder.u8(0);
            encode_address(encoder, address.ip());
            encoder.u16(address.port());
            // A link-local address is one of a link.
            encoder.u32(match address {
                SocketAddr::V6(address) => address.scope_id(),
                SocketAddr::V4(_) => 0,
            });
        }
        Endpoint::Unix(path) => {
            encoder.u8(1);
            encoder.octets(path.as_os_str().as_bytes());
        }
    }
}

fn decode_endpoint(decoder: &mut FieldDecoder<'_>) -> Option<Endpoint> {
    Some(match decoder.u8()? {
        0 => {
            let mut address = SocketAddr::new(decode_address(decoder)?, decoder.u16()?);
            let scope = decoder.u32()?;
            if let SocketAddr::V6(address) = &mut address {
                address.set_scope_id(scope);
            }
            Endpoint::Ip(address)
        }
        1 => {
            let path = std::ffi::OsString::from_vec(decoder.octets()?.to_vec());
            Endpoint::Unix(PathBuf::from(path).into())
        }
        _ => return None,
    })
}

/// IPv4 addresses are written as such of IPv6 (RFC 4291 section 2.5.5.2).
fn encode_address(encoder: &mut FieldEncoder, address: IpAddr) {
    encoder.u128(match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    });
}

fn decode_address(decoder: &mut FieldDecoder<'_>) -> Option<IpAddr> {
    Some(IpAddr::V6(Ipv6Addr::from_bits(decoder.u128()?)).to_canonical())
}
