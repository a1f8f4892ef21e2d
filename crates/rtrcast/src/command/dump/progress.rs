//! Progress and notes on standard error.
//!
//! On a terminal one line is rewritten; elsewhere a line is written once a second, if it differs from the last one. A
//! dump that is complete before then writes none.

use super::pdus::{Frame, PduFramer};
use crate::observe::describe::count;
use crate::observe::log::event::listeners::REFUSED;
use crate::reloadable::{ReloadEvent, ReloadObserver};
use rtrcast_proto::PduType;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The stage that a dump has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DumpStage {
    /// There is no connection yet.
    Connecting,
    /// A query was sent.
    Asked,
    /// This many records have arrived.
    Receiving(usize),
    /// A response is complete.
    Complete,
}

/// The lines on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Progress, notes and errors.
    Notes,
    /// Errors only.
    ErrorsOnly,
}

/// The progress of a dump.
pub(super) struct Progress {
    url: String,
    verbosity: Verbosity,
    is_terminal: bool,
    start: Instant,
    state: Mutex<ProgressState>,
}

struct ProgressState {
    stage: DumpStage,
    octets: usize,
    framer: PduFramer,
    /// True while the cursor stands on a line that will be rewritten.
    is_line_open: bool,
    /// The last line, where none is rewritten.
    last: String,
}

impl Progress {
    pub(super) fn new(url: String, verbosity: Verbosity) -> Progress {
        let state = ProgressState {
            stage: DumpStage::Connecting,
            octets: 0,
            framer: PduFramer::default(),
            is_line_open: false,
            last: String::new(),
        };
        let is_terminal = io::stderr().is_terminal();
        Progress { url, verbosity, is_terminal, start: Instant::now(), state: Mutex::new(state) }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn state(&self) -> MutexGuard<'_, ProgressState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stage(&self) -> DumpStage {
        self.state().stage
    }

    pub(super) fn is_complete(&self) -> bool {
        self.stage() == DumpStage::Complete
    }

    /// Returns the records of a response that is not complete.
    pub(super) fn records(&self) -> usize {
        match self.stage() {
            DumpStage::Receiving(records) => records,
            DumpStage::Connecting | DumpStage::Asked | DumpStage::Complete => 0,
        }
    }

    /// Records that the cache answered, though perhaps without data yet.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        if state.stage == DumpStage::Asked {
            state.stage = DumpStage::Receiving(0);
        }
    }

    /// Records that a query is sent, perhaps on a new connection.
    pub(super) fn asked(&self) {
        let mut state = self.state();
        if state.stage != DumpStage::Complete {
            (state.stage, state.octets, state.framer) = (DumpStage::Asked, 0, PduFramer::default());
        }
    }

    pub(super) fn received(&self, octets: &[u8]) {
        let mut state = self.state();
        let (mut framer, mut records) = (std::mem::take(&mut state.framer), 0);
        let payload = [PduType::Ipv4Prefix, PduType::Ipv6Prefix, PduType::RouterKey, PduType::Aspa].map(PduType::octet);
        framer.push(octets, |frame| {
            records += usize::from(matches!(frame, Frame::Pdu(header, _) if payload.contains(&header.pdu_type)));
        });
        state.framer = framer;
        state.octets += octets.len();
        state.stage = match state.stage {
            DumpStage::Receiving(before) => DumpStage::Receiving(before + records),
            DumpStage::Connecting | DumpStage::Asked if records > 0 => DumpStage::Receiving(records),
            stage => stage,
        };
    }

    /// Records that a response is complete.
    pub(super) fn complete(&self) {
        self.state().stage = DumpStage::Complete;
    }

    /// Returns the time until the first `tick`; from then on it is called each second.
    pub(super) fn first_tick(&self) -> Duration {
        Duration::from_secs(if self.is_terminal { 1 } else { 2 })
    }

    /// Writes the progress.
    pub(super) fn tick(&self) {
        let mut state = self.state();
        let line = match state.stage {
            DumpStage::Connecting => "connecting".to_owned(),
            DumpStage::Asked => "waiting for an answer".to_owned(),
            DumpStage::Receiving(records) => {
                let (whole, tenth) = (state.octets / 1_000_000, state.octets / 100_000 % 10);
                format!("received {}, {whole}.{tenth} MB", count(records, "record"))
            }
            DumpStage::Complete => return,
        };
        if self.verbosity == Verbosity::ErrorsOnly {
            return;
        }
        // Standard error may be closed.
        if self.is_terminal {
            state.is_line_open = true;
            let _ = write!(io::stderr(), "\r\x1b[K{}: {line}", self.url);
        } else if line != state.last {
            let _ = writeln!(io::stderr(), "{}: {line}", self.url);
            state.last = line;
        }
    }

    /// Erases a line that would have been rewritten.
    pub(super) fn clear(&self) {
        if std::mem::take(&mut self.state().is_line_open) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// Writes a note.
    pub(super) fn note(&self, line: &str) {
        self.clear();
        if self.verbosity == Verbosity::Notes {
            let _ = writeln!(io::stderr(), "{}: {line}", self.url);
        }
    }

    /// Writes a note with the elapsed time.
    pub(super) fn sum_up(&self, line: &str) {
        self.note(&format!("{line} in {:.1} s", self.start.elapsed().as_secs_f64()));
    }
}

/// Writes a note when files that the connection needs are rejected.
pub(super) fn note_reloads(progress: Arc<Progress>) -> ReloadObserver {
    Box::new(move |event| match event {
        ReloadEvent::Rejected(reason) => progress.note(&format!("{REFUSED}: {reason}")),
        ReloadEvent::Loaded | ReloadEvent::Reloaded => {}
    })
}
