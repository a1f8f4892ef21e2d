//! The time of day by which payloads expire, and the system clocks that contradict it.

use super::{CuratorEvent, CurrentTime};
use crate::table::NEVER;
use rtrcast_proto::Moment;
use std::time::Duration;

/// A set that was made so many seconds later than the clock says contradicts it.
const CLOCK_BEHIND_SECONDS_MIN: u32 = 86_400;

/// A clock that goes forward by more than this at once is not believed before [`CLOCK_STEP_HOLD`].
const CLOCK_STEP_SECONDS_MAX: i64 = 3_600;

/// How long expiry waits after such a step.
const CLOCK_STEP_HOLD: Duration = Duration::from_secs(600);

/// Whether the clock has to be wrong, or the source, since a set was made so much later than the clock says that it is. Both
/// are in seconds since 1970.
pub fn contradicts_clock(made: u32, clock: u32) -> bool {
    made.saturating_sub(clock) > CLOCK_BEHIND_SECONDS_MIN
}

/// The time of day, which is not believed when it jumps ahead: that would expire everything at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct WallClock {
    /// What to add to the moment, in seconds.
    offset: Option<i64>,
    stepped: Option<Moment>,
}

impl WallClock {
    /// The time that counts, in seconds since 1970.
    pub(crate) fn read(&mut self, now: CurrentTime, events: &mut impl FnMut(CuratorEvent)) -> u32 {
        let wall_offset = wall_offset(now);
        let offset = *self.offset.get_or_insert(wall_offset);
        let step = wall_offset - offset;
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
        u32::try_from((seconds(now) + accepted).max(0)).unwrap_or(NEVER - 1)
    }

    /// Believes whatever the clock says now.
    pub(crate) fn accept(&mut self, now: CurrentTime, events: &mut impl FnMut(CuratorEvent)) {
        if self.stepped.take().is_some() {
            let seconds = wall_offset(now) - self.offset.take().unwrap_or_default();
            events(CuratorEvent::ClockAccepted { seconds });
        }
    }

    /// When to look again because of a step.
    pub(crate) fn wait(&self) -> Option<Moment> {
        self.stepped.map(|since| since.after(CLOCK_STEP_HOLD))
    }
}

fn seconds(now: CurrentTime) -> i64 {
    i64::try_from(now.moment.0 / 1_000).unwrap_or(i64::MAX)
}

/// What the system's clock says has to be added to the moment.
fn wall_offset(now: CurrentTime) -> i64 {
    i64::from(now.unix) - seconds(now)
}
