//! Which sources are served, and for how long others are waited for.

use super::event::{Cause, CuratorEvent, CuratorOutput};
use super::feed::{DatedTable, Feed, Time};
use super::input::{Choice, SourceId};
use super::{Curator, RESTORED};
use rtrcast_proto::Moment;
use rtrcast_proto::limits::QUERY_HOLD_MAX;
use std::time::Duration;

/// Time for which the first publication waits for slower sources once one has data. Routers that ask meanwhile are
/// held, and have to get the data within that.
const FIRST_WAIT_MAX: Duration = Duration::from_secs(5);

const _: () = assert!(FIRST_WAIT_MAX.as_secs() < QUERY_HOLD_MAX[2].as_secs(), "a query is held for longer");

impl Curator {
    /// Ends the wait for sources, if all have been read or have failed, or it has been long enough; true if it ended.
    pub(super) fn settle(&mut self, now: Moment) -> bool {
        let is_restored = self.is_restored();
        let Some(until) = &mut self.settling else { return false };
        if until.is_none() && self.feeds.iter().any(|feed| !feed.is_over) {
            *until = Some(now.after(FIRST_WAIT_MAX));
        }
        // At the start routers wait for data, and a source that fails once mostly fails again. After that they have
        // data, and a single failure of a new source would withdraw what it takes over.
        let is_start = self.published_at.is_none();
        // What is served of a source without a table is in the set that was restored.
        let is_ready = |feed: &Feed| feed.is_ready(now) && (feed.last.is_some() || !is_restored);
        let had = |feed: &Feed| is_ready(feed) || (is_start && feed.has_reported);
        let all_had = self.feeds.iter().all(had);
        let ends = all_had || until.is_some_and(|until| until <= now);
        if ends {
            self.settling = None;
        }
        ends
    }

    /// Returns whether the one source that is served is not healthy, or what was restored is over: then others are
    /// considered, even during a wait.
    pub(super) fn has_to_switch(&self, time: Time) -> bool {
        let now = time.moment;
        let restored = self.served.iter().find(|(source, _)| *source == RESTORED);
        if restored.is_some_and(|(_, dated)| dated.is_over(time, &self.curation.freshness)) {
            return true;
        }
        let served = self.served.first().and_then(|(source, _)| self.feeds.iter().find(|feed| feed.source == *source));
        self.curation.choice == Choice::First && served.is_some_and(|feed| feed.is_over || !feed.is_healthy(now))
    }

    /// Chooses the sources that are served. If none has data in effect, those that were served stay, and end in their
    /// time.
    pub(super) fn choose(&mut self, now: Moment, cause: Cause) {
        let usable = || self.feeds.iter().filter(|feed| !feed.is_over);
        let is_restored = self.is_restored();
        if usable().next().is_none() || (is_restored && usable().all(|feed| feed.is_stale)) {
            return self.renew(cause);
        }
        let chosen: Vec<&Feed> = match self.curation.choice {
            // One of which nothing is in effect adds nothing, and its end is handled as expiry.
            Choice::Union => self.feeds.iter().collect(),
            Choice::First => {
                // A validator that has only just started may have an empty set: that is chosen last.
                let full = || usable().filter(|feed| feed.last.as_ref().is_some_and(|last| !last.is_empty()));
                let is_served = |feed: &&Feed| self.served.first().is_some_and(|(source, _)| *source == feed.source);
                let best = full().find(|feed| feed.is_healthy(now));
                // If none is healthy, a change is no improvement.
                let best = best.or_else(|| full().find(is_served)).or_else(|| full().next());
                best.or_else(|| usable().next()).into_iter().collect()
            }
        };
        let chosen: Vec<(SourceId, DatedTable)> =
            chosen.into_iter().filter_map(|feed| Some((feed.source, feed.last.clone()?))).collect();
        if let (Choice::First, [(from, _)], [(to, dated)]) =
            (self.curation.choice, self.served.as_slice(), chosen.as_slice())
            && from != to
        {
            if is_restored {
                return self.serve(chosen, cause);
            }
            self.outputs.push_back(CuratorOutput::Event(CuratorEvent::Switched { from: *from, to: *to }));
            return self.serve(vec![(*to, dated.clone())], Cause::Source(*to));
        }
        self.serve(chosen, cause);
    }

    /// Serves the newest tables of the sources that are served.
    pub(super) fn renew(&mut self, cause: Cause) {
        let newest = |(source, dated): &(SourceId, DatedTable)| {
            let feed = self.feeds.iter().find(|feed| feed.source == *source);
            (*source, feed.and_then(|feed| feed.last.clone()).unwrap_or_else(|| dated.clone()))
        };
        let renewed = self.served.iter().map(newest).collect();
        self.serve(renewed, cause);
    }

    fn serve(&mut self, chosen: Vec<(SourceId, DatedTable)>, cause: Cause) {
        let is_same = chosen.len() == self.served.len()
            && chosen.iter().zip(&self.served).all(|(new, old)| new.0 == old.0 && new.1.is_same(&old.1));
        if chosen.is_empty() || (is_same && self.published_at.is_some()) {
            return;
        }
        self.served = chosen;
        self.due.get_or_insert(cause);
    }
}
