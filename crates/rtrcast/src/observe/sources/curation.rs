//! Events of the curator, with the names of sources, and the metrics of what it decided.

use super::{Sources, UNTIL_THEN};
use crate::clock::{DayTime, unix_now};
use crate::observe::describe::{AgeFormat, describe_not_in_effect, describe_remedy, describe_too_old, quoted};
use crate::observe::log::Log;
use crate::observe::log::event::curation::CurationEvent;
use crate::observe::metrics::{LossLabels, PathLabel};
use crate::observe::status::Timestamp;
use crate::source::content::Purpose;
use rtrcast_feed::curator::{CuratorEvent, NotInEffect, Release, SourceId, Status};
use rtrcast_proto::Serial;

impl Sources {
    /// Logs an event. Returns its text.
    pub(crate) fn log_curation(&mut self, event: &CuratorEvent, serial: Option<Serial>) -> String {
        match event {
            CuratorEvent::Held { source, losses, wait } => {
                let source = &*self.name(*source);
                let release = &self.release_command(Some(source));
                logged(&CurationEvent::LossHeld { source, losses, hold_seconds: *wait, serial, release })
            }
            CuratorEvent::Released { source, why } => {
                let (source, reason) = (&*self.name(*source), *why);
                logged(&match reason {
                    Release::HoldElapsed | Release::PreviousNotInEffect => {
                        CurationEvent::LossAccepted { source, reason }
                    }
                    Release::Confirmed | Release::GuardIsOff | Release::LossRecovered => {
                        CurationEvent::LossReleased { source, reason }
                    }
                })
            }
            CuratorEvent::TooOld { source, made, then, records, valid_until } => logged(&CurationEvent::TooOld {
                source: &self.name(*source),
                made: Timestamp(*made),
                valid_until: valid_until.map(Timestamp),
                effect: &describe_too_old(*then, *records),
            }),
            CuratorEvent::NothingInEffect { source, why } => self.log_not_in_effect(*source, why, serial),
            CuratorEvent::Reduced { source, losses } => {
                logged(&CurationEvent::Reduced { source: &self.name(*source), losses })
            }
            CuratorEvent::ClockBehind { source, made, clock } => logged(&CurationEvent::ClockBehind {
                source: &self.name(*source),
                made: Timestamp(*made),
                clock: Timestamp(*clock),
            }),
            CuratorEvent::ClockAgrees(source) => logged(&CurationEvent::ClockAgrees { source: &self.name(*source) }),
            CuratorEvent::NoLongerTooOld(source) => logged(&CurationEvent::NotTooOld { source: &self.name(*source) }),
            CuratorEvent::Switched { from, to } => {
                logged(&CurationEvent::Switched { from: &self.name(*from), to: &self.name(*to) })
            }
            CuratorEvent::ClockStepped { seconds, waits } => logged(&CurationEvent::ClockStepped {
                step_seconds: *seconds,
                hold_seconds: *waits,
                release: &self.release_command(None),
            }),
            CuratorEvent::ClockAccepted { seconds } => logged(&CurationEvent::ClockAccepted { step_seconds: *seconds }),
            CuratorEvent::ClockStepReverted => logged(&CurationEvent::ClockStepReverted {}),
        }
    }

    fn log_not_in_effect(&mut self, source: SourceId, reason: &NotInEffect, serial: Option<Serial>) -> String {
        let (name, remedy) = (self.name(source), describe_remedy(reason));
        let reason = describe_not_in_effect(reason, AgeFormat::RelativeTo(unix_now()));
        let effect = serial.map_or(UNTIL_THEN.to_owned(), |serial| format!("serial {serial} stays served"));
        let event = CurationEvent::NotInEffect { source: &name, reason: &reason, effect: &effect, remedy, serial };
        let text = event.to_string();
        if let Some(health) = self.find(Purpose::Data(source)) {
            health.is_not_in_effect = true;
            health.log_failure(format!("nothing of its newest file is in effect: {reason}"), &[vec![event]]);
        }
        text
    }

    /// The command that releases what is held of a source, or of all.
    fn release_command(&self, source: Option<&str>) -> String {
        let source = source.map_or(String::new(), |source| format!(" {}", quoted(source)));
        match &self.control {
            Some(path) => format!("`rtrcast ctl release --control {}{source}`", quoted(path)),
            None => "`rtrcast ctl release`, for which it has to be started with --control".to_owned(),
        }
    }

    /// Shows the curator's status of sources in metrics.
    pub(crate) fn show(&self, statuses: &[Status], clock: &DayTime) {
        let metrics = &self.metrics;
        metrics.held_lost.clear();
        for status in statuses {
            let name = self.name(status.source).to_string();
            let path = PathLabel { path: name.clone() };
            metrics.is_served.get_or_create(&path).set(status.is_served.into());
            metrics.is_too_old.get_or_create(&path).set(status.is_too_old.into());
            if let Some(made) = status.made {
                metrics.made.get_or_create(&path).set(made.into());
            }
            metrics.ended_entries.get_or_create(&path).set(i64::try_from(status.ended).unwrap_or(i64::MAX));
            metrics.held.get_or_create(&path).set(status.held.is_some().into());
            let Some(held) = &status.held else { continue };
            metrics.held_until.get_or_create(&path).set(clock.time(held.until).into());
            for loss in &held.losses {
                let labels = LossLabels { path: name.clone(), of: loss.of.to_string() };
                metrics.held_lost.get_or_create(&labels).set(i64::try_from(loss.lost).unwrap_or(i64::MAX));
            }
        }
        for status in statuses.iter().filter(|status| status.held.is_none()) {
            metrics.held_until.remove(&PathLabel { path: self.name(status.source).to_string() });
        }
    }
}

fn logged(event: &CurationEvent<'_>) -> String {
    event.log();
    event.to_string()
}
