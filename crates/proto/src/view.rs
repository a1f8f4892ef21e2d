//! The data as sessions use them: an immutable value that is replaced as a whole, and shared by all.

use crate::delta::{Delta, SerialDelta};
use crate::image::{Image, ImageSink, Octets};
use crate::limits::{ANSWERS_OCTETS_MAX, DELTA_ALWAYS_SENT_OCTETS_MAX};
use crate::profile::{Profile, SessionIds};
use crate::serial::{Serial, SessionId};
use crate::time::Timing;
use crate::version::Version;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;

/// One data set as it is served: its serial, session ids, timers, the images made so far, and the answers to Serial
/// Queries folded so far.
#[derive(Clone, Debug)]
pub struct View {
    revision: Revision,
    sessions: SessionIds,
    timing: Timing,
    edition: Result<Edition, Absent>,
}

/// Why no data are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// None have been read yet: a query is held for a while, in case they come.
    NotYet,
    /// All data have become too old: sessions end, and a query gets code 2 at once.
    TooOld,
}

/// Order of the views of one history: first by what the history published, then by what was added to that or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    pub(crate) published: u64,
    pub(crate) refined: u64,
}

/// The part of a view that exists once there are data.
#[derive(Clone)]
pub(crate) struct Edition {
    pub(crate) serial: Serial,
    pub(crate) generation: u64,
    oldest_readable: u64,
    images: [Option<Image>; 3],
    steps: Arc<[Arc<SerialDelta>]>,
    answers: BTreeMap<(usize, u32), DeltaAnswer>,
}

/// Image or answer that a session needs and the view does not have yet. The caller builds it on a thread that may
/// block, and gives the session a view that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The image of a version.
    Image(Version),
    /// The answer to a Serial Query.
    Delta {
        /// The payload that the router is sent.
        profile: Profile,
        /// The serial that it holds.
        since: Serial,
    },
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Want::Image(version) => write!(f, "the data set of version {version}"),
            Want::Delta { profile, since } => write!(f, "the changes since serial {since} for {profile}"),
        }
    }
}

/// The folded answer to a Serial Query.
#[derive(Clone)]
pub(crate) enum DeltaAnswer {
    /// The payload PDUs.
    Payload(Arc<dyn Octets>),
    /// So much changed that asking for everything is cheaper.
    TooLarge,
}

/// Answer of a view to a Serial Query.
pub(crate) enum Lookup {
    /// The router holds the current set.
    Current,
    /// The answer has been folded.
    Found(DeltaAnswer),
    /// The answer has to be folded first.
    Unfolded,
    /// The serial is not, or no longer, known. [C-SER-03]
    Unknown,
}

impl Edition {
    pub(crate) fn new(
        serial: Serial,
        generation: u64,
        oldest_readable: u64,
        image: Image,
        steps: Arc<[Arc<SerialDelta>]>,
    ) -> Edition {
        let mut images = [None, None, None];
        let index = image.version().index();
        images[index] = Some(image);
        Edition { serial, generation, oldest_readable, images, steps, answers: BTreeMap::new() }
    }

    pub(crate) fn image(&self, version: Version) -> Option<&Image> {
        self.images[version.index()].as_ref()
    }

    pub(crate) fn lookup(&self, profile: Profile, since: Serial) -> Lookup {
        if since == self.serial {
            return Lookup::Current;
        }
        // Zero is never served, so a router that asks from it holds nothing: OpenBGPD does after code 2.
        if since == Serial(0) || !self.steps.iter().any(|step| step.from == since) {
            return Lookup::Unknown;
        }
        match self.answers.get(&(profile.index(), since.0)) {
            Some(answer) => Lookup::Found(answer.clone()),
            None => Lookup::Unfolded,
        }
    }

    /// Folds the answer; the cost is that of the changes since the serial.
    fn fold(&self, profile: Profile, since: Serial) -> DeltaAnswer {
        let steps = self.steps.iter().skip_while(|step| step.from != since);
        let payload = Delta::fold(steps.map(|step| &*step.delta)).encode(profile);
        let whole: usize = self
            .images
            .iter()
            .flatten()
            .next()
            .map_or(0, |image| profile.sections().map(|section| image.layout().range(section).len()).sum());
        if payload.len() > DELTA_ALWAYS_SENT_OCTETS_MAX && payload.len() > whole / 2 {
            DeltaAnswer::TooLarge
        } else {
            DeltaAnswer::Payload(Arc::new(payload))
        }
    }

