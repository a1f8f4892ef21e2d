//! One source: its last table, the one that waits, and whether it is well.

use super::event::{Event, Release};
use super::fresh::{Freshness, Horizon};
use super::guard::{Loss, is_same_loss};
use super::{Curation, SourceId};
use crate::table::{NEVER, Stamp, Table};
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
const HOLDS_MAX: u32 = 3;

/// Now, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) moment: Moment,
    /// The time of day that is believed, in seconds since 1970.
    pub(super) wall: u32,
}

/// A table, and when its set was made.
#[derive(Clone, Debug)]
pub(super) struct Dated {
    pub(super) table: Arc<Table>,
    /// When that was by its own word or by its file's, in seconds since 1970. It is kept as it was said: the clock may
    /// have been wrong when it came.
    said: Option<u32>,
    /// When it came, or was confirmed.
    received: Moment,
    /// For how long its source wants it to be used.
    pub(super) lasts: Lasts,
}

/// For how long a source wants a set to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasts {
    /// As its file says, if that says anything.
    AsDated,
    /// Until then, whatever the clock on the wall does meanwhile.
    Until(Moment),
    /// It took it back.
    TakenBack,
}

impl Lasts {
    pub(super) fn until(self) -> Option<Moment> {
        match self {
            Lasts::Until(at) => Some(at),
            Lasts::AsDated | Lasts::TakenBack => None,
        }
    }
}

impl Dated {
    pub(super) fn new(table: Arc<Table>, written: Option<u32>, received: Moment) -> Dated {
        Dated { said: table.stamp().made.or(written), table, received, lasts: Lasts::AsDated }
    }

    /// A table that another cache sent now, to be used for so long.
    pub(super) fn lasting(table: Arc<Table>, now: Moment, valid_for: Duration) -> Dated {
        Dated { lasts: Lasts::Until(now.after(valid_for)), ..Dated::new(table, None, now) }
    }

    pub(super) fn is_same(&self, other: &Dated) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
            && (self.said, self.received, self.lasts) == (other.said, other.received, other.lasts)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.expires().is_empty()
    }

    /// When the set was made, in seconds since 1970. A set from the future would count for too long: it was made when it
    /// came at the latest.
    pub(super) fn made(&self, time: Time) -> u32 {
        let since = time.moment.0.saturating_sub(self.received.0) / 1_000;
        let came = time.wall.saturating_sub(u32::try_from(since).unwrap_or(u32::MAX));
        self.said.map_or(came, |said| said.min(came))
    }

    fn stamp(&self, time: Time) -> Stamp {
        let stamp = self.table.stamp();
        match self.lasts {
            Lasts::AsDated => stamp,
            Lasts::Until(at) => {
                let left = at.0.saturating_sub(time.moment.0) / 1_000;
                let left = u32::try_from(left).unwrap_or(u32::MAX);
                Stamp { valid_until: Some(time.wall.saturating_add(left)), ..stamp }
            }
            Lasts::TakenBack => Stamp { valid_until: Some(0), ..stamp },
        }
    }

    pub(super) fn horizon(&self, time: Time, freshness: &Freshness) -> Horizon {
        match self.lasts {
            Lasts::AsDated | Lasts::Until(_) => freshness.horizon(time.wall, self.made(time), self.stamp(time)),
            Lasts::TakenBack => freshness.taken_back(time.wall),
        }
    }

    /// When it becomes too old, in seconds since 1970.
    pub(super) fn too_old_from(&self, time: Time, freshness: &Freshness) -> u32 {
        freshness.too_old_from(self.made(time), self.stamp(time))
    }

    pub(super) fn is_over(&self, time: Time, freshness: &Freshness) -> bool {
        self.horizon(time, freshness).is_over(&self.table)
    }

    /// Whether so much of it has expired that its source can't be well.
    fn is_worn(&self, time: Time, freshness: &Freshness) -> bool {
        let horizon = self.horizon(time, freshness);
        let expires = self.table.expires();
        let ended = expires.iter().filter(|expires| !horizon.counts(**expires)).count();
        ended * EXPIRED_SHARE > expires.len()
    }
}

/// A table that waits, and why.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) new: Dated,
    pub(super) losses: Vec<Loss>,
    pub(super) since: Moment,
    /// Since when any has waited.
    first: Moment,
}

impl Held {
    /// When it will be taken.
    pub(super) fn until(&self, hold: Duration) -> Moment {
        self.since.after(hold).min(self.first.after(hold * HOLDS_MAX))
    }
}

