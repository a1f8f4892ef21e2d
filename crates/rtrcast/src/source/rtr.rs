//! Another cache, followed over RTR as a router would: incrementally, across lost connections, and by its timers.
//!
//! What it sent last stays until its Expire interval has passed, whatever happens to the connection: a cache in the
//! middle of a chain that let go of its data at a neighbour's mistake would make an outage of it. Only a cache that says
//! it shuts down (code 13) takes its data with it.

use super::content::{Content, Read, SourceError};
use super::{Context, SourceOptions};
use crate::blocking::blocking;
use crate::clock::unix_now;
use crate::credentials::in_log;
use crate::hub::message::News;
use crate::observe::describe::{plain, span};
use crate::observe::log::Log;
use crate::observe::log::event::upstream::UpstreamEvent;
use crate::source::dialer::{self, Spelling};
use rtrcast_feed::{Table, Tally};
use rtrcast_net::{Clock, Dialer, Follower, Target};
use rtrcast_proto::{
    Asn, ClientData, ClientEvent, ClientPolicy, ClientSession, ConnectionEnd, FlushReason, PeerReport, Reconnect,
    Update,
};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Between two looks at files without which there is no connection.
const FILES_RETRY: Duration = Duration::from_secs(10);

/// How long a wait is that people want to know of.
const WAIT_TOLD_MIN: Duration = Duration::from_secs(60);

pub(super) async fn follow(target: Target, context: Context) {
    let clock = Clock::start();
    let seed = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    let session = ClientSession::new(clock.now(), ClientPolicy::default(), seed);
    let (shown, seen) = watch::channel(Standing::default());
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

/// What connects to the cache. Its files were valid when the configuration was read; should that not be so any more, it
/// is said, and they are looked at again until they do.
async fn dialer(target: Target, context: &Context) -> Dialer {
    loop {
        let (target, options, name) = (target.clone(), context.options.dial.clone(), Arc::clone(&context.name));
        match blocking(move || dialer::dialer(&target, &options, || in_log(name.to_string()))).await {
            Ok(dialer) => return dialer,
            Err(reason) => {
                context.tell_outcome(Instant::now(), "error", Err(SourceError::Options(reason))).await;
                // Whatever ends the wait, they are looked at.
                let _ = timeout(FILES_RETRY, context.refresh.notified()).await;
            }
        }
    }
}

/// How the cache stands now. The hub is told of the newest state only, however often that changes meanwhile.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// What it sent last.
    data: Option<ClientData>,
    /// How long that took.
    took: Duration,
    /// Counts what went wrong, the last of which stands beside it.
    failures: u64,
    failure: Option<String>,
    /// Whether it took its data with it.
    is_withdrawn: bool,
    /// Whether an answer is waited for.
    is_loading: bool,
}

/// Turns what happens on the connection into how the cache stands.
struct Upstream {
    name: Arc<str>,
    clock: Clock,
    shown: watch::Sender<Standing>,
    asked: Instant,
    /// Customers whose ASPAs were left out at the last update.
    refused: Option<Arc<BTreeSet<Asn>>>,
    /// Why there was no connection.
    error: Option<io::Error>,
    /// What the cache's last Error Report says.
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
                self.shown.send_modify(|standing| standing.is_loading = true);
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
                self.shown.send_modify(|standing| (standing.data, standing.is_withdrawn) = (None, true));
            }
            // They stay until they expire, which the curator sees to.
            ClientEvent::Flushed(reason) => UpstreamEvent::DataVoid { source, reason: &reason }.log(),
            ClientEvent::Ended { why, reconnect: Reconnect::AtOnce } => {
                UpstreamEvent::Reconnecting { source, reason: &why }.log();
            }
            ClientEvent::Ended { why, reconnect } => {
                let why = ended(why, self.error.take(), self.report.take());
                let wait = self.wait_until(reconnect).filter(|wait| *wait >= WAIT_TOLD_MIN);
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
        self.shown.send_modify(|standing| {
            *standing = Standing { data: Some(data.clone()), took, failures: standing.failures, ..Standing::default() };
        });
    }

    fn wait_until(&self, reconnect: Reconnect) -> Option<Duration> {
        match reconnect {
            Reconnect::AtOnce | Reconnect::Never => None,
            Reconnect::At(at) => Some(Duration::from_millis(at.0.saturating_sub(self.clock.now().0))),
        }
    }

    fn failed(&mut self, why: String) {
        self.shown.send_modify(|standing| {
            standing.failures += 1;
            standing.failure = Some(why);
            standing.is_loading = false;
        });
    }
}

