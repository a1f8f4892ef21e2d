//! The one loop that drives a session: octets in, chunks out, timers, new data, stops.
//!
//! There is one writer a connection, and no read or write is ever cancelled halfway: the loop waits for readiness, and
//! what is ready is done at once. While a chunk is being written all other events are handled.
//!
//! `suspend.rs` takes a connection out of its task, and lets it go on.

pub(crate) mod suspend;

use crate::admission::Permit;
use crate::clock::Clock;
use crate::close::{self, PeerSide};
use crate::drain;
use crate::observe::End;
use crate::publish::{Published, Wanted};
use crate::service_policy::ServicePolicy;
use crate::stream::TransportStream;
use crate::suspended::{ObservedConnection, Suspending};
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

/// Time for a closing session to send its last chunk and its final Error Report, progress or not.
pub const FINAL_REPORT_TIME_MAX: Duration = Duration::from_secs(30);

/// The most octets that are read at once. The buffer lives on the stack only while it is used.
const READ_OCTETS_MAX: usize = 4 * 1024;

/// Transfers in a row before other events are polled. Mostly there are none, and polling costs as much as a small
/// answer.
const TRANSFERS_MAX: u8 = 32;

/// All that a connection has from the service.
pub(crate) struct DriveContext {
    pub(crate) clock: Clock,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) wants: mpsc::Sender<Wanted>,
    /// Time for which a chunk may make no progress.
    pub(crate) stall_max: Duration,
    /// The newest policy: under another one its address may not be permitted any more.
    pub(crate) policy: Arc<ServicePolicy>,
    /// The address of the router.
    pub(crate) address: Option<IpAddr>,
    /// Its permit.
    pub(crate) permit: Permit,
    /// Its peer and statistics, and the observer of its events.
    pub(crate) observed: ObservedConnection,
}

/// A change of what is published; an error if the publisher is gone.
type Changed = Result<(), watch::error::RecvError>;

/// Something is being made for the session. It is rare, so an idle connection has no room for it.
type PendingView = Pin<Box<dyn Future<Output = Option<Arc<View>>> + Send>>;

/// A connection being driven. What it has is given back in this order: the connection that gets the permit needs a
/// descriptor as well, and a stopping cache, which waits for the permits, has reported all ends then.
struct Drive {
    stream: TransportStream,
    observed: ObservedConnection,
    permit: Permit,
    session: ServerSession,
    clock: Clock,
    wants: mpsc::Sender<Wanted>,
    stall_max: Duration,
    policy: Arc<ServicePolicy>,
    address: Option<IpAddr>,
    /// Last reading of the clock.
    now: Moment,
    writing: Option<PendingWrite>,
    making: Option<PendingView>,
    timer: Option<Timer>,
    closing_since: Option<Moment>,
    has_received: bool,
    peer_side: PeerSide,
    stopping: bool,
    /// Transfers since other events were polled.
    transfers: u8,
    /// It ends for the sake of another connection.
    displaced: bool,
}

/// Ends at its moment. Most connections wait for no moment, so they have no room for a timer.
struct Timer {
    at: Moment,
    sleep: Pin<Box<Sleep>>,
}

/// The next step of a connection.
enum NextStep {
    /// Continue.
    Go,
    /// Something was published.
    Published,
    /// The publisher and all of its handles are dropped.
    PublisherGone,
    /// All octets are written: close in order.
    Close,
    /// The connection has ended.
    End(End),
}

/// How the driving of a connection ends.
enum DriveOutcome {
    Ended(End),
    /// It is taken out of its task.
    Suspended(Suspending),
}

/// Drives a session to the end of its connection, unless it is taken out of its task. No `async` function: an argument
/// of one is in its future twice, and an idle connection is little else than this future. Nor does it return the end,
/// for a future that awaits another has that twice as well.
pub(crate) fn drive(
    stream: TransportStream,
    session: ServerSession,
    context: DriveContext,
) -> impl Future<Output = ()> + use<> {
    let DriveContext { clock, mut published, wants, stall_max, policy, address, permit, observed } = context;
    let mut drive = Drive {
        stream,
        observed,
        permit,
        session,
        clock,
        wants,
        stall_max,
        policy,
        address,
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
        let outcome = drive.run(&mut published).await;
        drive.finish(outcome);
    }
}

