//! What a cache has to serve, by what its sources have, and the checks of that.

use super::cache::{CacheEngine, EXPIRY_LATE_MAX, HOLD, LEAD, SimSource};
use crate::action::SOURCES;
use crate::model::{ModelSet, SourceTable, sum_of_both_sides};
use rtrcast_feed::curator::{Choice, TooOld};
use rtrcast_proto::Moment;
use std::time::Duration;

impl CacheEngine {
    /// Records of a table that are in effect at a second: those without an expiry for as long as the table may be used.
    pub(super) fn in_effect(&self, table: &SourceTable, made: u32, unix: u32) -> ModelSet {
        let is_old = made.saturating_add(self.curation.freshness.age_seconds_max) <= unix;
        let mut set = table.in_effect(unix);
        if is_old {
            set.retain(|record| table.records.get(record).is_some_and(Option::is_some));
        }
        set
    }

    /// The sets that may be served at a second.
    fn expected(&self, unix: u32) -> Vec<ModelSet> {
        let in_effect =
            |source: &SimSource| source.effective.as_ref().map(|(table, made)| self.in_effect(table, *made, unix));
        let sets: Vec<ModelSet> = self.sources.iter().filter_map(in_effect).collect();
        match self.curation.choice {
            Choice::Union => vec![self.slurm.union(&sets)],
            Choice::First => sets.iter().map(|set| self.slurm.union(std::slice::from_ref(set))).collect(),
        }
    }

    pub(super) fn check_served(&self, now: Moment, set: &ModelSet) -> Result<(), String> {
        if self.is_clock_set {
            return Ok(());
        }
        let expected = self.expected(self.unix(now) + LEAD);
        if expected.contains(set) {
            return Ok(());
        }
        let Some(nearest) = expected.iter().min_by_key(|expected| sum_of_both_sides(expected, set)) else {
            return Err("a set is served, and no source has been read".to_owned());
        };
        let (more, less) = (set.difference(nearest).next(), nearest.difference(set).next());
        Err(format!("what is served is not what the sources have: more {more:?}, less {less:?}"))
    }

    /// Notes when the records that are served end.
    pub(super) fn count_ends(&mut self) {
        self.ends.clear();
        let Some(served) = &self.served else { return };
        for record in served.iter().filter(|record| !self.slurm.added.contains(record)) {
            let end = |source: &SimSource| {
                let (table, made) = source.effective.as_ref()?;
                let expires = table.records.get(record)?;
                Some(expires.unwrap_or(made.saturating_add(self.curation.freshness.age_seconds_max)))
            };
            // The parts of an ASPA of two sources end one after the other.
            if let Some(end) = self.sources.iter().filter_map(end).max() {
                *self.ends.entry(end).or_default() += 1;
            }
        }
    }

    /// Checks what has to happen by the time.
    pub(crate) fn check_time(&self, now: Moment) -> Result<(), String> {
        if self.is_clock_set {
            return Ok(());
        }
        let unix = self.unix(now);
        if self.served.is_some()
            && let Some((end, records)) = self.ends.first_key_value()
            && end.saturating_add(EXPIRY_LATE_MAX) < unix
            // If nothing that any source has is in effect, the last set stays where it is to.
            && self.curation.choice == Choice::Union
        {
            return Err(format!("{records} records are served {} s after their end", unix - end));
        }
        // A source that has not been read is waited for, for 5 s.
        if self.waits_since.is_some_and(|since| now > since.after(Duration::from_secs(6))) && !self.is_over(unix) {
            return Err("a source has been read, and nothing is served".to_owned());
        }
        if self.curation.freshness.too_old == TooOld::Close
            && self.served.is_some()
            && self.is_over(unix - EXPIRY_LATE_MAX)
        {
            return Err("all data are too old, and are served".to_owned());
        }
        for (number, source) in self.sources.iter().enumerate() {
            let Some(since) = source.held_since.filter(|_| !source.is_failing) else { continue };
            if now > since.after(HOLD * 3 + Duration::from_secs(120)) {
                return Err(format!("a loss of source {number} is held for {} s", (now.0 - since.0) / 1_000));
            }
        }
        let (deltas, octets) = self.publisher.history().retained();
        if deltas > 4 || octets > 100_000 {
            return Err(format!("the history has {deltas} deltas of {octets} octets"));
        }
        Ok(())
    }

    /// Returns whether nothing that any source has is in effect at a second.
    fn is_over(&self, unix: u32) -> bool {
        let mut tables = self.sources.iter().filter_map(|source| source.effective.as_ref());
        tables.all(|(table, made)| !table.records.is_empty() && self.in_effect(table, *made, unix).is_empty())
    }

    /// The most images that there may be once no router reads an older one: one a table, and one a version.
    pub(crate) fn images_max(&self) -> usize {
        SOURCES * 3 + 3
    }

    /// Returns whether this set is what the sources have, now or at some time since the last minute: expired records
    /// go once a minute.
    pub(crate) fn is_settled(&self, now: Moment, set: &ModelSet) -> bool {
        let unix = self.unix(now) + LEAD;
        (0..=EXPIRY_LATE_MAX).any(|late| self.expected(unix - late).contains(set))
    }

    /// Returns whether a source has been read whose records are in effect.
    pub(crate) fn has_tables(&self) -> bool {
        self.sources.iter().any(|source| source.effective.as_ref().is_some_and(|(table, _)| !table.records.is_empty()))
    }
}
