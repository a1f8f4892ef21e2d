//! `rtrcast dump`: asks a cache as a router does, and prints its answer.
//!
//! A task follows the cache (`follower.rs`), and this file waits for its outcome, the deadline or a signal.
//! `failure.rs` has messages and exit codes, `output.rs` the destination of a document, `pdus.rs` splits the octets
//! into PDUs, `progress.rs` writes to standard error.

mod failure;
mod follower;
mod output;
mod pdus;
mod progress;

use crate::cli::given::InvalidOptions;
use crate::cli::{DumpArguments, DumpFormat};
use crate::exit::Failure;
use crate::source::dialer;
use follower::Dump;
use output::{Output, WriteMode};
use progress::{Progress, Verbosity};
use rtrcast_net::{Clock, follow};
use rtrcast_proto::{ClientPolicy, ClientSession, Serial, SessionId, VersionRange, limits};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};

/// Limit of the time for a final Error Report to the cache once all is printed.
const GRACE: Duration = Duration::from_secs(1);

/// The data that are requested, and how they are printed.
#[derive(Clone, Debug)]
struct DumpRequest {
    versions: VersionRange,
    since: Option<(SessionId, Serial)>,
    follow: bool,
    print: DumpContent,
    timeout: Duration,
}

/// The content of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DumpContent {
    Data(DumpFormat),
    Pdus,
}

pub(crate) fn dump(arguments: &DumpArguments) -> Result<(), Failure> {
    let request = DumpRequest::of(arguments)?;
    arguments.dial.validate_for(&arguments.target).map_err(|InvalidOptions { options, reason }| {
        Failure::Usage(format!(
            "{}: {reason}",
            options.iter().map(|option| format!("--{option}")).collect::<Vec<_>>().join(", ")
        ))
    })?;
    let mode = match request.print {
        DumpContent::Pdus => WriteMode::Stream,
        DumpContent::Data(_) => WriteMode::Documents,
    };
    let output = Output::new(arguments.output.as_deref(), mode)?;
    // One worker may block in a write to a slow reader; the other one still receives signals.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Internal(format!("can't start threads: {error}")))?;
    let outcome = runtime.block_on(run(arguments, request, output));
    runtime.shutdown_background();
    outcome
}

impl DumpRequest {
    fn of(arguments: &DumpArguments) -> Result<DumpRequest, Failure> {
        let is_csv = !arguments.pdus && arguments.format == DumpFormat::Csv;
        let has_file = arguments.output.is_some();
        let since = arguments.session.map(SessionId).zip(arguments.serial.map(Serial));
        let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
        if is_csv && since.is_some() {
            return usage("CSV has no form for withdrawn records: --serial needs --format json or text");
        }
        if is_csv && arguments.follow && !has_file {
            return usage(
                "CSV has no form for withdrawn records: --follow needs --format json or text, or a file (-o)",
            );
        }
        if has_file && arguments.follow && since.is_some() && !arguments.pdus {
            return usage("--follow keeps the whole set in the file of --output: that is not known with --serial");
        }
        let versions = match arguments.exact_version {
            Some(exact) => VersionRange::new(exact.0, exact.0),
            None => VersionRange::new(VersionRange::ALL.min(), arguments.max_version.0),
        };
        Ok(DumpRequest {
            versions: versions.expect("a version is not above itself, and 0 above none"),
            since,
            follow: arguments.follow,
            print: if arguments.pdus { DumpContent::Pdus } else { DumpContent::Data(arguments.format) },
            timeout: Duration::from_secs(arguments.timeout.into()),
        })
    }

    fn session(&self, clock: Clock) -> Result<ClientSession, Failure> {
        // The timeout applies to a silent cache, as long as it runs.
        let silence_max = limits::SILENCE_MAX.max(self.timeout + GRACE);
        let policy = ClientPolicy { versions: self.versions, silence_max, ..ClientPolicy::default() };
        let seed = getrandom::u64().map_err(|error| Failure::Internal(format!("no random numbers: {error}")))?;
        Ok(match self.since {
            Some((session, serial)) => ClientSession::probe(clock.now(), policy, seed, session, serial),
            None => ClientSession::new(clock.now(), policy, seed),
        })
    }
}

async fn run(arguments: &DumpArguments, request: DumpRequest, output: Output) -> Result<(), Failure> {
    let mut signals =
        StopSignals::new().map_err(|error| Failure::Internal(format!("can't receive signals: {error}")))?;
    let (clock, target) = (Clock::start(), arguments.target.clone());
    let session = request.session(clock)?;
    let verbosity = if arguments.quiet { Verbosity::ErrorsOnly } else { Verbosity::Notes };
    let progress = Arc::new(Progress::new(target.to_string(), verbosity));
    let dial = arguments.dial.typed();
    let dialer = dialer::dialer(&target, &dial, || progress::note_reloads(Arc::clone(&progress)));
    let dialer = dialer.map_err(Failure::Usage)?;
    let is_for_reader = output.is_standard();
    let asked = request.clone();
    let (outcome_sender, mut ended) = oneshot::channel();
    let mut dump = Dump::new(request, output, clock, Arc::clone(&progress), outcome_sender);
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
                    // A final Error Report may still be sent; the dump does not wait longer for it.
                    let _ = timeout(GRACE, &mut task).await;
                    outcome
                }
                // The sender was dropped: a panic.
                Err(_) => Err(Failure::Internal("the connection's task ended".to_owned())),
            },
            signal = signals.next() => {
                let is_done = asked.follow && progress.is_complete();
                break if is_done { Ok(()) } else { Err(Failure::Interrupted(signal)) };
            }
            () = &mut deadline, if !progress.is_complete() => {
                break Err(failure::timed_out(progress.url(), progress.stage(), &asked, &dial));
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
        // An incomplete file is removed with the task, unless that blocks in a write.
        let _ = timeout(GRACE, task).await;
    }
    match (outcome, ended.try_recv()) {
        // The dump was complete: its last write was under way.
        (Err(Failure::Interrupted(_)), Ok(Ok(()))) => Ok(()),
        (outcome, _) => outcome,
    }
}

fn ticks(first: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + first, Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Signals that end a dump.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn new() -> std::io::Result<StopSignals> {
        Ok(StopSignals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns the number of the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}
