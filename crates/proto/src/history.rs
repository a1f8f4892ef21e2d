//! The sequence of data sets: it alone advances the serial, and it keeps the deltas that answer Serial Queries.
//!
//! `handover.rs` writes it for another program.

mod handover;

use crate::delta::{Delta, SerialDelta};
use crate::image::Image;
use crate::limits::{HISTORY_DELTAS_MAX, HISTORY_JUMPS_MAX, HISTORY_OCTETS_MAX};
use crate::profile::SessionIds;
use crate::serial::Serial;
use crate::time::Timing;
use crate::view::{Absent, Edition, Revision, View};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Result of a publication.
#[derive(Debug)]
pub enum Publication {
    /// The first data set.
    First,
    /// The same set as before: no new serial. [C-SER-05]
    Same,
    /// Another set: the serial advanced by this change.
    Changed(Arc<Delta>),
}

/// Limits of the deltas that are kept.
#[derive(Clone, Copy, Debug)]
pub struct HistoryLimits {
    /// The most deltas.
    pub deltas_max: usize,
    /// The most octets of memory that all deltas together take.
    pub octets_max: usize,
}

impl Default for HistoryLimits {
    fn default() -> HistoryLimits {
        HistoryLimits { deltas_max: HISTORY_DELTAS_MAX, octets_max: HISTORY_OCTETS_MAX }
    }
}

/// The current data set, its serial, and a ring of deltas bounded in number and in octets.
#[derive(Debug)]
pub struct History {
    limits: HistoryLimits,
    sessions: SessionIds,
    timing: Timing,
    serial: Serial,
    current: Option<Image>,
    steps: VecDeque<Arc<SerialDelta>>,
    octets: usize,
    /// The serial of the next set, if that is not the one after the current.
    jump: Option<Serial>,
    generation: u64,
    revision: u64,
    is_withheld: bool,
}

impl History {
    /// A history with no data set yet. `first` is the serial of the first one; it should be random, so that a router
    /// that holds the serial of an earlier run does not get an empty delta. Zero becomes 1. [C-SID-02]
    pub fn new(limits: HistoryLimits, sessions: SessionIds, timing: Timing, first: Serial) -> History {
        History {
            limits,
            sessions,
            timing,
            serial: Serial(first.0.max(1)),
            current: None,
            steps: VecDeque::new(),
            octets: 0,
            jump: None,
            generation: 0,
            revision: 0,
            is_withheld: false,
        }
    }

    /// A history that goes on with what an earlier run of the program served: its current set and serial, and the deltas
    /// before it, each with the serial that it leads away from, the oldest first. The first new serial has to be a
    /// [`jump`](History::jump).
    pub fn resume(
        limits: HistoryLimits,
        sessions: SessionIds,
        timing: Timing,
        (serial, image): (Serial, Image),
        deltas: impl IntoIterator<Item = (Serial, Delta)>,
    ) -> History {
        let mut history = History::new(limits, sessions, timing, serial);
        (history.current, history.generation) = (Some(image), 1);
        let mut deltas = deltas.into_iter().peekable();
        while let Some((from, delta)) = deltas.next() {
            history.serial = deltas.peek().map_or(serial, |(to, _)| *to);
            history.remember(from, delta);
        }
        history
    }

    /// The session ids.
    pub fn sessions(&self) -> SessionIds {
        self.sessions
    }

    /// The serial of the current data set, or of the first one to come.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// The current data set.
    pub fn current(&self) -> Option<&Image> {
        self.current.as_ref()
    }

    /// Sets the timers of End of Data, from the next view on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// Returns how many deltas are kept, and how many octets they take.
    pub fn retained(&self) -> (usize, usize) {
        (self.steps.len(), self.octets)
    }

    /// Serves nothing until the next publication, since all data are too old. Serials continue from the current data
    /// set, if there is one.
    pub fn withhold(&mut self) {
        self.is_withheld = true;
    }

    /// Returns whether nothing is served, since all data are too old.
    pub fn is_withheld(&self) -> bool {
        self.is_withheld
    }

    /// Makes an image the current data set. If it is the set that is current already, the older image stays.
    pub fn publish(&mut self, image: Image) -> Publication {
        self.is_withheld = false;
        let Some(old) = &self.current else {
            self.current = Some(image);
            self.generation += 1;
            return Publication::First;
        };
        let delta = Delta::between(old, &image);
        debug_assert!(delta.apply(old, Vec::new()).is_ok_and(|applied| applied == image), "old and delta give new");
        if delta.is_empty() {
            return Publication::Same;
        }
        let from = self.serial;
        self.serial = self.jump.take().unwrap_or(from.next());
        self.generation += 1;
        self.current = Some(image);
        Publication::Changed(self.remember(from, delta))
    }

    /// Holds the current data set in the form of this image, which is the same set in another version.
    pub fn hold(&mut self, image: Image) {
        debug_assert!(self.current.as_ref() == Some(&image), "another form is the same set");
        self.current = Some(image);
    }

    /// Has the serial jump with the next change, from the newest serial that may have been told by this line: that of
    /// the current set, or a later one. `random` chooses how far. See [`Serial::jumped`].
    pub fn jump(&mut self, newest: Serial, random: u32) {
        self.jump = Some(newest.jumped(random));
    }

    /// Adds a delta to the ring, and drops the oldest ones that no longer fit.
    fn remember(&mut self, from: Serial, delta: Delta) -> Arc<Delta> {
        self.octets += delta.octets();
        let (delta, is_jump) = (Arc::new(delta), self.serial != from.next());
        self.steps.push_back(Arc::new(SerialDelta { from, delta: Arc::clone(&delta), is_jump }));
        while self.steps.len() > self.limits.deltas_max
            || self.octets > self.limits.octets_max
            || self.jumps() > HISTORY_JUMPS_MAX
        {
            let Some(dropped) = self.steps.pop_front() else { break };
            self.octets -= dropped.delta.octets();
        }
        delta
    }

    fn jumps(&self) -> usize {
        self.steps.iter().filter(|step| step.is_jump).count()
    }

    /// Returns the view for sessions: the current data set, if there is one that is not withheld.
    ///
    /// `oldest_readable` is the generation of the oldest image that may still be sent: sessions that send an older one
    /// are closed.
    pub fn view(&mut self, oldest_readable: u64) -> View {
        self.revision += 1;
        let absent = if self.is_withheld { Absent::TooOld } else { Absent::NotYet };
        let served = self.current.as_ref().filter(|_| !self.is_withheld);
        let edition = served.ok_or(absent).map(|image| {
            Edition::new(
                self.serial,
                self.generation,
                oldest_readable,
                image.clone(),
                self.steps.iter().cloned().collect(),
            )
        });
        View::new(Revision { published: self.revision, refined: 0 }, self.sessions, self.timing, edition)
    }

    /// The generation of the current image: it counts the data sets since the start.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}
