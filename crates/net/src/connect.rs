//! The router's side over real connections: connects, drives a [`ClientSession`], connects again.
//!
//! As on the cache's side nothing is cancelled halfway, and input from before a connection broke is read before its
//! end.

use crate::clock::Clock;
use crate::close::{self, PeerSide};
use crate::dial::Dialer;
use crate::drain;
use crate::memfd::DataSink;
#[cfg(feature = "ssh")]
use crate::ssh::SshFailure;
use crate::stream::{Buffering, TransportStream};
#[cfg(feature = "tls")]
use crate::tls::TlsFailure;
use crate::transfer::{PendingWrite, Transferred, transfer};
use rtrcast_proto::{Applied, ClientEvent, ClientOutput, ClientSession, Moment};
use std::future::{Future, pending};
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{sleep_until, timeout};

/// Time for which a cache may accept no octet of a query.
const WRITE_STALL_MAX: Duration = Duration::from_secs(60);

/// The most octets that are read at once.
const READ_OCTETS_MAX: usize = 64 * 1024;

/// Direction of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the router to the cache.
    Sent,
    /// From the cache to the router.
    Received,
}

/// Follower of a cache. A closure over events is one.
pub trait Follower {
    /// Something happened; the session is as it is after that. `Break` ends the following.
    fn event(&mut self, session: &ClientSession, event: ClientEvent) -> ControlFlow<()>;

    /// Connecting failed or the connection broke, for this reason. The session decides when to try again.
    fn not_connected(&mut self, _error: io::Error) {}

    /// Octets went by.
    fn octets(&mut self, _direction: Direction, _octets: &[u8]) {}
}

impl<Observe: FnMut(&ClientSession, ClientEvent) -> ControlFlow<()>> Follower for Observe {
    fn event(&mut self, session: &ClientSession, event: ClientEvent) -> ControlFlow<()> {
        self(session, event)
    }
}

/// Follows a cache, over as many connections as it takes, until the follower breaks. Notify `refresh` to send a query
/// now. Data sets are assembled on a blocking thread, in memory files as those of a cache.
pub async fn follow(
    dialer: &Dialer,
    clock: Clock,
    session: ClientSession,
    refresh: &Notify,
    follower: &mut impl Follower,
) {
    let following = Following {
        dialer,
        clock,
        session,
        refresh,
        follower,
        connecting: None,
        stream: None,
        writing: None,
        applying: None,
        sends_final_report: false,
        peer_side: PeerSide::Open,
        has_left: false,
    };
    following.run().await;
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<TransportStream>> + Send>>;
type Applying = JoinHandle<io::Result<Applied>>;

struct Following<'a, F> {
    dialer: &'a Dialer,
    clock: Clock,
    session: ClientSession,
    refresh: &'a Notify,
    follower: &'a mut F,
    connecting: Option<Connecting>,
    stream: Option<TransportStream>,
    writing: Option<PendingWrite>,
    applying: Option<Applying>,
    /// An Error Report is being sent, which the cache should receive.
    sends_final_report: bool,
    peer_side: PeerSide,
    /// The follower has had enough.
    has_left: bool,
}

