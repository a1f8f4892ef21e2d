//! Where it is decided what is served: the curator and the line of serials, which change together. Their work takes
//! milliseconds, so the hub lends them to a blocking thread for each step.

use rtrcast_feed::Slurm;
use rtrcast_feed::curator::{
    Cause, Curation, Curator, CuratorEvent as Event, CuratorOutput as Output, CurrentTime, Recipe, Report, SourceId,
};
use rtrcast_net::DataSink;
use rtrcast_proto::{Asn, History, Image, Moment, Profile, Publication, Serial, Timing, Version, View, Want};
use std::io;
use std::sync::Arc;

/// The curator, and the serials of what it chose.
pub(crate) struct Desk {
    pub(crate) curator: Curator,
    pub(crate) history: History,
}

/// What the desk is asked to do.
pub(crate) enum Act {
    Report(SourceId, Report),
    Slurm(Arc<Slurm>),
    Tick,
    Confirm(Option<SourceId>),
    /// With other SLURM files, if there are any here.
    Reconfigure(Curation, Timing, Option<Arc<Slurm>>),
}

/// What a view is made for.
pub(crate) struct Audience {
    pub(crate) oldest_readable: u64,
    /// Versions that sessions speak, the most spoken first.
    pub(crate) versions: Vec<Version>,
    pub(crate) profiles: Vec<Profile>,
    /// The version of a new image if nobody speaks any.
    pub(crate) version: Version,
}

/// What happened, in its order.
pub(crate) enum Happened {
    Event(Event),
    Published(Box<Published>),
    /// Nothing is served any more, since all is too old: this is what all shall see.
    Withheld(Arc<View>),
    /// There was no memory for the set that should be served now.
    NoMemory(io::Error),
}

/// A set was published, or is the same as before.
pub(crate) struct Published {
    pub(crate) cause: Cause,
    pub(crate) publication: Publication,
    /// Whether routers are served something else than a moment ago.
    pub(crate) is_news: bool,
    /// What all shall see now; none if nothing changed.
    pub(crate) view: Option<io::Result<View>>,
    /// Customers with too many providers.
    pub(crate) left_out: Vec<Asn>,
}

impl Desk {
    /// Does it, and says what happened and when to look again.
    pub(crate) fn act(&mut self, now: CurrentTime, act: Act, audience: &Audience) -> (Vec<Happened>, Option<Moment>) {
        match act {
            Act::Report(source, report) => self.curator.source(now, source, report),
            Act::Slurm(slurm) => self.curator.slurm(now, slurm),
            Act::Tick => self.curator.tick(now),
            Act::Confirm(source) => self.curator.confirm(now, source),
            Act::Reconfigure(curation, timing, slurm) => {
                self.history.set_timing(timing);
                self.curator.reconfigure(now, curation, slurm);
            }
        }
        let mut happened = Vec::new();
        loop {
            match self.curator.next() {
                Output::Event(event) => happened.push(Happened::Event(event)),
                Output::Publish(recipe, cause) => {
                    let outcome = self.publish(&recipe, cause, audience);
                    if matches!(outcome, Happened::NoMemory(_)) {
                        self.curator.not_published(now, cause);
                    }
                    happened.push(outcome);
                }
                Output::Withhold => {
                    self.history.withhold();
                    happened.push(Happened::Withheld(Arc::new(self.history.view(audience.oldest_readable))));
                }
                Output::Wait(wait) => return (happened, wait),
            }
        }
    }

    fn publish(&mut self, recipe: &Recipe, cause: Cause, audience: &Audience) -> Happened {
        let version = audience.versions.first().copied().unwrap_or(audience.version);
        let composed = match recipe.compose(version, DataSink::new()) {
            Ok(composed) => composed,
            Err(error) => return Happened::NoMemory(error),
        };
        let previous = self.history.current().map(|_| self.history.serial());
        let was_withheld = self.history.is_withheld();
        let publication = self.history.publish(composed.image.clone());
        if let (Publication::Same, Some(current)) = (&publication, self.history.current()) {
            // The older image stays, and the same set is in memory once.
            self.curator.hold(&composed.image, current);
        }
        if let Publication::First | Publication::Changed(_) = publication {
            // Without memory for it the view, which needs the same, can't be made either, and that is said.
            let _ = self.hold_in_use(&audience.versions);
        }
        let is_same = matches!(publication, Publication::Same);
        // With another configuration the timers may be others.
        let is_seen = !is_same || was_withheld || cause == Cause::Configuration;
        let view = is_seen.then(|| {
            let view = self.history.view(audience.oldest_readable);
            with_all(view, audience, previous)
        });
        let is_news = !is_same || was_withheld;
        Happened::Published(Box::new(Published { cause, publication, is_news, view, left_out: composed.left_out }))
    }

    /// Holds the current set in a version that is spoken, if it is held in one that nobody speaks: routers that were faster
    /// than the first file speak another version than it was read for, and the set would be in memory twice.
    fn hold_in_use(&mut self, versions: &[Version]) -> io::Result<()> {
        let Some((version, current)) = versions.first().zip(self.history.current()) else { return Ok(()) };
        if versions.contains(&current.version()) {
            return Ok(());
        }
        let image = current.to_version(*version, DataSink::new())?;
        self.hold(image);
        Ok(())
    }

    /// Holds the current set as this image of another version, wherever it was held as the one before.
    pub(crate) fn hold(&mut self, image: Image) {
        if let Some(before) = self.history.current() {
            self.curator.hold(before, &image);
        }
        self.history.hold(image);
    }
}

/// Adds the images of all versions in use, and the deltas from the serial before.
fn with_all(mut view: View, audience: &Audience, previous: Option<Serial>) -> io::Result<View> {
    for version in &audience.versions {
        view = view.with(Want::Image(*version), DataSink::new)?;
    }
    for profile in &audience.profiles {
        if let Some(since) = previous {
            view = view.with(Want::Delta { profile: *profile, since }, DataSink::new)?;
        }
    }
    Ok(view)
}
