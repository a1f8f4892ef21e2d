//! What the program before this one has handed over, and the way back to it until this one is ready.

use super::file::{HandoverFile, HandoverReport};
use super::lineage::HandedLine;
use super::program::{self, FAILED_VARIABLE, REHEARSAL_ARGUMENT, VARIABLE, rehearsal_text};
use super::sockets::HandedSockets;
#[cfg(target_os = "linux")]
use rtrcast_net::DescriptorQueue;
use rtrcast_net::{PassedDescriptors, SharedOctets, inherit_again};
use rtrcast_proto::{FieldDecoder, HistoryLimits};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The way back to the program before this one; none if there was none, or this one is ready.
static WAY_BACK: Mutex<Option<Armed>> = Mutex::new(None);

/// What is needed to undo the taking over.
#[derive(Debug)]
enum Armed {
    /// The program before this one goes on in this process.
    Execute {
        handover: RawFd,
        own: RawFd,
        /// Descriptors that this program has taken.
        taken: Vec<RawFd>,
        words: Vec<OsString>,
    },
    /// The next process that the service manager starts is given the same.
    #[cfg(target_os = "linux")]
    GiveBack { queue: DescriptorQueue, taken: Vec<RawFd> },
}

/// The way back, from the start of the program until it is ready.
#[derive(Debug)]
pub(crate) struct WayBack;

impl WayBack {
    /// Has any panic from now on lead back to the program before this one, if there is one.
    pub(crate) fn arm(words: &[OsString]) {
        let Some((handover, own)) = passed() else { return };
        if failure().is_some() {
            // It is this program that goes on.
            return;
        }
        WayBack::set(Armed::Execute { handover, own, taken: Vec::new(), words: words.to_vec() });
        panic_point(1);
    }

