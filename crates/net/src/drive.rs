//! The one loop that moves a session: octets in, chunks out, timers, new data, stops.
//!
//! There is one writer a connection, and no read or write is ever cancelled halfway: the loop waits for readiness, and
//! what is ready is done at once. While a chunk is being written everything else goes on.

use crate::clock::Clock;
use crate::close;
use crate::service::{Published, Wanted};
use crate::transport::Tcp;
use rtrcast_proto::{Chunk, Event, Moment, Output, ServerSession, Stop, View, Want};
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep_until;

/// How long a session that is closing may take for its last chunk and words, progress or not.
pub const LAST_WORDS_MAX: Duration = Duration::from_secs(30);

/// The most octets that are read at once. The buffer lives on the stack only while it is used.
const READ_OCTETS: usize = 4 * 1024;

/// How a connection ended.
#[derive(Debug)]
pub enum End {
    /// By the ordered close; false if the peer did not end its side in time.
    Ordered {
        /// Whether the peer ended its side.
        peer_ended: bool,
    },
    /// The peer did not take what was sent, so the connection was reset.
    Aborted,
    /// The connection broke.
    Lost(io::Error),
}

/// What a connection has from the service.
pub(crate) struct Lines {
    pub(crate) clock: Clock,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) wants: mpsc::Sender<Wanted>,
    /// How long a chunk may make no progress.
    pub(crate) stall_max: Duration,
}

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

    /// What is left once so many octets more have been written; none if that is nothing.
    pub(crate) fn further(self, octets: usize, now: Moment) -> Option<Writing> {
        let done = self.done + octets;
        (done < self.chunk.octets().len()).then_some(Writing { done, progress: now, ..self })
    }
}

/// Something is being made for the session. It is rare, so an idle connection has no room for it.
type Making = Pin<Box<dyn Future<Output = Option<Arc<View>>> + Send>>;

/// What the transport did.
pub(crate) enum Moved {
    Read,
    Ended,
    Wrote(usize),
    Failed(io::Error),
}

/// A connection being driven.
struct Drive<Observe> {
    transport: Tcp,
    session: ServerSession,
    lines: Lines,
    observe: Observe,
    writing: Option<Writing>,
    making: Option<Making>,
    closing_since: Option<Moment>,
    peer_ended: bool,
    stopping: bool,
}

/// Whether a connection goes on.
enum Onward {
    /// It does.
    Go,
    /// All is said: close in order.
    Close,
    /// It is over.
    End(End),
}

/// Drives a session to the end of its connection.
pub(crate) async fn drive(transport: Tcp, session: ServerSession, lines: Lines, observe: impl FnMut(Event)) -> End {
    let mut drive = Drive {
        transport,
        session,
        lines,
        observe,
        writing: None,
        making: None,
        closing_since: None,
        peer_ended: false,
        stopping: false,
    };
    loop {
        let onward = match drive.take_outputs() {
            Onward::Go => drive.wait().await,
            onward => onward,
        };
        match onward {
            Onward::Go => {}
            Onward::Close => {
                return match close::in_order(drive.transport, drive.peer_ended, close::DRAIN_OCTETS_MAX).await {
                    Ok(peer_ended) => End::Ordered { peer_ended },
                    Err(error) => End::Lost(error),
                };
            }
            Onward::End(End::Aborted) => {
                drive.transport.abort();
                return End::Aborted;
            }
            Onward::End(end) => return end,
        }
    }
}

impl<Observe: FnMut(Event)> Drive<Observe> {
    /// Does what the session says until it waits or a chunk has to be written.
    fn take_outputs(&mut self) -> Onward {
        let now = self.lines.clock.now();
        while let Some(event) = self.session.event() {
            (self.observe)(event);
        }
        while self.writing.is_none() {
            match self.session.next(now) {
                Output::Write(chunk) => self.writing = Some(Writing::new(chunk, now)),
                Output::Close => return Onward::Close,
                Output::Event(event) => (self.observe)(event),
                Output::Want(want) => self.making = Some(Box::pin(ask_for(self.lines.wants.clone(), want))),
                Output::Wait(_) => break,
            }
        }
        if self.session.is_closing() {
            self.closing_since.get_or_insert(now);
        }
        Onward::Go
    }

    /// When what is being written has to have made progress.
    fn write_deadline(&self) -> Option<Moment> {
        self.writing.as_ref().map(|writing| match self.closing_since {
            // A stall from before does not count: a router that pauses for a while still gets its last words.
            Some(since) => writing.progress.max(since).after(close::DRAIN_MAX).min(since.after(LAST_WORDS_MAX)),
            None => writing.progress.after(self.lines.stall_max),
        })
    }

