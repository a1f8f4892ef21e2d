//! Our two sides against each other, and clients with any requests, over loopback.

mod attempts;
mod channel;
mod describe;
mod flow;
mod login;
mod newkeys;
mod wake_up;

use super::server::SshHandshakeFailure;
use super::*;
use crate::stream::{Socket, SshStream};
use rtrcast_proto::{
    Asn, Chunk, History, HistoryLimits, ImageBuilder, Moment, Prefix, RouteOrigin, Serial, ServerOutput, ServerPolicy,
    ServerSession, SessionIds, Timing, Version, wire,
};
use russh::client::{self, DisconnectReason, Handle, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelId};
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

const HOST: &str = "cache.example";
const PORT: u16 = 22;
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Both ends of a connection: the cache's, the router's.
async fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let (router, cache) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (cache, router) = (cache.unwrap().0, router.unwrap());
    cache.set_nodelay(true).unwrap();
    router.set_nodelay(true).unwrap();
    (cache, router)
}

fn key() -> SshKey {
    SshKey::generate(SshKeyKind::Ed25519).unwrap()
}

fn known(key: &SshKey) -> KnownHosts {
    KnownHosts::parse(&format!("{HOST} {}", key.public_line())).unwrap()
}

fn authorized(line: &str) -> Logins {
    Logins { keys: Some(AuthorizedKeys::parse(line).unwrap()), ..Logins::default() }
}

fn anyone() -> Logins {
    Logins { anyone: true, ..Logins::default() }
}

/// Result of a connection on both sides.
async fn connect_both(
    server: &SshServer,
    client: &SshClient,
    user: &str,
) -> (Result<(SshStream, String), SshHandshakeFailure>, Result<SshStream, SshFailure>) {
    let (cache, router) = streams().await;
    let accepting = accept(Socket::Tcp(cache), server, Some(LOOPBACK));
    let connecting = connect(Socket::Tcp(router), client, user, HOST, PORT);
    tokio::join!(accepting, connecting)
}

/// A session of our two sides.
async fn session() -> (SshStream, SshStream) {
    let host = key();
    let server = SshServer::new(std::slice::from_ref(&host), anyone()).unwrap();
    let (cache, router) = connect_both(&server, &SshClient::new(None, None, known(&host)), "router").await;
    (cache.unwrap().0, router.unwrap())
}

/// A response of so many records, in chunks, and what it comes to.
fn response(records: u32) -> (Vec<Chunk>, Vec<u8>) {
    let mut builder = ImageBuilder::new();
    for record in 0..records {
        let prefix = Prefix::new(IpAddr::V4((0x0A00_0000 + record).into()), 32).unwrap();
        builder.origin(&RouteOrigin::new(prefix, 32, Asn(record)).unwrap());
    }
    let image = builder.finish(Version::V1, Vec::new()).unwrap();
    let mut history = History::new(HistoryLimits::default(), SessionIds::new(1), Timing::default(), Serial(1));
    history.publish(image);
    let view = Arc::new(history.view(0));
    let mut session = ServerSession::new(Moment(0), ServerPolicy::default(), view);
    session.receive(Moment(0), &wire::parse_hex("01 02 0000 00000008").unwrap());
    let mut chunks = Vec::new();
    loop {
        match session.next(Moment(0)) {
            ServerOutput::Write(chunk) => chunks.push(chunk),
            ServerOutput::Event(_) => {}
            ServerOutput::Wait(_) => break,
            ServerOutput::Want(_) | ServerOutput::Close => unreachable!("the image is there"),
        }
    }
    let octets = chunks.iter().flat_map(|chunk| chunk.octets().to_vec()).collect();
    (chunks, octets)
}

async fn write(ssh: &mut SshStream, chunks: &[Chunk]) -> io::Result<()> {
    for chunk in chunks {
        let mut done = 0;
        loop {
            match poll_fn(|context| ssh.poll_write(context, chunk, done)).await? {
                0 => break,
                octets => done += octets,
            }
        }
    }
    Ok(())
}

async fn read(ssh: &mut SshStream, into: &mut Vec<u8>) -> usize {
    let mut buffer = [0; 16 * 1024];
    let octets = poll_fn(|context| ssh.poll_read(context, &mut buffer)).await.unwrap();
    into.extend_from_slice(&buffer[..octets]);
    octets
}

