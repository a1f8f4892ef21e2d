//! Octets in and out of a transport, for both sides of the protocol: what `drive.rs` and `connect.rs` have in common.

use crate::stream::{Buffering, TransportStream};
use rtrcast_proto::{Chunk, Moment};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

/// A chunk on its way.
pub(crate) struct PendingWrite {
    pub(crate) chunk: Chunk,
    /// Octets of it that were written.
    pub(crate) done: usize,
    pub(crate) progress: Moment,
}

impl PendingWrite {
    pub(crate) fn new(chunk: Chunk, now: Moment) -> PendingWrite {
        PendingWrite { chunk, done: 0, progress: now }
    }

    /// The PDUs of the whole chunk.
    pub(crate) fn pdus(&self) -> u32 {
        self.chunk.pdus()
    }

    /// Returns the rest after this many more octets were written; none if all were. A stream with buffering has to be
    /// flushed as well: then a write of no octets is left.
    pub(crate) fn further(self, octets: usize, buffering: Buffering, now: Moment) -> Option<PendingWrite> {
        let done = self.done + octets;
        let is_flushed = octets == 0 || buffering == Buffering::None;
        (done < self.chunk.octets().len() || !is_flushed).then_some(PendingWrite { done, progress: now, ..self })
    }
}

/// Result of a transfer.
pub(crate) enum Transferred {
    Read(usize),
    Ended,
    Wrote(usize),
    Failed(io::Error),
}

/// Reads if input is wanted, and writes if there is a chunk, whichever can be done. Reading comes first: it is rare and
/// short for a cache, and an error of the peer has to be seen in the middle of a response.
pub(crate) async fn transfer<const OCTETS: usize>(
    stream: &mut TransportStream,
    mut receive: Option<impl FnMut(&[u8])>,
    writing: Option<&PendingWrite>,
) -> Transferred {
    poll_fn(|context| poll_transfer::<OCTETS>(context, stream, receive.as_mut(), writing)).await
}

/// Polls a transfer.
pub(crate) fn poll_transfer<const OCTETS: usize>(
    context: &mut Context<'_>,
    stream: &mut TransportStream,
    receive: Option<impl FnOnce(&[u8])>,
    writing: Option<&PendingWrite>,
) -> Poll<Transferred> {
    if let Some(receive) = receive {
        // To fill it with zeros first would cost more than to read a query into it.
        let mut space = [MaybeUninit::uninit(); OCTETS];
        let mut buffer = ReadBuf::uninit(&mut space);
        match stream.poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Transferred::Ended),
            Poll::Ready(Ok(())) => {
                let octets = buffer.filled();
                receive(octets);
                return Poll::Ready(Transferred::Read(octets.len()));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Transferred::Failed(error)),
            Poll::Pending => {}
        }
    }
    match writing {
        Some(PendingWrite { chunk, done, .. }) => stream.poll_write(context, chunk, *done).map(|result| match result {
            Ok(octets) => Transferred::Wrote(octets),
            Err(error) => Transferred::Failed(error),
        }),
        None => Poll::Pending,
    }
}
