//! The one loop that moves a session: octets in, chunks out, timers, new data, stops.
//!
//! There is one writer a connection, and no read or write is ever cancelled halfway: the loop waits for readiness, and
//! what is ready is done at once. While a chunk is being written everything else goes on.

use crate::admission::Guest;
use crate::clock::Clock;
use crate::close;
use crate::connection::Connection;
use crate::drain;
use crate::moving::{Moved, Writing, poll_octets};
use crate::observe::{End, Observer};
use crate::publish::{Published, Wanted};
use crate::terms::Terms;
use crate::transport::Transport;
use rtrcast_proto::{CloseReason, Dismissal, Moment, ServerEvent, ServerOutput, ServerSession, Stop, View, Want};
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Sleep, sleep_until};

/// How long a session that is closing may take for its last chunk and words, progress or not.
pub const LAST_WORDS_MAX: Duration = Duration::from_secs(30);

/// The most octets that are read at once. The buffer lives on the stack only while it is used.
const READ_OCTETS: usize = 4 * 1024;

/// How often octets are moved in a row before anything else is looked at. Most of the time nothing else has happened, and
/// to ask costs as much as a small answer.
const MOVES_MAX: u8 = 32;

/// What a connection has from the service.
pub(crate) struct Lines {
    pub(crate) clock: Clock,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) wants: mpsc::Sender<Wanted>,
    /// How long a chunk may make no progress.
    pub(crate) stall_max: Duration,
    /// The newest terms that it has seen: with others it may be let in no longer.
    pub(crate) terms: Arc<Terms>,
    /// Where the router is.
    pub(crate) address: Option<IpAddr>,
    /// Its place.
    pub(crate) guest: Guest,
    /// Who it is, and what passes.
    pub(crate) connection: Arc<Connection>,
    /// Who is told of it.
    pub(crate) observer: Arc<dyn Observer>,
}

/// Whether anybody still publishes.
type Gone = Result<(), watch::error::RecvError>;

/// Something is being made for the session. It is rare, so an idle connection has no room for it.
type Making = Pin<Box<dyn Future<Output = Option<Arc<View>>> + Send>>;

/// A connection being driven.
struct Drive {
    transport: Transport,
    session: ServerSession,
    clock: Clock,
    wants: mpsc::Sender<Wanted>,
    stall_max: Duration,
    terms: Arc<Terms>,
    address: Option<IpAddr>,
    guest: Guest,
    connection: Arc<Connection>,
    observer: Arc<dyn Observer>,
    /// When the clock was last looked at.
    now: Moment,
    writing: Option<Writing>,
    making: Option<Making>,
    timer: Option<Timer>,
    closing_since: Option<Moment>,
    has_received: bool,
    peer_ended: bool,
    stopping: bool,
    /// How often octets were moved since anything else was looked at.
    moves: u8,
    /// It makes room for another connection.
    displaced: bool,
}

/// Ends at its moment. Most connections wait for no moment, so they have no room for a timer.
struct Timer {
    at: Moment,
    sleep: Pin<Box<Sleep>>,
}

/// Whether a connection goes on.
enum Onward {
    /// It does.
    Go,
    /// Something was published, or nobody publishes any more.
    Published {
        /// Whether somebody does.
        is_alive: bool,
    },
    /// All is said: close in order.
    Close,
    /// It is over.
    End(End),
}

/// Drives a session to the end of its connection, and then tells `over` of it, with the connection's place, which is given
/// back only when that is told: a cache that stops waits for the places. No function with `async` before it: what is given
/// to one lies in its future twice, and an idle connection is little else than this future. Nor does it give the end back,
/// for a future that waits for another has it twice as well.
pub(crate) fn drive<Over: FnOnce(End, Guest)>(
    transport: Transport,
    session: ServerSession,
    lines: Lines,
    over: Over,
) -> impl Future<Output = ()> + use<Over> {
    let Lines { clock, mut published, wants, stall_max, terms, address, guest, connection, observer } = lines;
    let mut drive = Drive {
        transport,
        session,
        clock,
        wants,
        stall_max,
        terms,
        address,
        guest,
        connection,
        observer,
        now: clock.now(),
        writing: None,
        making: None,
        timer: None,
        closing_since: None,
        has_received: false,
        peer_ended: false,
        stopping: false,
        moves: 0,
        displaced: false,
    };
    async move {
        // Taken first, it is dropped first, should the task end otherwise: then too the end is told before the place is free.
        let _ = &over;
        let end = drive.run(&mut published).await;
        let Drive { transport, guest, .. } = drive;
        // Whoever gets the place gets the descriptor as well.
        drop(transport);
        over(end, guest);
    }
}

