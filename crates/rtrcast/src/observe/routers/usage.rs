//! Counts of sessions by profile. The hub makes images and deltas for these.

use rtrcast_proto::{Profile, Version};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sessions by profile.
#[derive(Debug, Default)]
pub(super) struct Usage([AtomicUsize; Profile::COUNT]);

impl Usage {
    pub(super) fn add(&self, profile: Profile) {
        self.0[profile.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, profile: Profile) {
        self.0[profile.index()].fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn of(&self, profile: Profile) -> usize {
        self.0[profile.index()].load(Ordering::Relaxed)
    }

    /// Sessions of a version.
    pub(super) fn sessions(&self, version: Version) -> usize {
        Profile::ALL.into_iter().filter(|profile| profile.version() == version).map(|profile| self.of(profile)).sum()
    }
}
