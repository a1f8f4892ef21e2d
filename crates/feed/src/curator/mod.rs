//! The curator: which data of which sources count now.
//!
//! It is a plain value. Sources' tables and failures come in with the time, and out come recipes of what to serve
//! ([`Recipe`]), events for whoever watches, and until when to wait. It never asks the time, and it fetches nothing.
//!
//! * `merge.rs`: several sources, SLURM and expiry become one image;
//! * `fresh.rs`: when a payload stops counting, and which clock is believed;
//! * `guard.rs`: a sudden loss is held back for a while.
//!
//! What it promises: a source that fails counts with its last good data until those are too old; all sources failing
//! changes nothing; and nothing is served before every source has had its turn, or a start with two sources would
//! withdraw from routers what the slower one has.

mod fresh;
mod guard;
mod merge;

pub use fresh::{Expired, Freshness, TooOld};
pub use guard::{Guard, Loss, LossOf};
pub use merge::{Composed, Recipe};

use crate::slurm::Slurm;
use crate::table::{NEVER, Table};
use fresh::{Horizon, WallClock, withdrawn_at};
use guard::is_same_loss;
use merge::Part;
use rtrcast_proto::{Image, Layout, Moment};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Between two publications that only expiry asks for: a dead source would use up the history otherwise.
const EXPIRY_PUBLICATIONS_APART: Duration = Duration::from_secs(60);

/// How long the first publication waits for slower sources once one has data.
const FIRST_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long the old sources' data stay after a new configuration, for new sources to come up.
const CHANGE_WAIT_MAX: Duration = Duration::from_secs(300);

/// The longest time without a look: the wall clock may have moved.
const LOOK_MAX: Duration = Duration::from_secs(60);

/// A preferred source is passed over once it has failed this many times in a row: a single failure is soon repaired.
const FAILURES_MAX: u32 = 2;

/// Names a source for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// The time, twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For timers.
    pub moment: Moment,
    /// The time of day as the system tells it, in seconds since 1970.
    pub unix: u32,
}

/// How several sources become one set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// All that any of them has.
    #[default]
    Union,
    /// What the first healthy one has, in the order of preference. An empty set is the last to be chosen.
    First,
}

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curation {
    /// All sources, the preferred ones first.
    pub sources: Vec<SourceId>,
    /// What becomes of several.
    pub choice: Choice,
    /// What becomes of old data.
    pub freshness: Freshness,
    /// What is too sudden a loss.
    pub guard: Guard,
}

/// What a source has to say.
#[derive(Clone, Debug)]
pub enum Report {
    /// It has a table.
    Loaded {
        /// The table.
        table: Arc<Table>,
        /// When its file was written, in seconds since 1970; the file's own word goes before it.
        written: Option<u32>,
    },
    /// It has the same as before.
    Unchanged,
    /// It could not be read.
    Failed,
}

/// What the curator wants done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Serve this from now on, because of that. It may be the same as before.
    Publish(Recipe, Cause),
    /// Something happened that people want to know.
    Event(Event),
    /// Nothing, until an input comes or this moment.
    Wait(Option<Moment>),
}

/// What a publication comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A source's new table, or its failure.
    Source(SourceId),
    /// Time passed: payloads expired, or it was long enough to wait for a source.
    Time,
    /// A held table was taken.
    Release(SourceId),
    /// SLURM files changed.
    Slurm,
    /// The configuration changed.
    Configuration,
}

/// What people want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A source's new table is not taken, because too much is gone.
    Held {
        /// Which source.
        source: SourceId,
        /// What is gone.
        losses: Vec<Loss>,
        /// How long it waits at most.
        wait: Duration,
    },
    /// The wait is over.
    Released {
        /// Which source.
        source: SourceId,
        /// Why.
        why: Release,
    },
    /// A source's set is too old.
    TooOld {
        /// Which source.
        source: SourceId,
        /// When it was made, in seconds since 1970.
        made: u32,
        /// What is done about it.
        then: TooOld,
        /// How many of its records this concerns: others end by their own expiry.
        records: usize,
    },
    /// A source's new set has nothing that still counts: if the one before has, that stays.
    OldNews {
        /// Which source.
        source: SourceId,
        /// When it was made, in seconds since 1970.
        made: u32,
    },
    /// A source's set is not too old any more.
    FreshAgain(SourceId),
    /// Another source is served than before.
    Switched {
        /// Which one was.
        from: SourceId,
        /// Which one is.
        to: SourceId,
    },
    /// The clock went ahead at once; nothing expires by it for a while.
    ClockStepped {
        /// By so much.
        seconds: i64,
        /// For how long.
        waits: Duration,
    },
    /// The clock stayed ahead, and is believed now.
    ClockAccepted {
        /// By so much.
        seconds: i64,
    },
    /// The clock went back to where it was expected.
    ClockIsBack,
}

