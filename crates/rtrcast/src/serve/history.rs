//! The line of data sets that a start goes on with, or begins.

use crate::clock::unix_now;
use crate::config::plan::Plan;
use crate::exit::Failure;
use crate::hub::ResumedLine;
use crate::observe::log::Log;
use crate::observe::log::event::state::StateEvent;
use crate::observe::metrics::Metrics;
use crate::source::ResumedSource;
use crate::state::{DirectoryError, KeptLine, LoadedState, SourceAddresses, StateDirectory, StateKeeping, load};
use rtrcast_feed::curator::{SourceId, StoredFeed};
use rtrcast_feed::state::{Recovered, SourceRevision};
use rtrcast_net::Clock;
use rtrcast_proto::{Epoch, History, HistoryLimits, Lineage, Moment, Profile, Serial, SessionIds, Version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A line, and what is kept of it.
pub(super) struct StartedHistory {
    pub(super) history: History,
    /// What goes on, and what is known of its sources.
    pub(super) resumed: Option<(ResumedLine, BTreeMap<SourceId, Arc<ResumedSource>>)>,
    /// None without a state directory.
    pub(super) state: Option<StateKeeping>,
}

/// Opens the state directory, which may wait for another program to end, and reads it.
pub(super) fn open_state(plan: &Plan) -> Result<Option<LoadedState>, Failure> {
    let Some(options) = &plan.state else { return Ok(None) };
    let failure = |error: DirectoryError| Failure::State { path: options.path.clone(), error };
    let directory = StateDirectory::open(&options.path).map_err(failure)?;
    if directory.is_unlocked {
        StateEvent::NotLocked { directory: &options.path.display().to_string() }.log();
    }
    let loaded = load(directory, HistoryLimits::default());
    loaded.map(Some).map_err(|error| failure(DirectoryError::Io { doing: "read it", error }))
}

/// Goes on with what was read, or begins a line.
pub(super) fn start_history(
    plan: &Plan,
    loaded: Option<LoadedState>,
    addresses: &SourceAddresses,
    metrics: &Metrics,
    clock: Clock,
) -> Result<StartedHistory, Failure> {
    let limits = HistoryLimits::default();
    let Some((options, loaded)) = plan.state.clone().zip(loaded) else {
        return Ok(StartedHistory { history: new_history(plan, limits, session_ids()?)?, resumed: None, state: None });
    };
    let LoadedState { directory, machine, recovered, mut sources, next_log } = loaded;
    let name = options.path.display().to_string();
    let Some(recovered) = recovered else {
        StateEvent::Begun { directory: &name }.log();
        let lineage = Lineage { epoch: epoch()?, sessions: session_ids()? };
        let history = new_history(plan, limits, lineage.sessions)?;
        // Earlier logs are those of other lines.
        let line = KeptLine {
            machine,
            lineage,
            set: None,
            snapshot: None,
            tables: 0,
            first_log: next_log,
            next_log,
            revisions: BTreeMap::new(),
        };
        let state = StateKeeping::start(options, directory, line, metrics.state.of(&name));
        return Ok(StartedHistory { history, resumed: None, state: Some(state.map_err(no_thread)?) });
    };
    let Recovered { lineage, table, set, newest, deltas, changed, tables, written, time, made_by, first_log, .. } =
        recovered;
    // GoBGP, which speaks version 0, keeps for ever what was withdrawn meanwhile if the id is the one that it knows.
    let sessions = lineage.sessions.renewed(Profile::full(Version::V0), random_id()?);
    let lineage = Lineage { sessions, ..lineage };
    let current = (set.serial, table.image().clone());
    let mut history = History::resume(limits, sessions, plan.timing, current, deltas);
    history.jump(newest.serial, random()?);
    let (mut feeds, mut revisions, mut resumed) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for (source, address) in addresses {
        let Some(stored) = sources.remove(&address.hash) else { continue };
        let is_stale = stored.position < tables;
        // Another version may read more of the same file.
        let is_read_alike = stored.program == env!("CARGO_PKG_VERSION");
        let revision = match stored.revision {
            SourceRevision::Http { .. } if !is_read_alike => SourceRevision::Unknown,
            revision => revision,
        };
        revisions.insert(*source, revision.clone());
        resumed.insert(*source, Arc::new(resumed_source(revision, &stored.feed, clock)));
        feeds.push((*source, StoredFeed { is_stale, ..stored.feed }));
    }
    let kept =
        KeptLine { machine, lineage, set: Some(set), snapshot: Some(written), tables, first_log, next_log, revisions };
    let state = StateKeeping::start(options, directory, kept, metrics.state.of(&name));
    let line = ResumedLine { directory: name, table: Arc::new(table), set, newest, changed, made_by, time, feeds };
    Ok(StartedHistory { history, resumed: Some((line, resumed)), state: Some(state.map_err(no_thread)?) })
}

fn resumed_source(revision: SourceRevision, feed: &StoredFeed, clock: Clock) -> ResumedSource {
    let age = feed.newest.age.saturating_add(unix_now().saturating_sub(feed.written));
    let received = Moment(clock.now().0.saturating_sub(u64::from(age) * 1_000));
    ResumedSource { revision, table: Arc::clone(&feed.newest.table), received }
}

fn no_thread(error: std::io::Error) -> Failure {
    Failure::Internal(format!("can't start a thread for the state: {error}"))
}

fn new_history(plan: &Plan, limits: HistoryLimits, sessions: SessionIds) -> Result<History, Failure> {
    Ok(History::new(limits, sessions, plan.timing, Serial(random()?)))
}

fn session_ids() -> Result<SessionIds, Failure> {
    Ok(SessionIds::new(random_id()?))
}

fn random_id() -> Result<u16, Failure> {
    let [high, low, ..] = random()?.to_be_bytes();
    Ok(u16::from_be_bytes([high, low]))
}

fn epoch() -> Result<Epoch, Failure> {
    let mut epoch = [0; 16];
    getrandom::fill(&mut epoch).map_err(no_randomness)?;
    Ok(Epoch(epoch))
}

fn random() -> Result<u32, Failure> {
    getrandom::u32().map_err(no_randomness)
}

fn no_randomness(error: getrandom::Error) -> Failure {
    Failure::Internal(format!("no random numbers: {error}"))
}
