//! Times in JSON: RFC 3339 in UTC, to the second.

use crate::clock::unix_now;
use rtrcast_feed::write::{from_utc, utc};
use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A time in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pub(crate) u32);

impl Timestamp {
    /// The time it is.
    pub(crate) fn now() -> Timestamp {
        Timestamp(unix_now())
    }

    /// The time since then; none if it is to come.
    pub(crate) fn before(self, now: Timestamp) -> Duration {
        Duration::from_secs(now.0.saturating_sub(self.0).into())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&utc(self.0))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = &"a time like 2026-01-31T12:00:00Z";
        from_utc(&text).map(Timestamp).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), expected))
    }
}