    fn answers_octets(&self) -> usize {
        self.answers
            .values()
            .map(|answer| match answer {
                DeltaAnswer::Payload(octets) => (**octets).as_ref().len(),
                DeltaAnswer::TooLarge => 0,
            })
            .sum()
    }
}

impl fmt::Debug for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edition")
            .field("serial", &self.serial)
            .field("generation", &self.generation)
            .field("images", &self.images)
            .field("steps", &self.steps.len())
            .field("answers", &self.answers.len())
            .finish_non_exhaustive()
    }
}

impl View {
    pub(crate) fn new(
        revision: Revision,
        sessions: SessionIds,
        timing: Timing,
        edition: Result<Edition, Absent>,
    ) -> View {
        View { revision, sessions, timing, edition }
    }

    /// Orders the views of one history: a later one is greater.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The session id of a profile.
    pub fn session(&self, profile: Profile) -> SessionId {
        self.sessions.of(profile)
    }

    /// The timers of End of Data.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// The serial; none while no data are served.
    pub fn serial(&self) -> Option<Serial> {
        self.edition.as_ref().ok().map(|edition| edition.serial)
    }

    /// Returns why no data are served, if none are.
    pub fn absent(&self) -> Option<Absent> {
        self.edition.as_ref().err().copied()
    }

    /// The image of a version, if it has been made.
    pub fn image(&self, version: Version) -> Option<&Image> {
        self.edition.as_ref().ok()?.image(version)
    }

    /// The images that have been made, in any version.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.edition.iter().flat_map(|edition| edition.images.iter().flatten())
    }

    pub(crate) fn edition(&self) -> Result<&Edition, Absent> {
        self.edition.as_ref().map_err(|absent| *absent)
    }

    /// Returns whether sessions that send images of this generation are to be closed.
    pub(crate) fn is_outdated(&self, generation: u64) -> bool {
        self.edition.as_ref().is_ok_and(|edition| generation < edition.oldest_readable)
    }

    /// Returns whether anything that the profile sends changed after a serial. The order is that of the history, not of
    /// the numbers; a serial that it does not have is of another set.
    pub fn has_news(&self, profile: Profile, since: Serial) -> bool {
        self.edition.as_ref().is_ok_and(|edition| {
            if since == edition.serial {
                return false;
            }
            let Some(place) = edition.steps.iter().rposition(|step| step.from == since) else { return true };
            let mut later = edition.steps.iter().skip(place);
            later.any(|step| profile.sections().any(|section| step.delta.touches(section)))
        })
    }

    /// Returns a view that also has what was wanted. It takes as long as a pass over the image, or over the changes:
    /// call it on a thread that may block. A want that can't be met any more (its serial has left the history) changes
    /// nothing: the session handles that.
    pub fn with<S: ImageSink>(&self, want: Want, sink: impl FnOnce() -> S) -> Result<View, S::Error> {
        let mut view = self.clone();
        view.revision.refined += 1;
        if let Ok(edition) = &mut view.edition {
            match want {
                Want::Image(version) => {
                    let other = edition.images.iter().flatten().next().cloned();
                    if let (None, Some(other)) = (edition.image(version), other) {
                        edition.images[version.index()] = Some(other.to_version(version, sink())?);
                    }
                }
                Want::Delta { profile, since } => {
                    if let Lookup::Unfolded = edition.lookup(profile, since) {
                        let answer = edition.fold(profile, since);
                        if edition.answers_octets() > ANSWERS_OCTETS_MAX {
                            edition.answers.clear();
                        }
                        edition.answers.insert((profile.index(), since.0), answer);
                    }
                }
            }
        }
        Ok(view)
    }

    /// The same view with the images that another view of the same data set has in these versions.
    pub(crate) fn with_images_of(mut self, other: &View, versions: &[Version]) -> View {
        if let (Ok(edition), Ok(other)) = (&mut self.edition, &other.edition) {
            for version in versions {
                let image = &mut edition.images[version.index()];
                if image.is_none() {
                    image.clone_from(&other.images[version.index()]);
                }
            }
        }
        self
    }

    /// The same view without the images of the other versions. The last image always stays.
    pub fn keep_images(&self, versions: &[Version]) -> View {
        let mut view = self.clone();
        view.revision.refined += 1;
        if let Ok(edition) = &mut view.edition
            && versions.iter().any(|version| edition.image(*version).is_some())
        {
            for version in Version::ALL {
                if !versions.contains(&version) {
                    edition.images[version.index()] = None;
                }
            }
        }
        view
    }
}
