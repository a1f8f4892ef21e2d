//! What the curator says: what to serve, what happened, how the sources stand.

use super::SourceId;
use super::fresh::{NotInEffect, TooOld};
use super::guard::Loss;
use super::merge::Recipe;
use rtrcast_proto::{Layout, Moment};
use std::time::Duration;

/// What the curator wants done.
#[derive(Clone, Debug)]
pub enum CuratorOutput {
    /// Serve this from now on, because of that. It may be the same as before.
    Publish(Recipe, Cause),
    /// Serve nothing until the next publication: all data are too old, and [`TooOld::Close`] is wanted.
    Withhold,
    /// Something happened that people want to know.
    Event(CuratorEvent),
    /// Nothing, until an input comes or this moment.
    Wait(Option<Moment>),
}

/// What a publication comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A source's new table, or its failure.
    Source(SourceId),
    /// Time passed: payloads expired, or it was long enough to wait for a source.
    Time,
    /// A held table was taken.
    Release(SourceId),
    /// SLURM files changed.
    Slurm,
    /// The configuration changed.
    Configuration,
}

/// What people want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CuratorEvent {
    /// A source's new table is not taken, because too much is gone.
    Held {
        /// Which source.
        source: SourceId,
        /// What is gone.
        losses: Vec<Loss>,
        /// How long it waits at most.
        wait: Duration,
    },
    /// The wait is over.
    Released {
        /// Which source.
        source: SourceId,
        /// Why.
        why: Release,
    },
    /// A source's set is too old.
    TooOld {
        /// Which source.
        source: SourceId,
        /// When it was made, in seconds since 1970.
        made: u32,
        /// What is done about it.
        then: TooOld,
        /// How many of its records this concerns: others end by their own expiry.
        records: usize,
        /// Until when its author wanted it to be used, in seconds since 1970, if its file says so.
        valid_until: Option<u32>,
    },
    /// A source's new set has nothing that is in effect: if the one before has, that stays.
    NothingInEffect {
        /// Which source.
        source: SourceId,
        /// Why nothing is.
        why: NotInEffect,
    },
    /// A source's new set was taken, and a good part of the one before is gone.
    Reduced {
        /// Which source.
        source: SourceId,
        /// What is gone.
        losses: Vec<Loss>,
    },
    /// A source's set was made more than a day later than the clock says that it is: the clock is wrong, or the source is.
    ClockBehind {
        /// Which source.
        source: SourceId,
        /// When its set was made by its own account, in seconds since 1970.
        made: u32,
        /// What the clock says, in seconds since 1970.
        clock: u32,
    },
    /// The clock does not contradict the source any more.
    ClockAgrees(SourceId),
    /// A source's set is not too old any more.
    NoLongerTooOld(SourceId),
    /// Another source is served than before.
    Switched {
        /// Which one was.
        from: SourceId,
        /// Which one is.
        to: SourceId,
    },
    /// The clock went ahead at once; nothing expires by it for a while.
    ClockStepped {
        /// By so much.
        seconds: i64,
        /// For how long.
        waits: Duration,
    },
    /// The clock stayed ahead, and is believed now.
    ClockAccepted {
        /// By so much.
        seconds: i64,
    },
    /// The clock went back to where it was expected.
    ClockStepReverted,
}

/// Why a held table is not held any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The operator said so.
    Confirmed,
    /// The same was gone for long enough; it was taken.
    HoldElapsed,
    /// The guard was switched off; it was taken.
    GuardIsOff,
    /// A newer table has what was gone.
    LossRecovered,
    /// Nothing of the table before it counts any more; it was taken.
    PreviousNotInEffect,
}

/// How a source stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which source.
    pub source: SourceId,
    /// Whether what is served has a part from it.
    pub is_served: bool,
    /// What its table has, whether it counts or not; none before its first one.
    pub layout: Option<Layout>,
    /// When that was made, in seconds since 1970.
    pub made: Option<u32>,
    /// Whether it is too old.
    pub is_too_old: bool,
    /// How many of its records are not in effect any more: expired, or too old.
    pub ended: usize,
    /// Why nothing of it is in effect, if that is so.
    pub nothing_in_effect: Option<NotInEffect>,
    /// The table that waits, if one does.
    pub held: Option<HeldStatus>,
}

/// A table that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldStatus {
    /// What is gone in it.
    pub losses: Vec<Loss>,
    /// Since when.
    pub since: Moment,
    /// When it will be taken.
    pub until: Moment,
}
