//! Plain TCP. A chunk of a data set in a memory file goes out by `sendfile`: no octet of it passes through the program.

#[cfg(target_os = "linux")]
use crate::memfd::Memfd;
use rtrcast_proto::Chunk;
use rustix::net::{RecvFlags, SendFlags};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Keep-alives [T-TCP-02]: the first after this much silence, then one each interval, and this many unanswered ones
/// end the connection.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_RETRIES: u32 = 6;

/// Sets what every connection has, whichever side opened it.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    // [T-TCP-05] A lone End of Data or Notify goes out at once; larger responses are packed by MSG_MORE.
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(stream).set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_RETRIES))
}

pub(crate) struct Tcp {
    stream: TcpStream,
}

impl Tcp {
    pub(crate) fn new(stream: TcpStream) -> Tcp {
        Tcp { stream }
    }

    /// Reads what has come; 0 is the peer's end.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read(into) {
                Err(error) if is_passing(&error) => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Reads what has come, whether or not the system has told of it.
    pub(crate) fn read_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(&self.stream, into, RecvFlags::DONTWAIT)?.0)
    }

    /// Writes a part of the chunk from the octet `from` on.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        chunk: &Chunk,
        from: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_io(Interest::WRITABLE, || self.write(chunk, from)) {
                Err(error) if is_passing(&error) => {}
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                result => return Poll::Ready(result),
            }
        }
    }

    fn write(&self, chunk: &Chunk, from: usize) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        {
            let (octets, range) = chunk.source();
            if let Some(memfd) = octets.as_any().downcast_ref::<Memfd>() {
                let mut offset = u64::try_from(range.start + from).map_err(io::Error::other)?;
                return Ok(rustix::fs::sendfile(&self.stream, memfd.file(), Some(&mut offset), range.len() - from)?);
            }
        }
        // A Cache Response waits for the payload behind it, so that it is no packet of its own.
        let flags = if chunk.more() { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        let rest = chunk.octets().get(from..).unwrap_or_default();
        Ok(rustix::net::send(&self.stream, rest, flags)?)
    }

    /// Ends our side; the other may still send.
    pub(crate) fn half_close(&mut self) -> io::Result<()> {
        SockRef::from(&self.stream).shutdown(Shutdown::Write)
    }

    /// Makes the end of the connection a reset.
    pub(crate) fn abort(self) {
        // Without it the kernel would go on trying to deliver what nobody takes.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

/// Whether an attempt may just be made again, once the system says so or at once.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
