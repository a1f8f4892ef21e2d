//! The one loop that moves a session: octets in, chunks out, timers, new data, stops.
//!
//! There is one writer a connection, and no read or write is ever cancelled halfway: the loop waits for readiness, and
//! what is ready is done at once. While a chunk is being written everything else goes on.

use crate::admission::Permit;
use crate::clock::Clock;
use crate::close::{self, PeerSide};
use crate::connection::Connection;
use crate::drain;
use crate::observe::{End, Observer};
use crate::publish::{Published, Wanted};
use crate::service_policy::ServicePolicy;
use crate::stream::TransportStream;
use crate::transfer::{PendingWrite, Transferred, poll_transfer};
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
pub const FINAL_REPORT_TIME_MAX: Duration = Duration::from_secs(30);

/// The most octets that are read at once. The buffer lives on the stack only while it is used.
const READ_OCTETS_MAX: usize = 4 * 1024;

/// How often octets are moved in a row before anything else is looked at. Most of the time nothing else has happened, and
/// to ask costs as much as a small answer.
const TRANSFERS_MAX: u8 = 32;

/// What a connection has from the service.
pub(crate) struct DriveContext {
    pub(crate) clock: Clock,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) wants: mpsc::Sender<Wanted>,
    /// How long a chunk may make no progress.
    pub(crate) stall_max: Duration,
    /// The newest terms that it has seen: with others it may be let in no longer.
    pub(crate) policy: Arc<ServicePolicy>,
    /// Where the router is.
    pub(crate) address: Option<IpAddr>,
    /// Its place.
    pub(crate) permit: Permit,
    /// Who it is, and what passes.
    pub(crate) connection: Arc<Connection>,
    /// Who is told of it.
    pub(crate) observer: Arc<dyn Observer>,
}

/// Whether anybody still publishes.
type Changed = Result<(), watch::error::RecvError>;

/// Something is being made for the session. It is rare, so an idle connection has no room for it.
type PendingView = Pin<Box<dyn Future<Output = Option<Arc<View>>> + Send>>;

/// A connection being driven.
struct Drive {
    stream: TransportStream,
    session: ServerSession,
    clock: Clock,
    wants: mpsc::Sender<Wanted>,
    stall_max: Duration,
    policy: Arc<ServicePolicy>,
    address: Option<IpAddr>,
    permit: Permit,
    connection: Arc<Connection>,
    observer: Arc<dyn Observer>,
    /// When the clock was last looked at.
    now: Moment,
    writing: Option<PendingWrite>,
    making: Option<PendingView>,
    timer: Option<Timer>,
    closing_since: Option<Moment>,
    has_received: bool,
    peer_side: PeerSide,
    stopping: bool,
    /// How often octets were moved since anything else was looked at.
    transfers: u8,
    /// It makes room for another connection.
    displaced: bool,
}

/// Ends at its moment. Most connections wait for no moment, so they have no room for a timer.
struct Timer {
    at: Moment,
    sleep: Pin<Box<Sleep>>,
}

/// Whether a connection goes on.
enum NextStep {
    /// It does.
    Go,
    /// Something was published.
    Published,
    /// The publisher and all of its handles are gone.
    PublisherGone,
    /// All is said: close in order.
    Close,
    /// It is over.
    End(End),
}

/// Drives a session to the end of its connection, and then tells `over` of it, with the connection's place, which is given
/// back only when that is told: a cache that stops waits for the places. No function with `async` before it: what is given
/// to one lies in its future twice, and an idle connection is little else than this future. Nor does it give the end back,
/// for a future that waits for another has it twice as well.
pub(crate) fn drive<Over: FnOnce(End, Permit)>(
    stream: TransportStream,
    session: ServerSession,
    context: DriveContext,
    over: Over,
) -> impl Future<Output = ()> + use<Over> {
    let DriveContext { clock, mut published, wants, stall_max, policy, address, permit, connection, observer } =
        context;
    let mut drive = Drive {
        stream,
        session,
        clock,
        wants,
        stall_max,
        policy,
        address,
        permit,
        connection,
        observer,
        now: clock.now(),
        writing: None,
        making: None,
        timer: None,
        closing_since: None,
        has_received: false,
        peer_side: PeerSide::Open,
        stopping: false,
        transfers: 0,
        displaced: false,
    };
    async move {
        // Taken first, it is dropped first, should the task end otherwise: then too the end is told before the place is free.
        let _ = &over;
        let end = drive.run(&mut published).await;
        let Drive { stream, permit, .. } = drive;
        // Whoever gets the place gets the descriptor as well.
        drop(stream);
        over(end, permit);
    }
}

