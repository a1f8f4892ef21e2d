//! `rtrcast dump`: asks a cache as a router does, and prints what it sends.
//!
//! A task follows the cache (`follower.rs`), and here it is waited for what becomes of that: an outcome, the end of the
//! time, or a signal. `refusal.rs` says what went wrong and what to do, `output.rs` is where a document goes, `pdus.rs`
//! takes the conversation apart, `progress.rs` has standard error.

mod follower;
mod output;
mod pdus;
mod progress;
mod refusal;

use crate::cli::given::InvalidOptions;
use crate::cli::{DumpArguments, DumpFormat};
use crate::exit::Failure;
use crate::source::dialer;
use follower::Dump;
use output::{Output, Shape};
use progress::Progress;
use rtrcast_net::{Clock, follow};
use rtrcast_proto::{ClientPolicy, ClientSession, Serial, SessionId, VersionRange, limits};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

/// How long last words to the cache may take once all is printed.
const GRACE: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Clone, Debug)]
struct Wish {
    versions: VersionRange,
    since: Option<(SessionId, Serial)>,
    follow: bool,
    print: Print,
    timeout: Duration,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Print {
    Data(DumpFormat),
    Pdus,
}

pub(crate) fn dump(arguments: &DumpArguments) -> Result<(), Failure> {
    let wish = Wish::of(arguments)?;
    arguments.dial.validate_for(&arguments.target).map_err(|InvalidOptions { options, reason }| {
        Failure::Usage(format!(
            "{}: {reason}",
            options.iter().map(|option| format!("--{option}")).collect::<Vec<_>>().join(", ")
        ))
    })?;
    let shape = match wish.print {
        Print::Pdus => Shape::Stream,
        Print::Data(_) => Shape::Documents,
    };
    let output = Output::new(arguments.output.as_deref(), shape)?;
    // One worker may be stuck in a write to whoever reads slowly; the other one still sees signals.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(format!("can't start threads: {error}")))?;
    let outcome = runtime.block_on(run(arguments, wish, output));
    runtime.shutdown_background();
    outcome
}

impl Wish {
    fn of(arguments: &DumpArguments) -> Result<Wish, Failure> {
        let is_csv = !arguments.pdus && arguments.format == DumpFormat::Csv;
        let has_file = arguments.output.is_some();
        let since = arguments.session.map(SessionId).zip(arguments.serial.map(Serial));
        let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
        if is_csv && since.is_some() {
            return usage("CSV can't say what is withdrawn: --serial needs --format json or text");
        }
        if is_csv && arguments.follow && !has_file {
            return usage("CSV can't say what is withdrawn: --follow needs --format json or text, or a file (-o)");
        }
        if has_file && arguments.follow && since.is_some() && !arguments.pdus {
            return usage("--follow keeps the whole set in the file of --output: that is not known with --serial");
        }
        let versions = match arguments.exact_version {
            Some(exact) => VersionRange::new(exact.0, exact.0),
            None => VersionRange::new(VersionRange::ALL.min(), arguments.max_version.0),
        };
        Ok(Wish {
            versions: versions.expect("a version is not above itself, and 0 above none"),
            since,
            follow: arguments.follow,
            print: if arguments.pdus { Print::Pdus } else { Print::Data(arguments.format) },
            timeout: Duration::from_secs(arguments.timeout.into()),
        })
    }

    fn session(&self, clock: Clock) -> Result<ClientSession, Failure> {
        // Silence is for --timeout to judge, as long as that runs.
        let silence_max = limits::SILENCE_MAX.max(self.timeout + GRACE);
        let policy = ClientPolicy { versions: self.versions, silence_max, ..ClientPolicy::default() };
        let seed = getrandom::u64().map_err(|error| Failure::Internal(format!("no random numbers: {error}")))?;
        Ok(match self.since {
            Some((session, serial)) => ClientSession::probe(clock.now(), policy, seed, session, serial),
            None => ClientSession::new(clock.now(), policy, seed),
        })
    }
}

async fn run(arguments: &DumpArguments, wish: Wish, output: Output) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::Internal(format!("can't receive signals: {error}")))?;
    let (clock, target) = (Clock::start(), arguments.target.clone());
    let session = wish.session(clock)?;
    let progress = Arc::new(Progress::new(target.to_string(), arguments.quiet));
    let dial = arguments.dial.typed();
    let dialer = dialer::dialer(&target, &dial, || progress::note_reloads(Arc::clone(&progress)));
    let dialer = dialer.map_err(Failure::Usage)?;
    let is_for_reader = output.is_standard();
    let asked = wish.clone();
    let (tell, mut ended) = oneshot::channel();
    let mut dump = Dump::new(wish, output, clock, Arc::clone(&progress), tell);
    let mut task = tokio::spawn(async move {
        follow(&dialer, clock, session, &Notify::new(), &mut dump).await;
    });
    let mut deadline = std::pin::pin!(sleep(asked.timeout));
    let mut ticks = ticks(progress.first_tick());
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut ended => break match outcome {
                Ok(outcome) => {
                    // The cache may still be told what was wrong, but nobody has to wait for that.
                    let _ = timeout(GRACE, &mut task).await;
                    outcome
                }
                // It went without a word: a panic.
                Err(_) => Err(Failure::Internal("the connection's task ended".to_owned())),
            },
            signal = signals.next() => {
                let is_done = asked.follow && progress.is_complete();
                break if is_done { Ok(()) } else { Err(Failure::Interrupted(signal)) };
            }
            () = &mut deadline, if !progress.is_complete() => {
                break Err(refusal::too_late(progress.url(), progress.stage(), &asked, &dial));
            }
            _ = ticks.tick() => {
                if is_for_reader && output::has_no_reader() {
                    break Ok(());
                }
                progress.tick();
            }
        }
    };
    progress.clear();
    if !task.is_finished() {
        task.abort();
        // A file that is not complete goes with the task, unless that hangs in a write.
        let _ = timeout(GRACE, task).await;
    }
    match (outcome, ended.try_recv()) {
        // It was done all the same: its last write was under way.
        (Err(Failure::Interrupted(_)), Ok(Ok(()))) => Ok(()),
        (outcome, _) => outcome,
    }
}

fn ticks(first: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + first, Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The signals that end it.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The number of the next one.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}
