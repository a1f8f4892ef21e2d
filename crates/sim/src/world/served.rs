//! What a cache has to serve, by what its sources have, and the checks of that.

use super::cache::{CacheEngine, EXPIRY_LATE_MAX, HOLD, LEAD, LoadedTable, SimSource};
use crate::action::SOURCES;
use crate::model::{ModelRecord, ModelSet, sum_of_both_sides};
use rtrcast_feed::curator::{Choice, TooOld};
use rtrcast_proto::Moment;
use std::time::Duration;

/// Seconds from which a file's time in the future is no measure of its age.
const AHEAD_MAX: u32 = 86_400;

/// A clock that is set back by less brings back nothing that has expired meanwhile.
const SET_BACK_MIN: u32 = 60;

/// Time for which the first source that is read waits for the others, and the grain of the clocks.
pub(super) const START_WAIT_MAX: Duration = Duration::from_secs(6);

/// Time after a change of the clock within which what is served follows.
const CLOCK_CHANGE_WAIT: Duration = Duration::from_secs(65);

impl LoadedTable {
    /// Returns when its set becomes too old, in seconds since 1970; none if its time says nothing. It was made when it
    /// came at the latest.
    fn too_old_from(&self, now: Moment, wall: u32, age_max: u32) -> Option<u32> {
        let since = u32::try_from((now.0 - self.received.0) / 1_000).unwrap_or(u32::MAX);
        let made = self.stated.min(wall.saturating_sub(since));
        (self.stated.saturating_sub(wall) <= AHEAD_MAX).then(|| made.saturating_add(age_max))
    }
}

impl CacheEngine {
    fn end_by_age(&self, loaded: &LoadedTable, now: Moment) -> Option<u32> {
        loaded.too_old_from(now, self.unix(now), self.curation.freshness.age_seconds_max)
    }

    /// Returns the records of a table that are in effect at a second: those without an expiry for as long as the table
    /// may be used.
    pub(super) fn in_effect(&self, loaded: &LoadedTable, now: Moment, unix: u32) -> ModelSet {
        let is_old = self.end_by_age(loaded, now).is_some_and(|end| end <= unix);
        let mut set = loaded.table.in_effect(unix);
        if is_old {
            set.retain(|record| loaded.table.records.get(record).is_some_and(Option::is_some));
        }
        set
    }

    /// Returns whether nothing of a table is in effect at a second: an empty one is, until it is too old.
    pub(super) fn is_table_over(&self, loaded: &LoadedTable, now: Moment, unix: u32) -> bool {
        match loaded.table.records.is_empty() {
            true => self.end_by_age(loaded, now).is_some_and(|end| end <= unix),
            false => self.in_effect(loaded, now, unix).is_empty(),
        }
    }

    /// Returns the sets that may be served at a second.
    fn expected(&self, now: Moment, unix: u32) -> Vec<ModelSet> {
        let in_effect = |source: &SimSource| source.effective.as_ref().map(|loaded| self.in_effect(loaded, now, unix));
        let sets: Vec<ModelSet> = self.sources.iter().filter_map(in_effect).collect();
        match self.curation.choice {
            Choice::Union => vec![self.slurm.union(&sets)],
            Choice::First => sets.iter().map(|set| self.slurm.union(std::slice::from_ref(set))).collect(),
        }
    }

    /// Returns whether a source has not been read since the start, and what was served before may be served.
    pub(super) fn is_resuming(&self) -> bool {
        self.restored.is_some() && self.sources.iter().any(|source| !source.is_read)
    }

    /// Returns whether each record of a set was served before the start, or is one of a source or of SLURM now.
    fn may_be_restored(&self, set: &ModelSet) -> bool {
        let is_of_source = |record: &ModelRecord| {
            let mut tables = self.sources.iter().filter_map(|source| source.effective.as_ref());
            tables.any(|loaded| loaded.table.records.contains_key(record))
        };
        let restored = self.restored.iter().flatten();
        let restored: ModelSet = restored.cloned().collect();
        set.iter().all(|record| match record {
            // Its providers may be those of several.
            ModelRecord::Aspa { .. } => true,
            record => restored.contains(record) || self.slurm.added.contains(record) || is_of_source(record),
        })
    }

    /// Checks a set that is about to be served.
    pub(super) fn check_served(&self, now: Moment, set: &ModelSet) -> Result<(), String> {
        let expected = self.expected(now, self.unix(now) + LEAD);
        // If nothing that any source has is in effect, what was restored stays, and ends in its time.
        let is_restored = self.restored.is_some() && self.is_over(now, self.unix(now));
        if expected.contains(set) || ((self.is_resuming() || is_restored) && self.may_be_restored(set)) {
            return Ok(());
        }
        let Some(nearest) = expected.iter().min_by_key(|expected| sum_of_both_sides(expected, set)) else {
            return Err("a set is served, and no source has been read".to_owned());
        };
        let (more, less) = (set.difference(nearest).next(), nearest.difference(set).next());
        Err(format!("what is served is not what the sources have: more {more:?}, less {less:?}"))
    }

