//! What the hub keeps of what it serves: the set, its changes, and the tables of sources.

use super::Hub;
use super::recorder::Recorded;
use crate::clock::unix_now;
use crate::state::{SYNC_WAIT_MAX, StateKeeping, WRITE_WAIT_MAX, WriteContext, WriteReport, written};
use rtrcast_feed::curator::{CurrentTime, SourceId, StoredFeed};
use rtrcast_feed::state::SourceRevision;
use rtrcast_proto::Moment;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Limit of the time that writing takes when the cache stops.
const STOP_WAIT_MAX: Duration = Duration::from_secs(5);

impl Hub {
    pub(super) fn current_time(&self) -> CurrentTime {
        CurrentTime { moment: self.clock.now(), unix: unix_now() }
    }

    /// Has a change written before it is served, as far as the disk takes it in time. Sessions' requests are fulfilled
    /// meanwhile.
    pub(super) async fn record(&mut self, recorded: Recorded) {
        let now = self.clock.now();
        match &recorded {
            Recorded::Begun(_) => self.changes.begin(unix_now()),
            Recorded::Changed { change, is_jump } => {
                self.changes.add(change);
                self.metrics.jumps.inc_by(u64::from(*is_jump));
            }
        }
        let Some(state) = &mut self.state else { return };
        let wait = match &recorded {
            Recorded::Begun(set) => {
                state.begun(now, *set);
                Duration::ZERO
            }
            Recorded::Changed { change, is_jump } => {
                state.changed(now, change, *is_jump);
                if *is_jump { SYNC_WAIT_MAX } else { WRITE_WAIT_MAX }
            }
        };
        self.write_due();
        let deadline = Instant::now() + wait;
        while self.state.as_ref().is_some_and(StateKeeping::is_behind) {
            let event = tokio::select! {
                report = written(&mut self.state) => Ok(report),
                Some(wanted) = self.wants.recv() => Err(wanted),
                () = tokio::time::sleep_until(deadline) => return,
            };
            match event {
                Ok(report) => self.take_report(report),
                Err(wanted) => self.fulfil(wanted).await,
            }
        }
    }

    /// A source is about to have another table.
    pub(super) fn source_changes(&mut self, source: SourceId) {
        self.revisions.insert(source, SourceRevision::Unknown);
        if let Some(state) = &mut self.state {
            state.source_changes(source);
        }
    }

    /// A source has another table, or says something else of it. `valid_for` is the time for which that may be used.
    pub(super) fn source_changed(&mut self, source: SourceId, revision: SourceRevision, valid_for: Option<Duration>) {
        let now = self.clock.now();
        self.revisions.insert(source, revision.clone());
        let Some(state) = &mut self.state else { return };
        let decider = self.decider.as_ref().expect("it is back whenever the hub goes on");
        let statuses = decider.curator.status();
        let is_held = statuses.iter().any(|status| status.source == source && status.held.is_some());
        // Else a start would find that it may not be used any more.
        state.source_changed(now, source, revision, is_held, valid_for.map(|valid_for| valid_for / 2));
        self.write_due();
    }

    /// Tables of sources that were held are not any more.
    pub(super) fn source_released(&mut self, source: SourceId) {
        let now = self.clock.now();
        if let Some(state) = &mut self.state {
            state.source_released(now, source);
        }
    }

    /// The SLURM files or the sources are others.
    pub(super) fn configuration_changed(&mut self) {
        let now = self.clock.now();
        if let Some(state) = &mut self.state {
            state.configuration_changed(now);
        }
        self.write_due();
    }

    /// A source has confirmed its table.
    pub(super) fn source_confirmed(&mut self, source: SourceId) {
        let now = self.current_time();
        let decider = self.decider.as_ref().expect("it is back whenever the hub goes on");
        let has_time = |(id, feed): &(SourceId, StoredFeed)| *id == source && feed.newest.stated.is_some();
        // The age of a table without a time of its own is the time since it was confirmed.
        if !decider.curator.stored(now).iter().any(has_time)
            && let Some(state) = &mut self.state
        {
            state.source_confirmed(now.moment, source);
            self.write_due();
        }
    }

    pub(super) fn take_report(&mut self, report: WriteReport) {
        let now = self.clock.now();
        if let Some(state) = &mut self.state {
            state.take_report(now, report);
        }
        self.write_due();
    }

    /// Gives the writer what is due.
    pub(super) fn write_due(&mut self) {
        let now = self.current_time();
        let Some(mut state) = self.state.take() else { return };
        state.write_due(&self.write_context(now));
        self.state = Some(state);
    }

    /// Returns what is written from.
    pub(super) fn write_context(&self, now: CurrentTime) -> WriteContext<'_> {
        let decider = self.decider_ref();
        WriteContext {
            now,
            curator: &decider.curator,
            history: decider.publisher.history(),
            curation: &self.curation,
            slurm: self.slurm.as_deref(),
            addresses: &self.addresses,
        }
    }

    /// Returns when something is to be written.
    pub(super) fn state_wait(&self) -> Option<Moment> {
        self.state.as_ref().and_then(StateKeeping::wait)
    }

    /// Writes everything that has not been, as far as the disk takes it in time, since the program stops.
    pub(super) async fn finish_state(&mut self) {
        let now = self.clock.now();
        if let Some(state) = &mut self.state {
            state.stop(now);
        }
        self.write_due();
        let deadline = Instant::now() + STOP_WAIT_MAX;
        while self.state.as_ref().is_some_and(StateKeeping::is_writing) {
            match timeout_at(deadline, written(&mut self.state)).await {
                Ok(report) => self.take_report(report),
                Err(_) => return,
            }
        }
    }
}
