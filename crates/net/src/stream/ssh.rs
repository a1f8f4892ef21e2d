//! RTR in the one channel of an SSH session, on either side.
//!
//! The octets of a data set are given to russh without a copy; it copies each once, into the packet that it encrypts.
//! It takes no more while the peer's window is closed, so its buffers are bounded, and the rest waits in the data set.

use crate::ssh::{ChannelStream, ClientHandle};
use crate::stream::{Socket, WakeUps};
use bytes::Bytes;
use rtrcast_proto::Chunk;
use russh::{ChannelId, ChannelWriteHalf, Disconnect, client, server};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::timeout;

/// The most that russh is given at once: it encrypts while the next part is on its way to it.
const SLICE_OCTETS_MAX: usize = 64 * 1024;

/// Time for which the peer's answer to the end of the channel is waited for. Some libraries lose unread data when
/// DISCONNECT arrives, so it is worth waiting; and it is less than an ordered close has for all.
const PEER_CLOSE_MAX: Duration = Duration::from_secs(3);

/// A connection with an open channel.
pub(crate) struct SshStream {
    channel_stream: ChannelStream,
    handle: ChannelHandle,
    /// A part that russh has not taken yet.
    sending: Option<Sending>,
    /// For a router that needs them, until the end.
    wake_ups: Option<Box<WakeUps>>,
}

type Sending = Pin<Box<dyn Future<Output = Result<(), Bytes>> + Send>>;

/// russh's handle of the channel, on either side.
enum ChannelHandle {
    Router { handle: server::Handle, channel: ChannelId },
    Cache { handle: Arc<ClientHandle>, channel: ChannelWriteHalf<client::Msg> },
}

impl SshStream {
    /// A router's connection.
    pub(crate) fn of_router(
        channel_stream: ChannelStream,
        handle: server::Handle,
        channel: ChannelId,
        wake_ups: Option<Box<WakeUps>>,
    ) -> SshStream {
        SshStream { channel_stream, handle: ChannelHandle::Router { handle, channel }, sending: None, wake_ups }
    }

    /// A connection to a cache.
    pub(crate) fn of_cache(
        channel_stream: ChannelStream,
        handle: ClientHandle,
        channel: ChannelWriteHalf<client::Msg>,
    ) -> SshStream {
        SshStream {
            channel_stream,
            handle: ChannelHandle::Cache { handle: Arc::new(handle), channel },
            sending: None,
            wake_ups: None,
        }
    }

    /// Reads what the peer has sent; 0 is the end of its side of the channel. While waiting, sends wake-up packets.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = self.channel_stream.shared().poll_read(context, into);
        if read.is_pending() {
            self.wake_up(context);
        }
        read
    }

    /// Sends the wake-up packets that are due.
    fn wake_up(&mut self, context: &mut Context<'_>) {
        let (Some(wake_ups), ChannelHandle::Router { handle, channel }) = (&mut self.wake_ups, &self.handle) else {
            return;
        };
        while wake_ups.poll_due(context).is_ready() {
            // RFC 4254 section 6.8: from a server only, never answered; false is what holds anyway.
            match pin!(handle.xon_xoff_request(*channel, false)).poll(context) {
                Poll::Ready(Ok(())) => wake_ups.sent(),
                Poll::Pending => wake_ups.postpone(),
                // russh has ended.
                Poll::Ready(Err(())) => {
                    self.wake_ups = None;
                    return;
                }
            }
        }
    }

    /// Reads what has come.
    pub(crate) fn read_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.channel_stream.shared().read_now(into)
    }

    /// Gives russh a part of the chunk from the octet `from` on; with nothing left, waits until the system has it all.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        chunk: &Chunk,
        from: usize,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_taken(context))?;
        let octets = chunk.octets().len().saturating_sub(from).min(SLICE_OCTETS_MAX);
        if octets == 0 {
            ready!(self.channel_stream.shared().poll_sent(context))?;
            if let Some(wake_ups) = &mut self.wake_ups {
                wake_ups.all_sent();
            }
            return Poll::Ready(Ok(0));
        }
        ready!(self.channel_stream.shared().poll_room(context))?;
        if let Some(wake_ups) = &mut self.wake_ups {
            wake_ups.writing(octets);
        }
        let slice = self.channel_stream.shared().slice(chunk, from..from + octets);
        let mut sending = self.handle.send(slice);
        if sending.as_mut().poll(context).is_pending() {
            self.sending = Some(sending);
        }
        Poll::Ready(Ok(octets))
    }

    /// Waits until russh has taken the last part.
    fn poll_taken(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(sending) = &mut self.sending {
            let taken = ready!(sending.as_mut().poll(context));
            self.sending = None;
            taken.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Poll::Ready(Ok(()))
    }

    /// After the last data: the end of the channel, DISCONNECT, and the end of our side of the socket. What waits for
    /// the peer's window is waited for.
    pub(crate) async fn end(&mut self) -> io::Result<()> {
        let shared = self.channel_stream.shared().clone();
        self.wake_ups = None;
        shared.discard();
        poll_fn(|context| self.poll_taken(context)).await.ok();
        // If the peer has closed it reads no more, and the next steps fail.
        let _ = poll_fn(|context| shared.poll_sent(context)).await;
        self.handle.end_channel().await;
        let closed = timeout(PEER_CLOSE_MAX, poll_fn(|context| shared.poll_closed(context))).await;
        if closed.is_err() || matches!(self.handle, ChannelHandle::Cache { .. }) {
            self.handle.close_channel().await;
        }
        self.handle.disconnect().await;
        poll_fn(|context| shared.poll_over(context)).await;
        self.channel_stream.socket().half_close()
    }

    pub(crate) fn socket(&self) -> &Socket {
        self.channel_stream.socket()
    }

    /// Returns true if a wake-up packet is due, now or later.
    #[cfg(test)]
    pub(crate) fn awaits_wake_ups(&self) -> bool {
        self.wake_ups.as_ref().is_some_and(|wake_ups| wake_ups.is_any_due())
    }
}

impl ChannelHandle {
    fn send(&self, octets: Bytes) -> Sending {
        match self {
            ChannelHandle::Router { handle, channel } => {
                let (handle, channel) = (handle.clone(), *channel);
                Box::pin(async move { handle.data(channel, octets).await })
            }
            ChannelHandle::Cache { handle, channel } => {
                let (handle, channel) = (handle.clone(), channel.id());
                Box::pin(async move { handle.data(channel, octets).await })
            }
        }
    }

    /// All this waits in russh's queue behind the data. What fails here fails because russh has ended.
    async fn end_channel(&self) {
        match self {
            ChannelHandle::Router { handle, channel } => {
                let _ = handle.eof(*channel).await;
                // RFC 4254 section 6.10; ssh(1) takes a missing one for a failure.
                let _ = handle.exit_status_request(*channel, 0).await;
                let _ = handle.close(*channel).await;
            }
            // A cache's subsystem ends when its input ends, and closes the channel then: with that it has read all.
            ChannelHandle::Cache { channel, .. } => {
                let _ = channel.eof().await;
            }
        }
    }

    async fn close_channel(&self) {
        if let ChannelHandle::Cache { channel, .. } = self {
            let _ = channel.close().await;
        }
    }

    async fn disconnect(&self) {
        match self {
            ChannelHandle::Router { handle, .. } => {
                let _ =
                    handle.disconnect(Disconnect::ByApplication, "the session has ended".into(), String::new()).await;
            }
            ChannelHandle::Cache { handle, .. } => {
                let _ = handle.disconnect(Disconnect::ByApplication, "the session has ended", "").await;
            }
        }
    }
}
