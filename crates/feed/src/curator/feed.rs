//! One source: its last table, the one that waits, and whether it is well.

use super::clock::contradicts_clock;
use super::event::{CuratorEvent, Release};
use super::fresh::{Assessment, Freshness, Horizon, NotInEffect};
use super::guard::{GuardDecision, Loss, is_same_loss};
use super::{Curation, SourceId};
use crate::table::{NEVER, Table, Timestamps};
use rtrcast_proto::Moment;
use std::sync::Arc;
use std::time::Duration;

/// A source is passed over once it has failed this many times in a row: a single failure is soon repaired.
const FAILURES_MAX: u32 = 2;

/// Or for this long: a file that is broken is not read again before it changes.
const FAILING_MAX: Duration = Duration::from_secs(60);

/// Or once more than one in so many of its payloads has expired: it has stopped renewing them.
const EXPIRED_SHARE: usize = 10;

/// However often what is lost changes, a table is held no longer than so many times the hold.
const HOLD_MULTIPLE_MAX: u32 = 3;

/// Now, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) moment: Moment,
    /// The time of day that is believed, in seconds since 1970.
    pub(super) wall: u32,
}

/// A table, and when its set was made.
#[derive(Clone, Debug)]
pub(super) struct DatedTable {
    pub(super) table: Arc<Table>,
    /// When that was by its own word or by its file's, in seconds since 1970. It is kept as it was said: the clock may
    /// have been wrong when it came.
    stated: Option<u32>,
    /// When it came, or was confirmed.
    received: Moment,
    /// For how long its source wants it to be used.
    pub(super) validity: Validity,
}

/// For how long a source wants a set to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    /// As its file says, if that says anything.
    AsDated,
    /// Until then, whatever the clock on the wall does meanwhile.
    Until(Moment),
    /// It took it back.
    TakenBack,
}

impl Validity {
    pub(super) fn until(self) -> Option<Moment> {
        match self {
            Validity::Until(at) => Some(at),
            Validity::AsDated | Validity::TakenBack => None,
        }
    }
}

impl DatedTable {
    pub(super) fn new(table: Arc<Table>, written: Option<u32>, received: Moment) -> DatedTable {
        DatedTable { stated: table.timestamps().made.or(written), table, received, validity: Validity::AsDated }
    }

    /// A table that another cache sent now, to be used for so long.
    pub(super) fn lasting(table: Arc<Table>, now: Moment, valid_for: Duration) -> DatedTable {
        DatedTable { validity: Validity::Until(now.after(valid_for)), ..DatedTable::new(table, None, now) }
    }

