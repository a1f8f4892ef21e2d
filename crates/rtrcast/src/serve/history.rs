//! The line of data sets that a start goes on with, or begins.

use crate::clock::unix_now;
use crate::config::plan::Plan;
use crate::exit::Failure;
use crate::handover::{HandedLine, TakenHandover};
use crate::hub::{Recorder, ResumedFrom, ResumedLine};
use crate::observe::log::Log;
use crate::observe::log::event::state::StateEvent;
use crate::observe::metrics::Metrics;
use crate::source::ResumedSource;
use crate::state::{
    DirectoryError, KeptLine, LoadedState, SourceAddresses, SourceHash, StateDirectory, StateKeeping, load,
    load_nothing,
};
use rtrcast_feed::curator::{SourceId, StoredFeed};
use rtrcast_feed::state::{Recovered, Snapshot, SourceRevision, StoredSource};
use rtrcast_net::Clock;
use rtrcast_proto::{
    Epoch, FieldDecoder, History, HistoryLimits, Lineage, Moment, Profile, Serial, SessionIds, Version,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A line, and what is kept of it.
pub(super) struct StartedHistory {
    pub(super) history: History,
    pub(super) recorder: Recorder,
    /// What is known of the newest tables of sources.
    pub(super) revisions: BTreeMap<SourceId, SourceRevision>,
    /// What goes on, and what is known of its sources.
    pub(super) resumed: Option<(ResumedLine, BTreeMap<SourceId, Arc<ResumedSource>>)>,
    /// None without a state directory.
    pub(super) state: Option<StateKeeping>,
}

/// Opens the state directory, which may wait for another program to end, and reads it.
/// With the lock of the program before this one it is only opened.
pub(super) fn open_state(plan: &Plan, handed: Option<&mut TakenHandover>) -> Result<Option<LoadedState>, Failure> {
    let Some(options) = &plan.state else { return Ok(None) };
    let failure = |error: DirectoryError| Failure::State { path: options.path.clone(), error };
    let unreadable = |error| failure(DirectoryError::Io { doing: "read it", error });
    if let Some(taken) = handed {
        let directory = match taken.sockets.lock.take() {
            Some((path, lock)) if path == options.path => StateDirectory::handed_over(&path, lock),
            Some(_) | None => StateDirectory::open(&options.path).map_err(failure)?,
        };
        return load_nothing(directory).map(Some).map_err(unreadable);
    }
    let directory = StateDirectory::open(&options.path).map_err(failure)?;
    if directory.is_unlocked {
        StateEvent::NotLocked { directory: &options.path.display().to_string() }.log();
    }
    let loaded = load(directory, HistoryLimits::default());
    loaded.map(Some).map_err(unreadable)
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
        let history = new_history(plan, limits, session_ids()?)?;
        return Ok(StartedHistory::begun(history, None));
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
        return Ok(StartedHistory::begun(history, Some(state.map_err(no_thread)?)));
    };
    let Recovered { lineage, table, set, newest, deltas, changed, tables, written, time, made_by, first_log, .. } =
        recovered;
    // GoBGP, which speaks version 0, keeps for ever what was withdrawn meanwhile if the id is the one that it knows.
    let sessions = lineage.sessions.renewed(Profile::full(Version::V0), random_id()?);
    let lineage = Lineage { sessions, ..lineage };
    let current = (set.serial, table.image().clone());
    let mut history = History::resume(limits, sessions, plan.timing, current, deltas);
    history.jump(newest.serial, random()?);
    let ResumedSources { feeds, revisions, resumed } = resumed_sources(&mut sources, tables, addresses, clock);
    let kept = KeptLine {
        machine,
        lineage,
        set: Some(set),
        snapshot: Some(written),
        tables,
        first_log,
        next_log,
        revisions: revisions.clone(),
    };
    let state = StateKeeping::start(options, directory, kept, metrics.state.of(&name));
    let from = ResumedFrom::Directory(name);
    let line = ResumedLine { from, table: Arc::new(table), set, changed, made_by, time, feeds };
    let recorder = Recorder::new(Some(set), Some(newest), true);
    let state = Some(state.map_err(no_thread)?);
    Ok(StartedHistory { history, recorder, revisions, resumed: Some((line, resumed)), state })
}