impl<F: Follower> Following<'_, F> {
    async fn run(mut self) {
        loop {
            self.take_outputs().await;
            if self.session.is_stopped() {
                return;
            }
            self.wait().await;
        }
    }

    /// Handles the outputs of the session until it waits or a chunk has to be written.
    async fn take_outputs(&mut self) {
        while self.writing.is_none() {
            let now = self.clock.now();
            match self.session.next(now) {
                ClientOutput::Event(event) => self.report_event(event),
                ClientOutput::Write(chunk) => {
                    self.follower.octets(Direction::Sent, chunk.octets());
                    self.writing = Some(PendingWrite::new(chunk, now));
                }
                ClientOutput::Connect => self.connecting = Some(Box::pin(self.dialer.clone().connect())),
                ClientOutput::Close => self.close().await,
                ClientOutput::Apply(changes) => {
                    self.applying = Some(spawn_blocking(move || changes.apply(DataSink::new())));
                }
                ClientOutput::Wait(_) => return,
            }
        }
    }

    fn report_event(&mut self, event: ClientEvent) {
        self.sends_final_report |= matches!(event, ClientEvent::Reported { .. });
        if !self.has_left && self.follower.event(&self.session, event).is_break() {
            self.has_left = true;
            self.session.stop(self.clock.now());
        }
    }

    /// Ends the connection: with patience if the cache is still to read why.
    async fn close(&mut self) {
        // What was made of this connection's response is not the next one's.
        self.applying = None;
        let Some(mut stream) = self.stream.take() else { return };
        // Whatever fails here, the connection is over.
        let _ = match self.sends_final_report {
            true => {
                let octets_max = drain::DRAIN_RESPONSE_OCTETS_MAX;
                close::in_order(&mut stream, self.peer_side, octets_max).await.map(|_| ())
            }
            false => timeout(drain::DRAIN_TIME_MAX, stream.end()).await.unwrap_or(Ok(())),
        };
        self.sends_final_report = false;
    }

    /// Waits for one event, and gives it to the session.
    async fn wait(&mut self) {
        let clock = self.clock;
        let write_deadline = self.writing.as_ref().map(|writing| writing.progress.after(WRITE_STALL_MAX));
        let deadline = [self.session.deadline(), write_deadline].into_iter().flatten().min();
        tokio::select! {
            connected = made(&mut self.connecting) => self.connected(connected),
            moved = {
                let (session, follower) = (&mut self.session, &mut *self.follower);
                let wants_input = session.wants_input();
                let receive = |octets: &[u8]| {
                    follower.octets(Direction::Received, octets);
                    session.receive(clock.now(), octets);
                };
                transfer_if_connected(&mut self.stream, wants_input.then_some(receive), self.writing.as_ref())
            } => self.moved(moved),
            applied = made(&mut self.applying) => self.applied(applied),
            () = self.refresh.notified() => self.session.refresh(clock.now()),
            () = sleep(clock, deadline) => {
                let now = clock.now();
                if write_deadline.is_some_and(|deadline| deadline <= now) {
                    self.writing = None;
                    self.session.stalled(now);
                }
                self.session.tick(now);
            }
        }
    }

    fn connected(&mut self, connected: io::Result<TransportStream>) {
        self.connecting = None;
        let now = self.clock.now();
        match connected {
            Ok(stream) => {
                self.stream = Some(stream);
                self.peer_side = PeerSide::Open;
                self.session.connected(now);
            }
            Err(error) => {
                self.follower.not_connected(error);
                self.session.not_connected(now);
            }
        }
    }

    fn moved(&mut self, moved: Transferred) {
        let now = self.clock.now();
        match moved {
            Transferred::Read(_) => {}
            Transferred::Ended => {
                self.peer_side = PeerSide::Ended;
                self.session.input_ended(now);
            }
            Transferred::Wrote(octets) => {
                let buffering = self.stream.as_ref().map_or(Buffering::None, TransportStream::buffering);
                self.writing = self.writing.take().and_then(|writing| writing.further(octets, buffering, now));
            }
            Transferred::Failed(error) => {
                let error = self.read_final_report(now).unwrap_or(error);
                let is_distrust = is_distrust(&error);
                self.follower.not_connected(error);
                self.writing = None;
                self.peer_side = PeerSide::Ended;
                if is_distrust {
                    self.session.not_accepted(now);
                } else {
                    self.session.input_ended(now);
                }
            }
        }
    }

    /// Reads an Error Report that a cache may have sent before it reset the connection. The error of reading may also
    /// be more precise than that of writing: a cache that does not accept our certificate sends an alert, which arrives
    /// where data are read (RFC 8446 section 4.4.2.4).
    fn read_final_report(&mut self, now: Moment) -> Option<io::Error> {
        let stream = self.stream.as_mut()?;
        let mut buffer = [0; 4 * 1024];
        while self.session.wants_input() {
            match stream.read_now(&mut buffer) {
                Ok(0) => break,
                Ok(octets) => {
                    let octets = buffer.get(..octets).unwrap_or_default();
                    self.follower.octets(Direction::Received, octets);
                    self.session.receive(now, octets);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Some(error),
            }
        }
        None
    }

    fn applied(&mut self, applied: Result<io::Result<Applied>, JoinError>) {
        self.applying = None;
        let now = self.clock.now();
        match applied {
            Ok(Ok(applied)) => self.session.applied(now, applied),
            Ok(Err(_)) => self.session.not_applied(now),
            // A panic there continues here; else the program is ending.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => self.session.not_applied(now),
            },
        }
    }
}

/// Returns true if a connection broke since one side does not authenticate the other.
fn is_distrust(error: &io::Error) -> bool {
    #[cfg(feature = "tls")]
    if TlsFailure::of(error).is_some_and(TlsFailure::is_authentication) {
        return true;
    }
    #[cfg(feature = "ssh")]
    if SshFailure::of(error).is_some_and(SshFailure::is_authentication) {
        return true;
    }
    // Unused without these.
    let _ = error;
    false
}

/// Moves octets while there is a connection.
async fn transfer_if_connected(
    stream: &mut Option<TransportStream>,
    receive: Option<impl FnMut(&[u8])>,
    writing: Option<&PendingWrite>,
) -> Transferred {
    match stream {
        Some(stream) => transfer::<READ_OCTETS_MAX>(stream, receive, writing).await,
        None => pending().await,
    }
}

/// Until a moment; for ever if there is none.
async fn sleep(clock: Clock, deadline: Option<Moment>) {
    match deadline {
        Some(deadline) => sleep_until(clock.instant(deadline)).await,
        None => pending().await,
    }
}

async fn made<PendingView: Future + Unpin>(making: &mut Option<PendingView>) -> PendingView::Output {
    match making {
        Some(making) => making.await,
        None => pending().await,
    }
}
