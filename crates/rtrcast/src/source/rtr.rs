//! Another cache, followed over RTR as a router would: incrementally, across lost connections, and by its timers.
//!
//! The data that it sent last stay until its Expire interval has passed, whatever happens to the connection: in a chain
//! of caches, dropping data at a neighbour's mistake would make an outage of it. Only a cache that shuts down (code 13)
//! withdraws its data.

use super::content::{Read, SourceContent, SourceError};
use super::{ResumedSource, SourceContext, SourceOptions};
use crate::blocking::{blocking, file_call};
use crate::clock::unix_now;
use crate::hub::message::News;
use crate::observe::describe::{plain, span};
use crate::observe::log::Log;
use crate::observe::log::event::upstream::UpstreamEvent;
use crate::reloadable::log_reloads;
use crate::source::dialer::{self, Spelling};
use rtrcast_feed::state::SourceRevision;
use rtrcast_feed::{Table, Tally};
use rtrcast_net::{Clock, DataSink, Dialer, Follower, Target};
use rtrcast_proto::{
    Asn, ClientData, ClientEvent, ClientPolicy, ClientSession, ConnectionEnd, FlushReason, PeerReport, Reconnect,
    Timing, Update,
};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Interval of reading files without which there is no connection.
const FILES_RETRY: Duration = Duration::from_secs(10);

/// The shortest wait for a reconnection that is logged.
const WAIT_LOGGED_MIN: Duration = Duration::from_secs(60);

pub(super) async fn follow(target: Target, mut context: SourceContext) {
    let clock = Clock::start();
    let seed = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    let (now, policy) = (clock.now(), ClientPolicy::default());
    let session = match context.resumed.take().as_deref().and_then(resumed) {
        Some((data, refused)) => ClientSession::resume(now, policy, seed, data, refused),
        None => ClientSession::new(now, policy, seed),
    };
    let (shown, seen) = watch::channel(UpstreamState::default());
    let refresh = Arc::clone(&context.refresh);
    let mut upstream = Upstream {
        name: Arc::clone(&context.name),
        clock,
        shown,
        asked: Instant::now(),
        refused: None,
        error: None,
        report: None,
    };
    let dialer = dialer(target, &context).await;
    tokio::join!(rtrcast_net::follow(&dialer, clock, session, &refresh, &mut upstream), relay(seen, clock, context));
}

/// Returns the data that the cache sent an earlier run of the program, to request what changed since, and the customers
/// that are left out of them.
fn resumed(source: &ResumedSource) -> Option<(ClientData, Arc<BTreeSet<Asn>>)> {
    let ResumedSource { revision, table, received } = source;
    let SourceRevision::Cache { version, session, serial, intervals: [refresh, retry, expire], refused } = revision
    else {
        return None;
    };
    let timing = Timing::new(*refresh, *retry, *expire).ok()?;
    let image = match table.image() {
        image if image.version() == *version => image.clone(),
        // Routers' version may be another one.
        image => image.to_version(*version, DataSink::new()).ok()?,
    };
    let data = ClientData { image, session: *session, serial: *serial, timing, received: *received };
    Some((data, Arc::new(refused.iter().copied().collect())))
}

/// Returns the dialer. Its files were valid when the configuration was read; if they are not any more, that is logged,
/// and they are read again until they are.
async fn dialer(target: Target, context: &SourceContext) -> Dialer {
    loop {
        let (target, options, name) = (target.clone(), context.options.dial.clone(), Arc::clone(&context.name));
        match file_call(move || dialer::dialer(&target, &options, || log_reloads(name.to_string()))).await {
            Ok(dialer) => return dialer,
            Err(reason) => {
                context.send_outcome(Instant::now(), "error", Err(SourceError::Options(reason))).await;
                // The files are read again, whatever ends the wait.
                let _ = timeout(FILES_RETRY, context.refresh.notified()).await;
            }
        }
    }
}

/// The state of the cache. The hub is sent the newest one only, however often it changes meanwhile.
#[derive(Clone, Debug, Default)]
struct UpstreamState {
    /// The data that it sent last, and the customers that are left out of them.
    data: Option<ClientData>,
    refused: Arc<BTreeSet<Asn>>,
    /// Time that the response took.
    took: Duration,
    /// Number of failures, and the last one.
    failures: u64,
    failure: Option<String>,
    /// True if it withdrew its data.
    is_withdrawn: bool,
    /// True while a response is awaited.
    is_loading: bool,
}

/// Turns the events of a session into the state of the cache.
struct Upstream {
    name: Arc<str>,
    clock: Clock,
    shown: watch::Sender<UpstreamState>,
    asked: Instant,
    /// Customers whose ASPAs were left out at the last update.
    refused: Option<Arc<BTreeSet<Asn>>>,
    /// Error of connecting, where there was no connection.
    error: Option<io::Error>,
    /// The cache's last Error Report.
    report: Option<Box<PeerReport>>,
}

