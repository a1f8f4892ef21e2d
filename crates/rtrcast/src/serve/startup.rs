//! Start: the parts of a cache, their channels and tasks, and the summary on standard output.

use super::capacity::ConnectionCapacity;
use super::connections::take_connections;
use super::history::{StartedHistory, hand_over_history, start_history};
use super::upgrade::KeptSockets;
use super::{PlannedSlurm, RunningCache};
use crate::changes::ChangeRecord;
use crate::cli::HttpAddress;
use crate::config::address::Source;
use crate::config::plan::Plan;
use crate::control::Control;
use crate::exit::Failure;
use crate::handover::{StartPath, TakenHandover, panic_point};
use crate::http;
use crate::http::api::{ApiState, ProgramRequests, Upgrades};
use crate::hub::message::Reconfiguration;
use crate::hub::{Hub, HubParts};
use crate::listener::Listeners;
use crate::observe::describe::count;
use crate::observe::log::Log;
use crate::observe::log::event::handover::HandoverEvent;
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use crate::observe::sessions::SessionObserver;
use crate::observe::status::{ConfigurationStatus, Timestamp};
use crate::reloadable;
use crate::source::tasks::SourceTasks;
use crate::state::LoadedState;
use rtrcast_feed::curator::Curation;
use rtrcast_net::{Clock, ConnectionLimiter, Publisher, Service, SocketName, listen};
use std::future::Future;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Bounds of the channels to the hub; at the bound the senders wait.
const INPUTS_MAX: usize = 4;
const WANTS_MAX: usize = 1_024;

/// Returns the hub's part of a plan.
pub(super) fn reconfiguration(plan: &Plan, source_tasks: &mut SourceTasks, files: PlannedSlurm) -> Reconfiguration {
    let (sources, slurm) = source_tasks.assign(plan);
    let addresses = source_tasks.addresses();
    Reconfiguration {
        curation: Curation {
            sources: sources.iter().map(|(source, _)| *source).collect(),
            choice: plan.choice,
            freshness: plan.freshness,
            guard: plan.guard,
        },
        served: plan.most(),
        timing: plan.timing,
        overlaps: plan.overlaps,
        sources,
        addresses,
        slurm: slurm.into_iter().zip(files).map(|((id, name), file)| (id, name, file)).collect(),
        control: plan.control.as_ref().map(|path| {
            // Who runs the command that names it may be in another directory.
            std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
        }),
    }
}

/// The state behind metrics, status and logs.
pub(super) struct ObservedState {
    pub(super) metrics: Arc<Metrics>,
    pub(super) routers: Arc<Routers>,
}

/// What listens.
pub(super) struct Listening {
    pub(super) listeners: Listeners,
    pub(super) http: Option<TcpListener>,
    pub(super) control: Option<(Control, SocketName)>,
}

