//! `rtrcast serve`: starts the parts of a cache, reloads them, and stops them.

mod capacity;
mod connections;
mod history;
mod reload;
mod signals;
mod startup;
mod upgrade;

use crate::cli::HttpAddress;
use crate::config::CommandLine;
use crate::config::plan::Plan;
use crate::config::secrets;
use crate::control::Control;
use crate::exit::Failure;
use crate::handover::{StartPath, TakenHandover, WayBack, panic_point, rehearse_take, rehearsed};
use crate::http;
use crate::http::api::{ProgramRequest, ProgramRequests, Upgrades};
use crate::hub::message::Input;
use crate::listener::{ListenerLoader, Listeners};
use crate::observe::log::event::service::ServiceEvent;
use crate::observe::log::{self, Log};
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use crate::observe::sessions::SessionObserver;
use crate::observe::status::ConfigurationStatus;
use crate::source::content::SlurmFiles;
use crate::source::tasks::SourceTasks;
use crate::state::LoadedState;
use capacity::{ConnectionCapacity, connection_capacity};
use reload::{ReadTask, finished};
use rtrcast_net::{Activated, Clock, ConnectionLimiter, PublisherHandle, Service, sd_notify, sd_reloading};
use rtrcast_proto::{HistoryLimits, Stop};
use signals::{SignalRequest, Signals};
use startup::{Listening, ObservedState, print_summary, start};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use upgrade::KeptSockets;

/// Limit of the time for the rest of responses and final Error Reports when the cache stops. [C-RST-01]
const GRACE: Duration = Duration::from_secs(10);

/// With fewer there would be none for routers beside sources, HTTP and data sets.
const DESCRIPTORS_MIN: u64 = 32;

/// Shows whether this program could take over, with the standard input as what is handed over. No socket is touched.
pub(crate) fn rehearse(command_line: &CommandLine) -> Result<(), Failure> {
    let plan = Plan::new(&command_line.resolve()?)?;
    plan.read_slurm()?;
    plan.try_dialing(&[])?;
    ListenerLoader::new().load(&plan.listen)?;
    rehearse_take(HistoryLimits::default()).map_err(Failure::Internal)?;
    rehearsed();
    Ok(())
}

pub(crate) fn serve(command_line: &CommandLine) -> Result<(), Failure> {
    // The log level may come from the file, so mistakes in the file are printed and not logged.
    let settings = command_line.resolve()?;
    let plan = Plan::new(&settings)?;
    let slurm = plan.read_slurm()?;
    plan.try_dialing(&[])?;
    rtrcast_net::give_memory_back();
    let no_signals = |error| Failure::Internal(format!("can't block signals: {error}"));
    // One that came in another thread would end the program.
    Signals::block().map_err(no_signals)?;
    log::start(settings.arguments.log_level, settings.arguments.log_format.format());
    secrets::warn_of_readers(&plan);
    let capacity = connection_capacity(plan.connections_max);
    if capacity.descriptors < DESCRIPTORS_MIN {
        return Err(Failure::Config(format!(
            "the descriptor limit is {}, and {DESCRIPTORS_MIN} is the least that works; `ulimit -n` or LimitNOFILE= raise it",
            capacity.descriptors
        )));
    }
    let passed = Activated::take();
    let mut passed = passed.map_err(|error| Failure::Internal(format!("systemd's sockets: {error}")))?;
    let taken = TakenHandover::take(HistoryLimits::default(), passed.take_stored());
    let mut taken = taken.map_err(Failure::Internal)?;
    let outcome = serve_on(command_line, (plan, slurm, capacity), passed, &mut taken);
    log::finish();
    if let Err(failure) = &outcome {
        // As long as all that was not taken yet is open.
        WayBack::go(&failure.lines().join("; "));
    }
    outcome
}

