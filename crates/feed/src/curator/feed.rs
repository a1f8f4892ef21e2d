//! One source: its last table, the one that is held, and its health.

use super::clock::contradicts_clock;
use super::event::{CuratorEvent, Release};
use super::freshness::{Assessment, Freshness, Horizon, NotInEffect};
use super::guard::{GuardDecision, Loss, is_same_loss};
use super::{Curation, SourceId};
use crate::table::{NEVER, Table, Timestamps};
use rtrcast_proto::Moment;
use std::sync::Arc;
use std::time::Duration;

/// A source is not healthy once it has failed this many times in a row: a single failure is soon repaired.
const FAILURES_MAX: u32 = 2;

/// Or for this long: a file that is broken is not read again before it changes.
const FAILING_MAX: Duration = Duration::from_secs(60);

/// Or once more than one in so many of its payloads has expired: it is mostly expired, since it has stopped renewing
/// them.
const EXPIRED_SHARE: usize = 10;

/// However often the losses change, a table is held no longer than so many times the hold.
const HOLD_MULTIPLE_MAX: u32 = 3;

/// Now, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) moment: Moment,
    /// The accepted time of day, in seconds since 1970.
    pub(super) wall: u32,
}

/// A table, and when its set was made.
#[derive(Clone, Debug)]
pub(super) struct DatedTable {
    pub(super) table: Arc<Table>,
    /// Time of the set by its content or its file, in seconds since 1970. It is kept as given: the clock may have been
    /// wrong when it came.
    stated: Option<u32>,
    /// When it came, or was confirmed.
    received: Moment,
    /// For how long its source wants it to be used.
    pub(super) validity: ValidityPeriod,
}

/// For how long a source wants a set to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValidityPeriod {
    /// As its file has it, if at all.
    AsDated,
    /// Until then, whatever the wall clock does meanwhile.
    Until(Moment),
    /// It was withdrawn.
    Withdrawn,
}

impl ValidityPeriod {
    pub(super) fn until(self) -> Option<Moment> {
        match self {
            ValidityPeriod::Until(at) => Some(at),
            ValidityPeriod::AsDated | ValidityPeriod::Withdrawn => None,
        }
    }
}

impl DatedTable {
    pub(super) fn new(table: Arc<Table>, written: Option<u32>, received: Moment) -> DatedTable {
        DatedTable { stated: table.timestamps().made.or(written), table, received, validity: ValidityPeriod::AsDated }
    }

    /// The same with another validity.
    pub(super) fn with_validity(self, validity: ValidityPeriod) -> DatedTable {
        DatedTable { validity, ..self }
    }

    /// Makes a table that another cache sent now, to be used for so long.
    pub(super) fn lasting(table: Arc<Table>, now: Moment, valid_for: Duration) -> DatedTable {
        DatedTable { validity: ValidityPeriod::Until(now.after(valid_for)), ..DatedTable::new(table, None, now) }
    }

