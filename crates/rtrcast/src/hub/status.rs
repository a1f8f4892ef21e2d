//! The hub's part of the status.

use super::Hub;
use super::message::Health;
use crate::observe::status::{
    DataStatus, HealthState, HealthStatus, HistoryStatus, HubStatus, RecordsByType, SessionStatus, Timers, Timestamp,
};
use crate::state::StateKeeping;
use rtrcast_proto::{Profile, Section, ServerPolicy, Version, View};
use std::collections::BTreeSet;

impl Hub {
    pub(super) fn status(&mut self) -> HubStatus {
        let view = self.view();
        let statuses = self.decider().curator.status();
        let served = self.served;
        let data = view.serial().zip(view.images().next()).map(|(serial, image)| DataStatus {
            serial: serial.0,
            changed: Timestamp(self.changed),
            records: RecordsByType::of(image.layout()).sent_in(served),
            sessions: self.sessions(&view),
        });
        let (deltas, octets) = self.decider_ref().publisher.history().retained();
        let timing = view.timing();
        HubStatus {
            health: match &*self.health.borrow() {
                Health::Ready(_) => HealthStatus { state: HealthState::Ready, reason: None },
                Health::NoData => HealthStatus { state: HealthState::NoData, reason: None },
                Health::NothingInEffect(why) => {
                    HealthStatus { state: HealthState::NothingInEffect, reason: Some(why.clone()) }
                }
            },
            data,
            timers: Timers { refresh: timing.refresh(), retry: timing.retry(), expire: timing.expire() },
            history: HistoryStatus { deltas, octets },
            sources: self.sources.source_statuses(&statuses, self.routers.day_time()),
            slurm: self.sources.slurm_status(),
            problems: self.sources.problems(),
            state: self.state.as_ref().map(StateKeeping::status),
        }
    }

    /// Returns the sessions that routers may be told, by the policy for all and that for some addresses.
    fn sessions(&self, view: &View) -> Vec<SessionStatus> {
        let policy = self.publisher.policy();
        let policies = std::iter::once(policy.session).chain(policy.peers.iter().map(|(_, policy)| *policy));
        let versions = |policy: ServerPolicy| {
            let served = policy.versions();
            let is_served = move |version: &Version| (served.min()..=served.max()).contains(version);
            Version::ALL.into_iter().filter(is_served).map(move |version| policy.profile(version))
        };
        let profiles: BTreeSet<Profile> = policies.flat_map(versions).collect();
        let session = |profile: Profile| SessionStatus {
            protocol_version: profile.version().octet(),
            router_keys: profile.has(Section::RouterKey),
            aspas: profile.has(Section::Aspa),
            session_id: view.session(profile).0,
        };
        profiles.into_iter().map(session).collect()
    }
}
