//! The ways in which octets travel.

pub(crate) mod socket;
#[cfg(feature = "ssh")]
pub(crate) mod ssh;
pub(crate) mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "ssh")]
mod wake_up;

use rtrcast_proto::Chunk;
pub(crate) use socket::Socket;
#[cfg(feature = "ssh")]
pub(crate) use ssh::SshStream;
use std::io;
use std::task::{Context, Poll};
#[cfg(feature = "tls")]
pub(crate) use tls::TlsStream;
use tokio::io::ReadBuf;
#[cfg(feature = "ssh")]
pub(crate) use wake_up::WakeUps;

/// A connection over which a session runs.
pub(crate) enum TransportStream {
    /// As it is: over TCP or a Unix socket.
    Plain(Socket),
    /// In TLS.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
    /// In a channel of an SSH session.
    #[cfg(feature = "ssh")]
    Ssh(Box<SshStream>),
}

/// Buffering of written octets in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffering {
    /// The system has all octets that were written.
    None,
    /// Some may still be in the program's memory, until a flush.
    #[cfg(any(feature = "ssh", feature = "tls"))]
    InMemory,
}

impl TransportStream {
    /// Reads what has come; nothing is the peer's end.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            TransportStream::Plain(socket) => socket.poll_read_once(context, into),
            #[cfg(feature = "tls")]
            TransportStream::Tls(tls) => fill(into, |into| tls.poll_read(context, into)),
            #[cfg(feature = "ssh")]
            TransportStream::Ssh(ssh) => fill(into, |into| ssh.poll_read(context, into)),
        }
    }

    /// Reads what has arrived, without waiting for readiness.
    pub(crate) fn read_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            TransportStream::Plain(socket) => socket.read_now(into),
            #[cfg(feature = "tls")]
            TransportStream::Tls(tls) => tls.read_now(into),
            #[cfg(feature = "ssh")]
            TransportStream::Ssh(ssh) => ssh.read_now(into),
        }
    }

    /// Writes a part of the chunk from the octet `from` on. With nothing left it flushes, which a stream with
    /// [buffering](TransportStream::buffering) needs before a chunk is written.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        chunk: &Chunk,
        from: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            TransportStream::Plain(socket) => socket.poll_send(context, chunk, from),
            #[cfg(feature = "tls")]
            TransportStream::Tls(tls) => tls.poll_write(context, chunk.octets().get(from..).unwrap_or_default()),
            #[cfg(feature = "ssh")]
            TransportStream::Ssh(ssh) => ssh.poll_write(context, chunk, from),
        }
    }

    /// Returns the buffering of octets that were written.
    pub(crate) fn buffering(&self) -> Buffering {
        match self {
            TransportStream::Plain(_) => Buffering::None,
            #[cfg(feature = "tls")]
            TransportStream::Tls(_) => Buffering::InMemory,
            #[cfg(feature = "ssh")]
            TransportStream::Ssh(_) => Buffering::InMemory,
        }
    }

    /// Ends our side, in all layers from the upper one down; waits as long as that takes.
    pub(crate) async fn end(&mut self) -> io::Result<()> {
        match self {
            TransportStream::Plain(socket) => socket.half_close(),
            #[cfg(feature = "tls")]
            TransportStream::Tls(tls) => tls.end().await,
            #[cfg(feature = "ssh")]
            TransportStream::Ssh(ssh) => ssh.end().await,
        }
    }

    /// Returns the socket below.
    pub(crate) fn socket(&self) -> &Socket {
        match self {
            TransportStream::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            TransportStream::Tls(tls) => tls.socket(),
            #[cfg(feature = "ssh")]
            TransportStream::Ssh(ssh) => ssh.socket(),
        }
    }
}

/// Reads by a function that needs initialised octets.
#[cfg(any(feature = "ssh", feature = "tls"))]
fn fill(into: &mut ReadBuf<'_>, read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<()>> {
    let octets = std::task::ready!(read(into.initialize_unfilled()))?;
    into.advance(octets);
    Poll::Ready(Ok(()))
}
