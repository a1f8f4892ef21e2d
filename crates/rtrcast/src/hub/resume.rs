//! The hub of a program that goes on with what an earlier run served.

use super::Hub;
use crate::observe::log::Log;
use crate::observe::log::event::state::StateEvent;
use crate::observe::status::{RecordsByType, Timestamp};
use rtrcast_feed::Table;
use rtrcast_feed::curator::{Curator, Resumption, SourceId, StoredFeed};
use rtrcast_feed::state::{SetName, digest_of};
use rtrcast_proto::ImageKeeper;
use std::sync::Arc;

/// Where a set comes from that is served on.
#[derive(Debug)]
pub(crate) enum ResumedFrom {
    /// A state directory.
    Directory(String),
    /// The program before this one.
    Handover,
}

/// A set that was served by an earlier run, and that is served on.
#[derive(Debug)]
pub(crate) struct ResumedLine {
    pub(crate) from: ResumedFrom,
    pub(crate) table: Arc<Table>,
    pub(crate) set: SetName,
    /// When it was first served, in seconds since 1970.
    pub(crate) changed: u32,
    /// Digest of what it was made by.
    pub(crate) made_by: [u8; 32],
    /// The newest time of the files, in seconds since 1970.
    pub(crate) time: u32,
    pub(crate) feeds: Vec<(SourceId, StoredFeed)>,
}

impl Hub {
    /// Has names of sources in the record of changes.
    pub(super) fn show_names(&mut self) {
        let names = self.curation.sources.iter().map(|source| (*source, self.sources.name(*source))).collect();
        self.decider().recorder.names = names;
    }

    /// Goes on with a set, which the publisher has already.
    pub(super) fn resume(&mut self, line: ResumedLine) {
        let ResumedLine { from, table, set, changed, made_by, time, feeds } = line;
        let slurm = self.join_slurm();
        let address = |source: SourceId| self.addresses.get(&source).map_or(0, |address| address.hash.0);
        let digest = digest_of(&self.curation, address, slurm.as_deref());
        let (sources, slurm_digest) = made_by.split_first_chunk::<16>().map_or(([0; 16], &[][..]), |(a, b)| (*a, b));
        // SLURM from URLs is not known yet: it is compared once it is.
        let is_current = match slurm {
            Some(_) => made_by == digest,
            None => digest.starts_with(&sources),
        };
        self.resumed_slurm = slurm_digest.first_chunk().copied().filter(|_| slurm.is_none());
        self.is_slurm_applied = slurm.is_some();
        let layout = *table.image().layout();
        let resumption = Resumption { served: table, is_current, slurm, feeds, time };
        let now = self.current_time();
        let curation = self.curation.clone();
        let decider = self.decider();
        let mut curator = Curator::resume(curation, now, resumption);
        // Tables that are equal to the set that is served need no memory of their own.
        let images: Vec<_> =
            curator.stored(now).into_iter().map(|(_, feed)| feed.newest.table.image().clone()).collect();
        if let Some(current) = decider.publisher.history().current() {
            images.iter().filter(|image| *image == current).for_each(|image| curator.replace(image, current));
        }
        decider.curator = curator;
        self.wait = decider.curator.wait();
        self.changed = changed;
        let retained = self.decider_ref().publisher.history().retained();
        self.metrics.show_served(&layout, self.served, set.serial, retained);
        self.show_health();
        let ResumedFrom::Directory(directory) = from else { return };
        if !is_current {
            return StateEvent::ConfigurationChanged { directory: &directory, serial: set.serial }.log();
        }
        StateEvent::Resumed {
            directory: &directory,
            serial: set.serial,
            records: RecordsByType::of(&layout).sent_in(self.served),
            changed: Timestamp(changed),
            deltas: retained.0,
        }
        .log();
    }
}
