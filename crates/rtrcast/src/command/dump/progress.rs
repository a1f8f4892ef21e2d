//! What is said on standard error while data come in, and how far that is.
//!
//! On a terminal one line is rewritten; elsewhere a line comes once a second, if it says something else than the last one.
//! What takes no longer than that says nothing before it is done.

use super::pdus::{Cutter, Piece};
use crate::credentials::{Standing, Tell};
use crate::observe::describe::count;
use crate::observe::log::event::listeners::REFUSED;
use rtrcast_proto::PduType;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no connection yet.
    Connecting,
    /// Something was asked.
    Asked,
    /// So many records have come.
    Receiving(usize),
    /// A response is complete.
    Complete,
}

pub(super) struct Progress {
    url: String,
    is_quiet: bool,
    is_terminal: bool,
    start: Instant,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    octets: usize,
    cutter: Cutter,
    /// Whether the cursor stands behind a line that will be rewritten.
    is_line_open: bool,
    /// The last line, where none is rewritten.
    last: String,
}

impl Progress {
    pub(super) fn new(url: String, is_quiet: bool) -> Progress {
        let state = State {
            stage: Stage::Connecting,
            octets: 0,
            cutter: Cutter::default(),
            is_line_open: false,
            last: String::new(),
        };
        let is_terminal = io::stderr().is_terminal();
        Progress { url, is_quiet, is_terminal, start: Instant::now(), state: Mutex::new(state) }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stage(&self) -> Stage {
        self.state().stage
    }

    pub(super) fn is_complete(&self) -> bool {
        self.stage() == Stage::Complete
    }

    /// How many records have come of a response that is not complete.
    pub(super) fn records(&self) -> usize {
        match self.stage() {
            Stage::Receiving(records) => records,
            Stage::Connecting | Stage::Asked | Stage::Complete => 0,
        }
    }

    /// The cache has answered, if not with data yet.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        if state.stage == Stage::Asked {
            state.stage = Stage::Receiving(0);
        }
    }

    /// A query is sent, perhaps on a new connection.
    pub(super) fn asked(&self) {
        let mut state = self.state();
        if state.stage != Stage::Complete {
            (state.stage, state.octets, state.cutter) = (Stage::Asked, 0, Cutter::default());
        }
    }

    pub(super) fn received(&self, octets: &[u8]) {
        let mut state = self.state();
        let (mut cutter, mut records) = (std::mem::take(&mut state.cutter), 0);
        let payload = [PduType::Ipv4Prefix, PduType::Ipv6Prefix, PduType::RouterKey, PduType::Aspa].map(PduType::octet);
        cutter.push(octets, |piece| {
            records += usize::from(matches!(piece, Piece::Pdu(header, _) if payload.contains(&header.pdu_type)));
        });
        state.cutter = cutter;
        state.octets += octets.len();
        state.stage = match state.stage {
            Stage::Receiving(before) => Stage::Receiving(before + records),
            Stage::Connecting | Stage::Asked if records > 0 => Stage::Receiving(records),
            stage => stage,
        };
    }

    /// A response is complete.
    pub(super) fn complete(&self) {
        self.state().stage = Stage::Complete;
    }

    /// When `tick` is due for the first time; from then on it is each second.
    pub(super) fn first_tick(&self) -> Duration {
        Duration::from_secs(if self.is_terminal { 1 } else { 2 })
    }

    /// Shows how far it is.
    pub(super) fn tick(&self) {
        let mut state = self.state();
        let line = match state.stage {
            Stage::Connecting => "connecting".to_owned(),
            Stage::Asked => "waiting for an answer".to_owned(),
            Stage::Receiving(records) => {
                let (whole, tenth) = (state.octets / 1_000_000, state.octets / 100_000 % 10);
                format!("received {}, {whole}.{tenth} MB", count(records, "record"))
            }
            Stage::Complete => return,
        };
        if self.is_quiet {
            return;
        }
        // Nobody has to read it.
        if self.is_terminal {
            state.is_line_open = true;
            let _ = write!(io::stderr(), "\r\x1b[K{}: {line}", self.url);
        } else if line != state.last {
            let _ = writeln!(io::stderr(), "{}: {line}", self.url);
            state.last = line;
        }
    }

    /// Takes back a line that would have been rewritten.
    pub(super) fn clear(&self) {
        if std::mem::take(&mut self.state().is_line_open) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// Says something that a person may want to know.
    pub(super) fn note(&self, line: &str) {
        self.clear();
        if !self.is_quiet {
            let _ = writeln!(io::stderr(), "{}: {line}", self.url);
        }
    }

    /// The same, with how long it took.
    pub(super) fn sum_up(&self, line: &str) {
        self.note(&format!("{line} in {:.1} s", self.start.elapsed().as_secs_f64()));
    }
}

/// Tells what becomes of the files that a connection needs.
pub(super) fn of_files(progress: Arc<Progress>) -> Tell {
    Box::new(move |standing| match standing {
        Standing::Kept(reason) => progress.note(&format!("{REFUSED}: {reason}")),
        Standing::InForce | Standing::Renewed => {}
    })
}
