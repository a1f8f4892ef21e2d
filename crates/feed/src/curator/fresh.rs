//! Freshness: when a payload stops counting, and what time it is.
//!
//! A payload with an expiry of its own counts until then. One without counts as long as its set is not too old: for
//! [`Freshness::age_seconds_max`] from when the set was made, or until its author's `valid`.

use super::{Event, Now};
use crate::table::{NEVER, Stamp, Table};
use rtrcast_proto::Moment;
use std::time::Duration;

/// Payloads are withdrawn this much before they expire: a withdrawal takes a moment to be made, and the next one comes
/// a minute later at the earliest, so that without it one of both promises would break by that moment.
const EXPIRY_LEAD_SECONDS: u32 = 2;

/// A clock that goes forward by more than this at once is not believed before [`STEP_HOLD`].
const STEP_SECONDS_MAX: i64 = 3_600;

/// How long expiry waits after such a step.
const STEP_HOLD: Duration = Duration::from_secs(600);

/// What is done about data that are too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// How long a set counts from when it was made, in seconds.
    pub age_seconds_max: u32,
    /// What becomes of payloads whose own expiry has passed.
    pub expired: Expired,
    /// What becomes of a set that is too old.
    pub too_old: TooOld,
}

impl Default for Freshness {
    /// 24 hours; what has expired is withdrawn, and of a set that is too old what has no expiry of its own.
    fn default() -> Freshness {
        Freshness { age_seconds_max: 86_400, expired: Expired::Withdraw, too_old: TooOld::Withdraw }
    }
}

/// What becomes of payloads whose own expiry has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// They are withdrawn.
    Withdraw,
    /// They stay.
    Keep,
}

/// What becomes of a set that is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooOld {
    /// Payloads that have no expiry of their own are withdrawn.
    Withdraw,
    /// All its payloads are withdrawn.
    WithdrawAll,
    /// They stay, with a warning.
    Keep,
}

/// One table's part in judging its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Horizon {
    /// What ends at this second or before no longer counts.
    at: u32,
    /// When records without an expiry end.
    set_ends: u32,
    freshness: Freshness,
}

impl Horizon {
    /// When the record stops counting, in seconds since 1970, or [`NEVER`].
    pub(crate) fn end_of(&self, expires: u32) -> u32 {
        let own = match (expires, self.freshness.expired) {
            (NEVER, _) => self.set_ends,
            (_, Expired::Keep) => NEVER,
            (own, Expired::Withdraw) => own,
        };
        match self.freshness.too_old {
            TooOld::WithdrawAll => own.min(self.set_ends),
            TooOld::Withdraw | TooOld::Keep => own,
        }
    }

    pub(crate) fn counts(&self, expires: u32) -> bool {
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

    pub(crate) fn all_count(&self, table: &Table) -> bool {
        table.expires().iter().all(|expires| self.counts(*expires))
    }

    /// Whether nothing of the table counts any more, because of its age.
    pub(crate) fn is_over(&self, table: &Table) -> bool {
        match table.expires() {
            [] => self.set_ends <= self.at,
            expires => !expires.iter().any(|expires| self.counts(*expires)),
        }
    }
}

impl Freshness {
    /// Judges a table at a time; `made` is when its set was made.
    pub(crate) fn horizon(&self, now: u32, made: u32, stamp: Stamp) -> Horizon {
        let set_ends = match self.too_old {
            TooOld::Keep => NEVER,
            TooOld::Withdraw | TooOld::WithdrawAll => self.too_old_from(made, stamp),
        };
        Horizon { at: now.saturating_add(EXPIRY_LEAD_SECONDS), set_ends, freshness: *self }
    }

    /// Judges a set that was taken back: nothing of it counts.
    pub(crate) fn taken_back(&self, now: u32) -> Horizon {
        Horizon { at: now, set_ends: 0, freshness: Freshness { too_old: TooOld::WithdrawAll, ..*self } }
    }

    /// How many records of a table end when their set is too old.
    pub(crate) fn ended_by_age(&self, table: &Table) -> usize {
        match self.too_old {
            TooOld::Keep => 0,
            TooOld::WithdrawAll => table.expires().len(),
            TooOld::Withdraw => table.expires().iter().filter(|expires| **expires == NEVER).count(),
        }
    }

    /// When a set becomes too old.
    pub(crate) fn too_old_from(&self, made: u32, stamp: Stamp) -> u32 {
        stamp.valid_until.unwrap_or_else(|| made.saturating_add(self.age_seconds_max))
    }
}

/// When a time comes at which records that end at `end` are withdrawn, in seconds since 1970.
pub(crate) fn withdrawn_at(end: u32) -> u32 {
    end.saturating_sub(EXPIRY_LEAD_SECONDS)
}

/// When a set that ends at a moment is withdrawn.
pub(crate) fn run_out_at(end: Moment) -> Moment {
    Moment(end.0.saturating_sub(u64::from(EXPIRY_LEAD_SECONDS) * 1_000))
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
    pub(crate) fn read(&mut self, now: Now, events: &mut impl FnMut(Event)) -> u32 {
        let told = told(now);
        let offset = *self.offset.get_or_insert(told);
        let step = told - offset;
        let accepted = match (step > STEP_SECONDS_MAX, self.stepped) {
            (false, None) => told,
            (false, Some(_)) => {
                self.stepped = None;
                events(Event::ClockIsBack);
                told
            }
            (true, None) => {
                self.stepped = Some(now.moment);
                events(Event::ClockStepped { seconds: step, waits: STEP_HOLD });
                offset
            }
            (true, Some(since)) if now.moment < since.after(STEP_HOLD) => offset,
            (true, Some(_)) => {
                self.stepped = None;
                events(Event::ClockAccepted { seconds: step });
                told
            }
        };
        self.offset = Some(accepted);
        u32::try_from((seconds(now) + accepted).max(0)).unwrap_or(NEVER - 1)
    }

    /// Believes whatever the clock says now.
    pub(crate) fn accept(&mut self, now: Now, events: &mut impl FnMut(Event)) {
        if self.stepped.take().is_some() {
            let seconds = told(now) - self.offset.take().unwrap_or_default();
            events(Event::ClockAccepted { seconds });
        }
    }

    /// When to look again because of a step.
    pub(crate) fn wait(&self) -> Option<Moment> {
        self.stepped.map(|since| since.after(STEP_HOLD))
    }
}

fn seconds(now: Now) -> i64 {
    i64::try_from(now.moment.0 / 1_000).unwrap_or(i64::MAX)
}

/// What the system's clock says has to be added to the moment.
fn told(now: Now) -> i64 {
    i64::from(now.unix) - seconds(now)
}
