//! Status of the sources, and why nothing of them is in effect.

use super::feed::{DatedTable, Feed, ValidityPeriod};
use super::guard::Loss;
use super::{Curator, NotInEffect, SourceId};
use rtrcast_proto::{Layout, Moment};

/// Status of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The source.
    pub source: SourceId,
    /// True if what is served has a part from it.
    pub is_served: bool,
    /// Layout of its table, whether in effect or not; none before its first one.
    pub layout: Option<Layout>,
    /// When that was made, in seconds since 1970.
    pub made: Option<u32>,
    /// True if it is too old.
    pub is_too_old: bool,
    /// Number of its records that are not in effect any more: expired, or too old.
    pub ended: usize,
    /// Why nothing of it is in effect, if that is so.
    pub nothing_in_effect: Option<NotInEffect>,
    /// The table that is held, if one is.
    pub held: Option<HeldStatus>,
}

/// A table that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldStatus {
    /// Its losses.
    pub losses: Vec<Loss>,
    /// Since when.
    pub since: Moment,
    /// When it will be taken.
    pub until: Moment,
}

impl Curator {
    /// Returns the status of the sources, in the order of preference.
    pub fn status(&self) -> Vec<Status> {
        let of_feed = |feed: &Feed| Status {
            source: feed.source,
            is_served: !feed.is_over
                && self.published_at.is_some()
                && self.served.iter().any(|(source, _)| *source == feed.source),
            layout: feed.last.as_ref().map(|last| *last.table.image().layout()),
            made: feed.last.as_ref().and_then(|last| Some(last.made(self.reviewed?))),
            // A withdrawn set is gone, and not old.
            is_too_old: feed.is_too_old
                && feed.last.as_ref().is_none_or(|last| last.validity != ValidityPeriod::Withdrawn),
            ended: feed.ended,
            nothing_in_effect: feed
                .last
                .as_ref()
                .filter(|_| feed.is_over)
                .and_then(|last| self.why_not_in_effect(last)),
            held: feed.held.as_ref().zip(self.curation.guard.hold).map(|(held, hold)| HeldStatus {
                losses: held.losses.clone(),
                since: held.since,
                until: held.until(hold),
            }),
        };
        self.feeds.iter().map(of_feed).collect()
    }

    /// Returns why nothing of any source is in effect, if that is so, with a source for which that is the reason.
    /// Before the first publication it is known once each source has been read or has failed.
    pub fn nothing_in_effect(&self) -> Option<(SourceId, NotInEffect)> {
        self.reasons()?.into_iter().next()
    }

    /// The same of each source that is served, or before the first publication of each that has a set.
    pub(super) fn reasons(&self) -> Option<Vec<(SourceId, NotInEffect)>> {
        if self.published_at.is_some() {
            return self.served.iter().map(|(source, dated)| Some((*source, self.why_not_in_effect(dated)?))).collect();
        }
        if !self.feeds.iter().all(|feed| feed.has_reported) {
            return None;
        }
        let sets = self.feeds.iter().filter_map(|feed| Some((feed.source, feed.last.as_ref()?)));
        sets.map(|(source, dated)| Some((source, self.why_not_in_effect(dated)?))).collect()
    }

    fn why_not_in_effect(&self, dated: &DatedTable) -> Option<NotInEffect> {
        dated.why_not_in_effect(self.reviewed?, &self.curation.freshness)
    }
}
