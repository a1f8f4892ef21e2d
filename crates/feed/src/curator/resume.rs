//! What outlives the program of the sources' data, and a curator that goes on with it.
//!
//! A start with state is a change of configuration: what was served is one more source, until all sources have been read
//! or have failed, or for 300 s. The sources' stored tables serve for the guard, and are what is served after that of a
//! source that can't be read; but as long as no source at all was read since, what was served stays, if it is newer.

use super::clock::WallClock;
use super::feed::{DatedTable, Feed, HeldTable, Time, ValidityPeriod};
use super::guard::Loss;
use super::{CHANGE_WAIT_MAX, Cause, Choice, Curation, Curator, CurrentTime, SourceId};
use crate::slurm::Slurm;
use crate::table::{Table, Timestamps};
use rtrcast_proto::Moment;
use std::sync::Arc;
use std::time::Duration;

/// The set that was served when the program ended, as a source.
pub const RESTORED: SourceId = SourceId(u32::MAX);

/// A source's tables. Times are durations until they were stored, and not times of day: the clock may be set before they
/// are taken up.
#[derive(Clone, Debug)]
pub struct StoredFeed {
    /// The newest table: a revision of the source is about this one.
    pub newest: StoredTable,
    /// The loss for which it is held, and the table that is served instead.
    pub held: Option<(StoredHold, StoredTable)>,
    /// When it was stored, by the system's clock, in seconds since 1970.
    pub written: u32,
    /// True if something else was served after these were stored: they may be older than that.
    pub is_stale: bool,
}

/// A table, and when it was made.
#[derive(Clone, Debug)]
pub struct StoredTable {
    /// The table.
    pub table: Arc<Table>,
    /// Time of the set by its content or its file, in seconds since 1970.
    pub stated: Option<u32>,
    /// Seconds since it came, or was confirmed.
    pub age: u32,
    /// For how long its source wants it to be used.
    pub validity: StoredValidity,
}

/// For how long a source wants a set to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredValidity {
    /// As its file has it, if at all.
    AsDated,
    /// For so many seconds.
    For(u32),
    /// It was withdrawn.
    Withdrawn,
}

/// A loss for which a table is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHold {
    /// The losses.
    pub losses: Vec<Loss>,
    /// Seconds for which it has been held.
    pub held_for: u32,
    /// Seconds for which any has been held.
    pub any_held_for: u32,
}

/// What a curator goes on with.
#[derive(Clone, Debug)]
pub struct Resumption {
    /// The set that was served.
    pub served: Arc<Table>,
    /// True if it was made by the SLURM files and sources of now. Else it is made anew at once, from the stored tables, and
    /// from this set as long as the table of a source is missing.
    pub is_current: bool,
    /// SLURM, if all of it is known.
    pub slurm: Option<Arc<Slurm>>,
    /// The sources' tables, as far as they are known.
    pub feeds: Vec<(SourceId, StoredFeed)>,
    /// The newest time of all that is stored, in seconds since 1970: time does not begin before it.
    pub time: u32,
}

impl Curator {
    /// Makes a curator that goes on with what was served. SLURM is still to be given, if it was not known. Whether
    /// anything has to be published before it is served on is said by [`is_due`](Curator::is_due).
    pub fn resume(curation: Curation, now: CurrentTime, resumption: Resumption) -> Curator {
        let Resumption { served, is_current, slurm, feeds, time } = resumption;
        let mut curator = Curator::new(curation);
        curator.slurm = slurm;
        curator.clock = WallClock::beginning(now, time);
        let wall = curator.wall(now);
        let time = Time { moment: now.moment, wall };
        for (source, stored) in feeds {
            if let Some(feed) = curator.feeds.iter_mut().find(|feed| feed.source == source) {
                feed.restore(&stored, now);
            }
        }
        let freshness = curator.curation.freshness;
        curator.feeds.iter_mut().for_each(|feed| feed.check_age(time, &freshness));
        let restored = DatedTable::new(served, None, now.moment);
        // If nothing changed since they were stored, the sources' tables are what is served, and each ages by itself.
        let is_whole = curator.slurm.is_some()
            && curator.curation.choice == Choice::Union
            && curator.feeds.iter().all(|feed| feed.last.is_some() && !feed.is_stale);
        if is_current && is_whole {
            curator.choose(now.moment, Cause::Resumed);
            curator.due = None;
        }
        if is_current && curator.served.is_empty() {
            curator.served.push((RESTORED, restored));
        } else if !is_current {
            curator.make_anew(now.moment, restored);
        }
        let ended = |(_, dated): &(SourceId, DatedTable)| dated.ended(time, &freshness) > 0;
        if curator.served.iter().any(ended) || curator.has_to_withhold() {
            // It ended while nothing ran.
            curator.due.get_or_insert(Cause::Time);
        }
        curator.published_at = Some(wall);
        curator.settling = Some(Some(now.moment.after(CHANGE_WAIT_MAX)));
        curator.is_resumed = true;
        curator.reviewed = Some(time);
        curator.note_ends(time);
        curator.wait = curator.earliest_wait(time);
        curator
    }

    /// Returns whether what was restored is a part of what is served.
    pub(super) fn is_restored(&self) -> bool {
        self.served.iter().any(|(source, _)| *source == RESTORED)
    }