    pub(super) fn is_same(&self, other: &DatedTable) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
            && (self.stated, self.received, self.validity) == (other.stated, other.received, other.validity)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.expires().is_empty()
    }

    /// When the set was made, in seconds since 1970. A set from the future would count for too long: it was made when it
    /// came at the latest.
    pub(super) fn made(&self, time: Time) -> u32 {
        let since = time.moment.0.saturating_sub(self.received.0) / 1_000;
        let came = time.wall.saturating_sub(u32::try_from(since).unwrap_or(u32::MAX));
        self.stated.map_or(came, |stated| stated.min(came))
    }

    fn timestamps(&self, time: Time) -> Timestamps {
        let timestamps = self.table.timestamps();
        match self.validity {
            Validity::AsDated => timestamps,
            Validity::Until(at) => {
                let left = at.0.saturating_sub(time.moment.0) / 1_000;
                let left = u32::try_from(left).unwrap_or(u32::MAX);
                Timestamps { valid_until: Some(time.wall.saturating_add(left)), ..timestamps }
            }
            Validity::TakenBack => Timestamps { valid_until: Some(0), ..timestamps },
        }
    }

    pub(super) fn horizon(&self, time: Time, freshness: &Freshness) -> Horizon {
        match self.validity {
            Validity::AsDated if self.made_in_future(time.wall).is_some() => {
                freshness.without_age().horizon(time.wall, self.made(time), self.timestamps(time))
            }
            Validity::AsDated | Validity::Until(_) => {
                freshness.horizon(time.wall, self.made(time), self.timestamps(time))
            }
            Validity::TakenBack => freshness.taken_back(time.wall),
        }
    }

    /// When it becomes too old, in seconds since 1970.
    pub(super) fn too_old_from(&self, time: Time, freshness: &Freshness) -> u32 {
        match self.made_in_future(time.wall) {
            Some(_) => NEVER,
            None => freshness.too_old_from(self.made(time), self.timestamps(time)),
        }
    }

    pub(super) fn is_over(&self, time: Time, freshness: &Freshness) -> bool {
        self.horizon(time, freshness).is_over(&self.table)
    }

    /// Why nothing of it is in effect, if that is so.
    pub(super) fn why_not_in_effect(&self, time: Time, freshness: &Freshness) -> Option<NotInEffect> {
        let horizon = self.horizon(time, freshness);
        horizon.is_over(&self.table).then(|| match self.validity {
            Validity::AsDated => freshness.why_not_in_effect(&horizon, &self.table, self.made(time)),
            Validity::Until(_) => NotInEffect::NotRenewed,
            Validity::TakenBack => NotInEffect::TakenBack,
        })
    }

    /// Until when its author wants it to be used, in seconds since 1970, if its file says so.
    pub(super) fn valid_until(&self) -> Option<u32> {
        self.table.timestamps().valid_until.filter(|_| self.validity == Validity::AsDated)
    }

    /// How many of its records are not in effect any more.
    fn ended(&self, time: Time, freshness: &Freshness) -> usize {
        let horizon = self.horizon(time, freshness);
        self.table.expires().iter().filter(|expires| !horizon.counts(**expires)).count()
    }

    /// When it was made by its own account, if that is so far in the future that the clock has to be wrong, or its source.
    fn made_in_future(&self, wall: u32) -> Option<u32> {
        self.stated.filter(|stated| contradicts_clock(*stated, wall))
    }
}

