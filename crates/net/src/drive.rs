//! The one loop that moves a session: octets in, chunks out, timers, new data, stops.
//!
//! There is one writer a connection, and no read or write is ever cancelled halfway: the loop waits for readiness, and
//! what is ready is done at once. While a chunk is being written everything else goes on.

use crate::clock::Clock;
use crate::close;
use crate::service::{Published, Wanted};
use crate::transport::Tcp;
use rtrcast_proto::{Chunk, Event, Moment, Output, ServerSession, View, Want};
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
struct Writing {
    chunk: Chunk,
    done: usize,
    progress: Moment,
}

/// Something is being made for the session. It is rare, so an idle connection has no room for it.
type Making = Pin<Box<dyn Future<Output = Option<Arc<View>>> + Send>>;

/// What the transport did.
enum Moved {
    Read,
    Ended,
    Wrote(usize),
    Failed(io::Error),
}

/// Drives a session to the end of its connection.
pub(crate) async fn drive(
    mut transport: Tcp,
    mut session: ServerSession,
    mut lines: Lines,
    mut observe: impl FnMut(Event),
) -> End {
    let clock = lines.clock;
    let mut writing: Option<Writing> = None;
    let mut closing_since: Option<Moment> = None;
    let mut making: Option<Making> = None;
    let mut peer_ended = false;
    let mut stopping = false;
    loop {
        while let Some(event) = session.event() {
            observe(event);
        }
        if writing.is_none() {
            match session.next() {
                Output::Write(chunk) => writing = Some(Writing { chunk, done: 0, progress: clock.now() }),
                Output::Close => {
                    return match close::in_order(transport, peer_ended).await {
                        Ok(peer_ended) => End::Ordered { peer_ended },
                        Err(error) => End::Lost(error),
                    };
                }
                Output::Event(event) => {
                    observe(event);
                    continue;
                }
                Output::Want(want) => {
                    making = Some(Box::pin(ask_for(lines.wants.clone(), want)));
                    continue;
                }
                Output::Wait(_) => {}
            }
        }
        let now = clock.now();
        if session.is_closing() {
            closing_since.get_or_insert(now);
        }
        let write_deadline = writing.as_ref().map(|writing| match closing_since {
            Some(since) => writing.progress.after(close::DRAIN_MAX).min(since.after(LAST_WORDS_MAX)),
            None => writing.progress.after(lines.stall_max),
        });
        let deadline = [session.deadline(), write_deadline].into_iter().flatten().min();

        tokio::select! {
            moved = move_octets(&mut transport, &mut session, &mut writing, clock) => match moved {
                Moved::Read => {}
                Moved::Ended => {
                    peer_ended = true;
                    session.input_ended(clock.now());
                }
                Moved::Wrote(octets) => {
                    if let Some(Writing { chunk, done, progress }) = &mut writing {
                        *done += octets;
                        *progress = clock.now();
                        if *done >= chunk.octets().len() {
                            writing = None;
                        }
                    }
                }
                Moved::Failed(error) => {
                    hear_last_words(&mut transport, &mut session, clock, &mut observe).await;
                    return End::Lost(error);
                }
            },
            changed = lines.published.changed(), if !stopping => {
                let Published { view, stop } = lines.published.borrow_and_update().clone();
                match (changed, stop) {
                    (Ok(()), None) => session.data_changed(clock.now(), view),
                    (Ok(()), Some(stop)) => {
                        stopping = true;
                        session.stop(clock.now(), stop);
                    }
                    // Nobody publishes any more: as good as a restart.
                    (Err(_), stop) => {
                        stopping = true;
                        session.stop(clock.now(), stop.unwrap_or(rtrcast_proto::Stop::Restart));
                    }
                }
            }
            view = made(&mut making) => {
                making = None;
                if let Some(view) = view {
                    session.data_changed(clock.now(), view);
                }
            }
            () = sleep(clock, deadline) => {
                let now = clock.now();
                if write_deadline.is_some_and(|deadline| deadline <= now) {
                    if closing_since.is_some() {
                        transport.abort();
                        return End::Aborted;
                    }
                    session.stalled(now);
                    // The last attempt counts from here.
                    if let Some(writing) = &mut writing {
                        writing.progress = now;
                    }
                }
                session.tick(now);
            }
        }
    }
}

/// Reads if the session wants input, and writes if there is a chunk, whichever can be done. Reading comes first: it is
/// rare and short, and an error of the peer has to be seen in the middle of a response.
async fn move_octets(
    transport: &mut Tcp,
    session: &mut ServerSession,
    writing: &mut Option<Writing>,
    clock: Clock,
) -> Moved {
    poll_fn(|context| {
        if session.wants_input() {
            let mut buffer = [0; READ_OCTETS];
            match transport.poll_read(context, &mut buffer) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Moved::Ended),
                Poll::Ready(Ok(octets)) => {
                    session.receive(clock.now(), buffer.get(..octets).unwrap_or_default());
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

/// A router that resets the connection may have sent an Error Report before: it is read and told before the loss is.
async fn hear_last_words(
    transport: &mut Tcp,
    session: &mut ServerSession,
    clock: Clock,
    observe: &mut impl FnMut(Event),
) {
    poll_fn(|context| {
        while session.wants_input() {
            let mut buffer = [0; READ_OCTETS];
            match transport.poll_read(context, &mut buffer) {
                Poll::Ready(Ok(octets)) if octets > 0 => {
                    session.receive(clock.now(), buffer.get(..octets).unwrap_or_default());
                }
                Poll::Ready(_) | Poll::Pending => break,
            }
        }
        Poll::Ready(())
    })
    .await;
    session.input_ended(clock.now());
    loop {
        match session.next() {
            Output::Event(event @ (Event::PeerReported { .. } | Event::Received(_))) => observe(event),
            Output::Event(_) | Output::Write(_) => {}
            Output::Close | Output::Want(_) | Output::Wait(_) => return,
        }
    }
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

async fn sleep(clock: Clock, deadline: Option<Moment>) {
    match deadline {
        Some(deadline) => sleep_until(clock.instant(deadline)).await,
        None => pending().await,
    }
}