/// Serves, and goes on with what was taken, if anything was.
fn serve_on(
    command_line: &CommandLine,
    (plan, slurm, capacity): (Plan, PlannedSlurm, ConnectionCapacity),
    passed: Activated,
    taken: &mut Option<TakenHandover>,
) -> Result<(), Failure> {
    let no_signals = |error| Failure::Internal(format!("can't block signals: {error}"));
    if taken.is_none() {
        // Until something is served a signal may end the program at once, such as while it waits for a directory.
        Signals::unblock().map_err(no_signals)?;
    }
    let state = history::open_state(&plan, taken.as_mut())?;
    panic_point(5);
    // Before there are other threads that stay.
    Signals::block().map_err(no_signals)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("rtrcast")
        .build()
        .map_err(|error| Failure::Internal(format!("can't start threads: {error}")))?;
    let outcome = runtime.block_on(run(command_line, plan, slurm, capacity, (state, passed), taken));
    // A read that is still running is not waited for.
    runtime.shutdown_background();
    outcome
}

/// SLURM files by source, in the order of the plan; none for URLs, which are not read yet.
type PlannedSlurm = Vec<Option<SlurmFiles>>;

/// A running cache.
struct RunningCache {
    /// Tasks that end with the program only.
    tasks: JoinSet<&'static str>,
    /// The configuration in effect.
    plan: Plan,
    source_tasks: SourceTasks,
    hub: mpsc::Sender<Input>,
    /// Requests from the control socket.
    requests: Arc<ProgramRequests>,
    /// For the status.
    configuration: Arc<Mutex<ConfigurationStatus>>,
    /// Handle to stop the sessions, and to change the policy.
    publisher: PublisherHandle,
    limiter: Arc<ConnectionLimiter>,
    listeners: Listeners,
    sessions: Arc<SessionObserver>,
    routers: Arc<Routers>,
    metrics: Arc<Metrics>,
    /// For connections that go on after an upgrade that failed.
    service: Arc<Service>,
    sockets: KeptSockets,
    /// Where the program is looked for that takes over.
    start_path: Result<StartPath, String>,
    upgrades: Arc<Upgrades>,
}

