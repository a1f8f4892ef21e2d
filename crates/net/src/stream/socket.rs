//! A connected stream socket, of TCP or Unix: the base of all streams.

#[cfg(target_os = "linux")]
use crate::memfd::Memfd;
use rtrcast_proto::Chunk;
use rustix::net::{RecvFlags, SendFlags};
use socket2::SockRef;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A socket that the runtime watches. One task reads and writes at a time, so most methods take `&self`.
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Has the runtime watch a socket that another program has opened.
    pub(crate) fn passed(descriptor: OwnedFd, is_unix: bool) -> io::Result<Socket> {
        Ok(match is_unix {
            false => Socket::Tcp(TcpStream::from_std(descriptor.into())?),
            true => Socket::Unix(UnixStream::from_std(descriptor.into())?),
        })
    }

    /// Reads what has come; 0 is the peer's end.
    pub(crate) fn poll_read(&self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let result = match self {
                Socket::Tcp(stream) => {
                    ready!(stream.poll_read_ready(context))?;
                    stream.try_read(into)
                }
                Socket::Unix(stream) => {
                    ready!(stream.poll_read_ready(context))?;
                    stream.try_read(into)
                }
            };
            match result {
                Err(error) if is_passing(&error) => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Reads what has arrived; nothing is the peer's end. After a read that did not fill the buffer the next one waits,
    /// without another system call: that is half of the calls of a small query.
    pub(crate) fn poll_read_once(&mut self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let read = match self {
                Socket::Tcp(stream) => ready!(Pin::new(stream).poll_read(context, into)),
                Socket::Unix(stream) => ready!(Pin::new(stream).poll_read(context, into)),
            };
            match read {
                Err(error) if is_passing(&error) => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Reads what has arrived, without waiting for readiness.
    pub(crate) fn read_now(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self, into, RecvFlags::DONTWAIT)?.0)
    }

    /// Writes a part of the chunk from the octet `from` on. A data set in a memory file is sent by `sendfile`: no octet
    /// of it passes through the program.
    pub(crate) fn poll_send(&self, context: &mut Context<'_>, chunk: &Chunk, from: usize) -> Poll<io::Result<usize>> {
        self.poll_with(context, || {
            #[cfg(target_os = "linux")]
            {
                let (octets, range) = chunk.source();
                if let Some(memfd) = octets.as_any().downcast_ref::<Memfd>() {
                    let mut offset = u64::try_from(range.start + from).map_err(io::Error::other)?;
                    return Ok(rustix::fs::sendfile(self, memfd, Some(&mut offset), range.len() - from)?);
                }
            }
            // A Cache Response waits for the payload behind it, so that it is no packet of its own.
            let flags = if chunk.more() { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
            let rest = chunk.octets().get(from..).unwrap_or_default();
            Ok(rustix::net::send(self, rest, flags)?)
        })
    }

    /// Writes octets as they are.
    pub(crate) fn poll_write(&self, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_with(context, || Ok(rustix::net::send(self, octets, SendFlags::NOSIGNAL)?))
    }

    /// Writes the octets of several buffers, in one call.
    #[cfg(feature = "tls")]
    pub(crate) fn poll_write_vectored(
        &self,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(context, || {
            let mut nothing = rustix::net::SendAncillaryBuffer::default();
            Ok(rustix::net::sendmsg(self, buffers, &mut nothing, SendFlags::NOSIGNAL)?)
        })
    }

    fn poll_with(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let result = match self {
                Socket::Tcp(stream) => {
                    ready!(stream.poll_write_ready(context))?;
                    stream.try_io(Interest::WRITABLE, &mut write)
                }
                Socket::Unix(stream) => {
                    ready!(stream.poll_write_ready(context))?;
                    stream.try_io(Interest::WRITABLE, &mut write)
                }
            };
            match result {
                Err(error) if is_passing(&error) => {}
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                result => return Poll::Ready(result),
            }
        }
    }

    /// Ends our side; the other may still send.
    pub(crate) fn half_close(&self) -> io::Result<()> {
        match SockRef::from(self).shutdown(Shutdown::Write) {
            // It has reset the connection.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    /// Makes the end of the connection a reset.
    pub(crate) fn reset_at_close(&self) {
        // Without it the kernel would continue to retransmit.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

/// Returns true if an attempt may be repeated, at readiness or at once.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let octets = ready!(Socket::poll_read(&self, context, into.initialize_unfilled()))?;
        into.advance(octets);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Socket::poll_write(&self, context, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.half_close())
    }
}
