//! A router's SSH, by russh and not by our own code: a session's channel as a stream of octets.

use crate::cache::PATIENCE;
use russh::client::{self, Handle};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use socket2::Socket;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Who a router is, and what it knows of its cache.
#[derive(Clone)]
pub(crate) struct SshRouter {
    pub(crate) user: String,
    pub(crate) proof: Proof,
}

#[derive(Clone)]
pub(crate) enum Proof {
    Key(Arc<PrivateKey>),
    Password(String),
}

/// A channel with the subsystem on it.
pub(crate) struct SshWire {
    /// For what is about the connection itself.
    pub(crate) socket: Socket,
    _handle: Handle<Known>,
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<client::Msg>,
    /// The cache's host key in OpenSSH's form.
    pub(crate) host_key: String,
    rest: Vec<u8>,
    ended: Ended,
    patience: Duration,
}

/// What has come of the end, which has an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Eof,
    Status,
    Closed,
}

struct Known(Arc<std::sync::Mutex<String>>);

impl client::Handler for Known {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = key {
            *self.0.lock().unwrap() = key.to_openssh().unwrap();
        }
        Ok(true)
    }
}

impl SshRouter {
    /// Logs in and opens the subsystem, or says what went wrong.
    pub(crate) fn over(&self, socket: Socket) -> io::Result<SshWire> {
        RUNTIME.block_on(self.log_in(socket)).map_err(io::Error::other)
    }

    /// Its line for authorized_keys.
    pub(crate) fn public_key(&self) -> String {
        match &self.proof {
            Proof::Key(key) => key.public_key().to_openssh().unwrap(),
            Proof::Password(_) => panic!("it has no key"),
        }
    }

    /// Whether something else than the subsystem is denied.
    pub(crate) fn is_denied(&self, socket: Socket, asked: &str) -> bool {
        RUNTIME.block_on(async {
            let (handle, _) = self.shake_hands(&socket).await.unwrap();
            let mut channel = handle.channel_open_session().await.unwrap();
            match asked {
                "shell" => channel.request_shell(true).await.unwrap(),
                "exec" => channel.exec(true, "id").await.unwrap(),
                subsystem => channel.request_subsystem(true, subsystem).await.unwrap(),
            }
            loop {
                match channel.wait().await {
                    Some(ChannelMsg::WindowAdjusted { .. }) => {}
                    Some(ChannelMsg::Success) => return false,
                    Some(_) | None => return true,
                }
            }
        })
    }

    async fn shake_hands(&self, socket: &Socket) -> Result<(Handle<Known>, String), russh::Error> {
        let below = socket.try_clone()?;
        below.set_nonblocking(true)?;
        let stream = tokio::net::TcpStream::from_std(below.into())?;
        // What is not read stays with the cache, not with the client.
        let config = client::Config { window_size: 64 * 1024, channel_buffer_size: 4, ..client::Config::default() };
        let host_key = Arc::<std::sync::Mutex<String>>::default();
        let mut handle = client::connect_stream(Arc::new(config), stream, Known(Arc::clone(&host_key))).await?;
        let logged_in = match &self.proof {
            Proof::Key(key) => {
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), None);
                handle.authenticate_publickey(&self.user, key).await?
            }
            Proof::Password(password) => handle.authenticate_password(&self.user, password).await?,
        };
        if !logged_in.success() {
            return Err(russh::Error::NotAuthenticated);
        }
        let host_key = host_key.lock().unwrap().clone();
        Ok((handle, host_key))
    }

    async fn log_in(&self, socket: Socket) -> Result<SshWire, russh::Error> {
        let (handle, host_key) = self.shake_hands(&socket).await?;
        let mut channel = handle.channel_open_session().await?;
        channel.request_subsystem(true, "rpki-rtr").await?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::WindowAdjusted { .. }) => {}
                Some(_) | None => return Err(russh::Error::Disconnect),
            }
        }
        let (reader, writer) = channel.split();
        let (rest, ended, patience) = (Vec::new(), Ended::No, PATIENCE);
        Ok(SshWire { socket, _handle: handle, reader, writer, host_key, rest, ended, patience })
    }
}

impl SshWire {
    pub(crate) fn half_close(&mut self) {
        RUNTIME.block_on(self.writer.eof()).unwrap();
    }

    pub(crate) fn wait_for_long(&mut self) {
        self.patience = 10 * PATIENCE;
    }

    fn take(&mut self, message: ChannelMsg) -> io::Result<()> {
        self.ended = match (self.ended, message) {
            (Ended::No, ChannelMsg::Data { data }) => {
                self.rest.extend_from_slice(&data);
                Ended::No
            }
            (ended, ChannelMsg::WindowAdjusted { .. }) => ended,
            (Ended::No, ChannelMsg::Eof) => Ended::Eof,
            (Ended::Eof, ChannelMsg::ExitStatus { exit_status: 0 }) => Ended::Status,
            (Ended::Status, ChannelMsg::Close) => Ended::Closed,
            (ended, message) => return Err(io::Error::other(format!("{message:?} after {ended:?}"))),
        };
        Ok(())
    }
}

/// The end of SSH is the channel's EOF, exit status 0, and CLOSE, in this order: without them it is an error.
impl Read for SshWire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && self.ended != Ended::Closed {
            let waited = RUNTIME.block_on(async { timeout(self.patience, self.reader.wait()).await });
            match waited.map_err(|_| ErrorKind::TimedOut)? {
                Some(message) => self.take(message)?,
                None => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
        let octets = self.rest.len().min(into.len());
        for (to, octet) in into.iter_mut().zip(self.rest.drain(..octets)) {
            *to = octet;
        }
        Ok(octets)
    }
}

impl Write for SshWire {
    /// Reads meanwhile: what is not taken would keep the window's adjustment from coming, which the write waits for.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut messages = Vec::new();
        RUNTIME.block_on(async {
            let mut sent = pin!(self.writer.data_bytes(octets.to_vec()));
            loop {
                tokio::select! {
                    biased;
                    sent = &mut sent => return sent.map_err(io::Error::other),
                    message = self.reader.wait() => match message {
                        Some(message) => messages.push(message),
                        // Nobody takes the rest.
                        None => return Ok(()),
                    },
                }
            }
        })?;
        messages.into_iter().try_for_each(|message| self.take(message))?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
