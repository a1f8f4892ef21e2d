//! Options for how long data are in effect, and for losses that are too sudden.

use clap::{Args, ValueEnum};
use rtrcast_feed::curator::{Expired, Freshness, Guard, TooOld};
use std::time::Duration;

const FRESHNESS: &str = "Freshness and sudden loss";

/// Options for the age of data.
#[derive(Args, Clone, Debug)]
pub(crate) struct FreshnessOptions {
    /// Seconds for which a set is in effect from when its validator made it, at least 60; where the file does not say that,
    /// from when it was written. For records that have no expiry of their own
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(60..),
        help_heading = FRESHNESS)]
    pub(crate) max_age: u32,

    /// Action for a set that is older, or whose file says that it is not valid any more (metadata.valid)
    #[arg(long, value_name = "ACTION", default_value = "withdraw", help_heading = FRESHNESS)]
    pub(crate) too_old: TooOldArgument,

    /// Action for payloads whose own expiry has passed
    #[arg(long, value_name = "ACTION", default_value = "withdraw", help_heading = FRESHNESS)]
    pub(crate) expired: ExpiredArgument,
}

/// Losses that are too sudden.
#[derive(Args, Clone, Debug)]
pub(crate) struct GuardOptions {
    /// Seconds for which a source's new set is held back that lost more than half of its VRPs, of those of one trust
    /// anchor, or of its ASPAs, or nine tenths of at least 200 records of any kind; 0 accepts every loss
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(..=604_800),
        help_heading = FRESHNESS)]
    pub(crate) guard_hold: u32,

    /// VRPs from which on a loss of more than half is held back, of all or of one trust anchor
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, help_heading = FRESHNESS)]
    pub(crate) guard_vrps_min: u32,

    /// ASPAs from which on a loss of more than half is held back
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, help_heading = FRESHNESS)]
    pub(crate) guard_aspas_min: u32,
}

/// `--too-old`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TooOldArgument {
    /// Withdraw its payloads that have no expiry of their own; those of rpki-client's JSON and CSV all have one. Routers stay
    /// connected, in sync and perhaps empty
    Withdraw,
    /// Withdraw all its payloads
    WithdrawAll,
    /// As withdraw; and once nothing that is served is fresh any more, connections end in order and queries get code 2, so
    /// that routers turn to their next cache
    Close,
    /// Keep them, with a warning
    Keep,
}

/// `--expired`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExpiredArgument {
    /// Withdraw them within a minute
    Withdraw,
    /// Keep them
    Keep,
}

impl FreshnessOptions {
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness {
            age_seconds_max: self.max_age,
            expired: match self.expired {
                ExpiredArgument::Withdraw => Expired::Withdraw,
                ExpiredArgument::Keep => Expired::Keep,
            },
            too_old: match self.too_old {
                TooOldArgument::Withdraw => TooOld::Withdraw,
                TooOldArgument::WithdrawAll => TooOld::WithdrawAll,
                TooOldArgument::Close => TooOld::Close,
                TooOldArgument::Keep => TooOld::Keep,
            },
        }
    }
}

impl GuardOptions {
    pub(crate) fn guard(&self) -> Guard {
        Guard {
            hold: (self.guard_hold > 0).then(|| Duration::from_secs(self.guard_hold.into())),
            vrps_min: self.guard_vrps_min as usize,
            aspas_min: self.guard_aspas_min as usize,
            ..Guard::default()
        }
    }
}