/// What is known of one source.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) source: SourceId,
    pub(super) last: Option<Dated>,
    pub(super) held: Option<Held>,
    /// In a row, and since when.
    failures: u32,
    failing_since: Option<Moment>,
    /// Whether it has loaded, confirmed, or failed yet.
    pub(super) has_reported: bool,
    /// Whether it has loaded or confirmed anything yet.
    has_loaded: bool,
    pub(super) is_too_old: bool,
    /// Whether that was told.
    pub(super) is_told_too_old: bool,
    /// Whether nothing that it has counts any more, or it never had anything.
    pub(super) is_over: bool,
    /// Whether too much of it has expired.
    is_worn: bool,
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
            is_told_too_old: false,
            is_over: true,
            is_worn: false,
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
        if let Some(newest) = held.or(self.last.as_mut()).filter(|dated| dated.said.is_none()) {
            newest.received = now;
        }
    }

    /// It has what it had, and wants it to be used until then.
    pub(super) fn renewed(&mut self, now: Moment, until: Moment) {
        self.confirmed(now);
        // What is served while a newer set waits has no other source to live by.
        for dated in self.held.iter_mut().map(|held| &mut held.new).chain(&mut self.last) {
            dated.lasts = Lasts::Until(until);
        }
    }

    /// It takes back what it had.
    pub(super) fn withdrawn(&mut self, now: Moment) {
        self.failed(now);
        self.held = None;
        if let Some(last) = &mut self.last {
            last.lasts = Lasts::TakenBack;
        }
    }

    /// Whether it has been read, or has failed for long enough not to be waited for.
    pub(super) fn had_its_turn(&self, now: Moment) -> bool {
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
        !self.is_failing(now) && !self.is_too_old && !self.is_worn
    }

    /// Notes how old it is.
    pub(super) fn judge_age(&mut self, time: Time, freshness: &Freshness) {
        if let Some(last) = &self.last {
            self.is_over = last.is_over(time, freshness);
            self.is_worn = last.is_worn(time, freshness);
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
        let is_over = |dated: &Dated| dated.is_over(time, &curation.freshness);
        if held.until(hold) <= time.moment && self.failures == 0 {
            Some(Release::WaitedEnough)
        } else if self.last.as_ref().is_none_or(is_over) && !is_over(&held.new) {
            Some(Release::LastIsOver)
        } else {
            None
        }
    }

    /// Takes a new table, or holds it back, or leaves it.
    pub(super) fn consider(&mut self, new: Dated, time: Time, curation: &Curation) -> Option<Event> {
        let (source, freshness) = (self.source, &curation.freshness);
        self.succeeded();
        let new_horizon = new.horizon(time, freshness);
        let is_old_news = new_horizon.is_over(&new.table);
        let old_news = is_old_news.then(|| Event::OldNews { source, made: new.made(time) });
        let Some(last) = &mut self.last else {
            self.last = Some(new);
            return old_news;
        };
        let horizon = last.horizon(time, freshness);
        let is_better = |held: &Held| !held.new.is_over(time, freshness);
        if is_old_news && (!horizon.is_over(&last.table) || self.held.as_ref().is_some_and(is_better)) {
            return old_news;
        }
        let losses = curation.guard.judge((&last.table, &horizon), (&new.table, &new_horizon));
        if losses.is_empty() {
            self.last = Some(new);
            let released = self.held.take().map(|_| Event::Released { source, why: Release::LossIsGone });
            return old_news.or(released);
        }
        // What the new table still has must not expire for want of it.
        if new.table.expires().iter().any(|expires| *expires != NEVER) {
            last.table = Arc::new(last.table.renewed_by(&new.table));
        }
        if let (Lasts::Until(last_until), Lasts::Until(until)) = (last.lasts, new.lasts) {
            last.lasts = Lasts::Until(until.max(last_until));
        }
        let now = time.moment;
        let first = self.held.as_ref().map_or(now, |held| held.first);
        let waiting = self.held.take().filter(|held| is_same_loss(&held.losses, &losses));
        let is_news = waiting.is_none();
        // What is compared with later is the loss that the wait began with, or it could grow bit by bit.
        let (known, since) = waiting.map_or_else(|| (losses.clone(), now), |held| (held.losses, held.since));
        let held = Held { new, losses: known, since, first };
        let until = held.until(curation.guard.hold.unwrap_or_default());
        self.held = Some(held);
        let wait = Duration::from_millis(until.0.saturating_sub(now.0));
        is_news.then_some(Event::Held { source, losses, wait })
    }
}