/// Why a held table is not held any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The operator said so.
    Confirmed,
    /// The same was gone for long enough; it was taken.
    WaitedEnough,
    /// The guard was switched off; it was taken.
    GuardIsOff,
    /// A newer table has what was gone.
    LossIsGone,
    /// Nothing of the table before it counts any more; it was taken.
    LastIsOver,
}

/// How a source stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which source.
    pub source: SourceId,
    /// Whether what is served has a part from it.
    pub is_served: bool,
    /// What its table has, whether it counts or not; none before its first one.
    pub layout: Option<Layout>,
    /// When that was made, in seconds since 1970.
    pub made: Option<u32>,
    /// Whether it is too old.
    pub is_too_old: bool,
    /// The table that waits, if one does.
    pub held: Option<HeldStatus>,
}

/// A table that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldStatus {
    /// What is gone in it.
    pub losses: Vec<Loss>,
    /// Since when.
    pub since: Moment,
    /// When it will be taken.
    pub until: Moment,
}

/// A table, and when its set was made.
#[derive(Clone, Debug)]
struct Dated {
    table: Arc<Table>,
    made: u32,
}

impl Dated {
    fn is_same(&self, other: &Dated) -> bool {
        Arc::ptr_eq(&self.table, &other.table) && self.made == other.made
    }

    fn is_empty(&self) -> bool {
        self.table.expires().is_empty()
    }

    fn horizon(&self, wall: u32, freshness: &Freshness) -> Horizon {
        freshness.horizon(wall, self.made, self.table.stamp())
    }

    fn is_over(&self, wall: u32, freshness: &Freshness) -> bool {
        self.horizon(wall, freshness).is_over(&self.table)
    }
}

/// A table that waits, and why.
#[derive(Clone, Debug)]
struct Held {
    new: Dated,
    losses: Vec<Loss>,
    since: Moment,
}

/// What is known of one source.
#[derive(Clone, Debug)]
struct Feed {
    source: SourceId,
    last: Option<Dated>,
    held: Option<Held>,
    /// In a row.
    failures: u32,
    /// Whether it has loaded or failed yet.
    has_reported: bool,
    is_too_old: bool,
    /// Whether nothing that it has counts any more, or it never had anything.
    is_over: bool,
}

impl Feed {
    fn new(source: SourceId) -> Feed {
        Feed { source, last: None, held: None, failures: 0, has_reported: false, is_too_old: false, is_over: true }
    }

    /// Takes the table that waits.
    fn take_held(&mut self) -> bool {
        let held = self.held.take();
        let was_held = held.is_some();
        self.last = held.map(|held| held.new).or(self.last.take());
        was_held
    }
}

/// Decides what is served.
#[derive(Clone, Debug)]
pub struct Curator {
    curation: Curation,
    feeds: Vec<Feed>,
    /// None until it is known.
    slurm: Option<Arc<Slurm>>,
    clock: WallClock,
    /// What the last publication was made of.
    served: Vec<(SourceId, Dated)>,
    /// Until when new sources are waited for, once that is known.
    settling: Option<Option<Moment>>,
    /// Why a publication is due.
    due: Option<Cause>,
    /// When the last publication was made, in seconds since 1970.
    published_at: Option<u32>,
    last_expiry: Option<Moment>,
    /// When the next record that is served ends, in seconds since 1970.
    next_end: Option<u32>,
    outputs: VecDeque<Output>,
    wait: Option<Moment>,
}

impl Curator {
    /// A curator with nothing yet. Nothing is served before SLURM is given, even if there is none of it.
    pub fn new(curation: Curation) -> Curator {
        Curator {
            feeds: curation.sources.iter().map(|source| Feed::new(*source)).collect(),
            curation,
            slurm: None,
            clock: WallClock::default(),
            served: Vec::new(),
            settling: Some(None),
            due: None,
            published_at: None,
            last_expiry: None,
            next_end: None,
            outputs: VecDeque::new(),
            wait: None,
        }
    }

