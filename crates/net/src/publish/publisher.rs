//! The publisher with its channel: each view that it commits goes to all sessions.

use super::published::PublisherHandle;
use crate::memfd::DataSink;
use crate::service_policy::ServicePolicy;
use rtrcast_proto::{
    History, Image, ImageKeeper, InUse, Prepared, PreparedView, Serial, Timing, View, ViewPublisher, Want,
};
use std::io;
use std::sync::Arc;

/// Publishes data sets to all sessions.
///
/// Publishing and fulfilling take as long as passes over the data set, so they are for a thread that may block; a
/// commit takes no time.
pub struct Publisher {
    views: ViewPublisher,
    handle: PublisherHandle,
}

impl Publisher {
    /// Returns a publisher of this history. A current set, as in a history that was restored, is served at once.
    pub fn new(history: History, policy: ServicePolicy) -> Publisher {
        let views = ViewPublisher::new(history);
        let handle = PublisherHandle::new(Arc::clone(views.view()), policy);
        Publisher { views, handle }
    }

    /// Returns a handle.
    pub fn handle(&self) -> PublisherHandle {
        self.handle.clone()
    }

    /// The history.
    pub fn history(&self) -> &History {
        self.views.history()
    }

    /// Has the serial jump with the next change, as [`History::jump`] does.
    pub fn jump(&mut self, newest: Serial, random: u32) {
        self.views.jump(newest, random);
    }

    /// Sends routers other timers from the next publication on, be it of the same set.
    pub fn set_timing(&mut self, timing: Timing) {
        self.views.set_timing(timing);
    }

    /// Makes an image the current set, as [`ViewPublisher::publish`] does.
    pub fn publish(&mut self, image: Image, in_use: &InUse, keeper: &mut impl ImageKeeper) -> Prepared<io::Error> {
        self.views.publish(image, in_use, keeper, DataSink::new)
    }

    /// Serves nothing until the next publication, since all data are too old.
    pub fn withhold(&mut self) -> PreparedView {
        self.views.withhold()
    }

    /// Gives all sessions a prepared view, unless they have a newer one.
    pub fn commit(&mut self, prepared: PreparedView) {
        if let Some(view) = self.views.commit(prepared) {
            self.handle.commit(view);
        }
    }

    /// Fulfils a session's request, as [`ViewPublisher::fulfil`] does, and adds the result to the view of all sessions.
    pub fn fulfil(&mut self, want: Want, in_use: &InUse, keeper: &mut impl ImageKeeper) -> io::Result<Arc<View>> {
        let view = self.views.fulfil(want, in_use, keeper, DataSink::new)?;
        self.handle.refine(Arc::clone(&view));
        Ok(view)
    }
}
