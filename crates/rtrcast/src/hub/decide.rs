//! The decision step: what is served, by the curator, and its publication, which change together. That takes
//! milliseconds, so the hub lends both to a blocking thread for each step.

use rtrcast_feed::Slurm;
use rtrcast_feed::curator::{
    Cause, Curation, Curator, CuratorEvent as Event, CuratorOutput as Output, CurrentTime, Recipe, Report, SourceId,
};
use rtrcast_net::{DataSink, ImageKeeper, InUse, Prepared, PreparedView, Publisher};
use rtrcast_proto::{Asn, Image, Moment, Octets, Timing, Version, View, Want};
use std::io;
use std::sync::Arc;

/// The curator, and the publisher of what it chose.
pub(crate) struct Decider {
    pub(crate) curator: Curator,
    pub(crate) publisher: Publisher,
}

/// What the hub wants done.
pub(crate) enum HubChange {
    Report(SourceId, Report),
    Slurm(Arc<Slurm>),
    Tick,
    Confirm(Option<SourceId>),
    /// With other SLURM files, if there are any here.
    Reconfigure(Curation, Timing, Option<Arc<Slurm>>),
}

/// What came of a change, in its order.
pub(crate) enum Decision {
    Event(Event),
    /// A set is served from now on, once it is shown, or is the same as before.
    Publish {
        cause: Cause,
        prepared: Prepared,
        /// Customers with too many providers.
        left_out: Vec<Asn>,
    },
    /// Nothing is served any more, since all is too old: this is what all shall see.
    Withhold(PreparedView),
    /// There was no memory for the set that should be served now.
    NoMemory(io::Error),
}

impl Decider {
    /// Does it, and says what came of it and when to look again. An image is made in a version that is in use, or in
    /// this one if none is.
    pub(crate) fn apply(
        &mut self,
        now: CurrentTime,
        change: HubChange,
        in_use: &InUse,
        version: Version,
    ) -> (Vec<Decision>, Option<Moment>) {
        match change {
            HubChange::Report(source, report) => self.curator.source(now, source, report),
            HubChange::Slurm(slurm) => self.curator.slurm(now, slurm),
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
                Output::Event(event) => decisions.push(Decision::Event(event)),
                Output::Publish(recipe, cause) => {
                    let version = in_use.versions.first().copied().unwrap_or(version);
                    decisions.push(self.publish(&recipe, cause, in_use, version).unwrap_or_else(|error| {
                        self.curator.not_published(now, cause);
                        Decision::NoMemory(error)
                    }));
                }
                Output::Withhold => decisions.push(Decision::Withhold(self.publisher.withhold())),
                Output::Wait(wait) => return (decisions, wait),
            }
        }
    }

    fn publish(&mut self, recipe: &Recipe, cause: Cause, in_use: &InUse, version: Version) -> io::Result<Decision> {
        let composed = recipe.compose(version, DataSink::new())?;
        let prepared = self.publisher.publish(composed.image, in_use, &mut Tables(&mut self.curator));
        Ok(Decision::Publish { cause, prepared, left_out: composed.left_out })
    }

    /// Makes what a session wants, for all.
    pub(crate) fn fulfil(&mut self, want: Want, in_use: &InUse) -> io::Result<Arc<View>> {
        self.publisher.fulfil(want, in_use, &mut Tables(&mut self.curator))
    }
}

/// The images of the curator's tables.
struct Tables<'a>(&'a mut Curator);

impl ImageKeeper for Tables<'_> {
    fn keeps(&self, octets: &Arc<dyn Octets>) -> bool {
        self.0.keeps(octets)
    }

    fn replace(&mut self, before: &Image, now: &Image) {
        self.0.hold(before, now);
    }
}
