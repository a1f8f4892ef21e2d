//! Freshness: when a payload is not in effect any more.
//!
//! A payload with an expiry of its own is in effect until then. One without is in effect as long as its set is not too
//! old: for [`Freshness::age_seconds_max`] from when the set was made, or until its author's `valid`.

use crate::table::{NEVER, Table, Timestamps};
use rtrcast_proto::Moment;

/// Payloads are withdrawn this much before they expire: a withdrawal takes a moment to be made, and the next one comes
/// a minute later at the earliest, so that without it either an expired payload would stay or that interval would be
/// too short.
const EXPIRY_LEAD_SECONDS: u32 = 2;

/// Records of a table that are in effect at some time, and those that are not. Times are in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Records whose own expiry has passed.
    pub expired: usize,
    /// The last of those expiries.
    pub last_expiry: Option<u32>,
    /// Records that are not in effect since their set is too old.
    pub aged: usize,
    /// Why their set is.
    pub set_not_in_effect: Option<NotInEffect>,
    /// When the first of the others ends, if it ever does.
    pub first_end: Option<u32>,
    /// When the last of them ends, if it ever does.
    pub last_end: Option<u32>,
    /// Why nothing is in effect, if that is so. A set that is empty in its source may be in effect.
    pub nothing_in_effect: Option<NotInEffect>,
}

/// Why nothing of a set is in effect any more. Times are in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotInEffect {
    /// Its validity has ended: OctoRPKI's `metadata.valid`.
    NotValid {
        /// The end.
        until: u32,
    },
    /// It is older than a set may be.
    TooOld {
        /// Time when it was made.
        made: u32,
        /// Its greatest age, in seconds.
        age_seconds_max: u32,
    },
    /// Each of its records had an expiry of its own, and all have passed.
    Expired {
        /// Number of records.
        records: usize,
        /// The last expiry.
        last: u32,
    },
    /// It came from another cache, whose Expire interval has passed.
    NotRenewed,
    /// Its source withdrew it: another cache that shuts down (code 13).
    Withdrawn,
}

/// Rules for data that are old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The greatest age of a set, in seconds.
    pub age_seconds_max: u32,
    /// Handling of payloads whose own expiry has passed.
    pub expired: Expired,
    /// Handling of a set that is too old.
    pub too_old: TooOld,
}

impl Default for Freshness {
    /// 24 hours; what has expired is withdrawn, and of a set that is too old what has no expiry of its own.
    fn default() -> Freshness {
        Freshness { age_seconds_max: 86_400, expired: Expired::Withdraw, too_old: TooOld::Withdraw }
    }
}

/// Handling of payloads whose own expiry has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// They are withdrawn.
    Withdraw,
    /// They stay.
    Keep,
}

/// Handling of a set that is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooOld {
    /// Payloads that have no expiry of their own are withdrawn.
    Withdraw,
    /// All its payloads are withdrawn.
    WithdrawAll,
    /// As [`TooOld::Withdraw`]; and once all data that are served are too old, nothing is served any more: sessions
    /// end, so that routers use their next cache.
    Close,
    /// They stay, with a warning.
    Keep,
}

/// Times by which the records of one table are in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Horizon {
    /// Records that end at this second or before are not in effect.
    at: u32,
    /// When records without an expiry end.
    set_ends: u32,
    freshness: Freshness,
}

impl Horizon {
    /// Returns the end of a record, in seconds since 1970, or [`NEVER`].
    pub(crate) fn end_of(&self, expires: u32) -> u32 {
        let own = match (expires, self.freshness.expired) {
            (NEVER, _) => self.set_ends,
            (_, Expired::Keep) => NEVER,
            (own, Expired::Withdraw) => own,
        };
        match self.freshness.too_old {
            TooOld::WithdrawAll => own.min(self.set_ends),
            TooOld::Withdraw | TooOld::Close | TooOld::Keep => own,
        }
    }

    /// Returns the second: records that end then or before are not in effect any more.
    pub(crate) fn at(&self) -> u32 {
        self.at
    }

    /// Returns whether a record has ended by its own expiry, rather than with its set.
    pub(crate) fn has_expired(&self, expires: u32) -> bool {
        expires != NEVER && self.freshness.expired == Expired::Withdraw && expires <= self.at
    }

    pub(crate) fn is_in_effect(&self, expires: u32) -> bool {
        self.end_of(expires) > self.at
    }

