//! The curator: which data of which sources are in effect.
//!
//! It is a plain value. Sources' tables and failures come in with the time, and out come recipes of the data to serve
//! ([`Recipe`]), events to log, and until when to wait. It has no clock, and it fetches nothing.
//!
//! * `feed.rs`: the state of one source, and the handling of its new table;
//! * `merge.rs`: several sources, SLURM and expiry become one image;
//! * `freshness.rs`: when a payload is in effect; `clock.rs`: when the clock is accepted;
//! * `choose.rs`: which sources are served;
//! * `guard.rs`: sudden losses;
//! * `resume.rs`: what outlives the program; `side.rs`: expiry and trust anchor of what is served;
//! * `input.rs` and `event.rs`: inputs and outputs.
//!
//! The last good data of a source that fails stay in effect until they are too old, even if all sources fail. A start
//! with several sources waits for the slower ones for a moment, and a change of sources for longer, or routers would be
//! sent withdrawals of what those have.

mod choose;
mod clock;
mod event;
mod feed;
mod freshness;
mod guard;
mod input;
mod merge;
mod resume;
mod side;
mod status;

pub use clock::contradicts_clock;
pub use event::{Cause, CuratorEvent, CuratorOutput, Release};
pub use freshness::{Assessment, Expired, Freshness, NotInEffect, TooOld};
pub use guard::{Guard, Loss, LossOf};
pub use input::{Choice, Curation, CurrentTime, Report, SourceId};
pub(crate) use merge::RecipePart;
pub use merge::{Composed, Recipe};
pub use resume::{RESTORED, Resumption, StoredFeed, StoredHold, StoredTable, StoredValidity};
pub use status::{HeldStatus, Status};

use crate::slurm::Slurm;
use crate::table::Table;
use clock::WallClock;
use feed::{DatedTable, Feed, Time, ValidityPeriod};
use freshness::{run_out_at, withdrawn_at};
use rtrcast_proto::{Image, ImageKeeper, Moment, Octets};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Interval between two publications for expiry alone: a source that has stopped would use up the history otherwise.
const EXPIRY_PUBLICATION_INTERVAL_MIN: Duration = Duration::from_secs(60);

/// Time for which the old sources' data stay after a new configuration, until new sources have data.
const CHANGE_WAIT_MAX: Duration = Duration::from_secs(300);

/// The longest time between two reviews: the wall clock may have been set.
const REVIEW_INTERVAL_MAX: Duration = Duration::from_secs(60);

/// Pause after a publication failed for want of memory.
const RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Decides what is served.
#[derive(Clone, Debug)]
pub struct Curator {
    curation: Curation,
    feeds: Vec<Feed>,
    /// None until it is given.
    slurm: Option<Arc<Slurm>>,
    clock: WallClock,
    /// Tables of the last publication.
    served: Vec<(SourceId, DatedTable)>,
    /// Until when new sources are waited for, once that is known.
    settling: Option<Option<Moment>>,
    /// True while sources are waited for after a start that went on with what an earlier run served.
    is_resumed: bool,
    /// Why a publication is due.
    due: Option<Cause>,
    /// When the last publication was made, in seconds since 1970.
    published_at: Option<u32>,
    last_expiry: Option<Moment>,
    /// True if nothing is served, since all is too old.
    is_withheld: bool,
    /// When the next record that is served ends, in seconds since 1970.
    next_end: Option<u32>,
    /// When the validity of the next set that is served ends.
    next_run_out: Option<Moment>,
    /// When a publication that failed is tried again, and its cause.
    retry: Option<(Moment, Cause)>,
    /// Time of the last review.
    reviewed: Option<Time>,
    outputs: VecDeque<CuratorOutput>,
    wait: Option<Moment>,
}

impl Curator {
    /// Makes a curator without data. Nothing is served before SLURM is given, be it empty.
    pub fn new(curation: Curation) -> Curator {
        Curator {
            feeds: curation.sources.iter().map(|source| Feed::new(*source)).collect(),
            curation,
            slurm: None,
            clock: WallClock::default(),
            served: Vec::new(),
            settling: Some(None),
            is_resumed: false,
            due: None,
            published_at: None,
            last_expiry: None,
            is_withheld: false,
            next_end: None,
            next_run_out: None,
            retry: None,
            reviewed: None,
            outputs: VecDeque::new(),
            wait: None,
        }
    }

