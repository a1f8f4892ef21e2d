//! `rtrcast serve`: puts the parts together, starts their tasks, and stops them.

use crate::cli::{HttpAddress, ServeArguments};
use crate::exit::Failure;
use crate::hub::Hub;
use crate::metrics::{BindLabel, Metrics};
use crate::source::{self, Context, Source};
use crate::watch::Watch;
use crate::{http, log};
use rtrcast_net::{Clock, Ipv4Beside, Listener, Published, Service, listen};
use rtrcast_proto::{History, HistoryLimits, Serial, ServerPolicy, SessionIds, Stop, Timing, VersionRange};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

/// How long routers may take for their last words when the cache stops. [C-RST-01]
const GRACE: Duration = Duration::from_secs(10);

/// How many retry intervals a router may take nothing of what it is sent (8210bis section 9).
const STALL_RETRIES: u32 = 3;

/// Descriptors that are not for routers: sources, HTTP, data sets, logs.
const DESCRIPTORS_KEPT: u64 = 64;

/// What a channel to the hub holds before its senders wait.
const INPUTS_MAX: usize = 4;
const WANTS_MAX: usize = 1_024;

/// What the arguments say, checked.
struct Plan {
    source: Source,
    listen: Vec<SocketAddr>,
    http: HttpAddress,
    policy: ServerPolicy,
    timing: Timing,
    refresh: Duration,
    room: Room,
}

pub(crate) fn serve(arguments: ServeArguments) -> Result<(), Failure> {
    log::start(arguments.log_level);
    let plan = plan(arguments).inspect_err(|_| log::finish())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("rtrcast")
        .build()
        .map_err(|error| Failure::Internal(format!("can't start threads: {error}")))?;
    let outcome = runtime.block_on(run(plan));
    // A read that is still running is not waited for.
    runtime.shutdown_background();
    log::finish();
    outcome
}

fn plan(arguments: ServeArguments) -> Result<Plan, Failure> {
    let (min, max) = (arguments.min_version.0, arguments.max_version.0);
    let versions = VersionRange::new(min, max).ok_or_else(|| {
        Failure::Usage(format!("--min-version {min} is above --max-version {max}: no version is left"))
    })?;
    let timing = Timing::new(arguments.rtr_refresh, arguments.rtr_retry, arguments.rtr_expire)
        .map_err(|error| Failure::Usage(format!("--rtr-refresh, --rtr-retry, --rtr-expire: {error}")))?;
    if let Some(twice) = (1..arguments.listen.len()).find(|n| arguments.listen[..*n].contains(&arguments.listen[*n])) {
        return Err(Failure::Usage(format!("--listen {} is given twice", arguments.listen[twice])));
    }
    let mut policy = ServerPolicy::new(versions);
    if arguments.no_router_keys {
        policy = policy.without_router_keys();
    }
    if arguments.no_aspas {
        policy = policy.without_aspas();
    }
    Ok(Plan {
        source: arguments.source,
        listen: arguments.listen,
        http: arguments.http,
        policy,
        timing,
        refresh: Duration::from_secs(arguments.refresh.into()),
        room: room(arguments.connections_max),
    })
}

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

async fn run(plan: Plan) -> Result<(), Failure> {
    let listeners = bind(&plan.listen)?;
    let http = match plan.http {
        HttpAddress::Off => None,
        HttpAddress::On(address) => Some(TcpListener::bind(address).await.map_err(|error| Failure::Address {
            flag: "--http",
            address,
            error,
        })?),
    };
    let mut signals = Signals::new().map_err(|error| Failure::Internal(format!("can't receive signals: {error}")))?;
    greet(&plan, &listeners, http.as_ref());

    let mut parts = start(plan, listeners, http)?;

    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Refresh => {
                    info!("SIGHUP: reading the source again");
                    parts.metrics.answer_aloud.store(true, Ordering::Relaxed);
                    parts.bell.notify_one();
                }
                Asked::Stop(name) => {
                    info!("{name}: stopping; routers get their last words within {} s", GRACE.as_secs());
                    break;
                }
            },
            ended = parts.tasks.join_next() => return Err(Failure::Internal(match ended {
                Some(Ok(name)) => format!("the {name} ended"),
                Some(Err(error)) => error.to_string(),
                None => "no task is left".to_owned(),
            })),
        }
    }
    say_goodbye(&parts, &mut signals).await;
    Ok(())
}

