//! Octets in and out of a transport, for both sides of the protocol: what `drive.rs` and `connect.rs` have in common.

use crate::transport::Transport;
use rtrcast_proto::{Chunk, Moment};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

/// A chunk on its way.
pub(crate) struct Writing {
    chunk: Chunk,
    done: usize,
    pub(crate) progress: Moment,
}

impl Writing {
    pub(crate) fn new(chunk: Chunk, now: Moment) -> Writing {
        Writing { chunk, done: 0, progress: now }
    }

    /// The PDUs of the whole chunk.
    pub(crate) fn pdus(&self) -> u32 {
        self.chunk.pdus()
    }

    /// What is left once so many octets more have been written; none if that is nothing. A transport that buffers has to
    /// be flushed as well: then a write of nothing is left.
    pub(crate) fn further(self, octets: usize, buffers: bool, now: Moment) -> Option<Writing> {
        let done = self.done + octets;
        let is_flushed = octets == 0 || !buffers;
        (done < self.chunk.octets().len() || !is_flushed).then_some(Writing { done, progress: now, ..self })
    }
}

/// What the transport did.
pub(crate) enum Moved {
    Read(usize),
    Ended,
    Wrote(usize),
    Failed(io::Error),
}

/// Reads if input is wanted, and writes if there is a chunk, whichever can be done. Reading comes first: it is rare and
/// short for a cache, and an error of the peer has to be seen in the middle of a response.
pub(crate) async fn move_octets<const OCTETS: usize>(
    transport: &mut Transport,
    wants_input: bool,
    mut receive: impl FnMut(&[u8]),
    writing: Option<&Writing>,
) -> Moved {
    poll_fn(|context| poll_octets::<OCTETS>(context, transport, wants_input, &mut receive, writing)).await
}

/// The same, for whoever polls by itself.
pub(crate) fn poll_octets<const OCTETS: usize>(
    context: &mut Context<'_>,
    transport: &mut Transport,
    wants_input: bool,
    receive: impl FnOnce(&[u8]),
    writing: Option<&Writing>,
) -> Poll<Moved> {
    if wants_input {
        // To fill it with zeros first would cost more than to read a query into it.
        let mut space = [MaybeUninit::uninit(); OCTETS];
        let mut buffer = ReadBuf::uninit(&mut space);
        match transport.poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Moved::Ended),
            Poll::Ready(Ok(())) => {
                let octets = buffer.filled();
                receive(octets);
                return Poll::Ready(Moved::Read(octets.len()));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Moved::Failed(error)),
            Poll::Pending => {}
        }
    }
    match writing {
        Some(Writing { chunk, done, .. }) => transport.poll_write(context, chunk, *done).map(|result| match result {
            Ok(octets) => Moved::Wrote(octets),
            Err(error) => Moved::Failed(error),
        }),
        None => Poll::Pending,
    }
}