impl Drive {
    async fn run(&mut self, published: &mut watch::Receiver<Published>) -> DriveOutcome {
        loop {
            let next_step = match self.take_outputs() {
                NextStep::Go => {
                    // Registered once for the next publication, however many queries are answered meanwhile.
                    let mut changed = pin!(published.changed());
                    poll_fn(|context| self.poll(context, changed.as_mut())).await
                }
                next_step => next_step,
            };
            match next_step {
                NextStep::Go => {}
                NextStep::Published => {
                    if let Some(suspending) = self.published(published, None) {
                        return DriveOutcome::Suspended(suspending);
                    }
                }
                NextStep::PublisherGone => _ = self.published(published, Some(Stop::Restart)),
                // It is large and comes once: an idle connection has no room for it.
                NextStep::Close => return Box::pin(self.close_unless_suspended(published)).await,
                NextStep::End(end) => {
                    if let End::Aborted = end {
                        self.stream.socket().reset_at_close();
                    }
                    return DriveOutcome::Ended(end);
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
                Poll::Pending => {
                    if let Some(writing) = &self.writing {
                        self.observed.connection.write_waits(writing.progress);
                    }
                    return Poll::Pending;
                }
            };
            match next_step {
                NextStep::Go => {}
                next_step => return Poll::Ready(next_step),
            }
        }
    }

    /// Handles the outputs of the session until it waits or a chunk has to be written.
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

    /// Returns the time by which the current write must make progress.
    fn write_deadline(&self) -> Option<Moment> {
        self.writing.as_ref().map(|writing| match self.closing_since {
            // Only the time since then matters: a router that pauses for a while still gets the final Error Report.
            Some(since) => {
                writing.progress.max(since).after(drain::DRAIN_TIME_MAX).min(since.after(FINAL_REPORT_TIME_MAX))
            }
            None => writing.progress.after(self.stall_max),
        })
    }

    /// Handles one event by giving it to the session. Octets come first, up to [`TRANSFERS_MAX`].
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
        if self.observed.connection.poll_close(context) {
            self.now = self.clock.now();
            self.session.dismiss(self.now, Dismissal::Requested);
            self.observed.connection.update_end(&self.session);
            return Poll::Ready(NextStep::Go);
        }
        if let Some(making) = &mut self.making
            && let Poll::Ready(view) = making.as_mut().poll(context)
        {
            self.making = None;
            self.now = self.clock.now();
            if let Some(view) = view {
                self.data_changed(view);
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
            // The time for the last attempt begins here.
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
                self.observed.connection.octets_received(octets);
            }
            Transferred::Ended => {
                self.peer_side = PeerSide::Ended;
                self.session.input_ended(now);
            }
            Transferred::Wrote(octets) => {
                let buffering = self.stream.buffering();
                let pdus = self.writing.as_ref().map_or(0, PendingWrite::pdus);
                self.writing = self.writing.take().and_then(|writing| writing.further(octets, buffering, now));
                self.observed.connection.octets_sent(octets, self.writing.is_none().then_some(pdus));
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

    /// Gives the session a new view, or stops it. Without a publisher the stop is a restart. Returns where the connection
    /// is to be sent, if it is taken out of its task.
    fn published(
        &mut self,
        published: &mut watch::Receiver<Published>,
        default_stop: Option<Stop>,
    ) -> Option<Suspending> {
        self.now = self.clock.now();
        let now = self.now;
        let Published { view, stop, policy, suspending, is_protected_ending } = published.borrow_and_update().clone();
        let is_plain = matches!(self.stream, TransportStream::Plain(_));
        // What has its keys in the program's memory can't go on in another program.
        let is_ending = !is_plain && (is_protected_ending || suspending.is_some());
        let stop = stop.or(is_ending.then_some(Stop::Restart));
        let is_news = !Arc::ptr_eq(&policy, &self.policy);
        self.policy = policy;
        match stop.or(default_stop) {
            None if is_news && !self.policy.access.admits(self.address) => {
                self.session.dismiss(now, Dismissal::NotAdmitted);
            }
            None => self.data_changed(view),
            Some(stop) => {
                self.stopping = true;
                self.session.stop(now, stop);
                self.observed.connection.update_end(&self.session);
            }
        }
        suspending.filter(|_| is_plain)
    }

    /// Gives the session a new view. If all data are too old, that ends it.
    fn data_changed(&mut self, view: Arc<View>) {
        self.session.data_changed(self.now, view);
        self.observed.connection.update_end(&self.session);
    }

    /// Reads an Error Report that a router may have sent before it reset the connection.
    fn read_final_report(&mut self, now: Moment) {
        let mut buffer = [0; READ_OCTETS_MAX];
        while self.session.wants_input() {
            match self.stream.read_now(&mut buffer) {
                Ok(octets) if octets > 0 => {
                    self.has_received = true;
                    self.observed.connection.octets_received(octets);
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
        self.observed.connection.count(&event, self.now, &self.session);
        self.observed.observer.event(&self.observed.connection, &event);
    }
}

/// Returns true if the peer has ended the connection in a way that leaves nothing to be read.
fn is_reset(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

/// Sends a request to the publisher, after a wait if its queue is full. Returns none if the publisher is gone; then the
/// session's own limit decides.
async fn ask_for(wants: mpsc::Sender<Wanted>, want: Want) -> Option<Arc<View>> {
    let (reply, made) = oneshot::channel();
    wants.send(Wanted { want, reply }).await.ok()?;
    made.await.ok()
}

#[cfg(test)]
mod tests;
