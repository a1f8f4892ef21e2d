//! Sources and SLURM files as the status value has them.

use super::health::SourceHealth;
use super::slurm::is_directory;
use crate::clock::DayTime;
use crate::observe::status::{
    HeldData, HeldLoss, ReadState, RecordsByType, SlurmFileStatus, SlurmLocation, SourceStatus, Timestamp,
};
use rtrcast_feed::curator::{HeldStatus, Status};

impl SourceHealth {
    fn state(&self, was_read: bool) -> ReadState {
        match (was_read, self.errors.is_empty(), self.is_loading) {
            (_, false, _) => ReadState::Failed,
            (true, true, _) => ReadState::Read,
            (false, true, true) => ReadState::Reading,
            (false, true, false) => ReadState::NotRead,
        }
    }

    fn error_lines(&self) -> Vec<String> {
        self.errors.lines().map(str::to_owned).collect()
    }

    /// A source's state, with what the curator knows of it.
    pub(super) fn status(&self, status: &Status, clock: &DayTime) -> SourceStatus {
        SourceStatus {
            name: self.name.to_string(),
            served: status.is_served,
            state: self.state(status.layout.is_some()),
            records: status.layout.as_ref().map(RecordsByType::of),
            made: status.made.map(Timestamp),
            too_old: status.is_too_old,
            expired_records: status.ended,
            last_success: self.last_success.map(Timestamp),
            last_change: self.last_change.map(Timestamp),
            failing_since: self.failing_since.map(Timestamp),
            errors: self.error_lines(),
            held: status.held.as_ref().map(|held| held_data(held, clock)),
        }
    }

    /// The state of a SLURM file, directory or URL.
    pub(super) fn slurm_status(&self) -> SlurmLocation {
        let files = self.slurm.as_deref().unwrap_or_default();
        SlurmLocation {
            name: self.name.to_string(),
            state: self.state(self.slurm.is_some()),
            is_directory: self.slurm.as_ref().is_some_and(|files| is_directory(&self.name, files)),
            files: files
                .iter()
                .map(|(name, file)| SlurmFileStatus {
                    name: name.to_string(),
                    filters: file.filters().len(),
                    assertions: file.assertions().len(),
                })
                .collect(),
            errors: self.error_lines(),
        }
    }
}

fn held_data(held: &HeldStatus, clock: &DayTime) -> HeldData {
    HeldData {
        since: Timestamp(clock.time(held.since)),
        until: Timestamp(clock.time(held.until)),
        losses: held
            .losses
            .iter()
            .map(|loss| HeldLoss { of: loss.of.to_string(), had: loss.had, lost: loss.lost })
            .collect(),
    }
}