pub(super) async fn start(
    plan: Plan,
    slurm: PlannedSlurm,
    capacity: ConnectionCapacity,
    observed: ObservedState,
    listening: Listening,
    state: Option<LoadedState>,
    taken: &mut Option<TakenHandover>,
) -> Result<RunningCache, Failure> {
    let ObservedState { metrics, routers } = observed;
    let Listening { mut listeners, http, control } = listening;
    let (sockets, control) = kept_sockets(&plan, http.as_ref(), control, state.as_ref())?;
    let clock = routers.clock();
    let (to_hub, inputs) = mpsc::channel(INPUTS_MAX);
    let (to_maker, wants) = mpsc::channel(WANTS_MAX);
    let requests = Arc::<ProgramRequests>::default();
    let applied = ConfigurationStatus { applied: Timestamp::now(), ..ConfigurationStatus::default() };
    let configuration = Arc::new(Mutex::new(applied));
    let mut source_tasks =
        SourceTasks::new(to_hub.clone(), Arc::clone(&metrics), Arc::clone(&routers), plan.most().version());
    let first = reconfiguration(&plan, &mut source_tasks, slurm);
    let mut line = taken.as_mut().and_then(|taken| taken.line.take());
    let handed_changes = line.as_mut().map(|line| std::mem::take(&mut line.changes));
    let StartedHistory { history, recorder, revisions, resumed, state } = match line {
        Some(line) => hand_over_history(&plan, state, line, &first.addresses, &metrics, clock)?,
        None => start_history(&plan, state, &first.addresses, &metrics, clock)?,
    };
    panic_point(8);
    if let Some((_, sources)) = &resumed {
        source_tasks.resume(sources.clone());
    }
    let policy = capacity.service_policy(&plan);
    let limiter = ConnectionLimiter::new(policy.limits);
    routers.set_names(&plan.peer_names);
    metrics.watch_limiter(Arc::clone(&limiter));
    let publisher = Publisher::new(history, policy);
    let handle = publisher.handle();
    let changes = Arc::new(ChangeRecord::new(plan.state.as_ref().map(|state| state.path.clone())));
    handed_changes.into_iter().for_each(|handed| changes.take_over(handed));
    let mut hub = Hub::new(HubParts {
        recorder,
        revisions,
        changes: Arc::clone(&changes),
        publisher,
        routers: Arc::clone(&routers),
        metrics: Arc::clone(&metrics),
        first,
        wants,
        resumed: resumed.map(|(line, _)| line),
        state,
    });
    if taken.is_none() {
        hub.prepare().await;
    }
    panic_point(9);
    let health = hub.health();
    let sessions = Arc::new(SessionObserver::new(Arc::clone(&metrics), Arc::clone(&routers), capacity.description));
    let service = Arc::new(Service {
        clock,
        published: handle.subscribe(),
        wants: to_maker,
        observer: Arc::clone(&sessions) as _,
        limiter: Arc::clone(&limiter),
    });

    let (suspended, waiting) = match taken {
        Some(taken) => take_connections(taken, &service).map_err(Failure::Internal)?,
        None => (Vec::new(), Vec::new()),
    };
    panic_point(10);
    let (start_path, upgrades) = take_over(taken.take(), &mut listeners, suspended.len(), (&metrics, clock));
    let upgrades = Arc::new(upgrades);

    let mut tasks = JoinSet::new();
    tasks.spawn(named("hub", hub.run(inputs)));
    suspended.into_iter().for_each(|connection| service.resume(connection));
    tasks.spawn(named("listener", listen(listeners.subscribe(), Arc::clone(&service), waiting)));
    tasks.spawn(named("credentials", reloadable::recheck_periodically(listeners.rechecks())));
    if let Some(control) = control {
        let state = ApiState {
            hub: to_hub.clone(),
            routers: Arc::clone(&routers),
            published: handle.subscribe(),
            limiter: Arc::clone(&limiter),
            started: Timestamp::now(),
            configuration: Arc::clone(&configuration),
            requests: Arc::clone(&requests),
            changes: Arc::clone(&changes),
            upgrades: Arc::clone(&upgrades),
            changes_permit: Arc::new(Semaphore::new(1)),
            long_answers: Arc::new(Semaphore::new(1)),
        };
        tasks.spawn(named("control socket", control.serve(state)));
    }
    if let Some(listener) = http {
        tasks.spawn(named("HTTP server", http::serve(listener, Arc::clone(&metrics), handle.subscribe(), health)));
    }
    source_tasks.start(&mut tasks);
    Ok(RunningCache {
        tasks,
        plan,
        source_tasks,
        hub: to_hub,
        requests,
        configuration,
        publisher: handle,
        limiter,
        listeners,
        sessions,
        routers,
        metrics,
        service,
        sockets,
        start_path,
        upgrades,
    })
}

