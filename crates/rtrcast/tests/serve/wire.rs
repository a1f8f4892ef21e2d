//! What carries a router's octets: a socket, or a socket with TLS or SSH on it. Nothing of it is shared with the program.

use crate::cache::PATIENCE;
use crate::ssh_wire::{SshRouter, SshWire};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The receive buffer of a router that reads little.
const NARROW_OCTETS: usize = 4_096;

pub(crate) enum Wire {
    Socket(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
    Ssh(Box<SshWire>),
}

/// How a router reaches the cache.
#[derive(Clone)]
pub(crate) enum Way {
    Tcp,
    Tls(Arc<ClientConfig>),
    Ssh(SshRouter),
}

impl Way {
    /// A connection that is ready to be asked on.
    pub(crate) fn connect(&self, address: SocketAddr) -> Wire {
        self.over(socket(address)).unwrap()
    }

    /// The same with a small receive buffer.
    pub(crate) fn narrow(&self, address: SocketAddr) -> Wire {
        self.over(narrow_socket(address)).unwrap()
    }

    /// What lies above a socket, or why there is nothing.
    pub(crate) fn over(&self, mut socket: Socket) -> io::Result<Wire> {
        match self {
            Way::Tcp => Ok(Wire::Socket(socket)),
            Way::Ssh(router) => Ok(Wire::Ssh(Box::new(router.over(socket)?))),
            Way::Tls(config) => {
                let name = Ipv4Addr::LOCALHOST.into();
                let mut session = ClientConnection::new(Arc::clone(config), name).unwrap();
                while session.is_handshaking() {
                    session.complete_io(&mut socket)?;
                }
                Ok(Wire::Tls(Box::new(StreamOwned::new(session, socket))))
            }
        }
    }
}

/// A connection of nothing but octets.
pub(crate) fn socket(address: SocketAddr) -> Socket {
    let socket: Socket = TcpStream::connect(address).unwrap().into();
    socket.set_tcp_nodelay(true).unwrap();
    patient(socket)
}

/// The same from a given address.
pub(crate) fn socket_from(source: [u8; 4], address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_tcp_nodelay(true).unwrap();
    patient(socket)
}

pub(crate) fn narrow_socket(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(NARROW_OCTETS).unwrap();
    socket.connect(&address.into()).unwrap();
    patient(socket)
}

pub(crate) fn unix_socket(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(patient(socket))
}

fn patient(socket: Socket) -> Socket {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

impl Wire {
    fn socket(&self) -> &Socket {
        match self {
            Wire::Socket(socket) => socket,
            Wire::Tls(stream) => &stream.sock,
            Wire::Ssh(channel) => &channel.socket,
        }
    }

    /// The address and port of this side.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.socket().local_addr().unwrap().as_socket().unwrap()
    }

    /// Says that nothing more comes, layer by layer.
    pub(crate) fn half_close(&mut self) {
        match self {
            Wire::Socket(_) => {}
            Wire::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
            // Below it, there is more to say.
            Wire::Ssh(channel) => return channel.half_close(),
        }
        self.socket().shutdown(Shutdown::Write).unwrap();
    }

    /// Ends with a reset instead of an orderly end.
    pub(crate) fn reset(self) {
        SockRef::from(self.socket()).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Waits for longer than usual.
    pub(crate) fn wait_for_long(&mut self) {
        if let Wire::Ssh(channel) = self {
            channel.wait_for_long();
        }
        self.socket().set_read_timeout(Some(10 * PATIENCE)).unwrap();
    }

    /// What the cache showed of itself: a certificate as DER, a host key as OpenSSH writes it.
    pub(crate) fn shown(&self) -> Vec<u8> {
        match self {
            Wire::Socket(_) => Vec::new(),
            Wire::Tls(stream) => stream.conn.peer_certificates().unwrap()[0].to_vec(),
            Wire::Ssh(channel) => channel.host_key.clone().into_bytes(),
        }
    }
}

/// The end of SSH is that of its channel. That of TLS is the other side's close_notify: without one rustls says `UnexpectedEof`.
impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Socket(socket) => socket.read(into),
            Wire::Tls(stream) => stream.read(into),
            Wire::Ssh(channel) => channel.read(into),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Socket(socket) => socket.write(octets),
            Wire::Tls(stream) => stream.write(octets),
            Wire::Ssh(channel) => channel.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Socket(socket) => socket.flush(),
            Wire::Tls(stream) => stream.flush(),
            Wire::Ssh(channel) => channel.flush(),
        }
    }
}
