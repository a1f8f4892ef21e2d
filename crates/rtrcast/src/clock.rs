//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day in seconds since 1970.
pub(crate) fn unix_now() -> u32 {
    unix_of(SystemTime::now()).unwrap_or(0)
}

/// Returns a time in seconds since 1970; none before 1970 or after 2106.
pub(crate) fn unix_of(time: SystemTime) -> Option<u32> {
    u32::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
