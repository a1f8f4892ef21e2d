//! Outputs of the curator: recipes and events.

use super::SourceId;
use super::freshness::{NotInEffect, TooOld};
use super::guard::Loss;
use super::merge::Recipe;
use rtrcast_proto::Moment;
use std::time::Duration;

/// Action that the caller has to take next.
#[derive(Clone, Debug)]
pub enum CuratorOutput {
    /// Serve this from now on. It may be the same as before.
    Publish(Recipe, Cause),
    /// Serve nothing until the next publication: all data are too old, and [`TooOld::Close`] is wanted.
    Withhold,
    /// Something to log or count.
    Event(CuratorEvent),
    /// Nothing, until an input comes or this moment.
    Wait(Option<Moment>),
}

/// Cause of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A source's new table, or its failure.
    Source(SourceId),
    /// Time passed: payloads expired, or a wait for a source ended.
    Time,
    /// A held table was taken.
    Release(SourceId),
    /// SLURM files changed.
    Slurm,
    /// The configuration changed.
    Configuration,
    /// The sources have been read after a start that went on with what an earlier run served, or were waited for long
    /// enough.
    Resumed,
}

/// Event of the curator, to be logged or counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CuratorEvent {
    /// A source's new table is held, because too much is missing in it.
    Held {
        /// The source.
        source: SourceId,
        /// The losses.
        losses: Vec<Loss>,
        /// The longest wait.
        wait: Duration,
    },
    /// The table is not held any more.
    Released {
        /// The source.
        source: SourceId,
        /// Why.
        why: Release,
    },
    /// A source's set is too old.
    TooOld {
        /// The source.
        source: SourceId,
        /// Time when it was made, in seconds since 1970.
        made: u32,
        /// The action taken.
        then: TooOld,
        /// Number of its records without an expiry of their own.
        records: usize,
        /// End of its validity by its file, in seconds since 1970, if that has one.
        valid_until: Option<u32>,
    },
    /// A source's new set has nothing that is in effect: if the one before has, that stays.
    NothingInEffect {
        /// The source.
        source: SourceId,
        /// The reason.
        why: NotInEffect,
    },
    /// A source's new set is in effect, and much of the one before is missing.
    Reduced {
        /// The source.
        source: SourceId,
        /// The losses.
        losses: Vec<Loss>,
    },
    /// The time of a source's set is more than a day ahead of the clock: the clock or the source is wrong.
    ClockBehind {
        /// The source.
        source: SourceId,
        /// Time of its set by its file, in seconds since 1970.
        made: u32,
        /// Time of the clock, in seconds since 1970.
        clock: u32,
    },
    /// The clock does not contradict the source any more.
    ClockAgrees(SourceId),
    /// A source's set is not too old any more.
    NoLongerTooOld(SourceId),
    /// Another source is served than before.
    Switched {
        /// The one before.
        from: SourceId,
        /// The one now.
        to: SourceId,
    },
    /// The clock stepped ahead; nothing expires by it for a while.
    ClockStepped {
        /// The step in seconds.
        seconds: i64,
        /// Time for which nothing expires.
        waits: Duration,
    },
    /// The clock stayed ahead, and is accepted now.
    ClockAccepted {
        /// The step in seconds.
        seconds: i64,
    },
    /// The clock went back to the expected time.
    ClockStepReverted,
}

/// Reason why a table is not held any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The operator confirmed it; it was taken.
    Confirmed,
    /// The losses lasted for the whole hold; it was taken.
    HoldElapsed,
    /// The guard was switched off; it was taken.
    GuardIsOff,
    /// A newer table has the missing records.
    LossRecovered,
    /// Nothing of the table before it is in effect any more; it was taken.
    PreviousNotInEffect,
}
