//! `rtrcast serve`: puts the parts together, starts their tasks, and stops them.

use crate::cli::HttpAddress;
use crate::config::CommandLine;
use crate::config::address::Source;
use crate::config::plan::{ConfiguredSource, Plan};
use crate::config::secrets;
use crate::control::Control;
use crate::credentials;
use crate::exit::Failure;
use crate::http;
use crate::http::api::{ApiState, ProgramRequest};
use crate::hub::Hub;
use crate::hub::message::{Input, Reconfiguration};
use crate::listener::{Listeners, Loaded, Loader};
use crate::observe::describe::{count, first_lines};
use crate::observe::log::event::service::ServiceEvent;
use crate::observe::log::{self, Log};
use crate::observe::metrics::{Metrics, OutcomeLabel};
use crate::observe::routers::Routers;
use crate::observe::sessions::SessionObserver;
use crate::observe::status::Timestamp;
use crate::source::content::SlurmFiles;
use crate::source::tasks::SourceTasks;
use rtrcast_feed::curator::Curation;
use rtrcast_net::{
    Activated, Clock, Door, Limits, Publisher, PublisherHandle, Service, Terms, listen, sd_notify, sd_reloading,
};
use rtrcast_proto::{History, HistoryLimits, Serial, SessionIds, Stop};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::future::Future;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

/// How long routers may take for the rest of their response, or a final Error Report, when the cache stops. [C-RST-01]
const GRACE: Duration = Duration::from_secs(10);

/// Descriptors that are not for routers: sources, HTTP, data sets, logs.
const DESCRIPTORS_KEPT: u64 = 64;

/// With fewer there would be none for routers beside sources, HTTP and data sets.
const DESCRIPTORS_MIN: u64 = 32;

/// What a channel to the hub holds before its senders wait.
const INPUTS_MAX: usize = 4;
const WANTS_MAX: usize = 1_024;

/// Requests from the control socket that wait.
const REQUESTS_MAX: usize = 64;

pub(crate) fn serve(command_line: &CommandLine) -> Result<(), Failure> {
    // What the file says of the log counts as well, and what is wrong with the file is told without a log.
    let settings = command_line.settle()?;
    let plan = Plan::new(&settings)?;
    let slurm = plan.read_slurm()?;
    plan.try_dialing(&[])?;
    rtrcast_net::give_memory_back();
    log::start(settings.arguments.log_level.level(), settings.arguments.log_format.format());
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

/// How many routers there may be.
struct Room {
    /// The limit of descriptors.
    descriptors: u64,
    connections_max: u32,
    /// The same in words, with what raises it.
    words: String,
}

impl Room {
    /// The terms of a plan, with so many connections.
    fn terms(&self, plan: &Plan) -> Terms {
        let limits = Limits { connections_max: self.connections_max, ..plan.terms.limits };
        Terms { limits, ..plan.terms.clone() }
    }
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
            Room { descriptors: limit, connections_max: asked, words: format!("{asked}, by --connections-max") }
        }
        Some(_) | None => {
            let words = format!("{allowed}, by the descriptor limit {limit}, which `ulimit -n` or LimitNOFILE= raise");
            if let Some(asked) = asked {
                ServiceEvent::ConnectionsMaxReduced { asked, connections_max: allowed, limit: &words }.log();
            }
            Room { descriptors: limit, connections_max: allowed, words }
        }
    }
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
                    ServiceEvent::ReloadRepeated {}.log();
                    again = true;
                }
                Asked::Stop(name) => {
                    let _ = sd_notify("STOPPING=1");
                    ServiceEvent::Stopping { asked_by: name, seconds_max: GRACE.as_secs() }.log();
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
                    ServiceEvent::Stopping { asked_by: "control", seconds_max: GRACE.as_secs() }.log();
                    break Stop::Restart;
                }
                ProgramRequest::StopAndFlush => {
                    ServiceEvent::StoppingForGood { asked_by: "control" }.log();
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

/// All that a configuration says, and all files that it names but for the data.
struct Configuration {
    plan: Plan,
    slurm: SlurmPlaces,
    listen: Vec<Loaded>,
}

impl Configuration {
    /// What the command line, the file that it names, and the files that both name say now.
    fn read(
        command_line: &CommandLine,
        before: &[ConfiguredSource],
        loader: &Loader,
    ) -> Result<Configuration, Failure> {
        let plan = Plan::new(&command_line.settle()?)?;
        let slurm = plan.read_slurm()?;
        plan.try_dialing(before)?;
        let listen = loader.load(&plan.listen)?;
        secrets::warn_of_readers(&plan);
        Ok(Configuration { plan, slurm, listen })
    }
}

/// A configuration that is being read on a thread of its own.
type Aside = JoinHandle<Result<Configuration, Failure>>;

/// What was read, once it is; without a reading never.
async fn finished(reading: &mut Option<Aside>) -> Result<Configuration, Failure> {
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

impl Parts {
    /// Reads the configuration and what it names, which may take as long as a file system likes: aside.
    fn read_aside(&self, command_line: &CommandLine) -> Aside {
        let (command_line, before) = (command_line.clone(), self.plan.sources.clone());
        let loader = self.listeners.loader();
        spawn_blocking(move || Configuration::read(&command_line, &before, &loader))
    }

    /// Takes over a configuration, and reads all sources. What is wrong changes nothing.
    async fn reload(&mut self, read: Result<Configuration, Failure>) {
        let outcome = match read {
            Ok(Configuration { plan, slurm, listen }) => match self.listeners.open(listen) {
                Ok(()) => {
                    self.apply(plan, slurm).await;
                    "applied"
                }
                Err(failure) => Parts::refuse(&failure),
            },
            Err(failure) => Parts::refuse(&failure),
        };
        self.metrics.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
        self.refresh("SIGHUP").await;
    }

    /// Says why a configuration is refused; in a word what became of it.
    fn refuse(failure: &Failure) -> &'static str {
        for line in first_lines(failure.lines()) {
            ServiceEvent::ReloadRefused { reason: &line }.log();
        }
        "refused"
    }

    async fn apply(&mut self, plan: Plan, slurm: SlurmPlaces) {
        let fixed = plan.needs_restart_for(&self.plan);
        if !fixed.is_empty() {
            ServiceEvent::RestartNeeded { options: &fixed }.log();
        }
        self.plan.keep_fixed(plan);
        let room = room(self.plan.connections_max);
        let terms = room.terms(&self.plan);
        self.sessions.set_limit(room.words);
        self.door.set_limits(terms.limits);
        self.publisher.set_terms(terms);
        self.routers.set_names(&self.plan.peer_names);
        let reconfiguration = reconfiguration(&self.plan, &mut self.source_tasks, slurm);
        self.tell(Input::Reconfigure(Box::new(reconfiguration))).await;
        self.source_tasks.start(&mut self.tasks);
    }

    async fn refresh(&mut self, asked_by: &str) {
        ServiceEvent::Refreshing { asked_by }.log();
        credentials::look_soon(&self.listeners.looks());
        self.tell(Input::AnswerAloud).await;
        self.source_tasks.refresh();
    }

    async fn tell(&self, input: Input) {
        // Should the hub be gone, the program is ending.
        let _ = self.hub.send(input).await;
    }
}

/// What the hub has to know of a plan.
fn reconfiguration(plan: &Plan, source_tasks: &mut SourceTasks, files: SlurmPlaces) -> Reconfiguration {
    let (sources, slurm) = source_tasks.assign(plan);
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
        slurm: slurm.into_iter().zip(files).map(|((id, name), file)| (id, name, file)).collect(),
        control: plan.control.as_ref().map(|path| path.display().to_string()),
    }
}

