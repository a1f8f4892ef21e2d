//! The publisher: a line of serials, and the view of it that all sessions see.
//!
//! To publish and to fulfil takes as long as passes over the data set do, so that is for a thread that may wait; to show
//! what was made takes no time. Between the two whoever publishes may say and count what is about to be seen.

use super::in_use::InUse;
use super::pinned::{ImageKeeper, Superseded};
use super::published::PublisherHandle;
use crate::memfd::DataSink;
use crate::service_policy::ServicePolicy;
use rtrcast_proto::{History, Image, Publication, Serial, Timing, Version, View, Want};
use std::io;
use std::sync::Arc;

/// Publishes data sets to all sessions.
pub struct Publisher {
    history: History,
    handle: PublisherHandle,
    superseded: Superseded,
    /// The generation of the set that is shown.
    committed: u64,
    /// Whether routers are to be told other timers than in the newest view.
    has_other_timing: bool,
}

/// What became of a data set. The serial has advanced; nobody sees that before the view is shown.
#[must_use = "its view has to be committed"]
#[derive(Debug)]
pub struct Prepared {
    /// What it is to the line of serials.
    pub publication: Publication,
    /// Whether routers are served something else than before.
    pub is_news: bool,
    /// What to show; none if all stays as it is.
    pub view: Option<PreparedView>,
    /// Why the view lacks something that is in use, which is asked for again by whoever wants it.
    pub incomplete: Option<io::Error>,
}

/// A view that waits for being shown.
#[must_use = "it has to be committed"]
#[derive(Debug)]
pub struct PreparedView {
    view: Arc<View>,
    generation: u64,
}

impl PreparedView {
    /// What sessions will see.
    pub fn view(&self) -> &View {
        &self.view
    }
}

impl Publisher {
    /// Publishes what comes in this history. If it has a current set, as one that was restored does, that is shown.
    pub fn new(mut history: History, policy: ServicePolicy) -> Publisher {
        let handle = PublisherHandle::new(history.view(0), policy);
        let committed = history.generation();
        Publisher { history, handle, superseded: Superseded::default(), committed, has_other_timing: false }
    }

    /// What can be asked and said without the publisher.
    pub fn handle(&self) -> PublisherHandle {
        self.handle.clone()
    }

    /// The line of serials.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Tells routers other timers from the next publication on, be it of the same set.
    pub fn set_timing(&mut self, timing: Timing) {
        self.has_other_timing = self.handle.view().timing() != timing;
        self.history.set_timing(timing);
    }

    /// Makes an image the current set, and a view of it with all that is in use. If it is the set that is current already,
    /// the older image stays. It compares all records, and makes an image for each version in use.
    pub fn publish(&mut self, image: Image, in_use: &InUse, keeper: &mut impl ImageKeeper) -> Prepared {
        let previous = self.history.current().map(|_| self.history.serial());
        let was_withheld = self.history.is_withheld();
        let publication = self.history.publish(image.clone());
        let is_same = matches!(publication, Publication::Same);
        match self.history.current() {
            Some(current) if is_same => keeper.replace(&image, current),
            // Without memory for it the view lacks the same, and that is said.
            _ => self.hold_in_use(&in_use.versions, keeper).unwrap_or_default(),
        }
        drop(image);
        let is_news = !is_same || was_withheld;
        if !is_news && !self.has_other_timing {
            return Prepared { publication, is_news, view: None, incomplete: None };
        }
        self.has_other_timing = false;
        // What is shown now is about to be superseded by another set.
        let joining = usize::from(!is_same && self.handle.view().serial().is_some());
        let oldest_readable = self.superseded.oldest_readable(joining, self.history.generation(), keeper);
        let view = self.history.view(oldest_readable);
        let (view, incomplete) = with_all(view, in_use, previous);
        let view = PreparedView { view: Arc::new(view), generation: self.history.generation() };
        Prepared { publication, is_news, view: Some(view), incomplete }
    }

    /// Serves nothing until the next publication, since all data are too old.
    pub fn withhold(&mut self) -> PreparedView {
        self.history.withhold();
        // It cuts off nobody: all sessions end.
        PreparedView { view: Arc::new(self.history.view(0)), generation: self.history.generation() }
    }

    /// Shows all sessions what was prepared, unless they see something newer.
    pub fn commit(&mut self, prepared: PreparedView) {
        let PreparedView { view, generation } = prepared;
        let before = self.handle.view();
        if view.revision() <= before.revision() {
            return;
        }
        self.superseded.shown(self.committed, &before, &view);
        self.committed = generation;
        self.handle.commit(view);
    }

    /// Makes what a session wants, adds it to the view that all see, and drops the images that nobody needs any more. It
    /// makes an image, or folds changes. Without memory there is no answer, and the session's own limit decides.
    pub fn fulfil(&mut self, want: Want, in_use: &InUse, keeper: &mut impl ImageKeeper) -> io::Result<Arc<View>> {
        let view = self.handle.view().with(want, DataSink::new)?;
        let view = Arc::new(self.drop_unused(want, view, in_use, keeper));
        self.handle.refine(Arc::clone(&view));
        Ok(view)
    }

    /// If the set is held in a version that nobody speaks, the version that was just made takes its place.
    fn drop_unused(&mut self, want: Want, view: View, in_use: &InUse, keeper: &mut impl ImageKeeper) -> View {
        let Want::Image(version) = want else { return view };
        let mut used = in_use.versions.clone();
        used.push(version);
        let held = self.history.current().map(Image::version);
        if self.committed == self.history.generation()
            && held.is_some_and(|held| !used.contains(&held))
            && let Some(image) = view.image(version).cloned()
        {
            self.hold(image, keeper);
        }
        view.keep_images(&used)
    }

    /// Holds the current set in a version that is spoken, if it is held in one that nobody speaks: routers that were faster
    /// than the first file speak another version than it was read for, and the set would be in memory twice.
    fn hold_in_use(&mut self, versions: &[Version], keeper: &mut impl ImageKeeper) -> io::Result<()> {
        let Some((version, current)) = versions.first().zip(self.history.current()) else { return Ok(()) };
        if versions.contains(&current.version()) {
            return Ok(());
        }
        let image = current.to_version(*version, DataSink::new())?;
        self.hold(image, keeper);
        Ok(())
    }

    /// Holds the current set as this image of another version, wherever it was held as the one before.
    fn hold(&mut self, image: Image, keeper: &mut impl ImageKeeper) {
        if let Some(before) = self.history.current() {
            keeper.replace(before, &image);
        }
        self.history.hold(image);
    }
}

/// Adds the images of all versions in use, and the deltas from the serial before; as far as there is memory.
fn with_all(mut view: View, in_use: &InUse, previous: Option<Serial>) -> (View, Option<io::Error>) {
    let images = in_use.versions.iter().map(|version| Want::Image(*version));
    let deltas = previous
        .into_iter()
        .flat_map(|since| in_use.profiles.iter().map(move |profile| Want::Delta { profile: *profile, since }));
    for want in images.chain(deltas) {
        view = match view.with(want, DataSink::new) {
            Ok(view) => view,
            Err(error) => return (view, Some(error)),
        };
    }
    (view, None)
}
