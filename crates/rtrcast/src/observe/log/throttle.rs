//! A limit on log lines that peers can cause without end: so many in a while, and then how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A limit on lines.
pub(crate) struct Throttle {
    lines_max: u32,
    per: Duration,
    window: Mutex<ThrottleWindow>,
}

struct ThrottleWindow {
    start: Instant,
    lines: u32,
    left_out: u64,
}

/// Decision on a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ThrottleDecision {
    /// It is logged, and this many before it were not.
    Log { left_out: u64 },
    /// It is not.
    LeaveOut,
}

impl Throttle {
    /// A limit of so many lines in so long.
    pub(crate) fn new(lines_max: u32, per: Duration, now: Instant) -> Throttle {
        Throttle { lines_max, per, window: Mutex::new(ThrottleWindow { start: now, lines: 0, left_out: 0 }) }
    }

    /// Decides on one more line.
    pub(super) fn decide(&self, now: Instant) -> ThrottleDecision {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(window.start) >= self.per {
            window.start = now;
            window.lines = 0;
        }
        if window.lines >= self.lines_max {
            window.left_out += 1;
            return ThrottleDecision::LeaveOut;
        }
        window.lines += 1;
        ThrottleDecision::Log { left_out: std::mem::take(&mut window.left_out) }
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
            assert_eq!(throttle.decide(start), ThrottleDecision::Log { left_out: 0 });
        }
        for _ in 0..7 {
            assert_eq!(throttle.decide(start), ThrottleDecision::LeaveOut);
        }
        let later = start + Duration::from_secs(1);
        assert_eq!(throttle.decide(later), ThrottleDecision::Log { left_out: 7 });
        assert_eq!(throttle.decide(later), ThrottleDecision::Log { left_out: 0 });
    }
}
