//! Log lines go to standard error, one an event. The levels' meanings stand in `--help`.

use crate::cli::LogLevel;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Starts the log.
pub(crate) fn start(level: LogLevel) {
    tracing_subscriber::fmt()
        .with_max_level(level.filter())
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Lines that peers can cause without end: so many a second, and then how many were left out.
pub(crate) struct Throttle {
    window: Mutex<Window>,
}

struct Window {
    start: Instant,
    lines: u32,
    left_out: u64,
}

/// The most lines of one throttle in a second.
const LINES_MAX: u32 = 10;

/// Whether a line may be logged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Yes, and this many before it were not.
    Log { left_out: u64 },
    /// No.
    LeaveOut,
}

impl Throttle {
    pub(crate) fn new(now: Instant) -> Throttle {
        Throttle { window: Mutex::new(Window { start: now, lines: 0, left_out: 0 }) }
    }

    pub(crate) fn admit(&self, now: Instant) -> Verdict {
        let mut window = self.window.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now.duration_since(window.start) >= Duration::from_secs(1) {
            window.start = now;
            window.lines = 0;
        }
        if window.lines >= LINES_MAX {
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
        let throttle = Throttle::new(start);
        for _ in 0..LINES_MAX {
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