/// What metrics, status and logs are made from.
struct Observed {
    metrics: Arc<Metrics>,
    routers: Arc<Routers>,
}

fn start(
    plan: Plan,
    slurm: SlurmPlaces,
    room: Room,
    observed: Observed,
    listeners: Listeners,
    http: Option<TcpListener>,
    control: Option<Control>,
) -> Result<Parts, Failure> {
    let Observed { metrics, routers } = observed;
    let clock = routers.clock();
    let history = History::new(HistoryLimits::default(), session_ids()?, plan.timing, Serial(random()?));
    let (to_hub, inputs) = mpsc::channel(INPUTS_MAX);
    let (to_maker, wants) = mpsc::channel(WANTS_MAX);
    let (to_program, requests) = mpsc::channel(REQUESTS_MAX);
    let mut source_tasks =
        SourceTasks::new(to_hub.clone(), Arc::clone(&metrics), Arc::clone(&routers), plan.most().version());
    let first = reconfiguration(&plan, &mut source_tasks, slurm);
    let terms = room.terms(&plan);
    let door = Door::new(terms.limits);
    routers.set_names(&plan.peer_names);
    metrics.watch_door(Arc::clone(&door));
    let publisher = Publisher::new(history, terms);
    let handle = publisher.handle();
    let hub = Hub::new(publisher, Arc::clone(&routers), Arc::clone(&metrics), first);
    let health = hub.health();
    let sessions = Arc::new(SessionObserver::new(Arc::clone(&metrics), Arc::clone(&routers), room.words));
    let service = Arc::new(Service {
        clock,
        published: handle.subscribe(),
        wants: to_maker,
        observer: Arc::clone(&sessions) as _,
        door: Arc::clone(&door),
    });

    let mut tasks = JoinSet::new();
    tasks.spawn(named("hub", hub.run(inputs, wants)));
    tasks.spawn(named("listener", listen(listeners.subscribe(), service)));
    tasks.spawn(named("credentials", credentials::look_for_ever(listeners.looks())));
    if let Some(control) = control {
        let state = ApiState {
            hub: to_hub.clone(),
            routers: Arc::clone(&routers),
            published: handle.subscribe(),
            door: Arc::clone(&door),
            started: Timestamp::now(),
        };
        tasks.spawn(named("control socket", control.serve(state, to_program)));
    }
    if let Some(listener) = http {
        tasks.spawn(named("HTTP server", http::serve(listener, Arc::clone(&metrics), handle.subscribe(), health)));
    }
    source_tasks.start(&mut tasks);
    Ok(Parts {
        tasks,
        plan,
        source_tasks,
        hub: to_hub,
        requests,
        publisher: handle,
        door,
        listeners,
        sessions,
        routers,
        metrics,
    })
}

/// A task that says its name should it end.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// Tells all sessions, and waits until they are over, or the grace time is, or the operator asks again.
async fn say_goodbye(parts: &Parts, stop: Stop, signals: &mut Signals) {
    parts.publisher.stop(stop);
    tokio::select! {
        () = parts.door.empty() => ServiceEvent::Stopped {}.log(),
        () = tokio::time::sleep(GRACE) => ServiceEvent::StoppedBeforeAllWasSent {}.log(),
        () = signals.next_stop() => ServiceEvent::StoppedAtOnce {}.log(),
    }
}

/// Says what is served, where, and how to look at it.
fn greet(plan: &Plan, slurm: &SlurmPlaces, room: &Room, listeners: &Listeners, http: Option<&TcpListener>) {
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
    for place in listeners.places() {
        text += &format!("  RTR     {place} (protocol versions {})\n", plan.terms.policy.versions());
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
    let _ = io::stdout().write_all(text.as_bytes());
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
    fn new() -> io::Result<Signals> {
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