impl Drive {
    async fn run(&mut self, published: &mut watch::Receiver<Published>) -> End {
        loop {
            let onward = match self.take_outputs() {
                Onward::Go => {
                    // It stands in the line for what is published once, however many queries are answered meanwhile.
                    let mut changed = pin!(published.changed());
                    poll_fn(|context| self.poll(context, changed.as_mut())).await
                }
                onward => onward,
            };
            match onward {
                Onward::Go => {}
                Onward::Published { is_alive } => self.published(published, is_alive),
                // It is large and comes once: an idle connection has no room for it.
                Onward::Close => return Box::pin(self.close()).await,
                Onward::End(end) => {
                    if let End::Aborted = end {
                        self.transport.socket().reset_at_close();
                    }
                    return end;
                }
            }
        }
    }

    async fn close(&mut self) -> End {
        if self.displaced {
            return End::Ordered { peer_ended: close::for_another(&mut self.transport).await };
        }
        match close::in_order(&mut self.transport, self.peer_ended, drain::DRAIN_OCTETS_MAX).await {
            Ok(peer_ended) => End::Ordered { peer_ended },
            Err(error) => End::Lost(error),
        }
    }

    /// Does all that can be done now, and waits then.
    fn poll(&mut self, context: &mut Context<'_>, mut changed: Pin<&mut impl Future<Output = Gone>>) -> Poll<Onward> {
        self.now = self.clock.now();
        loop {
            let onward = match self.poll_next(context, changed.as_mut()) {
                Poll::Ready(Onward::Go) => self.take_outputs(),
                Poll::Ready(onward) => onward,
                Poll::Pending => return Poll::Pending,
            };
            match onward {
                Onward::Go => {}
                onward => return Poll::Ready(onward),
            }
        }
    }

    /// Does what the session says until it waits or a chunk has to be written.
    fn take_outputs(&mut self) -> Onward {
        if self.writing.is_some() {
            self.tell_events();
        }
        while self.writing.is_none() {
            match self.session.next(self.now) {
                ServerOutput::Write(chunk) => self.writing = Some(Writing::new(chunk, self.now)),
                ServerOutput::Close => return Onward::Close,
                ServerOutput::Event(event) => self.tell(event),
                ServerOutput::Want(want) => self.making = Some(Box::pin(ask_for(self.wants.clone(), want))),
                ServerOutput::Wait(_) => break,
            }
        }
        if self.session.is_closing() {
            self.closing_since.get_or_insert(self.now);
        }
        Onward::Go
    }

    /// When what is being written has to have made progress.
    fn write_deadline(&self) -> Option<Moment> {
        self.writing.as_ref().map(|writing| match self.closing_since {
            // A stall from before does not count: a router that pauses for a while still gets its last words.
            Some(since) => writing.progress.max(since).after(drain::DRAIN_MAX).min(since.after(LAST_WORDS_MAX)),
            None => writing.progress.after(self.stall_max),
        })
    }

    /// One thing that happened, which the session is told. Octets come first, but not for ever.
    fn poll_next(&mut self, context: &mut Context<'_>, changed: Pin<&mut impl Future<Output = Gone>>) -> Poll<Onward> {
        let octets_first = self.moves < MOVES_MAX;
        if octets_first && let Poll::Ready(moved) = self.poll_move(context) {
            self.moves += 1;
            return Poll::Ready(self.moved(moved));
        }
        self.moves = 0;
        if let Poll::Ready(onward) = self.poll_others(context, changed) {
            return Poll::Ready(onward);
        }
        if octets_first {
            return Poll::Pending;
        }
        self.now = self.clock.now();
        self.poll_move(context).map(|moved| self.moved(moved))
    }

    fn poll_move(&mut self, context: &mut Context<'_>) -> Poll<Moved> {
        let (session, transport, writing) = (&mut self.session, &mut self.transport, self.writing.as_ref());
        let (now, wants_input) = (self.now, session.wants_input());
        poll_octets::<READ_OCTETS>(context, transport, wants_input, |octets| session.receive(now, octets), writing)
    }