    pub(super) fn is_same(&self, other: &DatedTable) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
            && (self.stated, self.received, self.validity) == (other.stated, other.received, other.validity)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.expires().is_empty()
    }

    /// Returns when the set was made, in seconds since 1970. A set from the future would be in effect for too long: it
    /// was made when it came at the latest.
    pub(super) fn made(&self, time: Time) -> u32 {
        let since = time.moment.0.saturating_sub(self.received.0) / 1_000;
        let came = time.wall.saturating_sub(u32::try_from(since).unwrap_or(u32::MAX));
        self.stated.map_or(came, |stated| stated.min(came))
    }

    fn timestamps(&self, time: Time) -> Timestamps {
        let timestamps = self.table.timestamps();
        match self.validity {
            ValidityPeriod::AsDated => timestamps,
            ValidityPeriod::Until(at) => {
                let left = at.0.saturating_sub(time.moment.0) / 1_000;
                let left = u32::try_from(left).unwrap_or(u32::MAX);
                Timestamps { valid_until: Some(time.wall.saturating_add(left)), ..timestamps }
            }
            ValidityPeriod::Withdrawn => Timestamps { valid_until: Some(0), ..timestamps },
        }
    }

    pub(super) fn horizon(&self, time: Time, freshness: &Freshness) -> Horizon {
        match self.validity {
            ValidityPeriod::AsDated if self.made_in_future(time.wall).is_some() => {
                freshness.without_age().horizon(time.wall, self.made(time), self.timestamps(time))
            }
            ValidityPeriod::AsDated | ValidityPeriod::Until(_) => {
                freshness.horizon(time.wall, self.made(time), self.timestamps(time))
            }
            ValidityPeriod::Withdrawn => freshness.withdrawn(time.wall),
        }
    }

    /// Returns when it becomes too old, in seconds since 1970.
    pub(super) fn too_old_from(&self, time: Time, freshness: &Freshness) -> u32 {
        match self.made_in_future(time.wall) {
            Some(_) => NEVER,
            None => freshness.too_old_from(self.made(time), self.timestamps(time)),
        }
    }

    pub(super) fn is_over(&self, time: Time, freshness: &Freshness) -> bool {
        self.horizon(time, freshness).is_over(&self.table)
    }

    /// Returns why nothing of it is in effect, if that is so.
    pub(super) fn why_not_in_effect(&self, time: Time, freshness: &Freshness) -> Option<NotInEffect> {
        let horizon = self.horizon(time, freshness);
        horizon.is_over(&self.table).then(|| match self.validity {
            ValidityPeriod::AsDated => freshness.why_not_in_effect(&horizon, &self.table, self.made(time)),
            ValidityPeriod::Until(_) => NotInEffect::NotRenewed,
            ValidityPeriod::Withdrawn => NotInEffect::Withdrawn,
        })
    }

    /// Returns the end of its validity, in seconds since 1970, if it has one.
    pub(super) fn valid_until_at(&self, time: Time) -> Option<u32> {
        self.timestamps(time).valid_until
    }

    pub(super) fn stated(&self) -> Option<u32> {
        self.stated
    }

    pub(super) fn received(&self) -> Moment {
        self.received
    }

    /// Returns the end of its validity by its file, in seconds since 1970, if that has one.
    pub(super) fn valid_until(&self) -> Option<u32> {
        self.table.timestamps().valid_until.filter(|_| self.validity == ValidityPeriod::AsDated)
    }

    /// Returns how many of its records are not in effect any more.
    pub(super) fn ended(&self, time: Time, freshness: &Freshness) -> usize {
        let horizon = self.horizon(time, freshness);
        self.table.expires().iter().filter(|expires| !horizon.is_in_effect(**expires)).count()
    }

    /// Returns the time of its file, if that is so far in the future that the clock or the source has to be wrong.
    fn made_in_future(&self, wall: u32) -> Option<u32> {
        self.stated.filter(|stated| contradicts_clock(*stated, wall))
    }
}

impl Assessment {
    /// Assesses a table as if it came now, by the rules of the curator. `written` is when its file was written, for one
    /// without a time of its own; both times are in seconds since 1970.
    pub fn of(table: &Arc<Table>, written: Option<u32>, now: u32, freshness: &Freshness) -> Assessment {
        let dated = DatedTable::new(Arc::clone(table), written, Moment(0));
        let time = Time { moment: Moment(0), wall: now };
        let horizon = dated.horizon(time, freshness);
        let expires = || table.expires().iter().copied();
        let expired = || expires().filter(|expires| horizon.has_expired(*expires));
        let future = || expires().map(|expires| horizon.end_of(expires)).filter(|end| *end > horizon.at());
        let (all, expired_count) = (table.expires().len(), expired().count());
        Assessment {
            expired: expired_count,
            last_expiry: expired().max(),
            aged: all - expired_count - future().count(),
            set_not_in_effect: freshness.why_set_not_in_effect(&horizon, table, dated.made(time)),
            first_end: future().min().filter(|end| *end != NEVER),
            last_end: future().max().filter(|end| *end != NEVER),
            nothing_in_effect: dated.why_not_in_effect(time, freshness),
        }
    }
}

/// A table that is held, and its losses.
#[derive(Clone, Debug)]
pub(super) struct HeldTable {
    pub(super) new: DatedTable,
    pub(super) losses: Vec<Loss>,
    pub(super) since: Moment,
    /// Since when any has been held.
    pub(super) first: Moment,
}

