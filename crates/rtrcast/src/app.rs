//! `rtrcast serve`: puts the parts together, starts their tasks, and stops them.

use crate::cli::HttpAddress;
use crate::config::CommandLine;
use crate::control::{self, Control};
use crate::exit::Failure;
use crate::hub::{Hub, Input, Reconfiguration};
use crate::metrics::{BindLabel, Metrics, OutcomeLabel};
use crate::plan::Plan;
use crate::roster::Roster;
use crate::watch::Watch;
use crate::{http, log};
use rtrcast_feed::SlurmFile;
use rtrcast_feed::curator::Curation;
use rtrcast_net::{Clock, Ipv4Beside, Listener, Published, Service, listen};
use rtrcast_proto::{History, HistoryLimits, Serial, SessionIds, Stop};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tracing::{error, info, warn};

/// How long routers may take for their last words when the cache stops. [C-RST-01]
const GRACE: Duration = Duration::from_secs(10);

/// How many retry intervals a router may take nothing of what it is sent (8210bis section 9).
const STALL_RETRIES: u32 = 3;

/// Descriptors that are not for routers: sources, HTTP, data sets, logs.
const DESCRIPTORS_KEPT: u64 = 64;

/// What a channel to the hub holds before its senders wait.
const INPUTS_MAX: usize = 4;
const WANTS_MAX: usize = 1_024;

/// Orders from the control socket that wait.
const COMMANDS_MAX: usize = 4;

