//! The stream between a session and russh, which runs the protocol in a task of its own and needs to own its stream.
//!
//! The session's side holds the socket; russh's side, the [`RusshStream`], only borrows it for each read and write. So
//! the session can end everything at once by dropping its side, and has the socket for the ordered close. The russh
//! side also counts octets: those that russh has taken but not given to the system yet, and those that the session has
//! not read yet. russh opens the peer's window again whether or not the session reads, so a full inbox stops russh's
//! reads instead: then TCP holds the peer back, and russh still writes.

use super::newkeys::NewKeys;
use crate::stream::Socket;
use bytes::Bytes;
use rtrcast_proto::Chunk;
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets that russh may hold and that the system has not accepted yet. Further ones wait in the data set. russh
/// encrypts all that it has been given into one buffer, and keeps that at its largest size until the connection ends.
pub(crate) const OUTBOX_OCTETS_MAX: usize = 128 * 1024;

/// The session's side of a connection. Dropping it ends russh's task.
pub(crate) struct ChannelStream {
    socket: Arc<Socket>,
    shared: Arc<SharedChannel>,
}

impl ChannelStream {
    /// `inbox_max`: with so many octets unread, nothing more is taken from the socket.
    pub(crate) fn new(socket: Socket, inbox_max: usize) -> ChannelStream {
        let state = ChannelState::default();
        ChannelStream {
            socket: Arc::new(socket),
            shared: Arc::new(SharedChannel { inbox_max, state: Mutex::new(state) }),
        }
    }

    pub(crate) fn russh_stream(&self) -> RusshStream {
        RusshStream { socket: Arc::downgrade(&self.socket), shared: self.shared.clone(), newkeys: None }
    }

    /// Returns the stream for russh's server, whose first NEWKEYS waits for the message after it.
    pub(crate) fn russh_server_stream(&self) -> RusshStream {
        let mut russh_stream = self.russh_stream();
        russh_stream.newkeys = Some(NewKeys::new());
        russh_stream
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn shared(&self) -> &Arc<SharedChannel> {
        &self.shared
    }
}

impl Drop for ChannelStream {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_dropped = true;
        state.inbox = VecDeque::new();
        for waker in [state.russh.take(), state.handler.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

/// State that both sides share.
pub(crate) struct SharedChannel {
    inbox_max: usize,
    state: Mutex<ChannelState>,
}

#[derive(Default)]
struct ChannelState {
    /// Octets that the peer has sent on the channel.
    inbox: VecDeque<u8>,
    /// Nothing more is read: what still comes is thrown away.
    discards: bool,
    /// The peer has sent anything at all, below SSH.
    has_received: bool,
    /// The peer has ended its side of the channel.
    peer_ended: bool,
    /// The peer has closed the channel.
    peer_closed: bool,
    /// Octets that wait in russh for the peer's window.
    taken: usize,
    /// Octets that are encrypted, and wait for the socket.
    encrypted: usize,
    /// russh has shut down its side.
    is_said: bool,
    /// russh's task has ended.
    is_over: bool,
    /// The session's side was dropped.
    is_dropped: bool,
    /// The error of the socket.
    error: Option<io::ErrorKind>,
    session: Option<Waker>,
    russh: Option<Waker>,
    handler: Option<Waker>,
}

impl ChannelState {
    fn wake_session(&mut self) {
        if let Some(waker) = self.session.take() {
            waker.wake();
        }
    }

    fn wake_russh(&mut self) {
        if let Some(waker) = self.russh.take() {
            waker.wake();
        }
    }

    fn lost(&self) -> io::Error {
        self.error
            .map_or_else(|| io::Error::new(io::ErrorKind::BrokenPipe, "the peer has ended the SSH session"), Into::into)
    }
}

fn remember(slot: &mut Option<Waker>, context: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(context.waker()) => {}
        slot => *slot = Some(context.waker().clone()),
    }
}

/// Methods of the session.
impl SharedChannel {
    fn lock(&self) -> MutexGuard<'_, ChannelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the peer has sent; 0 is its end.
    pub(crate) fn poll_read(&self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        match self.take(&mut state, into) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                remember(&mut state.session, context);
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    pub(crate) fn read_now(&self, into: &mut [u8]) -> io::Result<usize> {
        self.take(&mut self.lock(), into)
    }

    fn take(&self, state: &mut ChannelState, into: &mut [u8]) -> io::Result<usize> {
        if state.inbox.is_empty() {
            return match state {
                ChannelState { error: Some(_), peer_ended: false, .. } => Err(state.lost()),
                ChannelState { peer_ended: false, is_over: false, .. } => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(0),
            };
        }
        let was_full = state.inbox.len() >= self.inbox_max;
        let octets = io::Read::read(&mut state.inbox, into)?;
        if was_full && state.inbox.len() < self.inbox_max {
            state.wake_russh();
        }
        Ok(octets)
    }

    /// Waits until russh may be given more.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.is_over || state.peer_closed {
            return Poll::Ready(Err(state.lost()));
        }
        if state.taken + state.encrypted < OUTBOX_OCTETS_MAX {
            return Poll::Ready(Ok(()));
        }
        remember(&mut state.session, context);
        Poll::Pending
    }