async fn run(
    command_line: &CommandLine,
    plan: Plan,
    slurm: PlannedSlurm,
    capacity: ConnectionCapacity,
    (state, passed): (Option<LoadedState>, Activated),
    taken: &mut Option<TakenHandover>,
) -> Result<(), Failure> {
    panic_point(6);
    let routers = Arc::new(Routers::new(Clock::start()));
    let metrics = Arc::new(Metrics::new(Arc::clone(&routers)));
    let mut listeners = match taken {
        Some(taken) => {
            let handed = std::mem::take(&mut taken.sockets.routers);
            Listeners::handed_over(handed, passed, Arc::clone(&metrics), Arc::clone(&routers))?
        }
        None => Listeners::new(passed, Arc::clone(&metrics), Arc::clone(&routers)),
    };
    let loaded = listeners.loader().load(&plan.listen)?;
    listeners.open(loaded)?;
    panic_point(7);
    let handed_http = taken.as_mut().and_then(|taken| taken.sockets.http.take());
    let http = match (plan.http, handed_http) {
        (HttpAddress::Off, _) => None,
        (HttpAddress::On(address), Some((handed, socket))) if handed == address => {
            let failure = |error| Failure::Address { flag: "--http", address, error };
            Some(TcpListener::from_std(socket.into()).map_err(failure)?)
        }
        (HttpAddress::On(address), _) => {
            let failure = |error: io::Error| {
                let own = listeners.describe_holder(address).filter(|_| error.kind() == io::ErrorKind::AddrInUse);
                Failure::Address { flag: "--http", address, error: own.map_or(error, io::Error::other) }
            };
            Some(http::bind(address).map_err(failure)?)
        }
    };
    if let Some(address) = http.as_ref().and_then(|listener| listener.local_addr().ok()) {
        listeners.set_http_address(address);
    }
    // The socket's name is removed when this function ends, whatever becomes of the task that has the socket.
    let handed_control = taken.as_mut().and_then(|taken| taken.sockets.control.take());
    let (control, control_name) = match (plan.control.as_deref(), handed_control) {
        (Some(path), Some(handed)) if handed.name.path() == path => Some(Control::handed_over(handed)?),
        (Some(path), _) => Some(Control::bind(path)?),
        (None, _) => None,
    }
    .unzip();
    let mut signals = Signals::new().map_err(|error| Failure::Internal(format!("can't receive signals: {error}")))?;
    if taken.as_ref().is_none_or(|taken| taken.is_stored) {
        print_summary(&plan, &slurm, &capacity, &listeners, http.as_ref());
    }

    let listening = Listening { listeners, http, control: control.zip(control_name) };
    let observed = ObservedState { metrics, routers };
    let mut cache = start(plan, slurm, capacity, observed, listening, state, taken).await?;
    // A service manager may wait for this; without one it does nothing.
    let _ = sd_notify("READY=1");

    // The reading of the configuration: a file system that hangs does not keep the cache from stopping.
    let (mut reading, mut is_due_again): (Option<ReadTask>, bool) = (None, false);
    let (asked_by, stop) = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                SignalRequest::Refresh if reading.is_none() => {
                    let _ = sd_notify(&sd_reloading());
                    reading = Some(cache.read_in_background(command_line));
                }
                SignalRequest::Refresh => {
                    let _ = sd_notify(&sd_reloading());
                    ServiceEvent::ReloadRepeated {}.log();
                    is_due_again = true;
                }
                SignalRequest::Upgrade => {
                    cache.upgrades.begin();
                    cache.upgrade(command_line, "SIGUSR2").await;
                }
                SignalRequest::Restart => {
                    cache.hand_to_manager().await;
                    break ("SIGUSR1", Stop::Restart);
                }
                SignalRequest::Stop(name) => break (name, Stop::Restart),
            },
            read = finished(&mut reading) => {
                cache.reload(read).await;
                // The next reading starts from the configuration now in effect; after two signals READY waits for the
                // second one.
                reading = std::mem::take(&mut is_due_again).then(|| cache.read_in_background(command_line));
                if reading.is_none() {
                    let _ = sd_notify("READY=1");
                }
            }
            request = cache.requests.next() => match request {
                ProgramRequest::Refresh => cache.refresh("control").await,
                ProgramRequest::Upgrade => cache.upgrade(command_line, "control").await,
                ProgramRequest::Stop(stop) => break ("control", stop),
            },
            ended = cache.tasks.join_next() => match ended {
                // A source that is not configured any more.
                Some(Err(error)) if error.is_cancelled() => {}
                Some(Ok(name)) => return Err(Failure::Internal(format!("the {name} ended"))),
                Some(Err(error)) => return Err(Failure::Internal(error.to_string())),
                None => return Err(Failure::Internal("no task is left".to_owned())),
            },
        }
    };
    let _ = sd_notify("STOPPING=1");
    match stop {
        Stop::Shutdown => ServiceEvent::StoppingForGood { asked_by }.log(),
        _ => ServiceEvent::Stopping { asked_by, grace_seconds: GRACE.as_secs() }.log(),
    }
    drain_sessions(&cache, stop, &mut signals).await;
    Ok(())
}

/// Stops all sessions, and waits until they are over, the grace time has passed, or another signal asks to stop.
async fn drain_sessions(cache: &RunningCache, stop: Stop, signals: &mut Signals) {
    cache.publisher.stop(stop);
    let (reply, written) = oneshot::channel();
    let over = async {
        let _ = cache.hub.send(Input::Finish(reply)).await;
        let _ = written.await;
        cache.limiter.wait_until_empty().await;
    };
    tokio::select! {
        () = over => ServiceEvent::Stopped {}.log(),
        () = tokio::time::sleep(GRACE) => ServiceEvent::StoppedBeforeAllWasSent {}.log(),
        () = signals.next_stop() => ServiceEvent::StoppedAtOnce {}.log(),
    }
}
