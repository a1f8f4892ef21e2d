//! Counts of sessions by what they speak. The hub makes images and deltas for these.

use rtrcast_proto::{Profile, Version};
use std::cmp::Reverse;
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

    fn of(&self, profile: Profile) -> usize {
        self.0[profile.index()].load(Ordering::Relaxed)
    }

    /// Sessions that speak a version.
    pub(super) fn sessions(&self, version: Version) -> usize {
        Profile::ALL.into_iter().filter(|profile| profile.version() == version).map(|profile| self.of(profile)).sum()
    }

    /// Versions in use, the most used first.
    pub(super) fn versions(&self) -> Vec<Version> {
        let mut used: Vec<Version> = Version::ALL.into_iter().filter(|version| self.sessions(*version) > 0).collect();
        used.sort_by_key(|version| Reverse(self.sessions(*version)));
        used
    }

    /// Profiles in use.
    pub(super) fn profiles(&self) -> Vec<Profile> {
        Profile::ALL.into_iter().filter(|profile| self.of(*profile) > 0).collect()
    }
}