pub(crate) fn serve(command_line: &CommandLine) -> Result<(), Failure> {
    // What the file says of the log counts as well, and what is wrong with the file is told without a log.
    let settings = command_line.settle()?;
    let plan = Plan::new(&settings)?;
    let slurm = plan.read_slurm()?;
    rtrcast_net::give_memory_back();
    log::start(settings.arguments.log_level);
    let room = room(plan.connections_max);
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

/// SLURM files in the order of the plan; what lies at URLs is not known yet.
type SlurmFiles = Vec<Option<Arc<SlurmFile>>>;

/// How many routers there may be.
struct Room {
    connections_max: u32,
    /// The same in words, with what raises it.
    words: String,
}

/// Raises the soft limit of descriptors as far as it goes, and sees how many connections that allows.
fn room(asked: Option<u32>) -> Room {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Where it may not be raised, the lower one holds.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    // None is "no limit".
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let allowed = limit.saturating_sub(DESCRIPTORS_KEPT).max(limit / 4).max(1);
    let allowed = u32::try_from(allowed).unwrap_or(u32::MAX).min(1_000_000);
    match asked {
        Some(asked) if asked <= allowed => {
            Room { connections_max: asked, words: format!("{asked}, by --connections-max") }
        }
        Some(_) | None => {
            let words = format!("{allowed}, by the descriptor limit {limit}, which `ulimit -n` or LimitNOFILE= raise");
            if let Some(asked) = asked {
                warn!("--connections-max {asked} is too many: {words}");
            }
            Room { connections_max: allowed, words }
        }
    }
}

async fn run(command_line: &CommandLine, plan: Plan, slurm: SlurmFiles, room: Room) -> Result<(), Failure> {
    let listeners = bind(&plan.listen)?;
    let http = match plan.http {
        HttpAddress::Off => None,
        HttpAddress::On(address) => Some(TcpListener::bind(address).await.map_err(|error| Failure::Address {
            flag: "--http",
            address,
            error,
        })?),
    };
    // The name goes when this function ends, whatever becomes of the task that has the socket.
    let (control, _name) = plan.control.as_deref().map(Control::bind).transpose()?.unzip();
    let mut signals = Signals::new().map_err(|error| Failure::Internal(format!("can't receive signals: {error}")))?;
    greet(&plan, &room, &listeners, http.as_ref());

    let mut parts = start(plan, slurm, room, listeners, http, control)?;

    // The configuration while it is read: a file system that hangs does not keep anybody from stopping the cache.
    let (mut reading, mut again): (Option<Aside>, bool) = (None, false);
    let stop = loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Refresh if reading.is_none() => reading = Some(read_aside(command_line)),
                Asked::Refresh => {
                    warn!("SIGHUP: the configuration is still being read, and will be once more");
                    again = true;
                }
                Asked::Stop(name) => {
                    info!("{name}: stopping; routers get their last words within {} s", GRACE.as_secs());
                    break Stop::Restart;
                }
            },
            read = finished(&mut reading) => {
                reading = std::mem::take(&mut again).then(|| read_aside(command_line));
                parts.reload(read).await;
            }
            Some(command) = parts.commands.recv() => match command {
                control::Command::Refresh => parts.refresh("control").await,
                control::Command::Stop => {
                    info!("control: stopping; routers get their last words within {} s", GRACE.as_secs());
                    break Stop::Restart;
                }
                control::Command::StopAndFlush => {
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

/// What the command line, the file that it names, and the SLURM files that both name say now.
fn read_configuration(command_line: &CommandLine) -> Result<(Plan, SlurmFiles), Failure> {
    let plan = Plan::new(&command_line.settle()?)?;
    let slurm = plan.read_slurm()?;
    Ok((plan, slurm))
}

/// A configuration that is being read on a thread of its own.
type Aside = JoinHandle<Result<(Plan, SlurmFiles), Failure>>;

fn read_aside(command_line: &CommandLine) -> Aside {
    let command_line = command_line.clone();
    spawn_blocking(move || read_configuration(&command_line))
}

/// What was read, once it is; without a reading never.
async fn finished(reading: &mut Option<Aside>) -> Result<(Plan, SlurmFiles), Failure> {
    match reading {
        None => std::future::pending().await,
        Some(reading) => reading.await.unwrap_or_else(|error| Err(Failure::Internal(error.to_string()))),
    }
}

/// A running cache.
struct Parts {
    /// None of these ends by itself.
    tasks: JoinSet<&'static str>,
    /// What the cache was started or reloaded with.
    plan: Plan,
    roster: Roster,
    hub: mpsc::Sender<Input>,
    /// From the control socket.
    commands: mpsc::Receiver<control::Command>,
    /// Where to say that the cache stops.
    stop: Arc<watch::Sender<Published>>,
    /// All permits are here when no router is connected.
    room: Arc<Semaphore>,
    connections_max: u32,
    metrics: Arc<Metrics>,
}

impl Parts {
    /// Takes over a configuration, and reads all sources. What is wrong changes nothing.
    async fn reload(&mut self, read: Result<(Plan, SlurmFiles), Failure>) {
        let outcome = match read {
            Ok((plan, slurm)) => {
                self.apply(plan, slurm).await;
                "applied"
            }
            Err(failure) => {
                error!("SIGHUP: the configuration stays as it is: {failure}");
                "refused"
            }
        };
        self.metrics.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
        self.refresh("SIGHUP").await;
    }

    async fn apply(&mut self, plan: Plan, slurm: SlurmFiles) {
        let fixed = plan.needs_restart_for(&self.plan);
        if !fixed.is_empty() {
            warn!("a restart is needed for what changed of: {}", fixed.join(", "));
        }
        self.plan.keep_fixed(plan);
        let reconfiguration = reconfiguration(&self.plan, &mut self.roster, slurm);
        self.tell(Input::Reconfigure(Box::new(reconfiguration))).await;
        self.roster.start(&mut self.tasks);
    }

    async fn refresh(&mut self, asked_by: &str) {
        info!("{asked_by}: reading all sources again");
        self.tell(Input::AnswerAloud).await;
        self.roster.ring();
    }

    async fn tell(&self, input: Input) {
        // Should the hub be gone, the program is ending.
        let _ = self.hub.send(input).await;
    }
}

/// What the hub has to know of a plan.
fn reconfiguration(plan: &Plan, roster: &mut Roster, files: SlurmFiles) -> Reconfiguration {
    let (sources, slurm) = roster.assign(plan);
    Reconfiguration {
        curation: Curation {
            sources: sources.iter().map(|(source, _)| *source).collect(),
            choice: plan.choice,
            freshness: plan.freshness,
            guard: plan.guard,
        },
        timing: plan.timing,
        overlaps: plan.overlaps,
        sources,
        slurm: slurm.into_iter().zip(files).map(|((id, name), file)| (id, name, file)).collect(),
        control: plan.control.as_ref().map(|path| path.display().to_string()),
    }
}

fn start(
    plan: Plan,
    slurm: SlurmFiles,
    room: Room,
    listeners: Vec<Listener>,
    http: Option<TcpListener>,
    control: Option<Control>,
) -> Result<Parts, Failure> {
    let metrics = Arc::new(Metrics::new());
    for listener in &listeners {
        // It is 0 and not missing: an alert may wait for that.
        metrics.clients.get_or_create(&BindLabel { bind: listener.local().to_string() }).set(0);
    }
    let clock = Clock::start();
    let history = History::new(HistoryLimits::default(), session_ids()?, plan.timing, Serial(random()?));
    let (to_hub, inputs) = mpsc::channel(INPUTS_MAX);
    let (to_maker, wants) = mpsc::channel(WANTS_MAX);
    let (to_app, commands) = mpsc::channel(COMMANDS_MAX);
    let mut roster = Roster::new(to_hub.clone(), Arc::clone(&metrics), plan.policy.versions().max());
    let first = reconfiguration(&plan, &mut roster, slurm);
    let (hub, published) = Hub::new(history, plan.policy, clock, Arc::clone(&metrics), first);
    let stop = hub.stopper();
    let connections_max = room.connections_max;
    let permits = Arc::new(Semaphore::new(connections_max as usize));
    let service = Arc::new(Service {
        policy: plan.policy,
        clock,
        published: published.clone(),
        wants: to_maker,
        stall_max: Duration::from_secs(u64::from(plan.timing.retry() * STALL_RETRIES)),
        observer: Arc::new(Watch::new(Arc::clone(&metrics), room.words)),
    });

    let mut tasks = JoinSet::new();
    tasks.spawn(named("hub", hub.run(inputs, wants)));
    tasks.spawn(named("listener", listen(listeners, service, Arc::clone(&permits))));
    if let Some(listener) = http {
        tasks.spawn(named("HTTP server", http::serve(listener, Arc::clone(&metrics), published)));
    }
    if let Some(control) = control {
        tasks.spawn(named("control socket", control.serve(to_hub.clone(), to_app)));
    }
    roster.start(&mut tasks);
    Ok(Parts { tasks, plan, roster, hub: to_hub, commands, stop, room: permits, connections_max, metrics })
}

/// A task that says its name should it end.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// Tells all sessions, and waits until they are over, or the grace time is, or the operator asks again.
async fn say_goodbye(parts: &Parts, stop: Stop, signals: &mut Signals) {
    parts.stop.send_modify(|published| published.stop = Some(stop));
    tokio::select! {
        _ = parts.room.acquire_many(parts.connections_max) => info!("stopped; all connections are closed"),
        () = tokio::time::sleep(GRACE) => warn!("stopped; some routers did not take their last words in time"),
        () = signals.next_stop() => warn!("stopped at once, as asked again"),
    }
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<Listener>, Failure> {
    addresses
        .iter()
        .map(|address| {
            let beside = addresses.iter().any(|other| other.is_ipv4() && other.port() == address.port());
            let beside = if beside { Ipv4Beside::Yes } else { Ipv4Beside::No };
            Listener::bind(*address, beside).map_err(|error| Failure::Address {
                flag: "--listen",
                address: *address,
                error,
            })
        })
        .collect()
}

/// Says what is served, where, and how to look at it.
fn greet(plan: &Plan, room: &Room, listeners: &[Listener], http: Option<&TcpListener>) {
    let mut text = format!("rtrcast {}\n", env!("CARGO_PKG_VERSION"));
    for followed in &plan.sources {
        text += &format!("  source  {}\n", followed.place);
    }
    for followed in &plan.slurm {
        text += &format!("  SLURM   {}\n", followed.place);
    }
    for listener in listeners {
        text += &format!("  RTR     tcp://{} (protocol versions {})\n", listener.local(), plan.policy.versions());
    }
    text += &format!("  room    {} routers at a time\n", room.connections_max);
    match http.and_then(|listener| listener.local_addr().ok()) {
        Some(address) => {
            text += &format!("  HTTP    http://{address} (/metrics, /healthz, /readyz)\n");
            text += &format!("  look    curl -s http://{address}/metrics | grep rpki_objects\n");
        }
        None => text += "  HTTP    off\n",
    }
    if let Some(path) = &plan.control {
        text += &format!("  control rtrcast ctl status --control {}\n", path.display());
    }
    text += &format!("  stop    Ctrl-C; kill -HUP {} reads configuration and sources again\n", std::process::id());
    // Whoever started it may not want to read it.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn session_ids() -> Result<SessionIds, Failure> {
    let [high, low, ..] = random()?.to_be_bytes();
    Ok(SessionIds::new(u16::from_be_bytes([high, low])))
}

fn random() -> Result<u32, Failure> {
    getrandom::u32().map_err(|error| Failure::Internal(format!("no random numbers: {error}")))
}

/// What an operator asks by a signal.
enum Asked {
    Refresh,
    Stop(&'static str),
}

struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Refresh,
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
        }
    }

    async fn next_stop(&mut self) {
        while let Asked::Refresh = self.next().await {}
    }
}