/// A running cache.
struct Parts {
    /// None of these ends by itself.
    tasks: JoinSet<&'static str>,
    /// Rung to read the source again.
    bell: Arc<Notify>,
    /// Where to say that the cache stops.
    stop: Arc<watch::Sender<Published>>,
    /// All permits are here when no router is connected.
    room: Arc<Semaphore>,
    connections_max: u32,
    metrics: Arc<Metrics>,
}

fn start(plan: Plan, listeners: Vec<Listener>, http: Option<TcpListener>) -> Result<Parts, Failure> {
    let metrics = Arc::new(Metrics::new());
    for listener in &listeners {
        // It is 0 and not missing: an alert may wait for that.
        metrics.clients.get_or_create(&BindLabel { bind: listener.local().to_string() }).set(0);
    }
    let history = History::new(HistoryLimits::default(), session_ids()?, plan.timing, Serial(random()?));
    let (hub, published) = Hub::new(history, plan.policy, Arc::clone(&metrics));
    let stop = hub.stopper();
    let (to_hub, inputs) = mpsc::channel(INPUTS_MAX);
    let (to_maker, wants) = mpsc::channel(WANTS_MAX);
    let bell = Arc::new(Notify::new());
    let room = Arc::new(Semaphore::new(plan.room.connections_max as usize));
    let service = Arc::new(Service {
        policy: plan.policy,
        clock: Clock::start(),
        published: published.clone(),
        wants: to_maker,
        stall_max: Duration::from_secs(u64::from(plan.timing.retry() * STALL_RETRIES)),
        observer: Arc::new(Watch::new(Arc::clone(&metrics), plan.room.words)),
    });
    let context = Context {
        name: plan.source.to_string().into(),
        hub: to_hub,
        metrics: Arc::clone(&metrics),
        bell: Arc::clone(&bell),
        refresh: plan.refresh,
        version: plan.policy.versions().max(),
    };

    let mut tasks = JoinSet::new();
    tasks.spawn(named("hub", hub.run(inputs, wants)));
    tasks.spawn(named("source", source::follow(plan.source, context)));
    tasks.spawn(named("listener", listen(listeners, service, Arc::clone(&room))));
    if let Some(listener) = http {
        tasks.spawn(named("HTTP server", http::serve(listener, Arc::clone(&metrics), published)));
    }
    Ok(Parts { tasks, bell, stop, room, connections_max: plan.room.connections_max, metrics })
}

/// A task that says its name should it end.
async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// Tells all sessions, and waits until they are over, or the grace time is, or the operator asks again.
async fn say_goodbye(parts: &Parts, signals: &mut Signals) {
    parts.stop.send_modify(|published| published.stop = Some(Stop::Restart));
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
fn greet(plan: &Plan, listeners: &[Listener], http: Option<&TcpListener>) {
    let mut text = format!("rtrcast {}\n  source  {}\n", env!("CARGO_PKG_VERSION"), plan.source);
    for listener in listeners {
        text += &format!("  RTR     tcp://{} (protocol versions {})\n", listener.local(), plan.policy.versions());
    }
    text += &format!("  room    {} routers at a time\n", plan.room.connections_max);
    match http.and_then(|listener| listener.local_addr().ok()) {
        Some(address) => {
            text += &format!("  HTTP    http://{address} (/metrics, /healthz, /readyz)\n");
            text += &format!("  look    curl -s http://{address}/metrics | grep rpki_objects\n");
        }
        None => text += "  HTTP    off\n",
    }
    text += &format!("  stop    Ctrl-C; kill -HUP {} reads the source again\n", std::process::id());
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