    fn set(armed: Armed) {
        *lock() = Some(armed);
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            WayBack::go(&format!("it fails: {panic}").replace('\n', " "));
            default(panic);
        }));
    }

    /// Goes back to the program before this one, if there is one and this one is not ready. Returns otherwise, or if that
    /// fails, or if what was handed over is for the next process of the service.
    pub(crate) fn go(reason: &str) {
        let armed = lock().take();
        let error = match armed {
            None => return,
            Some(Armed::Execute { handover, own, taken, words }) => {
                inherit_again(&taken);
                program::execute_again(own, handover, &words, reason)
            }
            #[cfg(target_os = "linux")]
            Some(Armed::GiveBack { queue, taken }) => match queue.give_back(&taken) {
                Ok(()) => return,
                Err(error) => error,
            },
        };
        let _ = writeln!(io::stderr(), "rtrcast: what was handed over is lost: {error}");
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<Armed>> {
    WAY_BACK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the numbers of the memory file, and of the program before this one.
fn passed() -> Option<(RawFd, RawFd)> {
    let value = std::env::var(VARIABLE).ok()?;
    let mut numbers = value.split(':');
    let process: u32 = numbers.next()?.parse().ok()?;
    let passed = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    (process == std::process::id()).then_some(passed)
}

/// Returns why another program failed.
fn failure() -> Option<String> {
    std::env::var(FAILED_VARIABLE).ok()
}

/// Panics at a point of a start, in builds for tests, if the variable RTRCAST_TEST_PANIC_AT names that.
pub(crate) fn panic_point(point: u32) {
    #[cfg(debug_assertions)]
    if lock().is_some() && std::env::var("RTRCAST_TEST_PANIC_AT").is_ok_and(|at| at == point.to_string()) {
        panic!("point {point}");
    }
    let _ = point;
}

/// What was handed over to this program.
#[derive(Debug)]
pub(crate) struct TakenHandover {
    pub(crate) version: String,
    pub(crate) report: HandoverReport,
    /// Why the program failed that was to go on, if this one goes on in its place.
    pub(crate) failed: Option<String>,
    pub(crate) sockets: HandedSockets,
    pub(crate) line: Option<HandedLine>,
    pub(crate) octets: SharedOctets,
    pub(crate) connections: Vec<u8>,
    pub(crate) descriptors: PassedDescriptors,
    is_ready: Arc<AtomicBool>,
    /// True if it came from the service manager's store, and this is another process.
    pub(crate) is_stored: bool,
}

impl TakenHandover {
    /// Takes what the program before this one has handed over, if there was one. `stored` is what the service manager has
    /// kept for this process.
    pub(crate) fn take(limits: HistoryLimits, stored: Vec<OwnedFd>) -> Result<Option<TakenHandover>, String> {
        let Some((handover, own)) = passed() else { return TakenHandover::take_stored(limits, stored) };
        let file = open(handover)?;
        panic_point(2);
        let numbers: Vec<RawFd> = file.numbers.iter().copied().chain([handover, own]).collect();
        let descriptors = PassedDescriptors::inherited(numbers.iter().copied());
        let descriptors = descriptors.map_err(|error| format!("the descriptors that are handed over: {error}"))?;
        if let Some(Armed::Execute { taken, .. }) = &mut *lock() {
            *taken = numbers;
        }
        panic_point(3);
        TakenHandover::read(limits, file, descriptors, false)
    }

    #[cfg(target_os = "linux")]
    fn take_stored(limits: HistoryLimits, stored: Vec<OwnedFd>) -> Result<Option<TakenHandover>, String> {
        if stored.is_empty() {
            return Ok(None);
        }
        let queue = DescriptorQueue::passed(stored);
        let received = queue.receive();
        let mut received = received.map_err(|error| format!("what the service manager has stored: {error}"))?;
        if received.is_empty() {
            // An earlier process has taken it.
            return Ok(None);
        }
        let numbers: Vec<RawFd> = received.iter().map(AsRawFd::as_raw_fd).collect();
        WayBack::set(Armed::GiveBack { queue, taken: numbers });
        let handover = received.remove(0);
        let file = open(handover.as_raw_fd())?;
        // It has to stay open to be given back.
        received.push(handover);
        TakenHandover::read(limits, file, PassedDescriptors::received(received), true)
    }

    #[cfg(not(target_os = "linux"))]
    fn take_stored(_: HistoryLimits, _: Vec<OwnedFd>) -> Result<Option<TakenHandover>, String> {
        Ok(None)
    }

    fn read(
        limits: HistoryLimits,
        file: HandoverFile,
        descriptors: PassedDescriptors,
        is_stored: bool,
    ) -> Result<Option<TakenHandover>, String> {
        match TakenHandover::parts(limits, file, &descriptors) {
            Ok(taken) => Ok(Some(TakenHandover { descriptors, is_stored, ..taken })),
            Err(reason) => {
                // As long as they are open.
                WayBack::go(&reason);
                Err(reason)
            }
        }
    }

    fn parts(
        limits: HistoryLimits,
        file: HandoverFile,
        descriptors: &PassedDescriptors,
    ) -> Result<TakenHandover, String> {
        let is_ready = Arc::new(AtomicBool::new(false));
        let sockets = HandedSockets::read(&file.sockets, descriptors, &is_ready);
        let sockets = sockets.ok_or("the sockets that are handed over are damaged")?;
        let octets = SharedOctets::decode(&mut FieldDecoder::new(&file.octets), descriptors);
        let octets = octets.map_err(|error| error.to_string())?;
        let line = HandedLine::read(&file.line, &octets, limits)?;
        panic_point(4);
        let HandoverFile { version, report, connections, .. } = file;
        Ok(TakenHandover {
            version,
            report,
            failed: passed().and_then(|_| failure()),
            sockets,
            line: Some(line),
            octets,
            connections,
            descriptors: PassedDescriptors::default(),
            is_ready,
            is_stored: false,
        })
    }

    /// This program is ready: there is no way back any more, and what it did not take is closed.
    pub(crate) fn ready(&mut self) {
        *lock() = None;
        #[cfg(target_os = "linux")]
        if self.is_stored {
            // The ends are empty; should they stay in the store, the next process finds that.
            let _ = DescriptorQueue::forget();
        }
        self.is_ready.store(true, Ordering::Relaxed);
        self.descriptors = PassedDescriptors::default();
        self.octets = SharedOctets::default();
    }
}

/// Opens and reads a memory file, by its number.
fn open(handover: RawFd) -> Result<HandoverFile, String> {
    // By its path, so that it is read from its beginning.
    let opened = File::open(format!("/proc/self/fd/{handover}"));
    HandoverFile::read(&mut opened.map_err(|error| format!("what is handed over can't be opened: {error}"))?)
}

/// Takes the argument of a rehearsal away from the words of the command line, if it is there. Then what would be handed
/// over is the standard input.
pub(crate) fn rehearsal(words: &mut Vec<OsString>) -> bool {
    let is_rehearsal = words.last().is_some_and(|word| word == REHEARSAL_ARGUMENT);
    if is_rehearsal {
        words.pop();
    }
    is_rehearsal
}

/// Reads what would be handed over from standard input, without taking any of it.
pub(crate) fn rehearse_take(limits: HistoryLimits) -> Result<(), String> {
    let mut input = File::open("/proc/self/fd/0").map_err(|error| format!("standard input: {error}"))?;
    let file = HandoverFile::read(&mut input)?;
    let octets = SharedOctets::decode(&mut FieldDecoder::new(&file.octets), &PassedDescriptors::default());
    let octets = octets.map_err(|error| error.to_string())?;
    HandedLine::read(&file.line, &octets, limits).map(|_| ())
}

/// Says that this program could take over.
pub(crate) fn rehearsed() {
    // Who reads it may be gone.
    let _ = writeln!(io::stdout(), "{}", rehearsal_text());
}
