//! Tables and SLURM files that sources have read, and failures of sources.

use super::Hub;
use super::decide::HubChange;
use crate::observe::log::Log;
use crate::observe::log::event::sources::SourceEvent;
use crate::source::content::{Purpose, Read, SourceContent, SourceError};
use rtrcast_feed::curator::{Report, SourceId};
use rtrcast_feed::state::SourceRevision;
use rtrcast_feed::{Table, Tally};
use std::sync::Arc;
use std::time::Duration;

/// A table of a source, for the curator and for what is kept.
pub(super) struct TableReport {
    pub(super) report: Report,
    pub(super) revision: SourceRevision,
    /// Time for which the source wants it to be used.
    pub(super) valid_for: Option<Duration>,
}

impl Hub {
    pub(super) async fn failed(&mut self, purpose: Purpose, failure: &SourceError) {
        let serial = self.view().serial();
        self.sources.failed(purpose, failure, serial);
        if let Purpose::Data(source) = purpose {
            self.apply(HubChange::Report(source, Report::Failed), None).await;
        }
    }

    pub(super) async fn loaded(&mut self, purpose: Purpose, read: Read, took: Duration) {
        let Read { content, written, revision } = read;
        match (purpose, content) {
            (Purpose::Data(source), SourceContent::Table(table, tally)) => {
                let report = Report::Loaded { table: Arc::clone(&table), written };
                let report = TableReport { report, revision, valid_for: None };
                self.table_loaded(source, &table, &tally, report, took).await;
            }
            (Purpose::Slurm(id), SourceContent::Slurm(file)) => {
                if self.sources.slurm_loaded(id, file) {
                    self.apply_slurm().await;
                }
            }
            (Purpose::Slurm(id), SourceContent::SlurmDirectory(files)) => {
                if self.sources.slurm_directory_loaded(id, files) {
                    self.apply_slurm().await;
                }
            }
            (Purpose::Data(_), SourceContent::Slurm(_) | SourceContent::SlurmDirectory(_))
            | (Purpose::Slurm(_), SourceContent::Table(..)) => {}
        }
    }

    /// Handles a table of a source, which the report gives to the curator.
    pub(super) async fn table_loaded(
        &mut self,
        source: SourceId,
        table: &Table,
        tally: &Tally,
        report: TableReport,
        took: Duration,
    ) {
        let TableReport { report, revision, valid_for } = report;
        let Some(name) = self.sources.loaded(source, table, tally) else { return };
        let serial = self.view().serial();
        self.source_changes(source);
        let outcome = self.apply(HubChange::Report(source, report), Some(took)).await;
        // A table of which nothing is in effect may not have been taken, and the revision is not that of the one before.
        self.source_changed(source, if outcome.is_old { SourceRevision::Unknown } else { revision }, valid_for);
        if outcome.is_old {
            return;
        }
        let is_news = self.sources.in_effect(source);
        let statuses = self.decider().curator.status();
        let held = statuses.into_iter().find(|status| status.source == source).and_then(|status| status.held);
        let event = match (&held, serial) {
            (Some(held), _) => SourceEvent::StillHeld { source: &name, read_seconds: took, losses: &held.losses },
            (None, Some(serial)) if outcome.is_same => SourceEvent::Same { source: &name, read_seconds: took, serial },
            (None, _) => return,
        };
        if is_news { event.log() } else { event.log_quietly() }
    }
}