    /// All that is not octets.
    fn poll_others(
        &mut self,
        context: &mut Context<'_>,
        changed: Pin<&mut impl Future<Output = Gone>>,
    ) -> Poll<Onward> {
        if !self.stopping
            && let Poll::Ready(changed) = changed.poll(context)
        {
            return Poll::Ready(Onward::Published { is_alive: changed.is_ok() });
        }
        if !self.session.has_asked()
            && !self.session.is_closing()
            && let Poll::Ready(()) = pin!(self.guest.displaced()).poll(context)
        {
            self.now = self.clock.now();
            self.session.dismiss(self.now, Dismissal::Displaced);
            return Poll::Ready(Onward::Go);
        }
        if self.connection.poll_close(context) {
            self.now = self.clock.now();
            self.session.dismiss(self.now, Dismissal::Requested);
            return Poll::Ready(Onward::Go);
        }
        if let Some(making) = &mut self.making
            && let Poll::Ready(view) = making.as_mut().poll(context)
        {
            self.making = None;
            self.now = self.clock.now();
            if let Some(view) = view {
                self.session.data_changed(self.now, view);
            }
            return Poll::Ready(Onward::Go);
        }
        self.poll_timer(context)
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<Onward> {
        let write_deadline = self.write_deadline();
        let Some(at) = [self.session.deadline(), write_deadline].into_iter().flatten().min() else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = match self.timer.take() {
            Some(timer) if timer.at == at => timer,
            Some(_) | None => Timer { at, sleep: Box::pin(sleep_until(self.clock.instant(at))) },
        };
        if self.timer.insert(timer).sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.timer = None;
        self.now = self.clock.now();
        if write_deadline.is_some_and(|deadline| deadline <= self.now) {
            if self.closing_since.is_some() {
                return Poll::Ready(Onward::End(End::Aborted));
            }
            self.session.stalled(self.now);
            // The last attempt counts from here.
            if let Some(writing) = &mut self.writing {
                writing.progress = self.now;
            }
        }
        self.session.tick(self.now);
        Poll::Ready(Onward::Go)
    }

    fn moved(&mut self, moved: Moved) -> Onward {
        let now = self.now;
        match moved {
            Moved::Read(octets) => {
                self.has_received = true;
                self.connection.octets_received(octets);
            }
            Moved::Ended => {
                self.peer_ended = true;
                self.session.input_ended(now);
            }
            Moved::Wrote(octets) => {
                let buffers = self.transport.buffers();
                let pdus = self.writing.as_ref().map_or(0, Writing::pdus);
                self.writing = self.writing.take().and_then(|writing| writing.further(octets, buffers, now));
                self.connection.octets_sent(octets, if self.writing.is_none() { pdus } else { 0 });
            }
            Moved::Failed(error) => {
                self.hear_last_words(now);
                return Onward::End(if self.has_received || !is_reset(&error) {
                    End::Lost(error)
                } else {
                    End::Probed(error)
                });
            }
        }
        Onward::Go
    }

    /// There is a new view, or the cache stops. That nobody publishes any more is as good as a restart.
    fn published(&mut self, published: &mut watch::Receiver<Published>, is_alive: bool) {
        self.now = self.clock.now();
        let now = self.now;
        let Published { view, stop, terms } = published.borrow_and_update().clone();
        let is_news = !Arc::ptr_eq(&terms, &self.terms);
        self.terms = terms;
        match stop.or((!is_alive).then_some(Stop::Restart)) {
            None if is_news && !self.terms.lists.admits(self.address) => {
                self.session.dismiss(now, Dismissal::NotAdmitted);
            }
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
                Ok(octets) if octets > 0 => {
                    self.has_received = true;
                    self.connection.octets_received(octets);
                    self.session.receive(now, buffer.get(..octets).unwrap_or_default());
                }
                Ok(_) | Err(_) => break,
            }
        }
        self.session.input_ended(now);
        self.tell_events();
    }

    fn tell_events(&mut self) {
        while let Some(event) = self.session.event() {
            self.tell(event);
        }
    }

    fn tell(&mut self, event: ServerEvent) {
        if let ServerEvent::Negotiated(_) = event {
            self.guest.has_asked();
        }
        self.displaced |= matches!(event, ServerEvent::Closing(CloseReason::Displaced));
        self.connection.count(&event, self.now, &self.session);
        self.observer.event(&self.connection, &event);
    }
}

/// Whether the peer has ended the connection in a way that leaves nothing to be read.
fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// Asks for what is wanted, and waits for its turn if many do. Nothing comes back if nobody makes anything any more;
/// then the session's own limit decides.
async fn ask_for(wants: mpsc::Sender<Wanted>, want: Want) -> Option<Arc<View>> {
    let (reply, made) = oneshot::channel();
    wants.send(Wanted { want, reply }).await.ok()?;
    made.await.ok()
}

#[cfg(test)]
mod tests;