    /// The earliest end that is still to come.
    pub(crate) fn next_end(&self, table: &Table) -> Option<u32> {
        self.earliest(table.expires().iter())
    }

    /// The same of records that have an expiry of their own.
    pub(crate) fn next_own_end(&self, table: &Table) -> Option<u32> {
        self.earliest(table.expires().iter().filter(|expires| **expires != NEVER))
    }

    fn earliest<'a>(&self, expires: impl Iterator<Item = &'a u32>) -> Option<u32> {
        expires.map(|expires| self.end_of(*expires)).filter(|end| *end > self.at && *end != NEVER).min()
    }

    pub(crate) fn all_in_effect(&self, table: &Table) -> bool {
        table.expires().iter().all(|expires| self.is_in_effect(*expires))
    }

    /// Returns whether nothing of the table is in effect any more, because of its age.
    pub(crate) fn is_over(&self, table: &Table) -> bool {
        match table.expires() {
            [] => self.set_ends <= self.at,
            expires => !expires.iter().any(|expires| self.is_in_effect(*expires)),
        }
    }
}

impl Freshness {
    /// Makes the horizon of a table; `made` is when its set was made.
    pub(crate) fn horizon(&self, now: u32, made: u32, timestamps: Timestamps) -> Horizon {
        let set_ends = match self.too_old {
            TooOld::Keep => NEVER,
            TooOld::Withdraw | TooOld::WithdrawAll | TooOld::Close => self.too_old_from(made, timestamps),
        };
        Horizon { at: now.saturating_add(EXPIRY_LEAD_SECONDS), set_ends, freshness: *self }
    }

    /// The same for a set whose age is unknown, since its time is ahead of the clock.
    pub(crate) fn without_age(&self) -> Freshness {
        Freshness { too_old: TooOld::Keep, ..*self }
    }

    /// Makes the horizon of a set that was withdrawn: nothing of it is in effect.
    pub(crate) fn withdrawn(&self, now: u32) -> Horizon {
        Horizon { at: now, set_ends: 0, freshness: Freshness { too_old: TooOld::WithdrawAll, ..*self } }
    }

    /// Returns why nothing of a table is in effect any more.
    pub(crate) fn why_not_in_effect(&self, horizon: &Horizon, table: &Table, made: u32) -> NotInEffect {
        let ends_with_set = |expires: &u32| *expires == NEVER || self.too_old == TooOld::WithdrawAll;
        match self.why_set_not_in_effect(horizon, table, made) {
            Some(why) if table.expires().is_empty() || table.expires().iter().any(ends_with_set) => why,
            Some(_) | None => {
                let last = table.expires().iter().copied().max().unwrap_or(0);
                NotInEffect::Expired { records: table.expires().len(), last }
            }
        }
    }

    /// Returns why a set is too old, whatever becomes of its records.
    pub(crate) fn why_set_not_in_effect(&self, horizon: &Horizon, table: &Table, made: u32) -> Option<NotInEffect> {
        (horizon.set_ends <= horizon.at).then(|| match table.timestamps().valid_until {
            Some(until) => NotInEffect::NotValid { until },
            None => NotInEffect::TooOld { made, age_seconds_max: self.age_seconds_max },
        })
    }

    /// Returns how many records of a table end when their set is too old.
    pub(crate) fn ended_by_age(&self, table: &Table) -> usize {
        match self.too_old {
            TooOld::Keep => 0,
            TooOld::WithdrawAll => table.expires().len(),
            TooOld::Withdraw | TooOld::Close => table.expires().iter().filter(|expires| **expires == NEVER).count(),
        }
    }

    /// Returns when a set becomes too old.
    pub(crate) fn too_old_from(&self, made: u32, timestamps: Timestamps) -> u32 {
        timestamps.valid_until.unwrap_or_else(|| made.saturating_add(self.age_seconds_max))
    }
}

/// Returns when a time comes at which records that end at `end` are withdrawn, in seconds since 1970.
pub(crate) fn withdrawn_at(end: u32) -> u32 {
    end.saturating_sub(EXPIRY_LEAD_SECONDS)
}

/// Returns when a set that ends at a moment is withdrawn.
pub(crate) fn run_out_at(end: Moment) -> Moment {
    Moment(end.0.saturating_sub(u64::from(EXPIRY_LEAD_SECONDS) * 1_000))
}