    /// A source has something to say. Sources that are not configured (any more) are not listened to.
    pub fn source(&mut self, now: Now, source: SourceId, report: Report) {
        let wall = self.wall(now);
        let Some(place) = self.feeds.iter().position(|feed| feed.source == source) else { return };
        let Some(feed) = self.feeds.get_mut(place) else { return };
        feed.has_reported = true;
        match report {
            Report::Failed => feed.failures = feed.failures.saturating_add(1),
            Report::Unchanged => feed.failures = 0,
            Report::Loaded { table, written } => {
                feed.failures = 0;
                // A set from the future would count for too long.
                let made = table.stamp().made.or(written).unwrap_or(wall).min(wall);
                let events = consider(feed, Dated { table, made }, now.moment, wall, &self.curation);
                self.outputs.extend(events.into_iter().map(Output::Event));
            }
        }
        self.review(now, wall, Cause::Source(source));
    }

    /// The SLURM files that apply from now on, all together.
    pub fn slurm(&mut self, now: Now, slurm: Arc<Slurm>) {
        let wall = self.wall(now);
        self.slurm = Some(slurm);
        self.due = self.published_at.map(|_| Cause::Slurm);
        self.review(now, wall, Cause::Slurm);
    }

    /// Time passed.
    pub fn tick(&mut self, now: Now) {
        let wall = self.wall(now);
        self.review(now, wall, Cause::Time);
    }

    /// The operator believes what is held, of one source or of all, and what the clock says.
    pub fn confirm(&mut self, now: Now, source: Option<SourceId>) {
        self.clock.accept();
        let wall = self.wall(now);
        let mut cause = Cause::Time;
        for feed in self.feeds.iter_mut().filter(|feed| source.is_none_or(|source| source == feed.source)) {
            if feed.take_held() {
                cause = Cause::Release(feed.source);
                let event = Event::Released { source: feed.source, why: Release::Confirmed };
                self.outputs.push_back(Output::Event(event));
            }
        }
        self.review(now, wall, cause);
    }

    /// The operator wants something else, and other SLURM files if there are any here. Sources that stay keep what they
    /// have; data of those that go are served until new ones have had their turn.
    pub fn reconfigure(&mut self, now: Now, curation: Curation, slurm: Option<Arc<Slurm>>) {
        let wall = self.wall(now);
        let mut known = std::mem::take(&mut self.feeds);
        for source in &curation.sources {
            let place = known.iter().position(|feed| feed.source == *source);
            self.feeds.push(place.map_or_else(|| Feed::new(*source), |place| known.swap_remove(place)));
        }
        self.curation = curation;
        self.slurm = slurm.or(self.slurm.take());
        if self.settling.is_none() && self.feeds.iter().any(|feed| !feed.has_reported) {
            self.settling = Some(Some(now.moment.after(CHANGE_WAIT_MAX)));
        }
        self.due = self.published_at.map(|_| Cause::Configuration);
        self.review(now, wall, Cause::Configuration);
    }

    /// Holds a table whose image is this one as another image, which is the same set in another version: so that it is
    /// in memory once.
    pub fn hold(&mut self, before: &Image, now: &Image) {
        let served = self.served.iter_mut().map(|(_, dated)| dated);
        let all = self.feeds.iter_mut().filter_map(|feed| feed.last.as_mut()).chain(served);
        let mut held: Option<Arc<Table>> = None;
        for dated in all.filter(|dated| Arc::ptr_eq(dated.table.image().shared(), before.shared())) {
            let table = held.get_or_insert_with(|| Arc::new(dated.table.with_image(now.clone())));
            dated.table = Arc::clone(table);
        }
    }

