//! A bare server with SSH: russh over the socket, and the response in slices.

use crate::credentials;
use bytes::Bytes;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How much russh is given at a time: as much as the cache under test gives it.
const SLICE_OCTETS: usize = 64 * 1024;

/// A Reset Query.
const QUERY_OCTETS: usize = 8;

/// Answers each query with the response, for ever.
pub(crate) fn serve(listener: TcpListener, response: Arc<[u8]>, credentials: &Path) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("a runtime: {error}"))?;
    let config = Arc::new(config(credentials)?);
    let authorized = credentials.join(credentials::AUTHORIZED_KEYS);
    let authorized =
        PublicKey::read_openssh_file(&authorized).map_err(|error| format!("{}: {error}", authorized.display()))?;
    let (router, response) = (Arc::new(authorized), Bytes::from_owner(response));
    runtime.block_on(async {
        let text = |error: std::io::Error| format!("accepting: {error}");
        listener.set_nonblocking(true).map_err(text)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(text)?;
        loop {
            let (socket, _) = listener.accept().await.map_err(text)?;
            let line = Line { router: Arc::clone(&router), response: response.clone(), asked: 0 };
            tokio::spawn(answer(socket, Arc::clone(&config), line));
        }
    })
}

fn config(credentials: &Path) -> Result<Config, String> {
    let path = credentials.join(credentials::SSH_HOST_KEY);
    let key = PrivateKey::read_openssh_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Config {
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        auth_rejection_time: Duration::ZERO,
        keys: vec![key],
        inactivity_timeout: None,
        ..Config::default()
    })
}

async fn answer(socket: TcpStream, config: Arc<Config>, line: Line) {
    let answered = async {
        socket.set_nodelay(true)?;
        run_stream(config, socket, line).await?.await
    };
    match answered.await {
        Ok(()) => {}
        // A load client goes without ceremony.
        Err(russh::Error::IO(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
        Err(russh::Error::Disconnect | russh::Error::HUP) => {}
        Err(error) => eprintln!("SSH floor: {error}"),
    }
}

/// One connection.
struct Line {
    router: Arc<PublicKey>,
    response: Bytes,
    /// Octets of a query that have come.
    asked: usize,
}

impl Handler for Line {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(if key.public_key.key_data() == self.router.key_data() { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        self.asked += data.len();
        let queries = self.asked / QUERY_OCTETS;
        self.asked %= QUERY_OCTETS;
        let (handle, response) = (session.handle(), self.response.clone());
        tokio::spawn(async move {
            for _ in 0..queries {
                for start in (0..response.len()).step_by(SLICE_OCTETS) {
                    let end = response.len().min(start + SLICE_OCTETS);
                    // russh has ended: so has the router.
                    if handle.data(channel, response.slice(start..end)).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.eof(channel)?;
        session.exit_status_request(channel, 0)?;
        session.close(channel)
    }
}
