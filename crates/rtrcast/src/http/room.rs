//! Who gives way where a newcomer finds all places taken. Times are arguments, so nothing has to be waited for in tests.

use std::time::Duration;
use tokio::time::Instant;

/// How long a request's head may take in all, however often a part of it comes.
const HEAD_MAX: Duration = Duration::from_secs(5);

/// How long an answer may take: to be made, and to be taken by whoever asked.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A connection keeps its place for so long in any case: a request that comes right behind the connection is read by
/// then, even if many connect at once.
const HEAD_MIN: Duration = Duration::from_millis(10);

/// The same once it has asked: whoever reads as fast as the network allows has its answer by then.
const ANSWER_MIN: Duration = Duration::from_secs(1);

/// How far a connection is, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The head of its request is not complete. It counts from the acceptance.
    Asking(Instant),
    /// Its request is being answered.
    Answering(Instant),
}

impl Stage {
    /// When it is ended.
    pub(super) fn deadline(self) -> Instant {
        match self {
            Stage::Asking(since) => since + HEAD_MAX,
            Stage::Answering(since) => since + ANSWER_MAX,
        }
    }

    /// From when on a newcomer may have its place.
    fn gives_way_at(self) -> Instant {
        match self {
            Stage::Asking(since) => since + HEAD_MIN,
            Stage::Answering(since) => since + ANSWER_MIN,
        }
    }
}

/// What to do where all places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// End the connection of this number.
    End(usize),
    /// Look again at this time, or as soon as a connection has ended.
    Wait(Instant),
}

/// Chooses who gives way: of those that have not asked the one that is there for longest, else the one whose answer
/// takes longest.
pub(super) fn make_room(stages: &[Stage], now: Instant) -> Verdict {
    let rank = |stage: Stage| match stage {
        Stage::Asking(since) => (0, since),
        Stage::Answering(since) => (1, since),
    };
    let ready = stages.iter().enumerate().filter(|(_, stage)| stage.gives_way_at() <= now);
    match ready.min_by_key(|(_, stage)| rank(**stage)) {
        Some((number, _)) => Verdict::End(number),
        None => Verdict::Wait(stages.iter().map(|stage| stage.gives_way_at()).min().unwrap_or(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_silent_for_longest_gives_way() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (asking, answering) = (|ms| Stage::Asking(at(ms)), |ms| Stage::Answering(at(ms)));
        assert_eq!(make_room(&[asking(20), asking(5), asking(7)], at(100)), Verdict::End(1));
        // Whoever has asked goes last, however long that is ago.
        assert_eq!(make_room(&[answering(0), asking(1_000)], at(1_010)), Verdict::End(1));
        assert_eq!(make_room(&[answering(9), answering(3)], at(1_003)), Verdict::End(1));
        // Nobody goes who had no time.
        assert_eq!(make_room(&[answering(0), asking(0)], at(9)), Verdict::Wait(at(10)));
        assert_eq!(make_room(&[answering(5), answering(0)], at(999)), Verdict::Wait(at(1_000)));
        assert_eq!(make_room(&[answering(0), asking(5_000)], at(5_009)), Verdict::End(0));
    }
}
