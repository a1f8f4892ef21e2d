//! The time of day by which payloads expire, and the system clocks that contradict it.

use super::{CuratorEvent, CurrentTime};
use crate::table::NEVER;
use rtrcast_proto::Moment;
use std::time::Duration;

/// A set whose time is so many seconds ahead of the clock contradicts it.
const CLOCK_BEHIND_SECONDS_MIN: u32 = 86_400;

/// A clock that steps forward by more than this is not accepted before [`CLOCK_STEP_HOLD`].
const CLOCK_STEP_SECONDS_MAX: i64 = 3_600;

/// Time for which expiry waits after such a step.
const CLOCK_STEP_HOLD: Duration = Duration::from_secs(600);

/// Returns whether the clock or the source has to be wrong, since the time of a set is far ahead of the clock. Both are
/// in seconds since 1970.
pub fn contradicts_clock(made: u32, clock: u32) -> bool {
    made.saturating_sub(clock) > CLOCK_BEHIND_SECONDS_MIN
}

/// The time of day. A step ahead is not accepted at once, since everything would expire.
#[derive(Clone, Debug, Default)]
pub(crate) struct WallClock {
    /// Seconds to add to the moment.
    offset: Option<i64>,
    stepped: Option<Moment>,
    /// Since when it has been behind the time at which it began.
    behind: Option<Moment>,
}

impl WallClock {
    /// Returns a clock that begins at this time at the earliest, in seconds since 1970: that of a set that was served
    /// before. A system's clock that is behind it has mostly not been set yet. It is accepted after [`CLOCK_STEP_HOLD`]:
    /// the one before may have been ahead.
    pub(crate) fn beginning(now: CurrentTime, earliest: u32) -> WallClock {
        let offset = i64::from(now.unix.max(earliest)) - seconds(now);
        WallClock { offset: Some(offset), stepped: None, behind: (now.unix < earliest).then_some(now.moment) }
    }

    /// Returns the accepted time, in seconds since 1970.
    pub(crate) fn read(&mut self, now: CurrentTime, events: &mut impl FnMut(CuratorEvent)) -> u32 {
        let wall_offset = wall_offset(now);
        let offset = *self.offset.get_or_insert(wall_offset);
        let step = wall_offset - offset;
        if let Some(since) = self.behind {
            if step < 0 && now.moment < since.after(CLOCK_STEP_HOLD) {
                return at(now, offset);
            }
            self.behind = None;
            if step < 0 {
                events(CuratorEvent::ClockAccepted { seconds: step });
            }
        }
        let accepted = match (step > CLOCK_STEP_SECONDS_MAX, self.stepped) {
            (false, None) => wall_offset,
            (false, Some(_)) => {
                self.stepped = None;
                events(CuratorEvent::ClockStepReverted);
                wall_offset
            }
            (true, None) => {
                self.stepped = Some(now.moment);
                events(CuratorEvent::ClockStepped { seconds: step, waits: CLOCK_STEP_HOLD });
                offset
            }
            (true, Some(since)) if now.moment < since.after(CLOCK_STEP_HOLD) => offset,
            (true, Some(_)) => {
                self.stepped = None;
                events(CuratorEvent::ClockAccepted { seconds: step });
                wall_offset
            }
        };
        self.offset = Some(accepted);
        at(now, accepted)
    }

    /// Accepts the clock as it is.
    pub(crate) fn accept(&mut self, now: CurrentTime, events: &mut impl FnMut(CuratorEvent)) {
        if self.stepped.take().is_some() || self.behind.take().is_some() {
            let seconds = wall_offset(now) - self.offset.take().unwrap_or_default();
            events(CuratorEvent::ClockAccepted { seconds });
        }
    }

    /// Returns when to check again because of a step.
    pub(crate) fn wait(&self) -> Option<Moment> {
        self.stepped.or(self.behind).map(|since| since.after(CLOCK_STEP_HOLD))
    }
}

/// Returns the time of day by this offset, in seconds since 1970.
fn at(now: CurrentTime, offset: i64) -> u32 {
    u32::try_from((seconds(now) + offset).max(0)).unwrap_or(NEVER - 1)
}

fn seconds(now: CurrentTime) -> i64 {
    i64::try_from(now.moment.0 / 1_000).unwrap_or(i64::MAX)
}

/// Returns the difference between the system's clock and the moment, in seconds.
fn wall_offset(now: CurrentTime) -> i64 {
    i64::from(now.unix) - seconds(now)
}