    /// Takes the report of a source. Reports of sources that are not configured (any more) are ignored.
    pub fn source(&mut self, now: CurrentTime, source: SourceId, report: Report) {
        let wall = self.wall(now);
        let Some(index) = self.feeds.iter().position(|feed| feed.source == source) else { return };
        let Some(feed) = self.feeds.get_mut(index) else { return };
        feed.has_reported = true;
        let time = Time { moment: now.moment, wall };
        let read = match &report {
            Report::Loaded { table, .. } | Report::Synchronised { table, .. } => Some(Arc::clone(table)),
            Report::Unchanged | Report::Renewed { .. } | Report::Withdrawn | Report::Failed => None,
        };
        match report {
            Report::Failed => feed.failed(now.moment),
            Report::Unchanged => feed.confirmed(now.moment),
            Report::Synchronised { table, valid_for } => {
                let new = DatedTable::lasting(table, now.moment, valid_for);
                let events = feed.consider(new, time, &self.curation);
                self.outputs.extend(events.into_iter().map(CuratorOutput::Event));
            }
            Report::Renewed { valid_for } => feed.renewed(now.moment, now.moment.after(valid_for)),
            Report::Withdrawn => feed.withdrawn(now.moment),
            Report::Loaded { table, written } => {
                let events = feed.consider(DatedTable::new(table, written, now.moment), time, &self.curation);
                self.outputs.extend(events.into_iter().map(CuratorOutput::Event));
            }
        }
        if let Some(read) = read {
            self.renew_restored(source, &read, time);
        }
        self.review(now, wall, Cause::Source(source));
    }

    /// Takes the SLURM files that are in effect from now on.
    pub fn slurm(&mut self, now: CurrentTime, slurm: Arc<Slurm>) {
        let wall = self.wall(now);
        self.slurm = Some(slurm);
        self.due = self.published_at.map(|_| Cause::Slurm);
        self.review(now, wall, Cause::Slurm);
    }

    /// Handles the passing of time.
    pub fn tick(&mut self, now: CurrentTime) {
        let wall = self.wall(now);
        self.review(now, wall, Cause::Time);
    }

    /// Accepts the table that is held of one source, or of all, and then the clock as well.
    pub fn confirm(&mut self, now: CurrentTime, source: Option<SourceId>) {
        if source.is_none() {
            let outputs = &mut self.outputs;
            self.clock.accept(now, &mut |event| outputs.push_back(CuratorOutput::Event(event)));
        }
        let wall = self.wall(now);
        let mut cause = Cause::Time;
        for feed in self.feeds.iter_mut().filter(|feed| source.is_none_or(|source| source == feed.source)) {
            if feed.take_held() {
                cause = Cause::Release(feed.source);
                let event = CuratorEvent::Released { source: feed.source, why: Release::Confirmed };
                self.outputs.push_back(CuratorOutput::Event(event));
            }
        }
        self.review(now, wall, cause);
    }

    /// A publication failed for want of memory: it is tried again soon.
    pub fn not_published(&mut self, now: CurrentTime, cause: Cause) {
        self.retry = Some((now.moment.after(RETRY_PAUSE), cause));
        let wall = self.wall(now);
        self.wait = self.earliest_wait(Time { moment: now.moment, wall });
    }

    /// Takes a new configuration, and new SLURM files if there are any. Sources that stay keep their data; data of
    /// those that are removed are served until new ones have been read or have failed.
    pub fn reconfigure(&mut self, now: CurrentTime, curation: Curation, slurm: Option<Arc<Slurm>>) {
        let wall = self.wall(now);
        let mut known = std::mem::take(&mut self.feeds);
        for source in &curation.sources {
            let index = known.iter().position(|feed| feed.source == *source);
            self.feeds.push(index.map_or_else(|| Feed::new(*source), |index| known.swap_remove(index)));
        }
        self.curation = curation;
        self.slurm = slurm.or(self.slurm.take());
        if self.settling.is_none() && self.feeds.iter().any(|feed| !feed.is_ready(now.moment)) {
            self.settling = Some(Some(now.moment.after(CHANGE_WAIT_MAX)));
        }
        self.due = self.published_at.map(|_| Cause::Configuration);
        self.review(now, wall, Cause::Configuration);
    }

    /// Returns what to do next.
    #[expect(clippy::should_implement_trait, reason = "it never ends: it waits")]
    pub fn next(&mut self) -> CuratorOutput {
        self.outputs.pop_front().unwrap_or(CuratorOutput::Wait(self.wait))
    }

    /// Returns whether nothing is to be served, since all is too old. A set that its source withdrew has to be
    /// withdrawn from routers, and one whose session ends would keep it.
    fn has_to_withhold(&self) -> bool {
        let is_withdrawn = |(_, why): &(SourceId, NotInEffect)| *why == NotInEffect::Withdrawn;
        self.curation.freshness.too_old == TooOld::Close
            && self.reasons().is_some_and(|reasons| !reasons.is_empty() && !reasons.iter().any(is_withdrawn))
    }