async fn read_to_end(ssh: &mut SshStream) -> Vec<u8> {
    let mut all = Vec::new();
    while read(ssh, &mut all).await > 0 {}
    all
}

/// An event at another client.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ClientObservation {
    Data(Vec<u8>),
    WakeUp,
    Eof,
    ExitStatus(u32),
    Close,
    Disconnect(String),
}

/// Another client: accepts any host key, and records its events. Each message of data costs a permit.
struct ForeignClient {
    seen: mpsc::UnboundedSender<ClientObservation>,
    permits: Arc<Semaphore>,
}

impl client::Handler for ForeignClient {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.permits.acquire().await.unwrap().forget();
        self.see(ClientObservation::Data(data.to_vec()))
    }

    async fn channel_eof(&mut self, _: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.see(ClientObservation::Eof)
    }

    async fn xon_xoff(&mut self, _: ChannelId, _: bool, _: &mut Session) -> Result<(), russh::Error> {
        self.see(ClientObservation::WakeUp)
    }

    async fn exit_status(&mut self, _: ChannelId, status: u32, _: &mut Session) -> Result<(), russh::Error> {
        self.see(ClientObservation::ExitStatus(status))
    }

    async fn channel_close(&mut self, _: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.see(ClientObservation::Close)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => self.see(ClientObservation::Disconnect(info.message)),
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

impl ForeignClient {
    fn see(&self, seen: ClientObservation) -> Result<(), russh::Error> {
        let _ = self.seen.send(seen);
        Ok(())
    }
}

/// Another client's side of a connection.
struct Visit {
    handle: Handle<ForeignClient>,
    seen: mpsc::UnboundedReceiver<ClientObservation>,
    permits: Arc<Semaphore>,
}

impl Visit {
    async fn start(router: TcpStream, config: client::Config) -> Visit {
        let (sender, seen) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let other = ForeignClient { seen: sender, permits: permits.clone() };
        let handle = client::connect_stream(Arc::new(config), router, other).await.unwrap();
        Visit { handle, seen, permits }
    }

    /// The channel, logged in as anyone.
    async fn channel(&mut self) -> Channel<client::Msg> {
        assert!(self.handle.authenticate_none("router").await.unwrap().success());
        self.handle.channel_open_session().await.unwrap()
    }

    /// All that is seen up to the end; data together. With the channel the connection ends, as with ssh(1).
    async fn until_close(&mut self) -> Vec<ClientObservation> {
        let mut all = self.up_to(Some(&ClientObservation::Close)).await;
        let _ = self.handle.disconnect(russh::Disconnect::ByApplication, "", "").await;
        all.extend(self.up_to(None).await);
        all
    }

    /// All events up to the end, which the cache causes.
    async fn until_end(&mut self) -> Vec<ClientObservation> {
        self.up_to(None).await
    }

    async fn up_to(&mut self, last: Option<&ClientObservation>) -> Vec<ClientObservation> {
        let mut all: Vec<ClientObservation> = Vec::new();
        while all.last().is_none_or(|seen| Some(seen) != last)
            && let Some(seen) = self.seen.recv().await
        {
            match (all.last_mut(), seen) {
                (Some(ClientObservation::Data(data)), ClientObservation::Data(more)) => data.extend(more),
                (_, seen) => all.push(seen),
            }
        }
        all
    }
}

/// A session of ours with another client, its channel's reading half dropped.
async fn visited(config: client::Config) -> (SshStream, Visit, russh::ChannelWriteHalf<client::Msg>) {
    visited_at(SshServer::new(&[key()], anyone()).unwrap(), config).await
}

async fn visited_at(
    server: SshServer,
    config: client::Config,
) -> (SshStream, Visit, russh::ChannelWriteHalf<client::Msg>) {
    let (cache, router) = streams().await;
    let visiting = async {
        let mut visit = Visit::start(router, config).await;
        let mut channel = visit.channel().await;
        channel.request_subsystem(true, SUBSYSTEM).await.unwrap();
        assert!(matches!(channel.wait().await, Some(russh::ChannelMsg::Success)));
        (visit, channel.split().1)
    };
    let (accepted, (visit, channel)) = tokio::join!(accept(Socket::Tcp(cache), &server, Some(LOOPBACK)), visiting);
    (accepted.unwrap().0, visit, channel)
}
