//! Eviction of connections where all slots are taken. Times are arguments, so that tests do not wait.

use std::time::Duration;
use tokio::time::Instant;

/// Limit of the time for a request's head, however often a part of it arrives.
const HEAD_MAX: Duration = Duration::from_secs(5);

/// Limit of the time for a response: to be made, and to be read by the client.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A connection is not evicted before this time: a request that follows the connection at once is read by then, even if
/// many connect at once.
const HEAD_MIN: Duration = Duration::from_millis(10);

/// A connection whose request was read is not evicted before this time: a client that reads without delay has its
/// response by then.
const ANSWER_MIN: Duration = Duration::from_secs(1);

/// The phase of a connection's request, and its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestPhase {
    /// The head of the request is not complete. The time is that of the acceptance.
    Asking(Instant),
    /// The request is being answered.
    Answering(Instant),
}

impl RequestPhase {
    /// Returns the time at which the connection is closed.
    pub(super) fn deadline(self) -> Instant {
        match self {
            RequestPhase::Asking(since) => since + HEAD_MAX,
            RequestPhase::Answering(since) => since + ANSWER_MAX,
        }
    }

    /// Returns the time from which on a new connection may evict it.
    fn evictable_at(self) -> Instant {
        match self {
            RequestPhase::Asking(since) => since + HEAD_MIN,
            RequestPhase::Answering(since) => since + ANSWER_MIN,
        }
    }
}

/// The next step where all slots are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eviction {
    /// Close the connection of this index.
    Close(usize),
    /// Check again at this time, or as soon as a connection has ended.
    Wait(Instant),
}

/// Chooses the connection to evict: the oldest one without a request, else the one whose response has taken longest.
pub(super) fn choose_eviction(phases: &[RequestPhase], now: Instant) -> Eviction {
    let rank = |phase: RequestPhase| match phase {
        RequestPhase::Asking(since) => (0, since),
        RequestPhase::Answering(since) => (1, since),
    };
    let ready = phases.iter().enumerate().filter(|(_, phase)| phase.evictable_at() <= now);
    match ready.min_by_key(|(_, phase)| rank(**phase)) {
        Some((number, _)) => Eviction::Close(number),
        None => Eviction::Wait(phases.iter().map(|phase| phase.evictable_at()).min().unwrap_or(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_silent_for_longest_gives_way() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (asking, answering) = (|ms| RequestPhase::Asking(at(ms)), |ms| RequestPhase::Answering(at(ms)));
        assert_eq!(choose_eviction(&[asking(20), asking(5), asking(7)], at(100)), Eviction::Close(1));
        // Whoever has asked goes last, however long that is ago.
        assert_eq!(choose_eviction(&[answering(0), asking(1_000)], at(1_010)), Eviction::Close(1));
        assert_eq!(choose_eviction(&[answering(9), answering(3)], at(1_003)), Eviction::Close(1));
        // Nobody goes who had no time.
        assert_eq!(choose_eviction(&[answering(0), asking(0)], at(9)), Eviction::Wait(at(10)));
        assert_eq!(choose_eviction(&[answering(5), answering(0)], at(999)), Eviction::Wait(at(1_000)));
        assert_eq!(choose_eviction(&[answering(0), asking(5_000)], at(5_009)), Eviction::Close(0));
    }
}
