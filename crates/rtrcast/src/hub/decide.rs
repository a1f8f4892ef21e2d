//! The decision step: the curator and the publisher, which change together. A step takes milliseconds, so it runs on a
//! blocking thread.

use super::recorder::{Recorded, Recorder};
use rtrcast_feed::Slurm;
use rtrcast_feed::curator::{
    Cause, Curation, Curator, CuratorEvent, CuratorOutput, CurrentTime, Recipe, Report, SourceId,
};
use rtrcast_net::{DataSink, Publisher};
use rtrcast_proto::{Asn, InUse, Moment, Prepared, PreparedView, Timing, Version, View, Want};
use std::io;
use std::sync::Arc;

/// The curator, and the publisher of what it chose.
pub(crate) struct Decider {
    pub(crate) curator: Curator,
    pub(crate) publisher: Publisher,
    pub(crate) recorder: Recorder,
}

/// A change to decide on.
pub(crate) enum HubChange {
    Report(SourceId, Report),
    Slurm(Arc<Slurm>),
    /// SLURM files that were not known at a start; true if they are those of the set that was restored.
    SlurmKnown(Arc<Slurm>, bool),
    Tick,
    Confirm(Option<SourceId>),
    /// Another configuration; with other SLURM files, if the hub has them.
    Reconfigure(Curation, Timing, Option<Arc<Slurm>>),
}

/// The results of a change, in their order.
pub(crate) enum Decision {
    Event(CuratorEvent),
    /// A set to be served once it is shown, or the same set as before.
    Publish {
        cause: Cause,
        prepared: Prepared<io::Error>,
        /// Customers with too many providers.
        left_out: Vec<Asn>,
        /// What is to be recorded before it is served.
        recorded: Option<Recorded>,
    },
    /// Nothing is served any more, since all is too old: the view without data.
    Withhold(PreparedView),
    /// There was no memory for the new set.
    NoMemory(io::Error),
}

impl Decider {
    /// Applies a change. Returns the results, and the time of the next step. An image is made in a version that is in
    /// use, or in `version` if none is.
    pub(crate) fn apply(
        &mut self,
        now: CurrentTime,
        change: HubChange,
        in_use: &InUse,
        version: Version,
    ) -> (Vec<Decision>, Option<Moment>) {
        self.recorder.check_clocks(now, &mut self.publisher);
        match change {
            HubChange::Report(source, report) => self.curator.source(now, source, report),
            HubChange::Slurm(slurm) => self.curator.slurm(now, slurm),
            HubChange::SlurmKnown(slurm, is_current) => self.curator.slurm_known(now, slurm, is_current),
            HubChange::Tick => self.curator.tick(now),
            HubChange::Confirm(source) => self.curator.confirm(now, source),
            HubChange::Reconfigure(curation, timing, slurm) => {
                self.publisher.set_timing(timing);
                self.curator.reconfigure(now, curation, slurm);
            }
        }
        let mut decisions = Vec::new();
        loop {
            match self.curator.next() {
                CuratorOutput::Event(event) => decisions.push(Decision::Event(event)),
                CuratorOutput::Publish(recipe, cause) => {
                    let version = in_use.versions.first().copied().unwrap_or(version);
                    decisions.push(self.publish(now, &recipe, cause, in_use, version).unwrap_or_else(|error| {
                        self.curator.not_published(now, cause);
                        Decision::NoMemory(error)
                    }));
                }
                CuratorOutput::Withhold => decisions.push(Decision::Withhold(self.publisher.withhold())),
                CuratorOutput::Wait(wait) => return (decisions, wait),
            }
        }
    }

    fn publish(
        &mut self,
        now: CurrentTime,
        recipe: &Recipe,
        cause: Cause,
        in_use: &InUse,
        version: Version,
    ) -> io::Result<Decision> {
        let composed = recipe.compose(version, DataSink::new())?;
        let prepared = self.publisher.publish(composed.image, in_use, &mut self.curator);
        let time = self.curator.accepted_time(now);
        let recorded = self.recorder.record(time, cause, &prepared.publication, self.publisher.history(), recipe);
        Ok(Decision::Publish { cause, prepared, left_out: composed.left_out, recorded })
    }

    /// Makes what a session wants, for all sessions.
    pub(crate) fn fulfil(&mut self, want: Want, in_use: &InUse) -> io::Result<Arc<View>> {
        self.publisher.fulfil(want, in_use, &mut self.curator)
    }
}
