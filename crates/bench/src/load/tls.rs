//! Many routers over TLS: two threads that poll, and rustls without buffers of its own.

use super::tail::{RESET_QUERY, Tail};
use crate::credentials;
use rustix::event::epoll;
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Threads that read, each a part of the connections.
const THREADS: usize = 2;

/// The most that one connection reads at a time, and what it keeps of memory.
const READ_OCTETS: usize = 256 * 1024;

/// For what is sent: a handshake and queries.
const SEND_OCTETS: usize = 4 * 1024;

/// How many sockets are told of at a time.
const EVENTS_MAX: usize = 64;

/// A cache that says nothing for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Routers whose handshakes are done.
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    /// So many routers, one after the other.
    pub(crate) fn connect(addr: SocketAddr, count: usize, credentials: &Path) -> Result<Clients, String> {
        let config = config(&credentials.join(credentials::CA))?;
        let clients = (0..count).map(|_| Client::connect(addr, &config)).collect::<Result<_, _>>();
        clients.map(Clients).map_err(|error| format!("TLS to {addr}: {error}"))
    }

    /// Asks for everything, and reads until all have it: a response of so many octets.
    pub(crate) fn synchronise(&mut self, octets: u64) -> Result<Duration, String> {
        let begun = Instant::now();
        let part = self.0.len().div_ceil(THREADS).max(1);
        thread::scope(|scope| {
            let read = |clients| scope.spawn(move || synchronise(clients, octets));
            let threads: Vec<_> = self.0.chunks_mut(part).map(read).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| "a thread of routers panicked".to_owned())?)
        })?;
        Ok(begun.elapsed())
    }
}

fn config(ca: &Path) -> Result<Arc<ClientConfig>, String> {
    let certificate = CertificateDer::from_pem_file(ca).map_err(|error| format!("{}: {error}", ca.display()))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(|error| format!("{}: {error}", ca.display()))?;
    // All caches are to do the same work; it is what they would choose anyway.
    let cipher_suites = vec![cipher_suite::TLS13_AES_256_GCM_SHA384];
    let provider = CryptoProvider { cipher_suites, kx_groups: vec![kx_group::X25519], ..aws_lc_rs::default_provider() };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&TLS13]);
    let builder = builder.map_err(|error| format!("TLS: {error}"))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// One thread's part.
fn synchronise(clients: &mut [Client], octets: u64) -> Result<(), String> {
    let text = |error: rustix::io::Errno| format!("epoll: {error}");
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(text)?;
    for (place, client) in (0..).zip(clients.iter_mut()) {
        let data = epoll::EventData::new_u64(place);
        epoll::add(&poll, &client.socket, data, epoll::EventFlags::IN).map_err(text)?;
    }
    for client in clients.iter_mut() {
        client.ask()?;
    }
    let timeout = SILENCE_MAX.try_into().map_err(|error| format!("epoll: {error}"))?;
    let (mut missing, mut events) = (clients.len(), Vec::with_capacity(EVENTS_MAX));
    while missing > 0 {
        let told = epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).map_err(text)?;
        if told == 0 {
            return Err(format!("{missing} routers wait, and nothing comes"));
        }
        for event in events.drain(..) {
            let client = usize::try_from(event.data.u64()).ok().and_then(|place| clients.get_mut(place));
            let client = client.ok_or("epoll told of a socket that is not there")?;
            client.receive()?;
            if client.tail.is_complete(octets)? {
                epoll::delete(&poll, &client.socket).map_err(text)?;
                missing -= 1;
            }
        }
    }
    Ok(())
}

/// One connection.
struct Client {
    socket: TcpStream,
    tls: UnbufferedClientConnection,
    /// What has come lies in `start..end`.
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    outgoing: Vec<u8>,
    tail: Tail,
}

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Octets of the handshake.
    Handshake,
    /// Octets of a response.
    Response,
}

impl Client {
    fn connect(addr: SocketAddr, config: &Arc<ClientConfig>) -> Result<Client, String> {
        let text = |error: std::io::Error| error.to_string();
        let socket = TcpStream::connect(addr).map_err(text)?;
        socket.set_nodelay(true).map_err(text)?;
        let tls = UnbufferedClientConnection::new(Arc::clone(config), ServerName::from(addr.ip()));
        let tls = tls.map_err(|error| error.to_string())?;
        let (incoming, tail) = (vec![0; READ_OCTETS], Tail::default());
        let mut client = Client { socket, tls, incoming, start: 0, end: 0, outgoing: Vec::new(), tail };
        while client.process()? == Waits::Handshake {
            client.read().map_err(text)?;
        }
        client.socket.set_nonblocking(true).map_err(text)?;
        Ok(client)
    }

    fn ask(&mut self) -> Result<(), String> {
        self.tail = Tail::default();
        let UnbufferedStatus { state, .. } = self.tls.process_tls_records(&mut []);
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = state else { return Err("TLS takes no query".to_owned()) };
        let mut query = [0; SEND_OCTETS];
        let octets = traffic.encrypt(&RESET_QUERY, &mut query).map_err(|error| format!("TLS: {error}"))?;
        // A query fits into the socket's buffer, which is empty.
        self.socket.write_all(&query[..octets]).map_err(|error| format!("sending a query: {error}"))
    }

    /// Reads what has come, once: level-triggered, so that the others have their turn.
    fn receive(&mut self) -> Result<(), String> {
        match self.read() {
            Ok(()) => self.process().map(drop),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(format!("reading: {error}")),
        }
    }

    fn read(&mut self) -> std::io::Result<()> {
        self.incoming.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        match self.socket.read(&mut self.incoming[self.end..])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            octets => {
                self.end += octets;
                Ok(())
            }
        }
    }

    /// Decrypts what is there.
    fn process(&mut self) -> Result<Waits, String> {
        loop {
            let incoming = &mut self.incoming[self.start..self.end];
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(incoming);
            let mut waits = None;
            match state.map_err(|error| format!("TLS: {error}"))? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| format!("TLS: {error}"))?;
                        discard += record.discard;
                        self.tail.take(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    let mut buffer = [0; SEND_OCTETS];
                    let octets = data.encode(&mut buffer).map_err(|error: EncodeError| format!("TLS: {error}"))?;
                    self.outgoing.extend_from_slice(&buffer[..octets]);
                }
                ConnectionState::TransmitTlsData(data) => {
                    self.socket.write_all(&self.outgoing).map_err(|error| format!("sending: {error}"))?;
                    self.outgoing.clear();
                    data.done();
                }
                ConnectionState::BlockedHandshake => waits = Some(Waits::Handshake),
                ConnectionState::WriteTraffic(_) => waits = Some(Waits::Response),
                ConnectionState::PeerClosed | ConnectionState::Closed => return Err("the cache ended TLS".to_owned()),
                other => return Err(format!("TLS is at {other:?}")),
            }
            self.start += discard;
            if let Some(waits) = waits {
                return Ok(waits);
            }
        }
    }
}