impl Assessment {
    /// What of a table would be in effect now, if it came now, by the rules of the curator. `written` is when its file was
    /// written, for one that says nothing of its age; both times are in seconds since 1970.
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

/// A table that waits, and why.
#[derive(Clone, Debug)]
pub(super) struct HeldTable {
    pub(super) new: DatedTable,
    pub(super) losses: Vec<Loss>,
    pub(super) since: Moment,
    /// Since when any has waited.
    first: Moment,
}

impl HeldTable {
    /// When it will be taken.
    pub(super) fn until(&self, hold: Duration) -> Moment {
        self.since.after(hold).min(self.first.after(hold * HOLD_MULTIPLE_MAX))
    }
}

/// What is known of one source.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) source: SourceId,
    pub(super) last: Option<DatedTable>,
    pub(super) held: Option<HeldTable>,
    /// In a row, and since when.
    failures: u32,
    failing_since: Option<Moment>,
    /// Whether it has loaded, confirmed, or failed yet.
    pub(super) has_reported: bool,
    /// Whether it has loaded or confirmed anything yet.
    has_loaded: bool,
    pub(super) is_too_old: bool,
    /// Whether that was told.
    pub(super) is_reported_too_old: bool,
    /// Whether nothing that it has counts any more, or it never had anything.
    pub(super) is_over: bool,
    /// How many of its records are not in effect any more.
    pub(super) ended: usize,
    /// Whether its set was made later than the clock says that it is, and that was reported.
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
    }

    /// It has what it had: a set that does not say when it was made has been made just now.
    pub(super) fn confirmed(&mut self, now: Moment) {
        self.succeeded();
        let held = self.held.as_mut().map(|held| &mut held.new);
        if let Some(newest) = held.or(self.last.as_mut()).filter(|dated| dated.stated.is_none()) {
            newest.received = now;
        }
    }

    /// It has what it had, and wants it to be used until then.
    pub(super) fn renewed(&mut self, now: Moment, until: Moment) {
        self.confirmed(now);
        // What is served while a newer set waits has no other source to live by.
        for dated in self.held.iter_mut().map(|held| &mut held.new).chain(&mut self.last) {
            dated.validity = Validity::Until(until);
        }
    }

    /// It takes back what it had.
    pub(super) fn withdrawn(&mut self, now: Moment) {
        self.failed(now);
        self.held = None;
        if let Some(last) = &mut self.last {
            last.validity = Validity::TakenBack;
        }
    }

    /// Whether it has been read, or has failed for long enough not to be waited for.
    pub(super) fn is_ready(&self, now: Moment) -> bool {
        self.has_loaded || self.is_failing(now)
    }

    /// Whether it fails, and not only by a mishap.
    fn is_failing(&self, now: Moment) -> bool {
        self.failures >= FAILURES_MAX || self.fails_from().is_some_and(|from| from <= now)
    }

    /// When a failure stops to be a mishap.
    pub(super) fn fails_from(&self) -> Option<Moment> {
        self.failing_since.map(|since| since.after(FAILING_MAX))
    }

    /// Whether it is to be preferred to others that come after it.
    pub(super) fn is_healthy(&self, now: Moment) -> bool {
        !self.is_failing(now) && !self.is_too_old && !self.is_mostly_expired()
    }

    /// Whether so much of it has expired that its source can't be well.
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

    /// Notes how old it is.
    pub(super) fn check_age(&mut self, time: Time, freshness: &Freshness) {
        if let Some(last) = &self.last {
            self.is_over = last.is_over(time, freshness);
            self.ended = last.ended(time, freshness);
        }
    }

    /// Takes the table that waits.
    pub(super) fn take_held(&mut self) -> bool {
        let held = self.held.take();
        let was_held = held.is_some();
        self.last = held.map(|held| held.new).or(self.last.take());
        was_held
    }

    /// When and why the table that waits is to be taken, if that is now. The source has to stand by it: while it fails,
    /// nobody knows whether the loss goes on.
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

    /// Takes a new table, or holds it back, or leaves it.
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
        let losses = match curation.guard.judge((&last.table, &horizon), (&new.table, &new_horizon)) {
            GuardDecision::Take(losses) => {
                self.last = Some(new);
                let released = self.held.take().map(|_| CuratorEvent::Released { source, why: Release::LossRecovered });
                let reduced = (!losses.is_empty()).then_some(CuratorEvent::Reduced { source, losses });
                return nothing_in_effect.or(released).into_iter().chain(reduced).collect();
            }
            GuardDecision::Hold(losses) => losses,
        };
        // What the new table still has must not expire for want of it.
        if new.table.expires().iter().any(|expires| *expires != NEVER) {
            last.table = Arc::new(last.table.renewed_by(&new.table));
        }
        if let (Validity::Until(last_until), Validity::Until(until)) = (last.validity, new.validity) {
            last.validity = Validity::Until(until.max(last_until));
        }
        let now = time.moment;
        let first = self.held.as_ref().map_or(now, |held| held.first);
        let waiting = self.held.take().filter(|held| is_same_loss(&held.losses, &losses));
        let is_news = waiting.is_none();
        // What is compared with later is the loss that the wait began with, or it could grow bit by bit.
        let (known, since) = waiting.map_or_else(|| (losses.clone(), now), |held| (held.losses, held.since));
        let held = HeldTable { new, losses: known, since, first };
        let until = held.until(curation.guard.hold.unwrap_or_default());
        self.held = Some(held);
        let wait = Duration::from_millis(until.0.saturating_sub(now.0));
        is_news.then_some(CuratorEvent::Held { source, losses, wait }).into_iter().collect()
    }
}
