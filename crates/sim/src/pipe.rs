//! Octets on their way in one direction, as TCP carries them: in order, and cut anywhere.

use crate::choices::Random;
use rtrcast_proto::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// How the network treats the octets of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PipeMode {
    /// The most octets that arrive together.
    pub(crate) piece_max: usize,
    /// The longest delay of a piece.
    pub(crate) delay_max: Duration,
    /// Octets that fit into the buffers of both ends.
    pub(crate) capacity: usize,
}

impl PipeMode {
    /// A network without faults.
    pub(crate) const SOUND: PipeMode = PipeMode { piece_max: 65_536, delay_max: Duration::ZERO, capacity: 1 << 20 };
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Pipe {
    mode: PipeMode,
    random: Random,
    /// Pieces, and when each arrives; in order.
    pieces: VecDeque<(Moment, Vec<u8>)>,
    buffered: usize,
    last: Moment,
    /// True if its reader reads nothing.
    pub(crate) is_stalled: bool,
    /// When the end arrives, if there is one.
    end: Option<Moment>,
}

impl Pipe {
    pub(crate) fn new(mode: PipeMode, seed: u64) -> Pipe {
        Pipe {
            mode,
            random: Random::new(seed),
            pieces: VecDeque::new(),
            buffered: 0,
            last: Moment(0),
            is_stalled: false,
            end: None,
        }
    }

    /// Sets another mode; what is on its way stays as it is.
    pub(crate) fn set_mode(&mut self, mode: PipeMode) {
        self.mode = mode;
    }

    /// Writes as many of these octets as there is room for, and returns their number: none after the end.
    pub(crate) fn write(&mut self, now: Moment, octets: &[u8]) -> usize {
        if self.end.is_some() {
            return 0;
        }
        let room = self.mode.capacity.saturating_sub(self.buffered);
        let mut taken = &octets[..octets.len().min(room)];
        let written = taken.len();
        while !taken.is_empty() {
            let length = 1 + self.random.below(self.mode.piece_max.min(taken.len()));
            let (piece, rest) = taken.split_at(length);
            let at = self.arrival(now);
            self.pieces.push_back((at, piece.to_vec()));
            taken = rest;
        }
        self.buffered += written;
        written
    }

    fn arrival(&mut self, now: Moment) -> Moment {
        let delay_max = usize::try_from(self.mode.delay_max.as_millis()).unwrap_or(0);
        let delay = self.random.below(delay_max + 1) as u64;
        self.last = self.last.max(now.after(Duration::from_millis(delay)));
        self.last
    }

    /// Writes the end, behind all octets.
    pub(crate) fn end(&mut self, now: Moment) {
        if self.end.is_none() {
            self.end = Some(self.arrival(now));
        }
    }

    /// Returns the next piece that has arrived.
    pub(crate) fn read(&mut self, now: Moment) -> Option<Vec<u8>> {
        if self.is_stalled || self.pieces.front().is_none_or(|(at, _)| *at > now) {
            return None;
        }
        let (_, piece) = self.pieces.pop_front()?;
        self.buffered -= piece.len();
        Some(piece)
    }

    /// Returns whether the end has arrived, and all octets have been read.
    pub(crate) fn has_ended(&self, now: Moment) -> bool {
        !self.is_stalled && self.pieces.is_empty() && self.end.is_some_and(|end| end <= now)
    }

    /// Returns when something arrives next.
    pub(crate) fn next_arrival(&self) -> Option<Moment> {
        if self.is_stalled {
            return None;
        }
        self.pieces.front().map(|(at, _)| *at).or(self.end)
    }
}