impl HeldTable {
    /// Returns when it will be taken.
    pub(super) fn until(&self, hold: Duration) -> Moment {
        self.since.after(hold).min(self.first.after(hold * HOLD_MULTIPLE_MAX))
    }
}

/// State of one source.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) source: SourceId,
    pub(super) last: Option<DatedTable>,
    pub(super) held: Option<HeldTable>,
    /// In a row, and since when.
    failures: u32,
    failing_since: Option<Moment>,
    /// True if it has loaded, confirmed, or failed yet.
    pub(super) has_reported: bool,
    /// True if it has loaded or confirmed anything yet.
    has_loaded: bool,
    /// True if its table was stored, and is older than what was served since.
    pub(super) is_stale: bool,
    pub(super) is_too_old: bool,
    /// True if that was reported.
    pub(super) is_reported_too_old: bool,
    /// True if nothing of it is in effect any more, or it never had a table.
    pub(super) is_over: bool,
    /// Number of its records that are not in effect any more.
    pub(super) ended: usize,
    /// True if the time of its set is ahead of the clock, and that was reported.
    is_made_in_future: bool,
}

impl Feed {
    pub(super) fn new(source: SourceId) -> Feed {
        Feed {
            source,
            last: None,
            held: None,
            failures: 0,
            failing_since: None,
            has_reported: false,
            has_loaded: false,
            is_stale: false,
            is_too_old: false,
            is_reported_too_old: false,
            is_over: true,
            ended: 0,
            is_made_in_future: false,
        }
    }

