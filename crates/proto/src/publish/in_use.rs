//! Versions and payload types of sessions: for these all is made before a new data set is published.

use crate::profile::Profile;
use crate::version::Version;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// Versions and profiles of sessions.
#[derive(Clone, Debug, Default)]
pub struct InUse {
    /// Versions, the most used first. A data set is held in that one.
    pub versions: Vec<Version>,
    /// Profiles of sessions.
    pub profiles: Vec<Profile>,
}

impl InUse {
    /// Collects them from the number of sessions with each profile.
    pub fn count(sessions: impl Fn(Profile) -> usize) -> InUse {
        let spoken = |version| -> usize {
            Profile::ALL.into_iter().filter(|profile| profile.version() == version).map(&sessions).sum()
        };
        let mut versions: Vec<Version> = Version::ALL.into_iter().filter(|version| spoken(*version) > 0).collect();
        versions.sort_by_key(|version| Reverse(spoken(*version)));
        InUse { versions, profiles: Profile::ALL.into_iter().filter(|profile| sessions(*profile) > 0).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_used_version_is_first() {
        let sessions = |profile: Profile| match (profile.version(), profile == Profile::full(Version::V1)) {
            (Version::V0, _) => 3,
            (Version::V1, true) => 3,
            (Version::V1, false) => 1,
            (Version::V2, _) => 0,
        };
        let in_use = InUse::count(sessions);
        assert_eq!(in_use.versions, [Version::V1, Version::V0]);
        let profiles = [Profile::full(Version::V0), Profile::full(Version::V1)];
        assert_eq!(in_use.profiles, [profiles[0], profiles[1], profiles[1].without_router_keys()]);
        assert!(InUse::count(|_| 0).versions.is_empty());
    }
}
