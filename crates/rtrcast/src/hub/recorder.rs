//! The record of changes as they are decided: the name of each set, and the reasons of each record.

use rtrcast_feed::curator::{Cause, CurrentTime, Recipe, SourceId};
use rtrcast_feed::state::{Change, SetHash, SetName};
use rtrcast_net::Publisher;
use rtrcast_proto::{FieldDecoder, FieldEncoder, History, Image, Publication, Serial};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A difference of the system's clocks that is taken for a machine that was put back with its memory: such a one would
/// use the serials of the other that goes on.
const STEP_MS_MIN: i64 = 10_000;

/// A change of what is served, to be recorded.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// The first set of a line.
    Begun(SetName),
    /// A change.
    Changed {
        change: Box<Change>,
        /// True if the serial jumped.
        is_jump: bool,
    },
}

/// Describes changes, and has serials jump when they have to.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// The set that is served.
    set: Option<SetName>,
    /// True if sets are kept, and so need their hashes: that of a first set takes a pass over it.
    is_kept: bool,
    /// The position of the newest set of the line, which may be one that was lost.
    position: u64,
    /// True until the change after a jump that is due.
    is_jump_due: bool,
    /// Milliseconds from the monotonic clock to the time of day, when last seen.
    clock_difference: Option<i64>,
    /// Names of sources.
    pub(crate) names: BTreeMap<SourceId, Arc<str>>,
}

impl Recorder {
    /// A recorder of a line that goes on with a set, for which a jump is due, or of a new one.
    ///
    /// `newest` is the newest set of the line that is known; `is_kept` if there is a state directory.
    pub(crate) fn new(set: Option<SetName>, newest: Option<SetName>, is_kept: bool) -> Recorder {
        let position = newest.or(set).map_or(0, |set| set.position);
        Recorder { is_jump_due: set.is_some(), set, is_kept, position, clock_difference: None, names: BTreeMap::new() }
    }

    /// Writes it for another program. Names of sources are not a part of it.
    pub(crate) fn encode(&self, encoder: &mut FieldEncoder) {
        encoder.option(self.set, |encoder, SetName { serial, position, hash }| {
            encoder.u32(serial.0);
            encoder.u64(position);
            encoder.u128(hash.0);
        });
        encoder.u8(u8::from(self.is_kept));
        encoder.u64(self.position);
        encoder.u8(u8::from(self.is_jump_due));
        encoder.option(self.clock_difference, |encoder, difference| encoder.u64(difference.cast_unsigned()));
    }

    /// Reads one that another program wrote; none if the octets are not one.
    pub(crate) fn decode(decoder: &mut FieldDecoder<'_>) -> Option<Recorder> {
        let set = decoder.option(|decoder| {
            Some(SetName { serial: Serial(decoder.u32()?), position: decoder.u64()?, hash: SetHash(decoder.u128()?) })
        })?;
        Some(Recorder {
            set,
            is_kept: decoder.bool()?,
            position: decoder.u64()?,
            is_jump_due: decoder.bool()?,
            clock_difference: decoder.option(|decoder| decoder.u64().map(u64::cast_signed))?,
            names: BTreeMap::new(),
        })
    }

    /// Has sets named by their hashes from now on, if they are to be kept and were not before.
    pub(crate) fn keep(&mut self, current: Option<&Image>) {
        if !std::mem::replace(&mut self.is_kept, true)
            && let (Some(set), Some(image)) = (&mut self.set, current)
        {
            set.hash = SetHash::of(image);
        }
    }

    /// The set that is served.
    pub(crate) fn set(&self) -> Option<SetName> {
        self.set
    }

    /// Has the serial jump if one of the clocks was set.
    pub(crate) fn check_clocks(&mut self, now: CurrentTime, publisher: &mut Publisher) {
        let moment = i64::try_from(now.moment.0).unwrap_or(i64::MAX);
        let difference = (i64::from(now.unix) * 1_000).saturating_sub(moment);
        let last = self.clock_difference.replace(difference).unwrap_or(difference);
        if (difference - last).abs() >= STEP_MS_MIN && self.set.is_some() && !self.is_jump_due {
            // Without randomness it is a jump all the same.
            publisher.jump(publisher.history().serial(), getrandom::u32().unwrap_or(now.unix));
            self.is_jump_due = true;
        }
    }

    /// Returns what is to be recorded of a publication. `time` is the accepted time of day.
    pub(crate) fn record(
        &mut self,
        time: u32,
        cause: Cause,
        publication: &Publication,
        history: &History,
        recipe: &Recipe,
    ) -> Option<Recorded> {
        let image = history.current()?;
        let serial = history.serial();
        let delta = match publication {
            Publication::Same => return None,
            Publication::First => None,
            Publication::Changed(delta) => Some(delta),
        };
        let (Some(before), Some(delta)) = (self.set, delta) else {
            let hash = if self.is_kept { SetHash::of(image) } else { SetHash::default() };
            let set = SetName { serial, position: 0, hash };
            self.set = Some(set);
            return Some(Recorded::Begun(set));
        };
        self.position += 1;
        let after = SetName { serial, position: self.position, hash: before.hash.changed_by(delta) };
        self.set = Some(after);
        let name = |source: SourceId| self.names.get(&source).map_or_else(String::new, ToString::to_string);
        let change = Change::explain((before, after), time, cause, delta, image.version(), recipe, name);
        Some(Recorded::Changed { change: Box::new(change), is_jump: std::mem::take(&mut self.is_jump_due) })
    }
}