    /// Waits for one thing to happen, and tells the session.
    async fn wait(&mut self) -> Onward {
        let clock = self.lines.clock;
        let write_deadline = self.write_deadline();
        let deadline = [self.session.deadline(), write_deadline].into_iter().flatten().min();
        tokio::select! {
            moved = {
                let session = &mut self.session;
                let wants_input = session.wants_input();
                let receive = |octets: &[u8]| session.receive(clock.now(), octets);
                move_octets::<READ_OCTETS>(&mut self.transport, wants_input, receive, self.writing.as_ref())
            } => {
                return self.moved(moved);
            }
            changed = self.lines.published.changed(), if !self.stopping => self.published(changed.is_ok()),
            view = made(&mut self.making) => {
                self.making = None;
                if let Some(view) = view {
                    self.session.data_changed(clock.now(), view);
                }
            }
            () = sleep(clock, deadline) => {
                let now = clock.now();
                if write_deadline.is_some_and(|deadline| deadline <= now) {
                    if self.closing_since.is_some() {
                        return Onward::End(End::Aborted);
                    }
                    self.session.stalled(now);
                    // The last attempt counts from here.
                    if let Some(writing) = &mut self.writing {
                        writing.progress = now;
                    }
                }
                self.session.tick(now);
            }
        }
        Onward::Go
    }

    fn moved(&mut self, moved: Moved) -> Onward {
        let now = self.lines.clock.now();
        match moved {
            Moved::Read => {}
            Moved::Ended => {
                self.peer_ended = true;
                self.session.input_ended(now);
            }
            Moved::Wrote(octets) => {
                self.writing = self.writing.take().and_then(|writing| writing.further(octets, now));
            }
            Moved::Failed(error) => {
                self.hear_last_words(now);
                return Onward::End(End::Lost(error));
            }
        }
        Onward::Go
    }

    /// There is a new view, or the cache stops. That nobody publishes any more is as good as a restart.
    fn published(&mut self, is_alive: bool) {
        let now = self.lines.clock.now();
        let Published { view, stop } = self.lines.published.borrow_and_update().clone();
        match stop.or((!is_alive).then_some(Stop::Restart)) {
            None => self.session.data_changed(now, view),
            Some(stop) => {
                self.stopping = true;
                self.session.stop(now, stop);
            }
        }
    }

    /// A router that resets the connection may have sent an Error Report before: it is heard before the loss is told.
    fn hear_last_words(&mut self, now: Moment) {
        let mut buffer = [0; READ_OCTETS];
        while self.session.wants_input() {
            match self.transport.read_now(&mut buffer) {
                Ok(octets) if octets > 0 => self.session.receive(now, buffer.get(..octets).unwrap_or_default()),
                Ok(_) | Err(_) => break,
            }
        }
        self.session.input_ended(now);
        while let Some(event) = self.session.event() {
            (self.observe)(event);
        }
    }
}

/// Reads if input is wanted, and writes if there is a chunk, whichever can be done. Reading comes first: it is rare and
/// short for a cache, and an error of the peer has to be seen in the middle of a response.
pub(crate) async fn move_octets<const OCTETS: usize>(
    transport: &mut Tcp,
    wants_input: bool,
    mut receive: impl FnMut(&[u8]),
    writing: Option<&Writing>,
) -> Moved {
    poll_fn(|context| {
        if wants_input {
            let mut buffer = [0; OCTETS];
            match transport.poll_read(context, &mut buffer) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Moved::Ended),
                Poll::Ready(Ok(octets)) => {
                    receive(buffer.get(..octets).unwrap_or_default());
                    return Poll::Ready(Moved::Read);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Moved::Failed(error)),
                Poll::Pending => {}
            }
        }
        match writing {
            Some(Writing { chunk, done, .. }) => {
                transport.poll_write(context, chunk, *done).map(|result| match result {
                    Ok(octets) => Moved::Wrote(octets),
                    Err(error) => Moved::Failed(error),
                })
            }
            None => Poll::Pending,
        }
    })
    .await
}

/// Asks for what is wanted, and waits for its turn if many do. Nothing comes back if nobody makes anything any more;
/// then the session's own limit decides.
async fn ask_for(wants: mpsc::Sender<Wanted>, want: Want) -> Option<Arc<View>> {
    let (reply, made) = oneshot::channel();
    wants.send(Wanted { want, reply }).await.ok()?;
    made.await.ok()
}

async fn made(making: &mut Option<Making>) -> Option<Arc<View>> {
    match making {
        Some(making) => making.as_mut().await,
        None => pending().await,
    }
}

/// Until a moment; for ever if there is none.
pub(crate) async fn sleep(clock: Clock, deadline: Option<Moment>) {
    match deadline {
        Some(deadline) => sleep_until(clock.instant(deadline)).await,
        None => pending().await,
    }
}