    /// Checks what has to happen by the time.
    pub(crate) fn check_time(&mut self, now: Moment) -> Result<(), String> {
        let (deltas, octets) = self.publisher.history().retained();
        if deltas > 4 || octets > 100_000 {
            return Err(format!("the history has {deltas} deltas of {octets} octets"));
        }
        for (number, source) in self.sources.iter().enumerate() {
            let Some(since) = source.held_since.filter(|_| !source.is_failing) else { continue };
            if now > since.after(HOLD * 3 + Duration::from_secs(120)) {
                return Err(format!("a loss of source {number} is held for {} s", (now.0 - since.0) / 1_000));
            }
        }
        if self.clock.changed.is_some_and(|changed| now < changed.after(CLOCK_CHANGE_WAIT)) {
            return Ok(());
        }
        let unix = self.unix(now);
        // A source that has not been read is waited for, for 5 s.
        let is_waiting = self.served.is_none() && self.has_tables() && !self.is_over(now, unix);
        self.waits_since = self.waits_since.or(Some(now)).filter(|_| is_waiting);
        if self.waits_since.is_some_and(|since| now > since.after(START_WAIT_MAX)) {
            return Err("a source has been read, and nothing is served".to_owned());
        }
        // What was restored may be newer than the tables that are stored.
        if self.curation.freshness.too_old == TooOld::Close
            && self.restored.is_none()
            && self.served.is_some()
            && self.is_over(now, unix - EXPIRY_LATE_MAX)
        {
            return Err("all data are too old, and are served".to_owned());
        }
        self.check_current(now)
    }

    /// Checks that what is served is what the sources have.
    fn check_current(&mut self, now: Moment) -> Result<(), String> {
        let is_waiting =
            self.waits_until.is_some_and(|until| now <= until) && self.sources.iter().any(|source| !source.is_read);
        let is_checked = self.checked.is_some_and(|last| now < last.after(Duration::from_secs(1)));
        // If nothing that any source has is in effect, what was restored stays where it is to, and ends in its time.
        let is_restored = self.restored.is_some() && self.is_over(now, self.unix(now));
        if is_waiting || is_checked || self.is_resuming() || is_restored {
            return Ok(());
        }
        self.checked = Some(now);
        match &self.served {
            Some(served) if !self.is_settled(now, served) => {
                Err("what is served is not what the sources have had for a minute".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns whether nothing that any source has is in effect at a second.
    fn is_over(&self, now: Moment, unix: u32) -> bool {
        let mut tables = self.sources.iter().filter_map(|source| source.effective.as_ref());
        tables.all(|loaded| self.is_table_over(loaded, now, unix))
    }

    /// The most images that there may be once no router reads an older one: one a table, and one a version.
    pub(crate) fn images_max(&self) -> usize {
        SOURCES + 3
    }

    /// Returns whether this set is what the sources have, now or at some time since the last minute: expired records
    /// go once a minute. If the clock was set back a little, what had expired is missing until it expires again.
    pub(crate) fn is_settled(&self, now: Moment, set: &ModelSet) -> bool {
        let unix = self.unix(now) + LEAD;
        let is_recent =
            |moment: Moment, back: u32| now < moment.after(Duration::from_secs(u64::from(back)) + CLOCK_CHANGE_WAIT);
        let early = match self.clock.set_back {
            Some((moment, back)) if back <= SET_BACK_MIN && is_recent(moment, back) => back,
            Some(_) | None => 0,
        };
        (0..=EXPIRY_LATE_MAX + early).any(|late| self.expected(now, unix + early - late).contains(set))
    }

    /// Checks that of several sources the first healthy one is served, if there is one: with records of which not more
    /// than a tenth has expired.
    pub(crate) fn check_preferred(&self, now: Moment, served: &ModelSet) -> Result<(), String> {
        let first = |unix: u32| {
            self.sources.iter().position(|source| {
                let is_healthy = |loaded: &LoadedTable| {
                    let (all, left) = (loaded.table.records.len(), self.in_effect(loaded, now, unix).len());
                    all > 0 && (all - left) * 10 <= all
                };
                source.effective.as_ref().is_some_and(is_healthy)
            })
        };
        let unix = self.unix(now) + LEAD;
        let preferred = first(unix).filter(|preferred| first(unix - EXPIRY_LATE_MAX) == Some(*preferred));
        let Some(preferred) = preferred.filter(|_| self.curation.choice == Choice::First) else { return Ok(()) };
        let Some(loaded) = &self.sources[preferred].effective else { return Ok(()) };
        let sets = (0..=EXPIRY_LATE_MAX).map(|late| self.slurm.union(&[self.in_effect(loaded, now, unix - late)]));
        match sets.into_iter().any(|set| set == *served) {
            true => Ok(()),
            false => Err(format!("source {preferred} is healthy, and is not served")),
        }
    }

    /// Returns whether a source has been read whose records are in effect.
    pub(crate) fn has_tables(&self) -> bool {
        let mut tables = self.sources.iter().filter_map(|source| source.effective.as_ref());
        tables.any(|loaded| !loaded.table.records.is_empty())
    }
}
