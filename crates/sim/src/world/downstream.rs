//! A cache behind the cache: the data of the real clients are its sources, as `rtr://` sources are those of the program.

use super::cache::{BEGIN, EXPIRY_LATE_MAX, START};
use super::served::START_WAIT_MAX;
use crate::model::{ModelSet, ServedSets, SlurmModel, decoded, seen_in};
use crate::storage::ImageCounter;
use rtrcast_feed::curator::{
    Choice, Curation, Curator, CuratorOutput, CurrentTime, Freshness, Guard, Report, SourceId, TooOld,
};
use rtrcast_feed::{Slurm, Table};
use rtrcast_proto::{
    ClientData, History, HistoryLimits, InUse, Moment, Profile, Serial, SessionIds, Timing, Version, ViewPublisher,
};
use std::sync::Arc;
use std::time::Duration;

/// Time by which what ends is withdrawn before, and the grain of the clocks.
const EXPIRY_EARLY_MAX: Duration = Duration::from_secs(3);

/// Its session id in version 0; other versions have the ones after it.
const SESSION_BASE: u16 = 60_000;

/// A client of the cache as a source of the next one.
#[derive(Debug, Default)]
struct Upstream {
    /// The data that were reported last, if they were not withdrawn.
    reported: Option<ClientData>,
    /// What is to be served of it, and until when.
    in_effect: Option<(ModelSet, Moment)>,
}

/// The cache behind.
pub(crate) struct DownstreamCache {
    curator: Curator,
    choice: Choice,
    publisher: ViewPublisher,
    session_ids: SessionIds,
    line: ServedSets,
    upstreams: Vec<Upstream>,
    pub(crate) wait: Option<Moment>,
    /// Since when any source has been read.
    started: Option<Moment>,
    served: Option<ModelSet>,
    images: ImageCounter,
    /// When it was found right; none if anything has changed since.
    checked: Option<Moment>,
}

impl DownstreamCache {
    /// A cache of so many sources.
    pub(crate) fn new(sources: usize, options: u8) -> DownstreamCache {
        let choice = if options & 8 == 0 { Choice::Union } else { Choice::First };
        let curation = Curation {
            sources: (0..sources).map(|n| SourceId(n as u32)).collect(),
            choice,
            freshness: Freshness {
                too_old: if options & 16 == 0 { TooOld::Withdraw } else { TooOld::Close },
                ..Freshness::default()
            },
            guard: Guard { hold: None, ..Guard::default() },
        };
        let session_ids = SessionIds::new(SESSION_BASE);
        let limits = HistoryLimits { deltas_max: 4, octets_max: 100_000 };
        let history = History::new(limits, session_ids, Timing::default(), Serial(u32::MAX - 2));
        let mut cache = DownstreamCache {
            curator: Curator::new(curation),
            choice,
            publisher: ViewPublisher::new(history),
            session_ids,
            line: ServedSets::default(),
            upstreams: (0..sources).map(|_| Upstream::default()).collect(),
            wait: None,
            started: None,
            served: None,
            images: ImageCounter::default(),
            checked: None,
        };
        cache.curator.slurm(time(BEGIN), Arc::new(Slurm::none()));
        cache
    }

    /// A client has data: a set, or the same one for longer.
    pub(crate) fn updated(&mut self, now: Moment, upstream: usize, data: &ClientData) -> Result<(), String> {
        let known = &mut self.upstreams[upstream];
        let valid_for = Duration::from_millis(data.expires().0.saturating_sub(now.0));
        let is_same = known.reported.as_ref().is_some_and(|last| Arc::ptr_eq(last.image.shared(), data.image.shared()));
        let until = now.after(valid_for);
        match &mut known.in_effect {
            Some(in_effect) if is_same => in_effect.1 = until,
            in_effect => *in_effect = Some((decoded(&data.image)?, until)),
        }
        known.reported = Some(data.clone());
        self.started.get_or_insert(now);
        let report = match is_same {
            true => Report::Renewed { valid_for },
            false => Report::Synchronised { table: Arc::new(Table::of_image(data.image.clone())), valid_for },
        };
        self.report(now, upstream, report)
    }

    /// The cache of a client shuts down, and takes its data with it.
    pub(crate) fn withdrawn(&mut self, now: Moment, upstream: usize) -> Result<(), String> {
        let known = &mut self.upstreams[upstream];
        (known.reported, known.in_effect) = (None, None);
        self.report(now, upstream, Report::Withdrawn)
    }

    /// A client has lost its cache for longer than a moment.
    pub(crate) fn failed(&mut self, now: Moment, upstream: usize) -> Result<(), String> {
        self.report(now, upstream, Report::Failed)
    }

    fn report(&mut self, now: Moment, upstream: usize, report: Report) -> Result<(), String> {
        self.checked = None;
        self.curator.source(time(now), SourceId(upstream as u32), report);
        self.run()
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Moment) -> Result<(), String> {
        if self.wait.is_some_and(|wait| wait <= now) {
            self.curator.tick(time(now));
        }
        self.run()
    }

