//! The publisher: a sequence of serials, and the view of it that all sessions have.
//!
//! Publishing and fulfilling take as long as passes over the data set, so they are for a thread that may block; a
//! commit takes no time. Between the two the caller may log and count what is about to be served.

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
    /// The generation of the set that is committed.
    committed: u64,
    /// True if routers are to be sent other timers than in the newest view.
    has_other_timing: bool,
}

/// Result of publishing a data set. The serial has advanced; sessions do not have it before the view is committed.
#[must_use = "its view has to be committed"]
#[derive(Debug)]
pub struct Prepared {
    /// Relation to the set before.
    pub publication: Publication,
    /// True if routers are served something else than before.
    pub is_news: bool,
    /// The view to commit; none if nothing changes.
    pub view: Option<PreparedView>,
    /// Reason that the view lacks something that is in use, which a session requests again when it needs it.
    pub incomplete: Option<io::Error>,
}

/// A view that is ready to be committed.
#[must_use = "it has to be committed"]
#[derive(Debug)]
pub struct PreparedView {
    view: Arc<View>,
    generation: u64,
}

impl PreparedView {
    /// Returns the view.
    pub fn view(&self) -> &View {
        &self.view
    }
}

impl Publisher {
    /// Returns a publisher of this history. A current set, as in a history that was restored, is served at once.
    pub fn new(mut history: History, policy: ServicePolicy) -> Publisher {
        let handle = PublisherHandle::new(history.view(0), policy);
        let committed = history.generation();
        Publisher { history, handle, superseded: Superseded::default(), committed, has_other_timing: false }
    }

    /// Returns a handle.
    pub fn handle(&self) -> PublisherHandle {
        self.handle.clone()
    }

    /// The line of serials.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Sends routers other timers from the next publication on, be it of the same set.
    pub fn set_timing(&mut self, timing: Timing) {
        self.has_other_timing = self.handle.view().timing() != timing;
        self.history.set_timing(timing);
    }

    /// Makes an image the current set, and a view of it with all that is in use. If it equals the current set, the
    /// older image stays. It compares all records, and makes an image for each version in use.
    pub fn publish(&mut self, image: Image, in_use: &InUse, keeper: &mut impl ImageKeeper) -> Prepared {
        let previous = self.history.current().map(|_| self.history.serial());
        let was_withheld = self.history.is_withheld();
        let publication = self.history.publish(image.clone());
        let is_same = matches!(publication, Publication::Same);
        match self.history.current() {
            Some(current) if is_same => keeper.replace(&image, current),
            // Without memory for it the view lacks the same, and that is reported.
            _ => self.hold_in_use(&in_use.versions, keeper).unwrap_or_default(),
        }
        drop(image);
        let is_news = !is_same || was_withheld;
        if !is_news && !self.has_other_timing {
            return Prepared { publication, is_news, view: None, incomplete: None };
        }
        self.has_other_timing = false;
        // The committed set is about to be superseded by another one.
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
        // No reader is cut off: all sessions end.
        PreparedView { view: Arc::new(self.history.view(0)), generation: self.history.generation() }
    }

    /// Gives all sessions a prepared view, unless they have a newer one.
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

    /// Fulfils a session's request, adds the result to the view of all sessions, and drops the images that are unused.
    /// It makes an image, or folds changes. Without memory there is no answer, and the session's own limit decides.
    pub fn fulfil(&mut self, want: Want, in_use: &InUse, keeper: &mut impl ImageKeeper) -> io::Result<Arc<View>> {
        let view = self.handle.view().with(want, DataSink::new)?;
        let view = Arc::new(self.drop_unused(want, view, in_use, keeper));
        self.handle.refine(Arc::clone(&view));
        Ok(view)
    }

    /// If the set is held in a version that is not in use, replaces that by the version that was just made.
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

    /// Holds the current set in a version that is in use, if it is held in another: routers that connected before the
    /// first file was read may use another version than it was read for, and the set would be in memory twice.
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