impl Follower for Upstream {
    fn event(&mut self, session: &ClientSession, event: ClientEvent) -> ControlFlow<()> {
        let source = &*self.name;
        match event {
            ClientEvent::Asked { version, since } => {
                self.asked = Instant::now();
                self.report = None;
                let (session, serial) = since.unzip();
                UpstreamEvent::Asked { source, protocol_version: version, session, serial }.log();
                self.shown.send_modify(|state| state.is_loading = true);
            }
            ClientEvent::SteppedDown(protocol_version) => {
                UpstreamEvent::VersionLowered { source, protocol_version }.log();
            }
            ClientEvent::Negotiated(protocol_version) => UpstreamEvent::Negotiated { source, protocol_version }.log(),
            ClientEvent::Notified(serial) => UpstreamEvent::Notified { source, serial }.log(),
            ClientEvent::Updated(update) => self.updated(session, &update),
            ClientEvent::CacheReset => UpstreamEvent::CacheReset { source }.log(),
            ClientEvent::NoData => self.failed(NO_DATA.to_owned()),
            ClientEvent::TimersAdjusted { got: [refresh, retry, expire], used } => {
                UpstreamEvent::TimersAdjusted { source, refresh, retry, expire, used }.log();
            }
            ClientEvent::PeerReported(report) => {
                let (code, text) = (report.code, report.text.as_str());
                UpstreamEvent::ReportReceived { source, code, text, report: &report }.log();
                self.report = Some(report);
            }
            ClientEvent::Reported { code, violation } => {
                let reason = violation.as_ref().map(|violation| violation as &dyn fmt::Display);
                UpstreamEvent::ReportSent { source, code, reason }.log();
            }
            ClientEvent::Flushed(FlushReason::ShutDown) => {
                self.shown.send_modify(|state| (state.data, state.is_withdrawn) = (None, true));
            }
            // The data stay until they expire, which the curator handles.
            ClientEvent::Flushed(reason) => UpstreamEvent::DataVoid { source, reason: &reason }.log(),
            ClientEvent::Ended { why, reconnect: Reconnect::AtOnce } => {
                UpstreamEvent::Reconnecting { source, reason: &why }.log();
            }
            ClientEvent::Ended { why, reconnect } => {
                let why = ended(why, self.error.take(), self.report.take());
                let wait = self.wait_until(reconnect).filter(|wait| *wait >= WAIT_LOGGED_MIN);
                self.failed(wait.map_or(why.clone(), |wait| format!("{why}; it is asked again in {}", span(wait))));
            }
        }
        ControlFlow::Continue(())
    }

    fn not_connected(&mut self, error: io::Error) {
        self.error = Some(error);
    }
}

impl Upstream {
    fn updated(&mut self, session: &ClientSession, update: &Update) {
        let Some(data) = session.data() else { return };
        let (ClientData { session, serial, .. }, source) = (data, &*self.name);
        let (changed, full) = (update.is_change(), update.is_full());
        UpstreamEvent::Updated { source, session: *session, serial: *serial, changed, full }.log();
        if !update.refused.is_empty() && Some(&update.refused) != self.refused.as_ref() {
            let customers: Vec<Asn> = update.refused.iter().copied().collect();
            UpstreamEvent::AspasRefused { source, customers: &customers }.log();
        }
        self.refused = Some(Arc::clone(&update.refused));
        let took = self.asked.elapsed();
        self.shown.send_modify(|state| {
            *state = UpstreamState {
                data: Some(data.clone()),
                refused: Arc::clone(&update.refused),
                took,
                failures: state.failures,
                ..UpstreamState::default()
            };
        });
    }

    fn wait_until(&self, reconnect: Reconnect) -> Option<Duration> {
        match reconnect {
            Reconnect::AtOnce | Reconnect::Never => None,
            Reconnect::At(at) => Some(Duration::from_millis(at.0.saturating_sub(self.clock.now().0))),
        }
    }

    fn failed(&mut self, why: String) {
        self.shown.send_modify(|state| {
            state.failures += 1;
            state.failure = Some(why);
            state.is_loading = false;
        });
    }
}

