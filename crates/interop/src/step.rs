//! What a peer goes through, and how that may end.

/// A step that a peer does not pass.
#[derive(Clone, Copy)]
pub(crate) struct Exception {
    pub(crate) step: Step,
    pub(crate) kind: Kind,
    pub(crate) reason: &'static str,
}

/// Why a step is not passed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It makes no sense for this peer, and is not tried.
    NotApplicable,
    /// The peer does otherwise than the texts say. It is tried nevertheless: a later version may do better.
    Deviates,
    /// It has to get there, but by another way than the step is about.
    Otherwise,
}

/// What a peer goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    FullLoad,
    Notify,
    Restart,
    /// The cache stops in order and comes back with other data, and the peer keeps its data so long.
    PlannedStop,
    /// The same with Cache Restart (code 12) of 8210bis.
    CacheRestart,
    /// The cache has a state directory, is killed, and comes back with other data.
    Crash,
    /// The peer asks before there are data.
    ColdStart,
    /// ASPAs of a former session go with it, at version 2; only for who keeps them.
    FormerAspas,
    /// ASPAs are served, at version 2; only for who does not get through the others with them.
    Aspas,
    /// ASPAs go, at version 2.
    AspaWithdrawal,
    /// The cache stops, and both sides see that the session ends in order, and with it what protects it.
    End,
    /// Error Reports and the end behind them, many times, seen by a foreign program.
    LastWords,
    /// Who shows nothing, or something else, gets nothing.
    Strangers,
    /// The peer begins with each of its versions.
    Versions,
    /// The peer begins with its highest, and the cache speaks only lower ones.
    Downgrade,
}

impl Step {
    /// Those of caches that have a column.
    pub(crate) const COLUMNS_OF_CACHES: [Step; 4] = [Step::FullLoad, Step::Notify, Step::Restart, Step::Downgrade];

    /// The same of routers.
    pub(crate) const COLUMNS_OF_ROUTERS: [Step; 8] = [
        Step::FullLoad,
        Step::Notify,
        Step::Restart,
        Step::PlannedStop,
        Step::CacheRestart,
        Step::Crash,
        Step::ColdStart,
        Step::Downgrade,
    ];

    /// The same of those that come over a transport that protects.
    pub(crate) const COLUMNS_OVER: [Step; 6] =
        [Step::FullLoad, Step::Notify, Step::Restart, Step::End, Step::LastWords, Step::Strangers];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Step::FullLoad => "full load",
            Step::Notify => "update by notify",
            Step::Restart => "restart of the cache",
            Step::PlannedStop => "planned stop",
            Step::CacheRestart => "Cache Restart",
            Step::Crash => "crash with state",
            Step::ColdStart => "cold start",
            Step::FormerAspas => "ASPAs of a former session",
            Step::Aspas => "ASPAs",
            Step::AspaWithdrawal => "withdrawal of ASPAs",
            Step::End => "end of the session",
            Step::LastWords => "final Error Report",
            Step::Strangers => "refused clients",
            Step::Versions => "versions",
            Step::Downgrade => "downgrade",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Works,
    /// The peer deviates, as is known, for this reason.
    Deviates(&'static str),
    /// It got there by another way.
    Otherwise(&'static str),
    NotApplicable(&'static str),
    Failed,
}