    /// What to do next.
    #[expect(clippy::should_implement_trait, reason = "it never ends: it waits")]
    pub fn next(&mut self) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Wait(self.wait))
    }

    /// How the sources stand, in the order of preference.
    pub fn status(&self) -> Vec<Status> {
        let of_feed = |feed: &Feed| Status {
            source: feed.source,
            is_served: !feed.is_over
                && self.published_at.is_some()
                && self.served.iter().any(|(source, _)| *source == feed.source),
            layout: feed.last.as_ref().map(|last| *last.table.image().layout()),
            made: feed.last.as_ref().map(|last| last.made),
            is_too_old: feed.is_too_old,
            held: feed.held.as_ref().zip(self.curation.guard.hold).map(|(held, hold)| HeldStatus {
                losses: held.losses.clone(),
                since: held.since,
                until: held.since.after(hold),
            }),
        };
        self.feeds.iter().map(of_feed).collect()
    }

    fn wall(&mut self, now: Now) -> u32 {
        let outputs = &mut self.outputs;
        self.clock.read(now, &mut |event| outputs.push_back(Output::Event(event)))
    }

    /// Sees what has changed, whatever the input was, and publishes if something has.
    fn review(&mut self, now: Now, wall: u32, cause: Cause) {
        let cause = self.release(now.moment, wall).map_or(cause, Cause::Release);
        self.judge_ages(wall);
        self.settle(now.moment);
        if self.settling.is_none() && self.slurm.is_some() {
            self.choose(cause);
        }
        // What had ended may count again if the clock was set back.
        if self.published_at.is_some_and(|at| wall.saturating_add(60) < at) {
            self.due.get_or_insert(Cause::Time);
        }
        let has_ended = self.next_end.is_some_and(|end| withdrawn_at(end) <= wall);
        let may_expire = self.last_expiry.is_none_or(|last| last.after(EXPIRY_PUBLICATIONS_APART) <= now.moment);
        if self.due.is_none() && has_ended && may_expire {
            self.last_expiry = Some(now.moment);
            self.due = Some(Cause::Time);
        }
        if let Some(cause) = self.due.take() {
            self.publish(wall, cause);
        }
        self.wait = self.earliest_wait(now.moment, wall);
    }

    /// Takes held tables that have waited long enough, or that are all that is left.
    fn release(&mut self, now: Moment, wall: u32) -> Option<SourceId> {
        let mut released = None;
        for feed in &mut self.feeds {
            let Some(held) = &feed.held else { continue };
            let freshness = &self.curation.freshness;
            let hold = self.curation.guard.hold;
            let why = if hold.is_none() {
                Release::GuardIsOff
            } else if hold.is_some_and(|hold| held.since.after(hold) <= now) {
                Release::WaitedEnough
            } else if feed.last.as_ref().is_some_and(|last| last.is_over(wall, freshness))
                && !held.new.is_over(wall, freshness)
            {
                Release::LastIsOver
            } else {
                continue;
            };
            feed.take_held();
            released = Some(feed.source);
            self.outputs.push_back(Output::Event(Event::Released { source: feed.source, why }));
        }
        released
    }

    /// Notes which sets have become too old, or are not any more, and which are over.
    fn judge_ages(&mut self, wall: u32) {
        let freshness = self.curation.freshness;
        for feed in &mut self.feeds {
            let Some(last) = &feed.last else { continue };
            feed.is_over = last.is_over(wall, &freshness);
            let is_too_old = withdrawn_at(freshness.too_old_from(last.made, last.table.stamp())) <= wall;
            if is_too_old != feed.is_too_old {
                feed.is_too_old = is_too_old;
                let event = match is_too_old {
                    true => {
                        let records = freshness.ended_by_age(&last.table);
                        Event::TooOld { source: feed.source, made: last.made, then: freshness.too_old, records }
                    }
                    false => Event::FreshAgain(feed.source),
                };
                self.outputs.push_back(Output::Event(event));
            }
        }
    }

    /// Ends the wait for sources that have not had their turn, if they had it or it has been long enough.
    fn settle(&mut self, now: Moment) {
        let Some(until) = &mut self.settling else { return };
        if until.is_none() && self.feeds.iter().any(|feed| !feed.is_over) {
            *until = Some(now.after(FIRST_WAIT_MAX));
        }
        if self.feeds.iter().all(|feed| feed.has_reported) || until.is_some_and(|until| until <= now) {
            self.settling = None;
        }
    }

    /// Chooses whose data are served. If nobody has any that count, those that were served stay, and end in their time.
    fn choose(&mut self, cause: Cause) {
        let usable = || self.feeds.iter().filter(|feed| !feed.is_over);
        if usable().next().is_none() {
            return;
        }
        let chosen: Vec<&Feed> = match self.curation.choice {
            // One that is over adds nothing, and that it came to its end is expiry's business.
            Choice::Union => self.feeds.iter().collect(),
            Choice::First => {
                // A validator that has only just started may have an empty set: that is the last to be switched to.
                let full = || usable().filter(|feed| feed.last.as_ref().is_some_and(|last| !last.is_empty()));
                let best = full().find(|feed| feed.failures < FAILURES_MAX);
                best.or_else(|| full().next()).or_else(|| usable().next()).into_iter().collect()
            }
        };
        let chosen: Vec<(SourceId, Dated)> =
            chosen.into_iter().filter_map(|feed| Some((feed.source, feed.last.clone()?))).collect();
        let is_same = chosen.len() == self.served.len()
            && chosen.iter().zip(&self.served).all(|(new, old)| new.0 == old.0 && new.1.is_same(&old.1));
        if is_same && self.published_at.is_some() {
            return;
        }
        if let (Choice::First, [(from, _)], [(to, _)]) =
            (self.curation.choice, self.served.as_slice(), chosen.as_slice())
            && from != to
        {
            self.outputs.push_back(Output::Event(Event::Switched { from: *from, to: *to }));
        }
        self.served = chosen;
        self.due.get_or_insert(cause);
    }

    fn publish(&mut self, wall: u32, cause: Cause) {
        let Some(slurm) = &self.slurm else { return };
        let freshness = &self.curation.freshness;
        let part = |(_, dated): &(SourceId, Dated)| Part {
            table: Arc::clone(&dated.table),
            horizon: dated.horizon(wall, freshness),
        };
        let parts: Vec<Part> = self.served.iter().map(part).collect();
        self.next_end = parts.iter().filter_map(|part| part.horizon.next_end(&part.table)).min();
        self.published_at = Some(wall);
        self.outputs.push_back(Output::Publish(Recipe { parts, slurm: Arc::clone(slurm) }, cause));
    }

    fn earliest_wait(&self, now: Moment, wall: u32) -> Option<Moment> {
        let at = |unix: u32| now.after(Duration::from_secs(unix.saturating_sub(wall).into()));
        let expiry = self.next_end.map(|end| {
            let allowed = self.last_expiry.map_or(now, |last| last.after(EXPIRY_PUBLICATIONS_APART));
            at(withdrawn_at(end)).max(allowed)
        });
        let hold = self.curation.guard.hold;
        let held = self.feeds.iter().filter_map(|feed| Some(feed.held.as_ref()?.since.after(hold?))).min();
        let freshness = &self.curation.freshness;
        let too_old = |feed: &Feed| {
            let last = feed.last.as_ref().filter(|_| !feed.is_too_old)?;
            Some(at(withdrawn_at(freshness.too_old_from(last.made, last.table.stamp()))))
        };
        let ages = self.feeds.iter().filter_map(too_old).min();
        let has_data = self.feeds.iter().any(|feed| feed.last.is_some());
        let look = has_data.then(|| now.after(LOOK_MAX));
        [expiry, held, ages, self.settling.flatten(), self.clock.wait(), look].into_iter().flatten().min()
    }
}