impl Drive {
    async fn run(&mut self, published: &mut watch::Receiver<Published>) -> End {
        loop {
            let next_step = match self.take_outputs() {
                NextStep::Go => {
                    // It stands in the line for what is published once, however many queries are answered meanwhile.
                    let mut changed = pin!(published.changed());
                    poll_fn(|context| self.poll(context, changed.as_mut())).await
                }
                next_step => next_step,
            };
            match next_step {
                NextStep::Go => {}
                NextStep::Published => self.published(published, None),
                NextStep::PublisherGone => self.published(published, Some(Stop::Restart)),
                // It is large and comes once: an idle connection has no room for it.
                NextStep::Close => return Box::pin(self.close()).await,
                NextStep::End(end) => {
                    if let End::Aborted = end {
                        self.stream.socket().reset_at_close();
                    }
                    return end;
                }
            }
        }
    }

    async fn close(&mut self) -> End {
        if self.displaced {
            return End::Ordered { peer_ended: close::for_another(&mut self.stream).await };
        }
        match close::in_order(&mut self.stream, self.peer_side, drain::DRAIN_OCTETS_MAX).await {
            Ok(peer_ended) => End::Ordered { peer_ended },
            Err(error) => End::Lost(error),
        }
    }

    /// Does all that can be done now, and waits then.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut changed: Pin<&mut impl Future<Output = Changed>>,
    ) -> Poll<NextStep> {
        self.now = self.clock.now();
        loop {
            let next_step = match self.poll_next(context, changed.as_mut()) {
                Poll::Ready(NextStep::Go) => self.take_outputs(),
                Poll::Ready(next_step) => next_step,
                Poll::Pending => return Poll::Pending,
            };
            match next_step {
                NextStep::Go => {}
                next_step => return Poll::Ready(next_step),
            }
        }
    }

    /// Does what the session says until it waits or a chunk has to be written.
    fn take_outputs(&mut self) -> NextStep {
        if self.writing.is_some() {
            self.report_events();
        }
        while self.writing.is_none() {
            match self.session.next(self.now) {
                ServerOutput::Write(chunk) => self.writing = Some(PendingWrite::new(chunk, self.now)),
                ServerOutput::Close => return NextStep::Close,
                ServerOutput::Event(event) => self.report_event(event),
                ServerOutput::Want(want) => self.making = Some(Box::pin(ask_for(self.wants.clone(), want))),
                ServerOutput::Wait(_) => break,
            }
        }
        if self.session.is_closing() {
            self.closing_since.get_or_insert(self.now);
        }
        NextStep::Go
    }

    /// When what is being written has to have made progress.
    fn write_deadline(&self) -> Option<Moment> {
        self.writing.as_ref().map(|writing| match self.closing_since {
            // A stall from before does not count: a router that pauses for a while still gets its last words.
            Some(since) => {
                writing.progress.max(since).after(drain::DRAIN_TIME_MAX).min(since.after(FINAL_REPORT_TIME_MAX))
            }
            None => writing.progress.after(self.stall_max),
        })
    }

    /// One thing that happened, which the session is told. Octets come first, but not for ever.
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        changed: Pin<&mut impl Future<Output = Changed>>,
    ) -> Poll<NextStep> {
        let octets_first = self.transfers < TRANSFERS_MAX;
        if octets_first && let Poll::Ready(moved) = self.poll_transfer_octets(context) {
            self.transfers += 1;
            return Poll::Ready(self.moved(moved));
        }
        self.transfers = 0;
        if let Poll::Ready(next_step) = self.poll_others(context, changed) {
            return Poll::Ready(next_step);
        }
        if octets_first {
            return Poll::Pending;
        }
        self.now = self.clock.now();
        self.poll_transfer_octets(context).map(|moved| self.moved(moved))
    }

    fn poll_transfer_octets(&mut self, context: &mut Context<'_>) -> Poll<Transferred> {
        let (session, stream, writing) = (&mut self.session, &mut self.stream, self.writing.as_ref());
        let now = self.now;
        let receive = session.wants_input().then_some(|octets: &[u8]| session.receive(now, octets));
        poll_transfer::<READ_OCTETS_MAX>(context, stream, receive, writing)
    }

    /// All that is not octets.
    fn poll_others(
        &mut self,
        context: &mut Context<'_>,
        changed: Pin<&mut impl Future<Output = Changed>>,
    ) -> Poll<NextStep> {
        if !self.stopping
            && let Poll::Ready(changed) = changed.poll(context)
        {
            return Poll::Ready(if changed.is_ok() { NextStep::Published } else { NextStep::PublisherGone });
        }
        if !self.session.has_asked()
            && !self.session.is_closing()
            && let Poll::Ready(()) = pin!(self.permit.displaced()).poll(context)
        {
            self.now = self.clock.now();
            self.session.dismiss(self.now, Dismissal::Displaced);
            return Poll::Ready(NextStep::Go);
        }
        if self.connection.poll_close(context) {
            self.now = self.clock.now();
            self.session.dismiss(self.now, Dismissal::Requested);
            return Poll::Ready(NextStep::Go);
        }
        if let Some(making) = &mut self.making
            && let Poll::Ready(view) = making.as_mut().poll(context)
        {
            self.making = None;
            self.now = self.clock.now();
            if let Some(view) = view {
                self.session.data_changed(self.now, view);
            }
            return Poll::Ready(NextStep::Go);
        }
        self.poll_timer(context)
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<NextStep> {
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
                return Poll::Ready(NextStep::End(End::Aborted));
            }
            self.session.stalled(self.now);
            // The last attempt counts from here.
            if let Some(writing) = &mut self.writing {
                writing.progress = self.now;
            }
        }
        self.session.tick(self.now);
        Poll::Ready(NextStep::Go)
    }

    fn moved(&mut self, moved: Transferred) -> NextStep {
        let now = self.now;
        match moved {
            Transferred::Read(octets) => {
                self.has_received = true;
                self.connection.octets_received(octets);
            }
            Transferred::Ended => {
                self.peer_side = PeerSide::Ended;
                self.session.input_ended(now);
            }
            Transferred::Wrote(octets) => {
                let buffering = self.stream.buffering();
                let pdus = self.writing.as_ref().map_or(0, PendingWrite::pdus);
                self.writing = self.writing.take().and_then(|writing| writing.further(octets, buffering, now));
                self.connection.octets_sent(octets, if self.writing.is_none() { pdus } else { 0 });
            }
            Transferred::Failed(error) => {
                self.read_final_report(now);
                return NextStep::End(if self.has_received || !is_reset(&error) {
                    End::Lost(error)
                } else {
                    End::Probed(error)
                });
            }
        }
        NextStep::Go
    }

    /// There is a new view, or the cache stops. That nobody publishes any more is as good as a restart.
    fn published(&mut self, published: &mut watch::Receiver<Published>, default_stop: Option<Stop>) {
        self.now = self.clock.now();
        let now = self.now;
        let Published { view, stop, policy } = published.borrow_and_update().clone();
        let is_news = !Arc::ptr_eq(&policy, &self.policy);
        self.policy = policy;
        match stop.or(default_stop) {
            None if is_news && !self.policy.access.admits(self.address) => {
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
    fn read_final_report(&mut self, now: Moment) {
        let mut buffer = [0; READ_OCTETS_MAX];
        while self.session.wants_input() {
            match self.stream.read_now(&mut buffer) {
                Ok(octets) if octets > 0 => {
                    self.has_received = true;
                    self.connection.octets_received(octets);
                    self.session.receive(now, buffer.get(..octets).unwrap_or_default());
                }
                Ok(_) | Err(_) => break,
            }
        }
        self.session.input_ended(now);
        self.report_events();
    }

    fn report_events(&mut self) {
        while let Some(event) = self.session.event() {
            self.report_event(event);
        }
    }

    fn report_event(&mut self, event: ServerEvent) {
        if let ServerEvent::Negotiated(_) = event {
            self.permit.mark_queried();
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
