//! Log lines go to standard error, one an event. The levels' meanings stand in `--help`.
//!
//! A thread of its own writes them. Whoever logs never waits and never fails: a pipe that nobody reads, a full disk or a
//! reader that went away costs lines, which are counted, and nothing else.

use crate::cli::LogLevel;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written; further ones are lost.
const LINES_WAITING_MAX: usize = 4_096;

/// How long the end of the program waits for them.
const FINISH_MAX: Duration = Duration::from_secs(1);

static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts the log.
pub(crate) fn start(level: LogLevel) {
    let (to_writer, queue) = sync_channel(LINES_WAITING_MAX);
    let lost = Arc::new(AtomicU64::new(0));
    let lines = LINES.get_or_init(|| Lines { to_writer, lost: Arc::clone(&lost) });
    // Without the thread all lines are lost, and the program still serves.
    let _ = std::thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&queue, &lost));
    tracing_subscriber::fmt()
        .with_max_level(level.filter())
        .with_writer(lines)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Waits until the lines so far are written, or a moment.
pub(crate) fn finish() {
    let (done, is_done) = sync_channel(1);
    if LINES.get().is_some_and(|lines| lines.to_writer.try_send(Line::Tell(done)).is_ok()) {
        let _ = is_done.recv_timeout(FINISH_MAX);
    }
}

/// Something for the writing thread.
enum Line {
    Write(Vec<u8>),
    /// All before it has been written: say so.
    Tell(SyncSender<()>),
}

/// Where lines go.
struct Lines {
    to_writer: SyncSender<Line>,
    lost: Arc<AtomicU64>,
}

impl<'a> MakeWriter<'a> for &'static Lines {
    type Writer = &'static Lines;

    fn make_writer(&'a self) -> &'static Lines {
        self
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.to_writer.try_send(Line::Write(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(queue: &Receiver<Line>, lost: &AtomicU64) {
    let mut stderr = io::stderr();
    for line in queue {
        match line {
            Line::Write(line) => {
                let missing = lost.swap(0, Ordering::Relaxed);
                let mut text = line;
                if missing > 0 {
                    text.extend_from_slice(format!("({missing} log lines before this one were lost)\n").as_bytes());
                }
                if stderr.write_all(&text).is_err() {
                    lost.fetch_add(missing + 1, Ordering::Relaxed);
                }
            }
            Line::Tell(done) => {
                let _ = done.send(());
            }
        }
    }
}

/// Lines that peers can cause without end: so many in a while, and then how many were left out.
pub(crate) struct Throttle {
    lines_max: u32,
    per: Duration,
    window: Mutex<Window>,
}

struct Window {
    start: Instant,
    lines: u32,
    left_out: u64,
}

/// Whether a line may be logged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Yes, and this many before it were not.
    Log { left_out: u64 },
    /// No.
    LeaveOut,
}

impl Throttle {
    pub(crate) fn new(lines_max: u32, per: Duration, now: Instant) -> Throttle {
        Throttle { lines_max, per, window: Mutex::new(Window { start: now, lines: 0, left_out: 0 }) }
    }

    pub(crate) fn admit(&self, now: Instant) -> Verdict {
        let mut window = self.window.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now.duration_since(window.start) >= self.per {
            window.start = now;
            window.lines = 0;
        }
        if window.lines >= self.lines_max {
            window.left_out += 1;
            return Verdict::LeaveOut;
        }
        window.lines += 1;
        Verdict::Log { left_out: std::mem::take(&mut window.left_out) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let start = Instant::now();
        let throttle = Throttle::new(10, Duration::from_secs(1), start);
        for _ in 0..10 {
            assert_eq!(throttle.admit(start), Verdict::Log { left_out: 0 });
        }
        for _ in 0..7 {
            assert_eq!(throttle.admit(start), Verdict::LeaveOut);
        }
        let later = start + Duration::from_secs(1);
        assert_eq!(throttle.admit(later), Verdict::Log { left_out: 7 });
        assert_eq!(throttle.admit(later), Verdict::Log { left_out: 0 });
    }
}