    /// Has the set made anew from the sources' tables, since it was made by other SLURM files or sources. What was restored
    /// is a part of it only as long as the table of a source is missing: else all of that source would be withdrawn.
    fn make_anew(&mut self, now: Moment, restored: DatedTable) {
        self.due = Some(Cause::Configuration);
        if self.feeds.iter().any(|feed| feed.is_stale) {
            // Tables that are older than what was served would withdraw what came since. What SLURM files of before added
            // or removed stays so until the sources have been read.
            self.served = vec![(RESTORED, restored)];
            return;
        }
        self.served.clear();
        self.choose(now, Cause::Configuration);
        self.due = Some(Cause::Configuration);
        let has_all = self.curation.choice == Choice::First || self.feeds.iter().all(|feed| feed.last.is_some());
        if self.served.is_empty() || !has_all {
            self.served.push((RESTORED, restored));
        }
    }

    /// Takes the SLURM files after a start at which they were not known. `is_current` if they are those that what was
    /// restored was made by.
    pub fn slurm_known(&mut self, now: CurrentTime, slurm: Arc<Slurm>, is_current: bool) {
        let restored = self.served.iter().find(|(source, _)| *source == RESTORED).map(|(_, dated)| dated.clone());
        if let (false, Some(restored)) = (is_current, restored) {
            self.make_anew(now.moment, restored);
        }
        self.slurm(now, slurm);
    }

    /// Has what was restored last as long as a table that a source has now: its records would be withdrawn, and announced
    /// again once all sources have been read.
    pub(super) fn renew_restored(&mut self, source: SourceId, read: &Table, time: Time) {
        let made = self.feeds.iter().find(|feed| feed.source == source).and_then(|feed| {
            let newest = feed.held.as_ref().map(|held| &held.new).or(feed.last.as_ref())?;
            Some(newest.made(time))
        });
        let restored = self.served.iter_mut().find(|(source, _)| *source == RESTORED).map(|(_, dated)| dated);
        let (Some(dated), Some(made)) = (restored, made) else { return };
        let made = made.max(dated.made(time));
        let timestamps = Timestamps { made: Some(made), valid_until: None };
        let table = dated.table.renewed_by(read).with_timestamps(timestamps);
        *dated = DatedTable::new(Arc::new(table), Some(made), time.moment);
        self.note_ends(time);
    }

    /// Returns the time of day by which records expire, in seconds since 1970: a system's clock that has been set may not
    /// be accepted yet.
    pub fn accepted_time(&self, now: CurrentTime) -> u32 {
        // What is reported of the clock comes with the next input.
        self.clock.clone().read(now, &mut |_| ())
    }

    /// Returns the time of the next step.
    pub fn wait(&self) -> Option<Moment> {
        self.wait
    }

    /// Returns whether what is served is over in part, or has to be made anew, so that it is not to be served before the
    /// next publication.
    pub fn is_due(&self, now: Moment) -> bool {
        self.due.is_some() || self.wait.is_some_and(|wait| wait <= now)
    }

    /// Returns the tables of all sources that have one, to be kept.
    pub fn stored(&self, now: CurrentTime) -> Vec<(SourceId, StoredFeed)> {
        self.feeds.iter().filter_map(|feed| Some((feed.source, feed.stored(now)?))).collect()
    }
}

impl Feed {
    fn restore(&mut self, stored: &StoredFeed, now: CurrentTime) {
        // If the clock was set back, how long that is ago is not known.
        let away = now.unix.saturating_sub(stored.written);
        let ago = |seconds: u32| Moment(now.moment.0.saturating_sub(u64::from(seconds.saturating_add(away)) * 1_000));
        let dated = |table: &StoredTable| {
            let validity = match table.validity {
                StoredValidity::AsDated => ValidityPeriod::AsDated,
                StoredValidity::Withdrawn => ValidityPeriod::Withdrawn,
                StoredValidity::For(seconds) => {
                    let left = Duration::from_secs(seconds.saturating_sub(away).into());
                    ValidityPeriod::Until(now.moment.after(left))
                }
            };
            DatedTable::new(Arc::clone(&table.table), table.stated, ago(table.age)).with_validity(validity)
        };
        self.is_stale = stored.is_stale;
        match &stored.held {
            None => self.last = Some(dated(&stored.newest)),
            Some((hold, accepted)) => {
                self.last = Some(dated(accepted));
                self.held = Some(HeldTable {
                    new: dated(&stored.newest),
                    losses: hold.losses.clone(),
                    since: ago(hold.held_for),
                    first: ago(hold.any_held_for),
                });
            }
        }
    }

    fn stored(&self, now: CurrentTime) -> Option<StoredFeed> {
        let since = |moment: Moment| u32::try_from(now.moment.0.saturating_sub(moment.0) / 1_000).unwrap_or(u32::MAX);
        let stored = |dated: &DatedTable| StoredTable {
            table: Arc::clone(&dated.table),
            stated: dated.stated(),
            age: since(dated.received()),
            validity: match dated.validity {
                ValidityPeriod::AsDated => StoredValidity::AsDated,
                ValidityPeriod::Withdrawn => StoredValidity::Withdrawn,
                ValidityPeriod::Until(until) => {
                    let left = until.0.saturating_sub(now.moment.0) / 1_000;
                    StoredValidity::For(u32::try_from(left).unwrap_or(u32::MAX))
                }
            },
        };
        let last = stored(self.last.as_ref()?);
        let (newest, held) = match &self.held {
            None => (last, None),
            Some(held) => {
                let (held_for, any_held_for) = (since(held.since), since(held.first));
                (stored(&held.new), Some((StoredHold { losses: held.losses.clone(), held_for, any_held_for }, last)))
            }
        };
        Some(StoredFeed { newest, held, written: now.unix, is_stale: self.is_stale })
    }
}
