//! Time as an argument: a moment for timers, and the timer values that End of Data carries.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// Milliseconds since a start that the caller chose. Only differences matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment this much later.
    pub fn after(self, delay: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, delay: Duration) -> Moment {
        self.after(delay)
    }
}

/// The timers of End of Data in seconds (RFC 8210 section 6), within the ranges that it sets. [C-EOD-01]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    refresh: u32,
    retry: u32,
    expire: u32,
}

impl Timing {
    /// The three values in seconds: refresh 1 to 86,400, retry 1 to 7,200, expire 600 to 172,800 and larger than both.
    pub fn new(refresh: u32, retry: u32, expire: u32) -> Result<Timing, TimingError> {
        let within = |name, value, min, max| {
            if (min..=max).contains(&value) { Ok(()) } else { Err(TimingError::Range { name, value, min, max }) }
        };
        within("refresh", refresh, 1, 86_400)?;
        within("retry", retry, 1, 7_200)?;
        within("expire", expire, 600, 172_800)?;
        for (name, value) in [("refresh", refresh), ("retry", retry)] {
            if expire <= value {
                return Err(TimingError::Expire { expire, name, value });
            }
        }
        Ok(Timing { refresh, retry, expire })
    }

    /// The timers nearest to three values in seconds that are invalid: each within its range, and refresh and retry
    /// below expire, beyond which nothing may be kept. [R-SYN-10]
    pub fn nearest(refresh: u32, retry: u32, expire: u32) -> Timing {
        let expire = expire.clamp(600, 172_800);
        let below = |value: u32, max: u32| value.clamp(1, max).min(expire - 1);
        Timing { refresh: below(refresh, 86_400), retry: below(retry, 7_200), expire }
    }

    /// Seconds after which a router asks again.
    pub fn refresh(self) -> u32 {
        self.refresh
    }

    /// Seconds after which a router asks again when a query failed.
    pub fn retry(self) -> u32 {
        self.retry
    }

    /// Seconds for which a router keeps data that it could not refresh.
    pub fn expire(self) -> u32 {
        self.expire
    }
}

/// The defaults of RFC 8210 section 6: 3,600, 600 and 7,200 seconds.
impl Default for Timing {
    fn default() -> Timing {
        Timing { refresh: 3_600, retry: 600, expire: 7_200 }
    }
}

/// Error of three values that are no [`Timing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimingError {
    /// A value is outside the range that RFC 8210 section 6 allows.
    Range {
        /// Its name.
        name: &'static str,
        /// The value, in seconds.
        value: u32,
        /// The least that is allowed.
        min: u32,
        /// The most that is allowed.
        max: u32,
    },
    /// Expire is not larger than both others.
    Expire {
        /// The expire value, in seconds.
        expire: u32,
        /// The name of the other that it is not larger than.
        name: &'static str,
        /// That other's value, in seconds.
        value: u32,
    },
}

impl fmt::Display for TimingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimingError::Range { name, value, min, max } => {
                write!(f, "{name} ({value} s) must be from {min} to {max} seconds")
            }
            TimingError::Expire { expire, name, value } => {
                write!(f, "expire ({expire} s) must be larger than {name} ({value} s)")
            }
        }
    }
}

impl core::error::Error for TimingError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn c_eod_01_timers_are_range_checked() {
        assert!(Timing::new(3_600, 600, 7_200).is_ok());
        assert!(Timing::new(1, 1, 600).is_ok());
        assert!(Timing::new(86_400, 7_200, 172_800).is_ok());
        for (refresh, retry, expire, text) in [
            (0, 600, 7_200, "refresh (0 s) must be from 1 to 86400 seconds"),
            (86_401, 600, 172_800, "refresh (86401 s) must be from 1 to 86400 seconds"),
            (3_600, 0, 7_200, "retry (0 s) must be from 1 to 7200 seconds"),
            (3_600, 7_201, 172_800, "retry (7201 s) must be from 1 to 7200 seconds"),
            (300, 60, 599, "expire (599 s) must be from 600 to 172800 seconds"),
            (3_600, 600, 172_801, "expire (172801 s) must be from 600 to 172800 seconds"),
            (3_600, 600, 3_600, "expire (3600 s) must be larger than refresh (3600 s)"),
            (60, 700, 700, "expire (700 s) must be larger than retry (700 s)"),
        ] {
            let error = Timing::new(refresh, retry, expire).expect_err(text);
            assert_eq!(error.to_string(), text);
        }
    }
}
