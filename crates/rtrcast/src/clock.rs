//! The time of day.

use rtrcast_net::Clock;
use rtrcast_proto::Moment;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day in seconds since 1970.
pub(crate) fn unix_now() -> u32 {
    unix_of(SystemTime::now()).unwrap_or(0)
}

/// Returns a time in seconds since 1970; none before 1970 or after 2106.
pub(crate) fn unix_of(time: SystemTime) -> Option<u32> {
    u32::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// The time of day at moments of a clock.
///
/// The difference of both is kept while the time of day is not set: the same moment has the same time in each status.
pub(crate) struct DayTime {
    clock: Clock,
    /// Milliseconds from a moment to its time of day since 1970.
    difference_ms: AtomicI64,
}

/// The difference that is taken for a time of day that was set, and not for the time between two readings.
const SET_MS_MIN: i64 = 500;

impl DayTime {
    pub(crate) fn new(clock: Clock) -> DayTime {
        DayTime { clock, difference_ms: AtomicI64::new(i64::MIN / 2) }
    }

    /// Returns the moment it is.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Returns the time of day of a moment, in seconds since 1970.
    pub(crate) fn time(&self, moment: Moment) -> u32 {
        let milliseconds = |moment: Moment| i64::try_from(moment.0).unwrap_or(i64::MAX);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = i64::try_from(since_1970).unwrap_or(i64::MAX).saturating_sub(milliseconds(self.clock.now()));
        let mut difference = self.difference_ms.load(Ordering::Relaxed);
        if (now - difference).abs() > SET_MS_MIN {
            self.difference_ms.store(now, Ordering::Relaxed);
            difference = now;
        }
        let seconds = milliseconds(moment).saturating_add(difference).max(0) / 1_000;
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_one_time() {
        let clock = DayTime::new(Clock::start());
        let moment = clock.now();
        let time = clock.time(moment);
        for _ in 0..100_000 {
            assert_eq!(clock.time(moment), time);
        }
        assert_eq!(clock.time(Moment(moment.0 + 10_000)), time + 10);
        assert!(unix_now() - time < 2);
        // Of an earlier run of the system.
        assert_eq!(clock.time(Moment(moment.0 - 86_400_000)), time - 86_400);
    }
}
