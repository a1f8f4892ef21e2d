//! `rtrcast serve`: starts the parts, reloads them, and stops them.

mod capacity;
mod reload;
mod signals;
mod startup;

use crate::cli::HttpAddress;
use crate::config::CommandLine;
use crate::config::plan::Plan;
use crate::config::secrets;
use crate::control::Control;
use crate::exit::Failure;
use crate::http;
use crate::http::api::ProgramRequest;
use crate::hub::message::Input;
use crate::listener::Listeners;
use crate::observe::log;
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use crate::observe::sessions::SessionObserver;
use crate::source::content::SlurmFiles;
use crate::source::tasks::SourceTasks;
use capacity::{Room, room};
use reload::{Aside, finished};
use rtrcast_net::{Activated, Clock, Door, PublisherHandle, sd_notify, sd_reloading};
use rtrcast_proto::Stop;
use signals::{Asked, Signals};
use startup::{Observed, greet, start};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};

/// How long routers may take for the rest of their response, or a final Error Report, when the cache stops. [C-RST-01]
const GRACE: Duration = Duration::from_secs(10);

/// With fewer there would be none for routers beside sources, HTTP and data sets.
const DESCRIPTORS_MIN: u64 = 32;

pub(crate) fn serve(command_line: &CommandLine) -> Result<(), Failure> {
    // What the file says of the log counts as well, and what is wrong with the file is told without a log.
    let settings = command_line.settle()?;
    let plan = Plan::new(&settings)?;
    let slurm = plan.read_slurm()?;
    plan.try_dialing(&[])?;
    rtrcast_net::give_memory_back();
    log::start(settings.arguments.log_level);
    secrets::warn_of_readers(&plan);
    let room = room(plan.connections_max);
    if room.descriptors < DESCRIPTORS_MIN {
        return Err(Failure::Config(format!(
            "the descriptor limit is {}, and {DESCRIPTORS_MIN} is the least that works; `ulimit -n` or LimitNOFILE= raise it",
            room.descriptors
        )));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("rtrcast")
        .build()
        .map_err(|error| Failure::Internal(format!("can't start threads: {error}")))?;
    let outcome = runtime.block_on(run(command_line, plan, slurm, room));
    // A read that is still running is not waited for.
    runtime.shutdown_background();
    log::finish();
    outcome
}

/// SLURM files by place, in the order of the plan; what lies at URLs is not known yet.
type SlurmPlaces = Vec<Option<SlurmFiles>>;

/// A running cache.
struct Parts {
    /// None of these ends by itself.
    tasks: JoinSet<&'static str>,
    /// What the cache was started or reloaded with.
    plan: Plan,
    source_tasks: SourceTasks,
    hub: mpsc::Sender<Input>,
    /// From the control socket.
    requests: mpsc::Receiver<ProgramRequest>,
    /// Where to say that the cache stops, and on what terms it serves.
    publisher: PublisherHandle,
    door: Arc<Door>,
    listeners: Listeners,
    sessions: Arc<SessionObserver>,
    routers: Arc<Routers>,
    metrics: Arc<Metrics>,
}

async fn run(command_line: &CommandLine, plan: Plan, slurm: SlurmPlaces, room: Room) -> Result<(), Failure> {
    let passed = Activated::take().map_err(|error| Failure::Internal(format!("systemd's sockets: {error}")))?;
    let routers = Arc::new(Routers::new(Clock::start()));
    let metrics = Arc::new(Metrics::new(Arc::clone(&routers)));
    let mut listeners = Listeners::new(passed, Arc::clone(&metrics), Arc::clone(&routers));
    let loaded = listeners.loader().load(&plan.listen)?;
    listeners.open(loaded)?;
    let http = match plan.http {
        HttpAddress::Off => None,
        HttpAddress::On(address) => {
            let failure = |error: io::Error| {
                let own = listeners.taker(address).filter(|_| error.kind() == io::ErrorKind::AddrInUse);
                Failure::Address { flag: "--http", address, error: own.map_or(error, io::Error::other) }
            };
            Some(http::bind(address).map_err(failure)?)
        }
    };
    if let Some(address) = http.as_ref().and_then(|listener| listener.local_addr().ok()) {
        listeners.beside_http(address);
    }
    // The name goes when this function ends, whatever becomes of the task that has the socket.
    let (control, _name) = plan.control.as_deref().map(Control::bind).transpose()?.unzip();
    let mut signals = Signals::new().map_err(|error| Failure::Internal(format!("can't receive signals: {error}")))?;
    greet(&plan, &slurm, &room, &listeners, http.as_ref());

    let mut parts = start(plan, slurm, room, Observed { metrics, routers }, listeners, http, control)?;
    // Whoever started it may wait for this; without a service manager it does nothing.
    let _ = sd_notify("READY=1");

    // The configuration while it is read: a file system that hangs does not keep anybody from stopping the cache.
    let (mut reading, mut again): (Option<Aside>, bool) = (None, false);
    let stop = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Refresh if reading.is_none() => {
                    let _ = sd_notify(&sd_reloading());
                    reading = Some(parts.read_aside(command_line));
                }
                Asked::Refresh => {
                    let _ = sd_notify(&sd_reloading());
                    warn!("SIGHUP: the configuration is still being read, and will be once more");
                    again = true;
                }
                Asked::Stop(name) => {
                    let _ = sd_notify("STOPPING=1");
                    info!("{name}: stopping; connections end in order within {} s", GRACE.as_secs());
                    break Stop::Restart;
                }
            },
            read = finished(&mut reading) => {
                parts.reload(read).await;
                // What is read next goes by what is in force now; and whoever asked twice waits for the second.
                reading = std::mem::take(&mut again).then(|| parts.read_aside(command_line));
                if reading.is_none() {
                    let _ = sd_notify("READY=1");
                }
            }
            Some(request) = parts.requests.recv() => match request {
                ProgramRequest::Refresh => parts.refresh("control").await,
                ProgramRequest::Stop => {
                    info!("control: stopping; connections end in order within {} s", GRACE.as_secs());
                    break Stop::Restart;
                }
                ProgramRequest::StopAndFlush => {
                    info!("control: stopping; routers that can be told forget the data");
                    break Stop::Shutdown;
                }
            },
            ended = parts.tasks.join_next() => match ended {
                // A source that is not configured any more.
                Some(Err(error)) if error.is_cancelled() => {}
                Some(Ok(name)) => return Err(Failure::Internal(format!("the {name} ended"))),
                Some(Err(error)) => return Err(Failure::Internal(error.to_string())),
                None => return Err(Failure::Internal("no task is left".to_owned())),
            },
        }
    };
    say_goodbye(&parts, stop, &mut signals).await;
    Ok(())
}

/// Tells all sessions, and waits until they are over, or the grace time is, or the operator asks again.
async fn say_goodbye(parts: &Parts, stop: Stop, signals: &mut Signals) {
    parts.publisher.stop(stop);
    tokio::select! {
        () = parts.door.empty() => info!("stopped; all connections are closed"),
        () = tokio::time::sleep(GRACE) => warn!("stopped; some routers did not take the rest of their response in time, and were cut off"),
        () = signals.next_stop() => warn!("stopped at once, as asked again"),
    }
}
