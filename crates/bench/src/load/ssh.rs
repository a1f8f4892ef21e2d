//! Many routers over SSH: russh on two threads, whose handler counts.

use super::tail::{RESET_QUERY, Tail};
use crate::credentials;
use russh::client::{Config, Handle, Handler, Msg, Session, connect_stream};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{ChannelId, ChannelMsg, ChannelWriteHalf, Preferred, cipher, kex};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Threads that decrypt.
const THREADS: usize = 2;

/// What a cache may send ahead.
const WINDOW_OCTETS: u32 = 4 * 1024 * 1024;

/// The subsystem's name (RFC 8210 section 9.1).
const SUBSYSTEM: &str = "rpki-rtr";

/// A cache that completes no response for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// A key exchange and a cipher that every cache of a bench has, and chooses with a router of ours.
const KEY_EXCHANGES: &[kex::Name] =
    &[kex::CURVE25519, kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];
const CIPHERS: &[cipher::Name] = &[cipher::AES_256_GCM];

/// What a connection tells when its response is complete, or why it never will be.
type Outcome = Result<(), String>;

/// Routers that are logged in, each with the subsystem open.
pub(crate) struct Clients {
    clients: Vec<Client>,
    complete: mpsc::UnboundedReceiver<Outcome>,
    /// How long a response is.
    octets: Arc<AtomicU64>,
    // Dropped last: it runs all of the above.
    runtime: Runtime,
}

struct Client {
    channel: ChannelWriteHalf<Msg>,
    /// Without it russh ends the connection.
    _handle: Handle<Counter>,
}

impl Clients {
    /// So many routers, one after the other.
    pub(crate) fn connect(addr: SocketAddr, count: usize, credentials: &Path) -> Result<Clients, String> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).enable_all().build();
        let runtime = runtime.map_err(|error| format!("a runtime: {error}"))?;
        let (tell, complete) = mpsc::unbounded_channel();
        let octets = Arc::new(AtomicU64::new(0));
        let identity = Identity::read(credentials)?;
        let config = Arc::new(Config {
            window_size: WINDOW_OCTETS,
            preferred: Preferred {
                kex: Cow::Borrowed(KEY_EXCHANGES),
                cipher: Cow::Borrowed(CIPHERS),
                ..Preferred::default()
            },
            ..Config::default()
        });
        let connected = runtime.block_on(async {
            let mut clients = Vec::with_capacity(count);
            for _ in 0..count {
                let counter = Counter {
                    host_key: Arc::clone(&identity.host_key),
                    octets: Arc::clone(&octets),
                    tail: Tail::default(),
                    tell: tell.clone(),
                };
                clients.push(Client::connect(addr, &config, &identity.key, counter).await?);
            }
            Ok::<_, russh::Error>(clients)
        });
        let clients = connected.map_err(|error| format!("SSH to {addr}: {error}"))?;
        Ok(Clients { clients, complete, octets, runtime })
    }

    /// Asks for everything, and reads until all have it: a response of so many octets.
    pub(crate) fn synchronise(&mut self, octets: u64) -> Result<Duration, String> {
        let Clients { clients, complete, octets: length, runtime } = self;
        length.store(octets, Ordering::Relaxed);
        runtime.block_on(async {
            let begun = Instant::now();
            for client in clients.iter() {
                let asked = client.channel.data_bytes(RESET_QUERY.as_slice()).await;
                asked.map_err(|error| format!("sending a query: {error}"))?;
            }
            for missing in (1..=clients.len()).rev() {
                match timeout(SILENCE_MAX, complete.recv()).await {
                    Ok(Some(outcome)) => outcome?,
                    Ok(None) => return Err("all connections are gone".to_owned()),
                    Err(_) => return Err(format!("{missing} routers wait, and nothing comes")),
                }
            }
            Ok(begun.elapsed())
        })
    }
}

/// What a router logs in with, and what it expects.
struct Identity {
    key: Arc<PrivateKey>,
    host_key: Arc<PublicKey>,
}

impl Identity {
    fn read(credentials: &Path) -> Result<Identity, String> {
        let key = credentials.join(credentials::SSH_CLIENT_KEY);
        let host_key = credentials.join(credentials::SSH_HOST_KEY_PUBLIC);
        Ok(Identity {
            key: PrivateKey::read_openssh_file(&key).map_err(|error| format!("{}: {error}", key.display()))?.into(),
            host_key: PublicKey::read_openssh_file(&host_key)
                .map_err(|error| format!("{}: {error}", host_key.display()))?
                .into(),
        })
    }
}

impl Client {
    async fn connect(
        addr: SocketAddr,
        config: &Arc<Config>,
        key: &Arc<PrivateKey>,
        counter: Counter,
    ) -> Result<Client, russh::Error> {
        let socket = TcpStream::connect(addr).await?;
        socket.set_nodelay(true)?;
        let mut handle = connect_stream(Arc::clone(config), socket, counter).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::clone(key), None);
        if !handle.authenticate_publickey(credentials::SSH_USER, key).await?.success() {
            return Err(russh::Error::NotAuthenticated);
        }
        let mut channel = handle.channel_open_session().await?;
        channel.request_subsystem(true, SUBSYSTEM).await?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::WindowAdjusted { .. }) => {}
                Some(_) | None => return Err(russh::Error::Disconnect),
            }
        }
        // Without its reading half russh does not queue what comes: the handler has counted it.
        let (_, channel) = channel.split();
        Ok(Client { channel, _handle: handle })
    }
}

/// The handler of one connection.
struct Counter {
    host_key: Arc<PublicKey>,
    octets: Arc<AtomicU64>,
    tail: Tail,
    tell: mpsc::UnboundedSender<Outcome>,
}

impl Handler for Counter {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(matches!(shown, PublicKeyOrCertificate::PublicKey { key, .. } if key.key_data() == self.host_key.key_data()))
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        self.tail.take(data);
        match self.tail.is_complete(self.octets.load(Ordering::Relaxed)) {
            Ok(false) => return Ok(()),
            Ok(true) => self.tail = Tail::default(),
            Err(error) => {
                let _ = self.tell.send(Err(error));
                return Err(russh::Error::Inconsistent);
            }
        }
        // Nobody listens any more: so the run is over.
        let _ = self.tell.send(Ok(()));
        Ok(())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // While responses are waited for it is an early end, and otherwise nobody hears of it.
        let _ = self.tell.send(Err("the cache ended SSH".to_owned()));
    }
}
