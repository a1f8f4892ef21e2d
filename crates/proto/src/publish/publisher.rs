//! The views of a history, one after another, for a cache of any kind of sessions.
//!
//! Publishing and fulfilling take as long as passes over the data set, so they are for a thread that may block; a
//! commit takes no time. Between the two the caller may log and count what is about to be served.

use super::in_use::InUse;
use super::pinned::{ImageKeeper, Superseded};
use crate::history::{History, Publication};
use crate::image::{Image, ImageSink};
use crate::serial::Serial;
use crate::time::Timing;
use crate::version::Version;
use crate::view::{View, Want};
use alloc::sync::Arc;

/// Publishes data sets: it advances the serial, makes views, and decides which readers of older sets are cut off. The
/// caller gives all sessions each view that [`commit`](ViewPublisher::commit) returns; one that
/// [`fulfil`](ViewPublisher::fulfil) returns is for the session that requested it, and for new ones.
///
/// `sink` makes the storage of a new image.
#[derive(Debug)]
pub struct ViewPublisher {
    history: History,
    /// The view that sessions have.
    committed: Arc<View>,
    /// The generation of its set.
    generation: u64,
    superseded: Superseded,
    /// True if routers are to be sent other timers than in the newest view.
    has_other_timing: bool,
}

/// Result of publishing a data set. The serial has advanced; sessions do not have it before the view is committed.
#[must_use = "its view has to be committed"]
#[derive(Debug)]
pub struct Prepared<E> {
    /// Relation to the set before.
    pub publication: Publication,
    /// True if routers are served something else than before.
    pub is_news: bool,
    /// The view to commit; none if nothing changes.
    pub view: Option<PreparedView>,
    /// Reason that the view lacks something that is in use, which a session requests again when it needs it.
    pub incomplete: Option<E>,
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

impl ViewPublisher {
    /// Returns a publisher of this history. A current set, as in a history that was restored, is served at once.
    pub fn new(mut history: History) -> ViewPublisher {
        let committed = Arc::new(history.view(0));
        let generation = history.generation();
        ViewPublisher { history, committed, generation, superseded: Superseded::default(), has_other_timing: false }
    }

    /// The view that sessions have.
    pub fn view(&self) -> &Arc<View> {
        &self.committed
    }

    /// The history.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Has the serial jump with the next change, as [`History::jump`] does.
    pub fn jump(&mut self, newest: Serial, random: u32) {
        self.history.jump(newest, random);
    }

    /// Sends routers other timers from the next publication on, be it of the same set.
    pub fn set_timing(&mut self, timing: Timing) {
        self.has_other_timing = self.committed.timing() != timing;
        self.history.set_timing(timing);
    }

    /// Makes an image the current set, and a view of it with all that is in use. If it equals the current set, the
    /// older image stays. It compares all records, and makes an image for each version in use.
    pub fn publish<S: ImageSink>(
        &mut self,
        image: Image,
        in_use: &InUse,
        keeper: &mut impl ImageKeeper,
        mut sink: impl FnMut() -> S,
    ) -> Prepared<S::Error> {
        let previous = self.history.current().map(|_| self.history.serial());
        let was_withheld = self.history.is_withheld();
        let publication = self.history.publish(image.clone());
        let is_same = matches!(publication, Publication::Same);
        match self.history.current() {
            Some(current) if is_same => keeper.replace(&image, current),
            // Without memory for it the view lacks the same, and that is reported.
            _ => self.hold_in_use(&in_use.versions, keeper, &mut sink).unwrap_or_default(),
        }
        drop(image);
        let is_news = !is_same || was_withheld;
        if !is_news && !self.has_other_timing {
            return Prepared { publication, is_news, view: None, incomplete: None };
        }
        self.has_other_timing = false;
        // The committed set is about to be superseded by another one.
        let joining = usize::from(!is_same && self.committed.serial().is_some());
        let oldest_readable = self.superseded.oldest_readable(joining, self.history.generation(), keeper);
        let mut view = self.history.view(oldest_readable);
        if self.generation == self.history.generation() {
            // The set is the same: its images stay, so that none is made twice while a router reads it.
            view = view.with_images_of(&self.committed, &in_use.versions);
        }
        let (view, incomplete) = with_all(view, in_use, previous, sink);
        let view = PreparedView { view: Arc::new(view), generation: self.history.generation() };
        Prepared { publication, is_news, view: Some(view), incomplete }
    }

    /// Serves nothing until the next publication, since all data are too old.
    pub fn withhold(&mut self) -> PreparedView {
        self.history.withhold();
        // No reader is cut off: all sessions end.
        PreparedView { view: Arc::new(self.history.view(0)), generation: self.history.generation() }
    }

    /// Makes a prepared view the one that all sessions are to have, and returns it; none if they have a newer one.
    pub fn commit(&mut self, prepared: PreparedView) -> Option<Arc<View>> {
        let PreparedView { view, generation } = prepared;
        if view.revision() <= self.committed.revision() {
            return None;
        }
        self.superseded.shown(self.generation, &self.committed, &view);
        self.generation = generation;
        self.committed = Arc::clone(&view);
        Some(view)
    }

    /// Fulfils a session's request, and drops the images that are unused. Returns the view that has the result: the
    /// session needs it, and new sessions begin with it. It makes an image, or folds changes. Without memory there is
    /// no answer, and the session's own limit decides.
    pub fn fulfil<S: ImageSink>(
        &mut self,
        want: Want,
        in_use: &InUse,
        keeper: &mut impl ImageKeeper,
        sink: impl FnOnce() -> S,
    ) -> Result<Arc<View>, S::Error> {
        let view = self.committed.with(want, sink)?;
        self.committed = Arc::new(self.drop_unused(want, view, in_use, keeper));
        Ok(Arc::clone(&self.committed))
    }

    /// If the set is held in a version that is not in use, replaces that by the version that was just made.
    fn drop_unused(&mut self, want: Want, view: View, in_use: &InUse, keeper: &mut impl ImageKeeper) -> View {
        let Want::Image(version) = want else { return view };
        let mut used = in_use.versions.clone();
        used.push(version);
        let held = self.history.current().map(Image::version);
        if self.generation == self.history.generation()
            && held.is_some_and(|held| !used.contains(&held))
            && let Some(image) = view.image(version).cloned()
        {
            self.hold(image, keeper);
        }
        view.keep_images(&used)
    }

    /// Holds the current set in a version that is in use, if it is held in another: routers that connected before the
    /// first file was read may use another version than it was read for, and the set would be in memory twice.
    fn hold_in_use<S: ImageSink>(
        &mut self,
        versions: &[Version],
        keeper: &mut impl ImageKeeper,
        sink: impl FnOnce() -> S,
    ) -> Result<(), S::Error> {
        let Some((version, current)) = versions.first().zip(self.history.current()) else { return Ok(()) };
        if versions.contains(&current.version()) {
            return Ok(());
        }
        let image = current.to_version(*version, sink())?;
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
fn with_all<S: ImageSink>(
    mut view: View,
    in_use: &InUse,
    previous: Option<Serial>,
    mut sink: impl FnMut() -> S,
) -> (View, Option<S::Error>) {
    let images = in_use.versions.iter().map(|version| Want::Image(*version));
    let deltas = previous
        .into_iter()
        .flat_map(|since| in_use.profiles.iter().map(move |profile| Want::Delta { profile: *profile, since }));
    for want in images.chain(deltas) {
        view = match view.with(want, &mut sink) {
            Ok(view) => view,
            Err(error) => return (view, Some(error)),
        };
    }
    (view, None)
}