    /// Waits until the system has all that russh was given. A close by the peer after that is no failure.
    pub(crate) fn poll_sent(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        if state.taken + state.encrypted == 0 {
            return Poll::Ready(Ok(()));
        }
        if state.is_over || state.peer_closed {
            return Poll::Ready(Err(state.lost()));
        }
        remember(&mut state.session, context);
        Poll::Pending
    }

    /// Octets for russh, as they lie in the data set.
    pub(crate) fn slice(self: &Arc<Self>, chunk: &Chunk, range: Range<usize>) -> Bytes {
        self.lock().taken += range.len();
        Bytes::from_owner(Slice { chunk: chunk.clone(), range, shared: self.clone() })
    }

    /// Waits until the peer has closed the channel.
    pub(crate) fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.peer_closed || state.is_over {
            return Poll::Ready(());
        }
        remember(&mut state.session, context);
        Poll::Pending
    }

    /// Waits for the end of russh's task.
    pub(crate) fn poll_over(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_over {
            return Poll::Ready(());
        }
        remember(&mut state.session, context);
        Poll::Pending
    }

    /// Returns true if the peer has sent anything at all.
    pub(crate) fn has_received(&self) -> bool {
        self.lock().has_received
    }

    /// Reads no more.
    pub(crate) fn discard(&self) {
        let mut state = self.lock();
        state.discards = true;
        state.inbox = VecDeque::new();
        state.wake_russh();
    }
}

/// Methods of russh's handlers.
impl SharedChannel {
    pub(crate) fn received(&self, octets: &[u8]) {
        let mut state = self.lock();
        if !state.discards && !state.is_dropped && !octets.is_empty() {
            state.inbox.extend(octets);
            state.wake_session();
        }
    }

    pub(crate) fn peer_ended(&self) {
        let mut state = self.lock();
        state.peer_ended = true;
        state.wake_session();
    }

    pub(crate) fn peer_closed(&self) {
        let mut state = self.lock();
        (state.peer_ended, state.peer_closed) = (true, true);
        state.wake_session();
    }

    /// Waits until the session's side is dropped, so that a handler need not finish its work.
    pub(crate) fn poll_dropped(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_dropped {
            return Poll::Ready(());
        }
        remember(&mut state.handler, context);
        Poll::Pending
    }
}

/// A part of a chunk in russh's hands. russh drops it when all of it is encrypted.
struct Slice {
    chunk: Chunk,
    range: Range<usize>,
    shared: Arc<SharedChannel>,
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        self.chunk.octets().get(self.range.clone()).unwrap_or_default()
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.taken = state.taken.saturating_sub(self.range.len());
        state.encrypted += self.range.len();
    }
}

/// The stream that russh owns.
pub(crate) struct RusshStream {
    socket: Weak<Socket>,
    shared: Arc<SharedChannel>,
    /// Present until the cache's first NEWKEYS is sent.
    newkeys: Option<NewKeys>,
}

impl RusshStream {
    fn failed(&self, error: io::Error) -> io::Error {
        let mut state = self.shared.lock();
        state.error.get_or_insert(error.kind());
        state.wake_session();
        error
    }

    fn newkeys(&mut self) -> Option<&mut NewKeys> {
        self.newkeys.take_if(|newkeys| newkeys.is_over());
        self.newkeys.as_mut()
    }
}

impl AsyncRead for RusshStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        {
            let mut state = self.shared.lock();
            remember(&mut state.russh, context);
            if state.is_said || state.is_dropped {
                return Poll::Ready(Ok(()));
            }
            if state.inbox.len() >= self.shared.inbox_max {
                return Poll::Pending;
            }
        }
        let Some(socket) = self.socket.upgrade() else { return Poll::Ready(Ok(())) };
        if let Some(newkeys) = self.newkeys() {
            newkeys.before_read(&socket, context).map_err(|error| self.failed(error))?;
        }
        let unfilled = into.initialize_unfilled();
        let octets = ready!(socket.poll_read(context, unfilled)).map_err(|error| self.failed(error))?;
        if let (Some(newkeys), Some(read)) = (self.newkeys(), unfilled.get(..octets)) {
            newkeys.read(read);
        }
        if octets > 0 {
            self.shared.lock().has_received = true;
        }
        into.advance(octets);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for RusshStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        remember(&mut self.shared.lock().russh, context);
        let Some(socket) = self.socket.upgrade() else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let result = match self.newkeys() {
            Some(newkeys) => newkeys.poll_write(&socket, context, octets),
            None => socket.poll_write(context, octets),
        };
        result.map_err(|error| self.failed(error))
    }

    /// russh calls it when it has written all that is encrypted. What is held is not waited for.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.socket.upgrade();
        if let (Some(newkeys), Some(socket)) = (self.newkeys(), socket) {
            ready!(newkeys.poll_flush(&socket, context)).map_err(|error| self.failed(error))?;
        }
        let mut state = self.shared.lock();
        state.encrypted = 0;
        state.wake_session();
        Poll::Ready(Ok(()))
    }

    /// The session's side ends the socket. For russh this is the peer's end as well, or it would wait for that.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.shared.lock();
        state.is_said = true;
        state.wake_russh();
        Poll::Ready(Ok(()))
    }
}

impl Drop for RusshStream {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        state.wake_session();
    }
}
