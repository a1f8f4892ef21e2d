//! Profiles: the payload types that a router is sent, and their session id.

use crate::fields::{FieldDecoder, FieldEncoder};
use crate::image::Section;
use crate::serial::SessionId;
use crate::version::Version;
use core::fmt;

/// A version, and whether router keys and ASPAs are sent in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile {
    version: Version,
    router_keys: bool,
    aspas: bool,
}

impl Profile {
    /// Number of profiles: one of version 0, two of version 1, four of version 2.
    pub const COUNT: usize = 7;

    /// All profiles, by index.
    pub const ALL: [Profile; Profile::COUNT] = [
        Profile::full(Version::V0),
        Profile::full(Version::V1),
        Profile::full(Version::V1).without_router_keys(),
        Profile::full(Version::V2),
        Profile::full(Version::V2).without_router_keys(),
        Profile::full(Version::V2).without_aspas(),
        Profile::full(Version::V2).without_aspas().without_router_keys(),
    ];

    /// All that a version can carry: router keys from version 1, ASPAs from version 2. [C-NEG-14]
    pub const fn full(version: Version) -> Profile {
        match version {
            Version::V0 => Profile { version, router_keys: false, aspas: false },
            Version::V1 => Profile { version, router_keys: true, aspas: false },
            Version::V2 => Profile { version, router_keys: true, aspas: true },
        }
    }

    /// The same without router keys.
    pub const fn without_router_keys(self) -> Profile {
        Profile { router_keys: false, ..self }
    }

    /// The same without ASPAs.
    pub const fn without_aspas(self) -> Profile {
        Profile { aspas: false, ..self }
    }

    /// Writes it: what it is, and not its index, since another program may have other profiles.
    pub fn encode(self, encoder: &mut FieldEncoder) {
        encoder.u8(self.version.octet());
        encoder.u8(u8::from(self.router_keys));
        encoder.u8(u8::from(self.aspas));
    }

    /// Reads it; none if there is no such profile.
    pub fn decode(decoder: &mut FieldDecoder<'_>) -> Option<Profile> {
        let version = Version::from_octet(decoder.u8()?)?;
        let profile = Profile { version, router_keys: decoder.bool()?, aspas: decoder.bool()? };
        Profile::ALL.contains(&profile).then_some(profile)
    }

    /// The version.
    pub const fn version(self) -> Version {
        self.version
    }

    /// Returns whether a section is sent.
    pub const fn has(self, section: Section) -> bool {
        match section {
            Section::Ipv4Prefix | Section::Ipv6Prefix => true,
            Section::RouterKey => self.router_keys,
            Section::Aspa => self.aspas,
        }
    }

    /// The sections that are sent, in order.
    pub fn sections(self) -> impl Iterator<Item = Section> {
        Section::ALL.into_iter().filter(move |section| self.has(*section))
    }

    /// Index of this profile in a table with one row for each: below [`Profile::COUNT`].
    pub const fn index(self) -> usize {
        match (self.version, self.router_keys, self.aspas) {
            (Version::V0, _, _) => 0,
            (Version::V1, true, _) => 1,
            (Version::V1, false, _) => 2,
            (Version::V2, true, true) => 3,
            (Version::V2, false, true) => 4,
            (Version::V2, true, false) => 5,
            (Version::V2, false, false) => 6,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {}", self.version)?;
        let full = Profile::full(self.version);
        if full.router_keys && !self.router_keys {
            f.write_str(" without router keys")?;
        }
        if full.aspas && !self.aspas {
            f.write_str(" without ASPAs")?;
        }
        Ok(())
    }
}

/// One session id for each profile, so that an id and a serial identify one set of PDUs. [C-SID-03]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionIds([SessionId; Profile::COUNT]);

impl SessionIds {
    /// Ids from `base` on, without 0. The base should be random, so that a cache that restarts without its state does
    /// not use an id that routers know. [C-SID-01]
    pub fn new(base: u16) -> SessionIds {
        let mut next = base;
        SessionIds([(); Profile::COUNT].map(|()| {
            let id = next.max(1);
            next = id.wrapping_add(1);
            SessionId(id)
        }))
    }

    /// The same ids, but for one profile another one: the first from `base` on that is none of these.
    #[must_use]
    pub fn renewed(self, profile: Profile, base: u16) -> SessionIds {
        let known = self.0;
        let mut id = base.max(1);
        while known.contains(&SessionId(id)) {
            id = id.wrapping_add(1).max(1);
        }
        let mut ids = self;
        ids.0[profile.index()] = SessionId(id);
        ids
    }

    /// Returns ids from a table with one for each profile; none if one is missing, zero or there twice.
    pub fn of_each(id: impl Fn(Profile) -> Option<SessionId>) -> Option<SessionIds> {
        let mut ids = [SessionId(0); Profile::COUNT];
        for profile in Profile::ALL {
            let id = id(profile).filter(|id| id.0 != 0 && !ids.contains(id))?;
            ids[profile.index()] = id;
        }
        Some(SessionIds(ids))
    }

    /// The id of a profile.
    pub fn of(&self, profile: Profile) -> SessionId {
        self.0[profile.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn c_sid_03_each_profile_has_its_own_id() {
        for base in [0, 1, 4_660, 65_530, 65_535] {
            let mut ids = SessionIds::new(base).0.map(|id| id.0);
            ids.sort_unstable();
            assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "base {base}: {ids:?}");
            assert!(!ids.contains(&0), "base {base}: {ids:?}");
        }
    }

    #[test]
    fn c_neg_14_no_profile_has_what_its_version_lacks() {
        let has =
            |version| Profile::full(version).sections().map(|section| section.pdu_type().octet()).collect::<Vec<_>>();
        assert_eq!(has(Version::V0), [4, 6]);
        assert_eq!(has(Version::V1), [4, 6, 9]);
        assert_eq!(has(Version::V2), [4, 6, 9, 11]);
        let indices: Vec<usize> = Profile::ALL.into_iter().map(Profile::index).collect();
        assert_eq!(indices, (0..Profile::COUNT).collect::<Vec<_>>());
    }
}