    fn withhold(&mut self) {
        if !std::mem::replace(&mut self.is_withheld, true) {
            self.outputs.push_back(CuratorOutput::Withhold);
        }
    }

    fn wall(&mut self, now: CurrentTime) -> u32 {
        let outputs = &mut self.outputs;
        self.clock.read(now, &mut |event| outputs.push_back(CuratorOutput::Event(event)))
    }

    /// Finds what has changed, whatever the input was, and publishes if something has.
    fn review(&mut self, now: CurrentTime, wall: u32, cause: Cause) {
        let time = Time { moment: now.moment, wall };
        self.reviewed = Some(time);
        let cause = self.release(time).map_or(cause, Cause::Release);
        let ages_changed = self.check_ages(time);
        let is_restored = self.is_restored();
        let cause = match (self.settle(now.moment) && self.published_at.is_some(), cause) {
            (false, cause) => cause,
            (true, Cause::Source(_)) if self.is_resumed && !is_restored => cause,
            (true, _) if self.is_resumed => Cause::Resumed,
            (true, _) => Cause::Configuration,
        };
        self.is_resumed &= self.settling.is_some();
        if self.slurm.is_some() {
            match self.settling {
                Some(_) if !self.has_to_switch(time) => self.renew(cause),
                Some(_) | None => self.choose(now.moment, cause),
            }
        }
        // Records that had ended may be in effect again if the clock was set back.
        let is_set_back = self.published_at.is_some_and(|at| wall.saturating_add(60) < at);
        let is_published = self.published_at.is_some();
        if self.has_to_withhold() && !is_published {
            // There never was anything to serve, and queries need not be held.
            self.withhold();
        }
        if is_set_back || (is_published && (ages_changed || self.has_to_withhold() != self.is_withheld)) {
            self.due.get_or_insert(Cause::Time);
        }
        if let Some((_, cause)) = self.retry.take_if(|(at, _)| *at <= now.moment) {
            self.due.get_or_insert(cause);
        }
        let has_ended = self.next_end.is_some_and(|end| withdrawn_at(end) <= wall)
            || self.next_run_out.is_some_and(|at| run_out_at(at) <= now.moment);
        let may_expire = self.last_expiry.is_none_or(|last| last.after(EXPIRY_PUBLICATION_INTERVAL_MIN) <= now.moment);
        if self.due.is_none() && has_ended && may_expire {
            self.last_expiry = Some(now.moment);
            self.due = Some(Cause::Time);
        }
        if let Some(cause) = self.due.take() {
            self.publish(time, cause);
        }
        self.wait = self.earliest_wait(time);
    }

    /// Takes held tables that have been held long enough, or that are all that is left.
    fn release(&mut self, time: Time) -> Option<SourceId> {
        let mut released = None;
        for feed in &mut self.feeds {
            if let Some(why) = feed.release_due(time, &self.curation) {
                feed.take_held();
                released = Some(feed.source);
                self.outputs.push_back(CuratorOutput::Event(CuratorEvent::Released { source: feed.source, why }));
            }
        }
        released
    }

    /// Updates which sets are too old, and which are not in effect any more. True if it has changed whether ages can be
    /// trusted.
    fn check_ages(&mut self, time: Time) -> bool {
        let freshness = self.curation.freshness;
        let mut has_changed = false;
        for feed in &mut self.feeds {
            feed.check_age(time, &freshness);
            if let Some(event) = feed.check_clock(time) {
                self.outputs.push_back(CuratorOutput::Event(event));
                has_changed = true;
            }
            let Some(last) = &feed.last else { continue };
            let is_too_old = withdrawn_at(last.too_old_from(time, &freshness)) <= time.wall;
            if is_too_old != feed.is_too_old {
                let event = match is_too_old {
                    true => {
                        let (made, records) = (last.made(time), freshness.ended_by_age(&last.table));
                        let valid_until = last.valid_until();
                        CuratorEvent::TooOld {
                            source: feed.source,
                            made,
                            then: freshness.too_old,
                            records,
                            valid_until,
                        }
                    }
                    false => CuratorEvent::NoLongerTooOld(feed.source),
                };
                feed.is_too_old = is_too_old;
                // A withdrawal was reported by the source.
                let is_reported = match is_too_old {
                    true => last.validity != ValidityPeriod::Withdrawn,
                    false => feed.is_reported_too_old,
                };
                feed.is_reported_too_old = is_too_old && is_reported;
                if is_reported {
                    self.outputs.push_back(CuratorOutput::Event(event));
                }
            }
        }
        has_changed
    }