    fn run(&mut self) -> Result<(), String> {
        let in_use = InUse::count(|profile| usize::from(profile == Profile::full(Version::V2)));
        loop {
            match self.curator.next() {
                CuratorOutput::Wait(wait) => {
                    self.wait = wait;
                    return Ok(());
                }
                CuratorOutput::Event(_) => {}
                CuratorOutput::Withhold => {
                    let prepared = self.publisher.withhold();
                    if self.publisher.commit(prepared).is_some() {
                        (self.served, self.checked) = (None, None);
                    }
                }
                CuratorOutput::Publish(recipe, _) => {
                    let images = self.images.clone();
                    let Ok(composed) = recipe.compose(Version::V2, images.sink());
                    let prepared = self.publisher.publish(composed.image, &in_use, &mut self.curator, || images.sink());
                    let Some(view) = prepared.view.and_then(|view| self.publisher.commit(view)) else { continue };
                    let serial = view.serial().ok_or("a publication without a serial")?;
                    let set = decoded(view.images().next().ok_or("a publication without an image")?)?;
                    for version in Version::ALL {
                        let session = self.session_ids.of(Profile::full(version)).0;
                        self.line.serve(session, serial.0, &seen_in(&set, version.octet()))?;
                    }
                    (self.served, self.checked) = (Some(set), None);
                }
            }
        }
    }

    /// Checks that what is served is what its sources have.
    pub(crate) fn check(&mut self, now: Moment) -> Result<(), String> {
        if self.checked.is_some_and(|last| now < last.after(Duration::from_secs(1))) {
            return Ok(());
        }
        self.checked = Some(now);
        let Some(started) = self.started else {
            return match &self.served {
                None => Ok(()),
                Some(_) => Err("it serves a set, and no source has been read".to_owned()),
            };
        };
        // What ends is withdrawn within its minute.
        let late = (0..=u64::from(EXPIRY_LATE_MAX)).map(|late| Moment(now.0.saturating_sub(late * 1_000)));
        // It may have ended a little early, and that of one source before that of another.
        let early = now.after(EXPIRY_EARLY_MAX);
        let ends = self.upstreams.iter().filter_map(|upstream| upstream.in_effect.as_ref().map(|(_, until)| *until));
        let mut times = ends.filter(|until| (now..=early).contains(until)).chain([early]).chain(late);
        let is_expected = times.any(|at| match &self.served {
            Some(served) => self.expected(at).contains(served),
            // Until all sources have been read, and once nothing is in effect, where that is configured.
            None => now <= started.after(START_WAIT_MAX) || self.is_over(at),
        });
        if is_expected {
            return Ok(());
        }
        let served = self.served.as_ref().map(ModelSet::len);
        let sources = self.upstreams.iter().map(|upstream| {
            upstream.in_effect.as_ref().map(|(set, until)| (set.len(), until.0.saturating_sub(now.0) / 1_000))
        });
        Err(format!("{served:?} records are served; sources and seconds left: {:?}", sources.collect::<Vec<_>>()))
    }

    /// The sets that may be served at a moment.
    fn expected(&self, at: Moment) -> Vec<ModelSet> {
        let sets: Vec<ModelSet> = self
            .upstreams
            .iter()
            .filter_map(|upstream| upstream.in_effect.as_ref().filter(|(_, until)| *until > at))
            .map(|(set, _)| set.clone())
            .collect();
        match self.choice {
            Choice::First if !sets.is_empty() => sets,
            Choice::First | Choice::Union => vec![SlurmModel::default().union(&sets)],
        }
    }

    /// Checks that of several sources the first one is served, once all is well, if it has anything.
    pub(crate) fn check_preferred(&self) -> Result<(), String> {
        let first = self.upstreams.first().and_then(|upstream| upstream.in_effect.as_ref());
        match first.filter(|_| self.choice == Choice::First) {
            Some((set, _)) if !set.is_empty() && self.served.as_ref() != Some(set) => {
                Err("the first source is not served".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_over(&self, at: Moment) -> bool {
        self.upstreams.iter().all(|upstream| upstream.in_effect.as_ref().is_none_or(|(_, until)| *until <= at))
    }

    /// Checks that no image is in memory that nothing needs: the one that is served, and one for each source, in the
    /// version that is in use here.
    pub(crate) fn check_images(&self) -> Result<(), String> {
        let (images, most) = (self.images.count(), self.upstreams.len() + 1);
        if images > most {
            return Err(format!("{images} images are in memory, where {most} are needed"));
        }
        Ok(())
    }
}

fn time(now: Moment) -> CurrentTime {
    CurrentTime { moment: now, unix: START + u32::try_from((now.0 - BEGIN.0) / 1_000).unwrap_or(u32::MAX - START) }
}