/// Takes a source's new table, or holds it back, or leaves it.
fn consider(feed: &mut Feed, new: Dated, now: Moment, wall: u32, curation: &Curation) -> Option<Event> {
    let source = feed.source;
    let old_news = new.is_over(wall, &curation.freshness).then_some(Event::OldNews { source, made: new.made });
    let Some(last) = &mut feed.last else {
        feed.last = Some(new);
        return old_news;
    };
    let horizon = last.horizon(wall, &curation.freshness);
    if old_news.is_some() && !horizon.is_over(&last.table) {
        return old_news;
    }
    let losses = curation.guard.judge(&last.table, &horizon, &new.table);
    if losses.is_empty() {
        feed.last = Some(new);
        return feed.held.take().map(|_| Event::Released { source, why: Release::LossIsGone });
    }
    // What the new table still has must not expire for want of it.
    if new.table.expires().iter().any(|expires| *expires != NEVER) {
        last.table = Arc::new(last.table.renewed_by(&new.table));
    }
    let waiting = feed.held.as_ref().filter(|held| is_same_loss(&held.losses, &losses));
    let since = waiting.map_or(now, |held| held.since);
    let is_news = waiting.is_none();
    // What is compared with later is the loss that the wait began with, or it could grow bit by bit.
    let known = waiting.map(|held| held.losses.clone());
    feed.held = Some(Held { new, losses: known.unwrap_or_else(|| losses.clone()), since });
    let wait = curation.guard.hold.unwrap_or_default();
    is_news.then_some(Event::Held { source, losses, wait })
}