    fn publish(&mut self, time: Time, cause: Cause) {
        let restored_alone = || matches!(self.served.as_slice(), [(RESTORED, _)]).then(Arc::default);
        // What was restored has its SLURM in it.
        let Some(slurm) = self.slurm.clone().or_else(restored_alone) else { return };
        let parts = self.parts(time);
        self.note_ends(time);
        self.published_at = Some(time.wall);
        if self.has_to_withhold() {
            return self.withhold();
        }
        self.is_withheld = false;
        self.outputs.push_back(CuratorOutput::Publish(Recipe { parts, slurm }, cause));
    }

    /// Returns the recipe of what is served, by the newest tables and expiries; none before the first publication.
    pub fn recipe(&self) -> Option<Recipe> {
        self.published_at?;
        Some(Recipe { parts: self.parts(self.reviewed?), slurm: self.slurm.clone()? })
    }

    fn parts(&self, time: Time) -> Vec<RecipePart> {
        let part = |(source, dated): &(SourceId, DatedTable)| RecipePart {
            source: *source,
            made: dated.made(time),
            valid_until: dated.valid_until_at(time),
            table: Arc::clone(&dated.table),
            horizon: dated.horizon(time, &self.curation.freshness),
        };
        self.served.iter().map(part).collect()
    }

    /// Notes when the first record ends of those that are served.
    fn note_ends(&mut self, time: Time) {
        let run_outs = self.served.iter().filter_map(|(_, dated)| dated.validity.until());
        self.next_run_out = run_outs.filter(|at| run_out_at(*at) > time.moment).min();
        // A set that ends by a timer does not end by the wall clock as well, whose seconds are coarser.
        let ends = self.served.iter().filter_map(|(_, dated)| {
            let horizon = dated.horizon(time, &self.curation.freshness);
            match dated.validity {
                ValidityPeriod::Until(_) => horizon.next_own_end(&dated.table),
                ValidityPeriod::AsDated | ValidityPeriod::Withdrawn => horizon.next_end(&dated.table),
            }
        });
        self.next_end = ends.min();
    }

    fn earliest_wait(&self, time: Time) -> Option<Moment> {
        let Time { moment: now, wall } = time;
        let at = |unix: u32| now.after(Duration::from_secs(unix.saturating_sub(wall).into()));
        let allowed = self.last_expiry.map_or(now, |last| last.after(EXPIRY_PUBLICATION_INTERVAL_MIN));
        let expiry = self.next_end.map(|end| at(withdrawn_at(end)).max(allowed));
        let run_out = self.next_run_out.map(|at| run_out_at(at).max(allowed));
        let hold = self.curation.guard.hold;
        let of_feed = |feed: &Feed| {
            // Times in the past have been handled.
            let held = feed.held.as_ref().zip(hold).map(|(held, hold)| held.until(hold)).filter(|until| *until > now);
            let failing = feed.fails_from().filter(|from| *from > now);
            let last = feed.last.as_ref().filter(|_| !feed.is_too_old);
            let age = last.map(|last| at(withdrawn_at(last.too_old_from(time, &self.curation.freshness))));
            [held, failing, age].into_iter().flatten().min()
        };
        let feeds = self.feeds.iter().filter_map(of_feed).min();
        let has_data = !self.served.is_empty() || self.feeds.iter().any(|feed| feed.last.is_some());
        let look = has_data.then(|| now.after(REVIEW_INTERVAL_MAX));
        let retry = self.retry.map(|(at, _)| at);
        [expiry, run_out, feeds, self.settling.flatten(), self.clock.wait(), look, retry].into_iter().flatten().min()
    }
}

/// Keeps the images of its tables.
impl ImageKeeper for Curator {
    fn keeps(&self, octets: &Arc<dyn Octets>) -> bool {
        let held = self.feeds.iter().filter_map(|feed| feed.held.as_ref()).map(|held| &held.new);
        let last = self.feeds.iter().filter_map(|feed| feed.last.as_ref());
        let served = self.served.iter().map(|(_, dated)| dated);
        let mut all = held.chain(last).chain(served);
        all.any(|dated| Arc::ptr_eq(dated.table.image().shared(), octets))
    }

    fn replace(&mut self, before: &Image, now: &Image) {
        let served = self.served.iter_mut().map(|(_, dated)| dated);
        let all = self.feeds.iter_mut().filter_map(|feed| feed.last.as_mut()).chain(served);
        let mut held: Option<Arc<Table>> = None;
        for dated in all.filter(|dated| Arc::ptr_eq(dated.table.image().shared(), before.shared())) {
            let table = held.get_or_insert_with(|| Arc::new(dated.table.with_image(now.clone())));
            dated.table = Arc::clone(table);
        }
    }
}