impl StartedHistory {
    /// A line without a set yet.
    fn begun(history: History, state: Option<StateKeeping>) -> StartedHistory {
        let recorder = Recorder::new(None, None, state.is_some());
        StartedHistory { history, recorder, revisions: BTreeMap::new(), resumed: None, state }
    }
}

/// Goes on with the line that the program before this one has handed over.
pub(super) fn hand_over_history(
    plan: &Plan,
    loaded: Option<LoadedState>,
    line: HandedLine,
    addresses: &SourceAddresses,
    metrics: &Metrics,
    clock: Clock,
) -> Result<StartedHistory, Failure> {
    let HandedLine { mut history, recorder, epoch: handed_epoch, changed, served, mut sources, kept, changes: _ } =
        line;
    let recorder = Recorder::decode(&mut FieldDecoder::new(&recorder));
    let mut recorder =
        recorder.ok_or_else(|| Failure::Internal("what is handed over of the hub is damaged".to_owned()))?;
    history.set_timing(plan.timing);
    let tables = kept.map_or(0, |kept| kept.tables);
    let ResumedSources { feeds, revisions, resumed } = resumed_sources(&mut sources, tables, addresses, clock);
    let state = match plan.state.clone().zip(loaded) {
        None => None,
        Some((options, LoadedState { directory, machine, next_log, .. })) => {
            recorder.keep(history.current());
            let epoch = if kept.is_some() { handed_epoch } else { epoch()? };
            let lineage = Lineage { epoch, sessions: history.sessions() };
            let complete = kept.filter(|kept| kept.is_complete);
            let name = options.path.display().to_string();
            let line = KeptLine {
                machine,
                lineage,
                set: recorder.set().filter(|_| complete.is_some()),
                snapshot: kept.and_then(|kept| kept.snapshot),
                tables,
                first_log: kept.map_or(next_log, |kept| kept.first_log),
                next_log: kept.map_or(next_log, |kept| kept.next_log.max(next_log)),
                revisions: revisions.clone(),
            };
            let state = StateKeeping::start(options, directory, line, metrics.state.of(&name));
            let mut state = state.map_err(no_thread)?;
            if let (None, Some(set)) = (complete, recorder.set()) {
                // The files lack something: they are written anew.
                state.begun(clock.now(), set);
            }
            Some(state)
        }
    };
    let line = served.map(|Snapshot { header, table }| ResumedLine {
        from: ResumedFrom::Handover,
        table: Arc::new(table),
        set: header.set,
        changed,
        made_by: header.made_by,
        time: header.written,
        feeds,
    });
    let resumed = line.map(|line| (line, resumed));
    Ok(StartedHistory { history, recorder, revisions, resumed, state })
}

/// What is known of sources from an earlier run.
struct ResumedSources {
    feeds: Vec<(SourceId, StoredFeed)>,
    revisions: BTreeMap<SourceId, SourceRevision>,
    resumed: BTreeMap<SourceId, Arc<ResumedSource>>,
}

/// Takes the sources that are configured. `tables` is the position of the last set that other tables of sources led to.
fn resumed_sources(
    sources: &mut BTreeMap<SourceHash, StoredSource>,
    tables: u64,
    addresses: &SourceAddresses,
    clock: Clock,
) -> ResumedSources {
    let mut taken = ResumedSources { feeds: Vec::new(), revisions: BTreeMap::new(), resumed: BTreeMap::new() };
    for (source, address) in addresses {
        let Some(stored) = sources.remove(&address.hash) else { continue };
        let is_stale = stored.position < tables;
        // Another version may read more of the same file.
        let is_read_alike = stored.program == env!("CARGO_PKG_VERSION");
        let revision = match stored.revision {
            SourceRevision::Http { .. } if !is_read_alike => SourceRevision::Unknown,
            revision => revision,
        };
        taken.revisions.insert(*source, revision.clone());
        taken.resumed.insert(*source, Arc::new(resumed_source(revision, &stored.feed, clock)));
        taken.feeds.push((*source, StoredFeed { is_stale, ..stored.feed }));
    }
    taken
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