    pub(super) fn failed(&mut self, now: Moment) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.failing_since = None;
        self.has_loaded = true;
        self.is_stale = false;
    }

    /// Handles an unchanged set: one without a time of its own was made just now.
    pub(super) fn confirmed(&mut self, now: Moment) {
        self.succeeded();
        let held = self.held.as_mut().map(|held| &mut held.new);
        if let Some(newest) = held.or(self.last.as_mut()).filter(|dated| dated.stated.is_none()) {
            newest.received = now;
        }
    }

    /// Handles an unchanged set that is valid until then.
    pub(super) fn renewed(&mut self, now: Moment, until: Moment) {
        self.confirmed(now);
        // The set that is served while a newer one is held is prolonged too.
        for dated in self.held.iter_mut().map(|held| &mut held.new).chain(&mut self.last) {
            dated.validity = ValidityPeriod::Until(until);
        }
    }

    /// Handles the withdrawal of its set.
    pub(super) fn withdrawn(&mut self, now: Moment) {
        self.failed(now);
        self.held = None;
        if let Some(last) = &mut self.last {
            last.validity = ValidityPeriod::Withdrawn;
        }
    }

    /// Returns whether it need not be waited for: it has been read, or has failed for long enough.
    pub(super) fn is_ready(&self, now: Moment) -> bool {
        self.has_loaded || self.is_failing(now)
    }

    /// Returns whether it fails for more than a moment.
    fn is_failing(&self, now: Moment) -> bool {
        self.failures >= FAILURES_MAX || self.fails_from().is_some_and(|from| from <= now)
    }

    /// Returns when failures last for more than a moment.
    pub(super) fn fails_from(&self) -> Option<Moment> {
        self.failing_since.map(|since| since.after(FAILING_MAX))
    }

    /// Returns whether it is preferred to others that come after it.
    pub(super) fn is_healthy(&self, now: Moment) -> bool {
        !self.is_failing(now) && !self.is_too_old && !self.is_mostly_expired()
    }

    /// Returns whether so much of it has expired that its source is not healthy.
    fn is_mostly_expired(&self) -> bool {
        let records = self.last.as_ref().map_or(0, |last| last.table.expires().len());
        self.ended * EXPIRED_SHARE > records
    }

    /// Compares its set with the clock; an event where that has changed.
    pub(super) fn check_clock(&mut self, time: Time) -> Option<CuratorEvent> {
        let future = self.last.as_ref().and_then(|last| last.made_in_future(time.wall));
        let was_in_future = std::mem::replace(&mut self.is_made_in_future, future.is_some());
        match (future, was_in_future) {
            (Some(made), false) => Some(CuratorEvent::ClockBehind { source: self.source, made, clock: time.wall }),
            (None, true) => Some(CuratorEvent::ClockAgrees(self.source)),
            (Some(_), true) | (None, false) => None,
        }
    }

    /// Updates what of it is in effect.
    pub(super) fn check_age(&mut self, time: Time, freshness: &Freshness) {
        if let Some(last) = &self.last {
            self.is_over = last.is_over(time, freshness);
            self.ended = last.ended(time, freshness);
        }
    }

    /// Takes the table that is held.
    pub(super) fn take_held(&mut self) -> bool {
        let held = self.held.take();
        let was_held = held.is_some();
        self.last = held.map(|held| held.new).or(self.last.take());
        was_held
    }

    /// Returns why the table that is held is to be taken now, if it is. The source must not be failing, since then it
    /// is unknown whether the loss lasts.
    pub(super) fn release_due(&self, time: Time, curation: &Curation) -> Option<Release> {
        let held = self.held.as_ref()?;
        let Some(hold) = curation.guard.hold else { return Some(Release::GuardIsOff) };
        let is_over = |dated: &DatedTable| dated.is_over(time, &curation.freshness);
        if held.until(hold) <= time.moment && self.failures == 0 {
            Some(Release::HoldElapsed)
        } else if self.last.as_ref().is_none_or(is_over) && !is_over(&held.new) {
            Some(Release::PreviousNotInEffect)
        } else {
            None
        }
    }

    /// Takes a new table, holds it, or ignores it.
    pub(super) fn consider(&mut self, new: DatedTable, time: Time, curation: &Curation) -> Vec<CuratorEvent> {
        let (source, freshness) = (self.source, &curation.freshness);
        self.succeeded();
        let new_horizon = new.horizon(time, freshness);
        let why = new.why_not_in_effect(time, freshness);
        let nothing_in_effect = why.map(|why| CuratorEvent::NothingInEffect { source, why });
        let Some(last) = &mut self.last else {
            self.last = Some(new);
            return nothing_in_effect.into_iter().collect();
        };
        let horizon = last.horizon(time, freshness);
        let is_better = |held: &HeldTable| !held.new.is_over(time, freshness);
        if why.is_some() && (!horizon.is_over(&last.table) || self.held.as_ref().is_some_and(is_better)) {
            return nothing_in_effect.into_iter().collect();
        }
        let losses = match curation.guard.decide((&last.table, &horizon), (&new.table, &new_horizon)) {
            GuardDecision::Take(losses) => {
                self.last = Some(new);
                let released = self.held.take().map(|_| CuratorEvent::Released { source, why: Release::LossRecovered });
                let reduced = (!losses.is_empty()).then_some(CuratorEvent::Reduced { source, losses });
                return nothing_in_effect.or(released).into_iter().chain(reduced).collect();
            }
            GuardDecision::Hold(losses) => losses,
        };
        // Records of the new table must not expire while it is held.
        if last.table.expires().iter().any(|expires| *expires != NEVER) {
            let renewed = last.table.renewed_by(&new.table);
            if renewed.expires() != last.table.expires() {
                last.table = Arc::new(renewed);
            }
        }
        if let (ValidityPeriod::Until(last_until), ValidityPeriod::Until(until)) = (last.validity, new.validity) {
            last.validity = ValidityPeriod::Until(until.max(last_until));
        }
        let now = time.moment;
        let first = self.held.as_ref().map_or(now, |held| held.first);
        let waiting = self.held.take().filter(|held| is_same_loss(&held.losses, &losses));
        let is_news = waiting.is_none();
        // Later losses are compared with the first one, or they could grow bit by bit.
        let (known, since) = waiting.map_or_else(|| (losses.clone(), now), |held| (held.losses, held.since));
        let held = HeldTable { new, losses: known, since, first };
        let until = held.until(curation.guard.hold.unwrap_or_default());
        self.held = Some(held);
        let wait = Duration::from_millis(until.0.saturating_sub(now.0));
        is_news.then_some(CuratorEvent::Held { source, losses, wait }).into_iter().collect()
    }
}
