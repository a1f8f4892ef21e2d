//! The clock that records expire by, written down naively.

use super::cache::{BEGIN, START};
use rtrcast_proto::Moment;
use std::time::Duration;

/// A step of the system's clock ahead by more than this is believed only after a while.
const CLOCK_STEP_MAX: i64 = 3_600;

/// Time for which such a step is not believed.
const CLOCK_STEP_HOLD: Duration = Duration::from_secs(600);

/// The clock that expiries are compared with: by the rule for steps of the system's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NaiveClock {
    /// Seconds by which the system's clock is wrong, and by which the one that is believed is.
    pub(super) system: i64,
    pub(super) believed: Option<i64>,
    /// Since when the system's clock has not been believed.
    pub(super) since: Option<Moment>,
    /// Since when it has been behind the time at which it began.
    pub(super) behind: Option<Moment>,
    /// When another time was believed than before.
    pub(super) changed: Option<Moment>,
    /// When it was set back last, and by how many seconds.
    pub(super) set_back: Option<(Moment, u32)>,
}

impl NaiveClock {
    /// The cache starts, and has files of this second.
    pub(super) fn begin(&mut self, now: Moment, earliest: u32) {
        let behind = i64::from(earliest) - i64::from(NaiveClock::unix(now, self.system));
        self.believed = Some(self.system + behind.max(0));
        self.behind = (behind > 0).then_some(now);
    }

    /// The cache looks at the clock.
    pub(super) fn read(&mut self, now: Moment) {
        if let Some(since) = self.behind {
            if self.believed.is_some_and(|believed| self.system < believed) && now < since.after(CLOCK_STEP_HOLD) {
                return;
            }
            self.behind = None;
        }
        let believed = *self.believed.get_or_insert(self.system);
        let is_small = self.system - believed <= CLOCK_STEP_MAX;
        if is_small || now >= self.since.get_or_insert(now).after(CLOCK_STEP_HOLD) {
            self.accept(now);
        }
    }

    /// The clock is believed: it has been ahead for long enough, or the operator says so.
    pub(super) fn accept(&mut self, now: Moment) {
        let before = self.believed.replace(self.system).unwrap_or(self.system);
        if before != self.system {
            self.changed = Some(now);
        }
        if let Some(back) = u32::try_from(before - self.system).ok().filter(|back| *back > 0) {
            self.set_back = Some((now, back));
        }
        (self.since, self.behind) = (None, None);
    }

    pub(super) fn unix(now: Moment, error: i64) -> u32 {
        let unix = i64::from(START) + i64::try_from((now.0 - BEGIN.0) / 1_000).unwrap_or(0) + error;
        u32::try_from(unix).unwrap_or(0)
    }
}