/// Sends the state of the cache to the hub, as often as it changes and the hub can take it.
async fn relay(mut seen: watch::Receiver<UpstreamState>, clock: Clock, context: SourceContext) {
    let mut sent = UpstreamState { is_loading: true, ..UpstreamState::default() };
    while seen.changed().await.is_ok() {
        let state = seen.borrow_and_update().clone();
        if state.is_loading && !sent.is_loading && sent.data.is_none() {
            context.send(News::Loading).await;
        }
        if let Some(data) = &state.data {
            send_data((data, &state.refused), sent.data.as_ref(), state.took, clock, &context).await;
        }
        if state.is_withdrawn && !sent.is_withdrawn {
            context
                .send(News::Withdrawn("the cache shuts down, and takes its data with it (code 13)".to_owned()))
                .await;
        } else if state.failures > sent.failures
            && let Some(why) = &state.failure
        {
            context.send_outcome(Instant::now(), "error", Err(SourceError::Upstream(why.clone()))).await;
        }
        sent = state;
    }
}

/// Sends a new set, or that the former one is valid for longer.
async fn send_data(
    (data, refused): (&ClientData, &BTreeSet<Asn>),
    sent: Option<&ClientData>,
    took: Duration,
    clock: Clock,
    context: &SourceContext,
) {
    let is_same_set = sent.is_some_and(|sent| Arc::ptr_eq(sent.image.shared(), data.image.shared()));
    // Two responses may come within a millisecond.
    if is_same_set && sent.is_some_and(|sent| (sent.received, sent.serial) == (data.received, data.serial)) {
        return;
    }
    context.metrics.show_upstream(&context.name, data.image.version(), data.session, data.serial);
    context.count_request("ok");
    let valid_for = Duration::from_millis(data.expires().0.saturating_sub(clock.now().0));
    let revision = SourceRevision::Cache {
        version: data.image.version(),
        session: data.session,
        serial: data.serial,
        intervals: [data.timing.refresh(), data.timing.retry(), data.timing.expire()],
        refused: refused.iter().copied().collect(),
    };
    if is_same_set {
        return context.send(News::Renewed { valid_for, revision }).await;
    }
    let image = data.image.clone();
    let table = blocking(move || Arc::new(Table::of_image(image))).await;
    context.send(News::Synchronised { table, valid_for, took, revision }).await;
}

/// Reads the data of a cache once, for commands that do not serve: the first complete set, or the first failure.
pub(super) async fn read_once(target: &Target, options: &SourceOptions) -> Result<Read, SourceError> {
    let clock = Clock::start();
    let session = ClientSession::new(clock.now(), ClientPolicy::default(), 0);
    let (refresh, mut once) = (Notify::new(), FirstOutcome { outcome: None, error: None, report: None });
    let dialer =
        dialer::dialer(target, &options.dial, || log_reloads(target.to_string())).map_err(SourceError::Options)?;
    let following = rtrcast_net::follow(&dialer, clock, session, &refresh, &mut once);
    if timeout(options.timeout, following).await.is_err() {
        return Err(SourceError::Upstream("the cache takes too long".to_owned()));
    }
    let data =
        once.outcome.unwrap_or_else(|| Err("the cache sent nothing".to_owned())).map_err(SourceError::Upstream)?;
    let table = Table::of_image(data.image);
    let content = SourceContent::Table(Arc::new(table), Tally::default());
    Ok(Read { content, written: Some(unix_now()), revision: SourceRevision::Unknown })
}

/// Receiver of the first outcome.
struct FirstOutcome {
    outcome: Option<Result<ClientData, String>>,
    error: Option<io::Error>,
    report: Option<Box<PeerReport>>,
}

impl Follower for FirstOutcome {
    fn event(&mut self, session: &ClientSession, event: ClientEvent) -> ControlFlow<()> {
        self.outcome = match event {
            ClientEvent::Updated(_) => session.data().cloned().map(Ok),
            ClientEvent::NoData => Some(Err(NO_DATA.to_owned())),
            ClientEvent::PeerReported(report) => {
                self.report = Some(report);
                None
            }
            ClientEvent::Ended { reconnect: Reconnect::At(_) | Reconnect::Never, why } => {
                Some(Err(ended(why, self.error.take(), self.report.take())))
            }
            _ => None,
        };
        if self.outcome.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn not_connected(&mut self, error: io::Error) {
        self.error = Some(error);
    }
}

const NO_DATA: &str = "the cache has no data yet (code 2)";

fn ended(why: ConnectionEnd, error: Option<io::Error>, report: Option<Box<PeerReport>>) -> String {
    if let Some(reason) = error.as_ref().and_then(|error| dialer::authentication_failure(error, Spelling::Source)) {
        return reason;
    }
    match (why, error, report) {
        (ConnectionEnd::NotConnected, Some(error), _) => format!("can't connect: {}", plain(&error)),
        // The report says more than its code.
        (ConnectionEnd::PeerReported(_), _, Some(report)) => format!("the cache {report}"),
        (why, ..) => why.to_string(),
    }
}