/// Tells the hub how the cache stands, as often as that changes and the hub can take it.
async fn relay(mut seen: watch::Receiver<Standing>, clock: Clock, context: Context) {
    let mut told = Standing { is_loading: true, ..Standing::default() };
    while seen.changed().await.is_ok() {
        let standing = seen.borrow_and_update().clone();
        if standing.is_loading && !told.is_loading && told.data.is_none() {
            context.tell(News::Loading).await;
        }
        if let Some(data) = &standing.data {
            tell_data(data, told.data.as_ref(), standing.took, clock, &context).await;
        }
        if standing.is_withdrawn && !told.is_withdrawn {
            context
                .tell(News::Withdrawn("the cache shuts down, and takes its data with it (code 13)".to_owned()))
                .await;
        } else if standing.failures > told.failures
            && let Some(why) = &standing.failure
        {
            context.tell_outcome(Instant::now(), "error", Err(SourceError::Upstream(why.clone()))).await;
        }
        told = standing;
    }
}

/// Tells of a new set, or that the one before counts for longer.
async fn tell_data(data: &ClientData, told: Option<&ClientData>, took: Duration, clock: Clock, context: &Context) {
    let is_same_set = told.is_some_and(|told| Arc::ptr_eq(told.image.shared(), data.image.shared()));
    // Two responses may come within a millisecond.
    if is_same_set && told.is_some_and(|told| (told.received, told.serial) == (data.received, data.serial)) {
        return;
    }
    context.metrics.show_upstream(&context.name, data.image.version(), data.session, data.serial);
    context.count_request("ok");
    let valid_for = Duration::from_millis(data.expires().0.saturating_sub(clock.now().0));
    if is_same_set {
        return context.tell(News::Renewed { valid_for }).await;
    }
    let image = data.image.clone();
    let table = blocking(move || Arc::new(Table::of_image(image))).await;
    context.tell(News::Synchronised { table, valid_for, took }).await;
}

/// What a cache has now, for commands that do not serve: the first complete set, or the first failure.
pub(super) async fn read_once(target: &Target, options: &SourceOptions) -> Result<Read, SourceError> {
    let clock = Clock::start();
    let session = ClientSession::new(clock.now(), ClientPolicy::default(), 0);
    let (refresh, mut once) = (Notify::new(), Once { outcome: None, error: None, report: None });
    let dialer = dialer::dialer(target, &options.dial, || in_log(target.to_string())).map_err(SourceError::Options)?;
    let following = rtrcast_net::follow(&dialer, clock, session, &refresh, &mut once);
    if timeout(options.timeout, following).await.is_err() {
        return Err(SourceError::Upstream("the cache takes too long".to_owned()));
    }
    let data =
        once.outcome.unwrap_or_else(|| Err("the cache sent nothing".to_owned())).map_err(SourceError::Upstream)?;
    let table = Table::of_image(data.image);
    Ok(Read { content: Content::Table(Arc::new(table), Tally::default()), written: Some(unix_now()) })
}

/// Has enough after one outcome.
struct Once {
    outcome: Option<Result<ClientData, String>>,
    error: Option<io::Error>,
    report: Option<Box<PeerReport>>,
}

impl Follower for Once {
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
    if let Some(distrust) = error.as_ref().and_then(|error| dialer::distrust(error, Spelling::Source)) {
        return distrust;
    }
    match (why, error, report) {
        (ConnectionEnd::NotConnected, Some(error), _) => format!("can't connect: {}", plain(&error)),
        // It says more than the code.
        (ConnectionEnd::PeerReported(_), _, Some(report)) => format!("the cache {report}"),
        (why, ..) => why.to_string(),
    }
}