/// Returns descriptors of sockets that tasks are given, for the program that takes over, and the control socket.
fn kept_sockets(
    plan: &Plan,
    http: Option<&TcpListener>,
    control: Option<(Control, SocketName)>,
    state: Option<&LoadedState>,
) -> Result<(KeptSockets, Option<Control>), Failure> {
    let failure = |error| Failure::Internal(format!("no descriptor is left: {error}"));
    let mut kept = KeptSockets::default();
    if let (HttpAddress::On(address), Some(listener)) = (plan.http, http) {
        kept.http = Some((address, listener.as_fd().try_clone_to_owned().map_err(failure)?));
    }
    if let Some((options, state)) = plan.state.as_ref().zip(state).filter(|(_, state)| !state.directory.is_unlocked) {
        kept.lock = Some((options.path.clone(), state.directory.lock_descriptor().map_err(failure)?));
    }
    let Some((control, name)) = control else { return Ok((kept, None)) };
    kept.control = Some((control.descriptor().map_err(failure)?, name));
    Ok((kept, Some(control)))
}

/// Ends the taking over: there is no way back from here. Returns where the next program is looked for.
fn take_over(
    taken: Option<TakenHandover>,
    listeners: &mut Listeners,
    connections: usize,
    (metrics, clock): (&Metrics, Clock),
) -> (Result<StartPath, String>, Upgrades) {
    let Some(mut taken) = taken else {
        let path = StartPath::of_this().map_err(|error| format!("the path of this program is unknown: {error}"));
        return (path, Upgrades::default());
    };
    taken.ready();
    listeners.close_unused();
    let TakenHandover { version, report, failed, is_stored, .. } = taken;
    let start_path = match is_stored {
        true => StartPath::of_this().map_err(|error| format!("the path of this program is unknown: {error}")),
        false => Ok(StartPath::from_octets(report.start_path)),
    };
    let event = match &failed {
        Some(reason) => HandoverEvent::Failed { reason },
        None => HandoverEvent::Done {
            version_before: &version,
            connections,
            cut_off: report.left_over,
            pause_seconds: Duration::from_millis(clock.now().0.saturating_sub(report.began)),
        },
    };
    event.log();
    let outcome = match &failed {
        Some(reason) => Err(reason.clone()),
        None => Ok(event.to_string()),
    };
    let mut counts = report.counts;
    match failed {
        Some(_) => counts.failures += 1,
        None => {
            counts.done += 1;
            counts.connections += u64::try_from(connections).unwrap_or(u64::MAX);
        }
    }
    metrics.handovers.add(counts);
    (start_path, Upgrades::handed_over(report.upgrade, counts, outcome))
}

/// Runs a task, and returns its name should it end.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// Prints the sources, listeners and limits, and how to query them.
pub(super) fn print_summary(
    plan: &Plan,
    slurm: &PlannedSlurm,
    capacity: &ConnectionCapacity,
    listeners: &Listeners,
    http: Option<&TcpListener>,
) {
    let mut text = format!("rtrcast {}\n", env!("CARGO_PKG_VERSION"));
    for configured in &plan.sources {
        text += &format!("  source  {}\n", configured.source);
    }
    for (configured, files) in plan.slurm.iter().zip(slurm) {
        let files = match (&configured.source, files) {
            (Source::Directory(_), Some(files)) => format!(" ({})", count(files.len(), "file")),
            _ => String::new(),
        };
        text += &format!("  SLURM   {}{files}\n", configured.source);
    }
    for name in listeners.names() {
        text += &format!("  RTR     {name} (protocol versions {})\n", plan.policy.session.versions());
    }
    text += &format!("  limit   {} routers at a time\n", capacity.connections_max);
    match http.and_then(|listener| listener.local_addr().ok()) {
        Some(address) => {
            text += &format!("  HTTP    http://{address} ({})\n", crate::http::paths());
            text += &format!("  metrics curl -s http://{address}/metrics | grep rpki_objects\n");
        }
        None => text += "  HTTP    off\n",
    }
    if let Some(state) = &plan.state {
        text += &format!("  state   {}\n", state.path.display());
    }
    if let Some(path) = &plan.control {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        text += &format!("  control rtrcast ctl status --control {}\n", path.display());
    }
    text += &format!("  stop    Ctrl-C; kill -HUP {} reads configuration and sources again\n", std::process::id());
    // Standard output may be closed.
    let _ = io::stdout().write_all(text.as_bytes());
}
