//! The clock of sessions.

use rtrcast_proto::Moment;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use tokio::time::Instant;

/// The moment at which the system's monotonic clock, which begins with the system, is 0. Earlier moments are those of
/// files that another run of the system wrote.
const BASE_MS: u64 = 1 << 40;

/// Clock that counts milliseconds by the system's monotonic clock. All clocks of one system agree, also those of several
/// programs.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    start_ms: u64,
}

impl Clock {
    /// Returns a clock.
    pub fn start() -> Clock {
        let now = clock_gettime(ClockId::Monotonic);
        let (seconds, nanoseconds) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
        Clock { start: Instant::now(), start_ms: BASE_MS + seconds * 1_000 + nanoseconds / 1_000_000 }
    }

    /// The moment it is.
    pub fn now(&self) -> Moment {
        Moment(self.start_ms.saturating_add(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }

    /// The instant of a moment, to sleep until; one before the clock was made is that at which it was.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.start + Duration::from_millis(moment.0.saturating_sub(self.start_ms))
    }
}
