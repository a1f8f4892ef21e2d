//! The stream of TLS, on either side.
//!
//! It drives rustls by itself instead of through an adapter, so that an alert is flushed like anything else, the socket
//! is at hand for the ordered close, and data from before a failure are read before it.

use super::Socket;
use crate::drain;
use crate::tls::{TlsFailure, TlsRole};
use rustls::Connection;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::task::{Context, Poll, ready};

/// Octets that wait in the program for the socket: two records. A slow peer has to read as many before a write makes
/// progress.
const SEND_OCTETS_MAX: usize = 32 * 1024;

/// A connection with TLS on it. An idle one keeps about 9 KiB, 4 of them room for the next record.
pub(crate) struct TlsStream {
    socket: Socket,
    connection: Connection,
    /// The peer's mistake, or its alert. It is reported when all data from before it have been read.
    broken: Option<rustls::Error>,
    has_received: bool,
}

impl TlsStream {
    pub(crate) fn new(socket: Socket, mut connection: Connection) -> TlsStream {
        connection.set_buffer_limit(Some(SEND_OCTETS_MAX));
        TlsStream { socket, connection, broken: None, has_received: false }
    }

    /// Performs the handshake. At any failure an alert is flushed; [`leave`](TlsStream::leave) comes next.
    pub(crate) async fn handshake(&mut self) -> Result<(), TlsFailure> {
        poll_fn(|context| self.poll_handshake(context)).await
    }

    /// Returns true if the peer has sent anything at all.
    pub(crate) fn has_received(&self) -> bool {
        self.has_received
    }

    /// The peer's certificate as DER.
    pub(crate) fn peer_certificate(&self) -> Option<&[u8]> {
        self.connection.peer_certificates()?.first().map(AsRef::as_ref)
    }

    /// Reads what has come; 0 is the peer's end. That may be a FIN alone: queries and responses have lengths, so that
    /// one cut short is seen, and routers close as they like.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        // Sends what rustls sends by itself, key updates and alerts. If that fails, so does reading or the next
        // writing.
        let _ = self.poll_flush(context);
        loop {
            if let Some(taken) = self.take(into) {
                return Poll::Ready(taken);
            }
            ready!(self.poll_receive(context))?;
        }
    }

    /// Reads what has arrived, without waiting for readiness.
    pub(crate) fn read_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(taken) = self.take(into) {
                return taken;
            }
            self.receive_now()?;
        }
    }

    /// Writes a part of the octets; what the socket does not accept at once is sent before the next part. With nothing
    /// to write it flushes.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(context))?;
        if octets.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match self.connection.writer().write(octets)? {
            // The keys of TLS 1.2 are used up, or our close_notify was sent.
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => match self.poll_flush(context) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(written)),
            },
        }
    }

    /// Ends our side: a close_notify behind all that was written, and the half-close of the socket.
    pub(crate) async fn end(&mut self) -> io::Result<()> {
        self.connection.send_close_notify();
        match poll_fn(|context| self.poll_flush(context)).await {
            // It has reset the connection, and misses only ours.
            Err(error) if is_gone(&error) => {}
            flushed => flushed?,
        }
        self.socket.half_close()
    }

    /// Leaves a peer after a failed handshake, so that it reads the alert: half-closes the socket, and discards further
    /// input.
    pub(crate) async fn leave(&mut self, octets_max: usize) {
        // The connection is over, whatever fails here.
        if self.socket.half_close().is_ok() {
            let _ = drain::drain_in_time(&self.socket, octets_max).await;
        }
    }

    /// Returns the socket below.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TlsFailure>> {
        loop {
            let flushed = ready!(self.poll_flush(context));
            if flushed.is_err() {
                // The peer does not read any more; it may have sent an alert.
                while self.broken.is_none() && self.receive_now().is_ok_and(|octets| octets > 0) {}
            }
            if let Some(error) = &self.broken {
                let failure = match (self.side(), self.connection.negotiated_cipher_suite()) {
                    (TlsRole::Router, Some(_)) => TlsFailure::of_agreed(error),
                    (side, _) => TlsFailure::new(error, side),
                };
                return Poll::Ready(Err(failure));
            }
            flushed.map_err(TlsFailure::Lost)?;
            if !self.connection.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(context)).map_err(TlsFailure::Lost)? == 0 {
                let end = io::Error::new(io::ErrorKind::UnexpectedEof, "the other side ended it");
                return Poll::Ready(Err(TlsFailure::Lost(end)));
            }
        }
    }

    /// Takes what has been decrypted; none if more has to come first.
    fn take(&mut self, into: &mut [u8]) -> Option<io::Result<usize>> {
        match (self.connection.reader().read(into), &self.broken) {
            (Ok(octets @ 1..), _) => Some(Ok(octets)),
            (_, Some(error)) => Some(Err(TlsFailure::new(error, self.side()).into())),
            (Err(error), None) if error.kind() == io::ErrorKind::WouldBlock => None,
            // A FIN without a close_notify.
            (Err(error), None) if error.kind() == io::ErrorKind::UnexpectedEof => Some(Ok(0)),
            (end_or_error, None) => Some(end_or_error),
        }
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let TlsStream { socket, connection, broken, has_received } = self;
        match receive(connection, broken, &mut PolledSocket { socket, context }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            received => {
                *has_received |= matches!(received, Ok(1..));
                Poll::Ready(received)
            }
        }
    }

    fn receive_now(&mut self) -> io::Result<usize> {
        let received = receive(&mut self.connection, &mut self.broken, &mut ReadySocket(&self.socket))?;
        self.has_received |= received > 0;
        Ok(received)
    }

    /// Sends what has been encrypted.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let TlsStream { socket, connection, .. } = self;
        while connection.wants_write() {
            match connection.write_tls(&mut PolledSocket { socket, context }) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn side(&self) -> TlsRole {
        match self.connection {
            Connection::Server(_) => TlsRole::Cache,
            Connection::Client(_) => TlsRole::Router,
        }
    }
}

/// Reads from the socket once, and decrypts what is complete; 0 is the socket's end.
fn receive(
    connection: &mut Connection,
    broken: &mut Option<rustls::Error>,
    source: &mut dyn Read,
) -> io::Result<usize> {
    let octets = connection.read_tls(source)?;
    if let Err(error) = connection.process_new_packets() {
        *broken = Some(error);
    }
    Ok(octets)
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// The socket as rustls needs it: blocking operations fail with `WouldBlock`, and the task is woken later.
struct PolledSocket<'a, 'b> {
    socket: &'a Socket,
    context: &'a mut Context<'b>,
}

fn or_would_block(polled: Poll<io::Result<usize>>) -> io::Result<usize> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Read for PolledSocket<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        or_would_block(self.socket.poll_read(self.context, into))
    }
}

impl Write for PolledSocket<'_, '_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        or_would_block(self.socket.poll_write(self.context, octets))
    }

    /// rustls gives all records at once: a call for each would be a packet for each as well.
    fn write_vectored(&mut self, records: &[IoSlice<'_>]) -> io::Result<usize> {
        or_would_block(self.socket.poll_write_vectored(self.context, records))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The socket as it is at this moment.
struct ReadySocket<'a>(&'a Socket);

impl Read for ReadySocket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_now(into)
    }
}
