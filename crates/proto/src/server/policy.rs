//! The policy of a cache's sessions: versions, payload types, and times.

use crate::fields::{FieldDecoder, FieldEncoder};
use crate::limits;
use crate::profile::Profile;
use crate::version::{Version, VersionRange};
use core::time::Duration;

/// Policy of a cache's sessions.
#[derive(Clone, Copy, Debug)]
pub struct ServerPolicy {
    versions: VersionRange,
    profiles: [Profile; 3],
    above: AboveMax,
    first_query: Duration,
    hold: Option<Duration>,
    planned_stop: PlannedStop,
}

/// Handling of routers of version 2 when the cache restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlannedStop {
    /// Nothing: the connection ends in order.
    PlainEnd,
    /// Code 12.
    CacheRestart,
}

/// Handling of a first query of a version above the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AboveMax {
    /// Code 4, and the router asks again: 8210bis section 7 demands it.
    Refused,
    /// An answer in our highest version.
    AnsweredLower,
}

impl ServerPolicy {
    /// Serves these versions, each with all that it can carry.
    pub fn new(versions: VersionRange) -> ServerPolicy {
        let profiles = Version::ALL.map(Profile::full);
        ServerPolicy {
            versions,
            profiles,
            above: AboveMax::Refused,
            first_query: limits::FIRST_QUERY_WAIT_MAX,
            hold: None,
            planned_stop: PlannedStop::PlainEnd,
        }
    }

    /// Serves no router keys in any version.
    pub fn without_router_keys(self) -> ServerPolicy {
        ServerPolicy { profiles: self.profiles.map(Profile::without_router_keys), ..self }
    }

    /// Serves no ASPAs in any version.
    pub fn without_aspas(self) -> ServerPolicy {
        ServerPolicy { profiles: self.profiles.map(Profile::without_aspas), ..self }
    }

    /// Answers queries above the highest version in that version at once, for routers that never step down. RFC 8210
    /// section 7 allows it and 8210bis does not, so it is for those routers alone. Without it they get code 4 for ever.
    pub fn answering_lower(self) -> ServerPolicy {
        ServerPolicy { above: AboveMax::AnsweredLower, ..self }
    }

    /// Sets how long a router may take to its first query, instead of [`limits::FIRST_QUERY_WAIT_MAX`]. Once a query
    /// was refused for its version, [`limits::NEXT_QUERY_WAIT_MAX`] applies.
    pub fn with_first_query(self, limit: Duration) -> ServerPolicy {
        ServerPolicy { first_query: limit, ..self }
    }

    /// Holds a query for so long while there are no data yet, instead of [`limits::QUERY_HOLD_MAX`].
    pub fn with_hold(self, hold: Duration) -> ServerPolicy {
        ServerPolicy { hold: Some(hold), ..self }
    }

    /// Sends code 12 (Cache Restart) to version 2 at a planned stop, as 8210bis section 8.5 recommends. Without it the
    /// connection ends in order: BIRD up to 2.19.2 and 3.3.2 takes the code for a fatal error and drops all its data.
    /// [C-RST-01]
    pub fn sending_cache_restart(self) -> ServerPolicy {
        ServerPolicy { planned_stop: PlannedStop::CacheRestart, ..self }
    }

    /// The versions that are served.
    pub fn versions(&self) -> VersionRange {
        self.versions
    }

    /// Returns the profile of the highest version, which has the most payload types.
    pub fn most(&self) -> Profile {
        self.profile(self.versions.max())
    }

    /// Writes it.
    pub(super) fn encode(&self, encoder: &mut FieldEncoder) {
        encoder.u8(self.versions.min().octet());
        encoder.u8(self.versions.max().octet());
        self.profiles.iter().for_each(|profile| profile.encode(encoder));
        encoder.u8(u8::from(self.above == AboveMax::AnsweredLower));
        encoder.u64(milliseconds(self.first_query));
        encoder.option(self.hold, |encoder, hold| encoder.u64(milliseconds(hold)));
        encoder.u8(u8::from(self.planned_stop == PlannedStop::CacheRestart));
    }

    /// Reads it; none if the octets are not one.
    pub(super) fn decode(decoder: &mut FieldDecoder<'_>) -> Option<ServerPolicy> {
        let (min, max) = (Version::from_octet(decoder.u8()?)?, Version::from_octet(decoder.u8()?)?);
        let versions = VersionRange::new(min, max)?;
        let profiles = [Profile::decode(decoder)?, Profile::decode(decoder)?, Profile::decode(decoder)?];
        let is_of_version = |(version, profile): (Version, &Profile)| profile.version() == version;
        if !Version::ALL.into_iter().zip(&profiles).all(is_of_version) {
            return None;
        }
        let above = if decoder.bool()? { AboveMax::AnsweredLower } else { AboveMax::Refused };
        let first_query = Duration::from_millis(decoder.u64()?);
        let hold = decoder.option(|decoder| decoder.u64().map(Duration::from_millis))?;
        let planned_stop = if decoder.bool()? { PlannedStop::CacheRestart } else { PlannedStop::PlainEnd };
        Some(ServerPolicy { versions, profiles, above, first_query, hold, planned_stop })
    }

    pub(super) fn above(&self) -> AboveMax {
        self.above
    }

    pub(super) fn first_query(&self) -> Duration {
        self.first_query
    }

    /// Returns how long a query of this version is held while there are no data yet.
    pub(super) fn hold(&self, version: Version) -> Duration {
        self.hold.unwrap_or(limits::QUERY_HOLD_MAX[version.index()])
    }

    pub(super) fn planned_stop(&self) -> PlannedStop {
        self.planned_stop
    }

    /// Returns the profile that a router of a version is sent.
    pub fn profile(&self, version: Version) -> Profile {
        self.profiles[version.index()]
    }
}

impl Default for ServerPolicy {
    fn default() -> ServerPolicy {
        ServerPolicy::new(VersionRange::ALL)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
