//! Images that are not current any more: which of them slow readers pin, and from which on sessions may go on reading.
//!
//! Each pinned image is a whole data set in memory, so there is a limit, and beyond it the readers of the oldest are cut
//! off.

use crate::image::{Image, Octets};
use crate::limits::PINNED_IMAGES_MAX;
use crate::view::View;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

/// Holder of images beside the publisher, such as the sources, which may be current again. `()` holds none.
pub trait ImageKeeper {
    /// Returns true if it holds these octets: then a router that reads them needs no more memory.
    fn keeps(&self, octets: &Arc<dyn Octets>) -> bool;

    /// Keeps this image wherever it keeps the one before, which is the same set: it shall be in memory once.
    fn replace(&mut self, before: &Image, now: &Image);
}

impl ImageKeeper for () {
    fn keeps(&self, _: &Arc<dyn Octets>) -> bool {
        false
    }

    fn replace(&mut self, _: &Image, _: &Image) {}
}

/// Sets that were current once and may still be read, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Superseded {
    sets: VecDeque<SupersededSet>,
    oldest_readable: u64,
}

#[derive(Debug)]
struct SupersededSet {
    generation: u64,
    images: Vec<Weak<dyn Octets>>,
}

impl SupersededSet {
    /// Returns true if only readers may still hold it.
    fn is_pinned(&self, keeper: &impl ImageKeeper) -> bool {
        self.images.iter().filter_map(Weak::upgrade).any(|octets| !keeper.keeps(&octets))
    }
}

impl Superseded {
    /// Notes that another view replaces one of this generation.
    pub(super) fn shown(&mut self, generation: u64, before: &View, now: &View) {
        let is_in = |view: &View, octets: &Weak<dyn Octets>| {
            view.images().any(|image| Weak::ptr_eq(&Arc::downgrade(image.shared()), octets))
        };
        let images: Vec<Weak<dyn Octets>> = before.images().map(|image| Arc::downgrade(image.shared())).collect();
        if !images.iter().any(|octets| is_in(now, octets)) {
            self.sets.push_back(SupersededSet { generation, images });
        }
        // A source that alternates with another is current again and again.
        for set in &mut self.sets {
            set.images.retain(|octets| octets.strong_count() > 0 && !is_in(now, octets));
        }
        self.sets.retain(|set| !set.images.is_empty());
    }

    /// The generation of the oldest set that may be read on. `joining` is how many are about to be superseded; `newest` is
    /// never cut off.
    pub(super) fn oldest_readable(&mut self, joining: usize, newest: u64, keeper: &impl ImageKeeper) -> u64 {
        let is_pinned = |set: &&SupersededSet| set.is_pinned(keeper);
        let pinned: Vec<u64> = self.sets.iter().filter(is_pinned).map(|set| set.generation).collect();
        let excess = (pinned.len() + joining).saturating_sub(PINNED_IMAGES_MAX);
        if let Some(last) = excess.checked_sub(1).and_then(|last| pinned.get(last)) {
            self.oldest_readable = self.oldest_readable.max(last + 1).min(newest);
        }
        self.oldest_readable
    }
}
