//! The guard on sudden loss: a validator that lost a trust anchor, or all its ASPAs, says so with a file that is
//! perfectly well formed. It judges one source's new table against the last one of the same source, before anything is
//! merged; what has expired in the last one is no loss.

use super::fresh::Horizon;
use crate::table::{Row, Table};
use rtrcast_proto::Section;
use std::fmt;
use std::time::Duration;

/// When a loss is too sudden to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// How long a new table waits whose loss is too large; none switches the guard off.
    pub hold: Option<Duration>,
    /// Below so many VRPs, of all or of one trust anchor, any loss is believed.
    pub vrps_min: usize,
    /// Below so many ASPAs any loss is believed.
    pub aspas_min: usize,
}

impl Default for Guard {
    /// An hour, for sets of at least 10,000 VRPs or 1,000 ASPAs.
    fn default() -> Guard {
        Guard { hold: Some(Duration::from_secs(3_600)), vrps_min: 10_000, aspas_min: 1_000 }
    }
}

/// More than half of something that a source had is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What it is part of.
    pub of: LossOf,
    /// How many records there were.
    pub had: usize,
    /// How many of them are gone.
    pub lost: usize,
}

/// What a loss is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LossOf {
    /// All VRPs of the source.
    Vrps,
    /// The VRPs of one trust anchor.
    TrustAnchor(String),
    /// The ASPAs: customers of whom none is left.
    Aspas,
}

impl fmt::Display for LossOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LossOf::Vrps => f.write_str("VRPs"),
            LossOf::TrustAnchor(name) => write!(f, "VRPs of trust anchor {name}"),
            LossOf::Aspas => f.write_str("ASPAs"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { of, had, lost } = self;
        write!(f, "{lost} of {had} {of}")
    }
}

/// How many records there were, and how many there are now.
#[derive(Clone, Copy, Default)]
struct Tally {
    had: usize,
    has: usize,
    /// How many of those that there were are not there now.
    gone: usize,
}

impl Tally {
    /// The loss, if it is of more than half, of enough. Records that others took the place of are no loss but a change.
    fn loss(self, of: LossOf, enough: usize) -> Option<Loss> {
        let Tally { had, has, gone } = self;
        let lost = gone.min(had.saturating_sub(has));
        (had >= enough.max(1) && lost > had / 2).then_some(Loss { of, had, lost })
    }
}

/// What is counted of two tables.
struct Tallies<'a> {
    /// The names of the trust anchors that the last table had.
    names: &'a [String],
    anchors: Vec<Tally>,
    vrps: Tally,
    aspas: Tally,
}

/// A table, and which of its records still count.
type Counting<'a> = (&'a Table, &'a Horizon);

impl<'a> Tallies<'a> {
    /// Counts what there was and what there is, and takes all that there was for gone: nothing is compared.
    fn count((last, horizon): Counting<'a>, (new, newer): Counting<'_>) -> Tallies<'a> {
        let names = last.trust_anchors();
        let known = |name: &String| names.iter().position(|known| known == name);
        let places: Vec<Option<usize>> = new.trust_anchors().iter().map(known).collect();
        let mut tallies = Tallies {
            names,
            anchors: vec![Tally::default(); names.len()],
            vrps: Tally::default(),
            aspas: Tally::default(),
        };
        for section in [Section::Ipv4Prefix, Section::Ipv6Prefix] {
            for beside in last.besides(section).filter(|beside| horizon.counts(beside.expires)) {
                tallies.vrps.had += 1;
                tallies.anchors.get_mut(usize::from(beside.anchor)).into_iter().for_each(|anchor| anchor.had += 1);
            }
            for beside in new.besides(section).filter(|beside| newer.counts(beside.expires)) {
                tallies.vrps.has += 1;
                let place = places.get(usize::from(beside.anchor)).copied().flatten();
                place.and_then(|place| tallies.anchors.get_mut(place)).into_iter().for_each(|anchor| anchor.has += 1);
            }
        }
        tallies.aspas.had = last.besides(Section::Aspa).filter(|beside| horizon.counts(beside.expires)).count();
        tallies.aspas.has = new.besides(Section::Aspa).filter(|beside| newer.counts(beside.expires)).count();
        for tally in [&mut tallies.vrps, &mut tallies.aspas].into_iter().chain(&mut tallies.anchors) {
            tally.gone = tally.had;
        }
        tallies
    }

    /// Finds out what is really gone.
    fn compare(&mut self, (last, horizon): Counting<'_>, (new, newer): Counting<'_>) {
        let is_there = |other: Option<Row<'_>>| other.is_some_and(|other| newer.counts(other.expires));
        for section in [Section::Ipv4Prefix, Section::Ipv6Prefix] {
            for (row, other) in last.paired(new, section, Section::announcement_order) {
                if horizon.counts(row.expires) && is_there(other) {
                    self.vrps.gone -= 1;
                    self.anchors.get_mut(usize::from(row.anchor)).into_iter().for_each(|anchor| anchor.gone -= 1);
                }
            }
        }
        for (row, other) in last.paired(new, Section::Aspa, |_, a, b| customer(a).cmp(customer(b))) {
            self.aspas.gone -= usize::from(horizon.counts(row.expires) && is_there(other));
        }
    }

    fn losses(&self, guard: &Guard) -> Vec<Loss> {
        let of_anchor = |(name, tally): (&String, &Tally)| {
            if name.is_empty() { None } else { tally.loss(LossOf::TrustAnchor(name.clone()), guard.vrps_min) }
        };
        let mut losses = Vec::new();
        losses.extend(self.vrps.loss(LossOf::Vrps, guard.vrps_min));
        losses.extend(self.names.iter().zip(&self.anchors).filter_map(of_anchor));
        losses.extend(self.aspas.loss(LossOf::Aspas, guard.aspas_min));
        losses
    }
}

impl Guard {
    /// What is too much of a loss in a new table; nothing if it may be taken. Of both only what still counts does.
    pub(crate) fn judge(&self, last: Counting<'_>, new: Counting<'_>) -> Vec<Loss> {
        if self.hold.is_none() {
            return Vec::new();
        }
        let mut tallies = Tallies::count(last, new);
        // Where there are hardly fewer than before, it does not matter which: a million records need not be compared.
        if tallies.losses(self).is_empty() {
            return Vec::new();
        }
        tallies.compare(last, new);
        tallies.losses(self)
    }
}

/// Whether a loss is the one that is being waited for: nothing else is lost, and hardly more.
pub(crate) fn is_same_loss(waiting: &[Loss], now: &[Loss]) -> bool {
    now.iter().all(|loss| {
        let known = waiting.iter().find(|known| known.of == loss.of);
        known.is_some_and(|known| loss.lost <= known.lost + known.had / 10)
    })
}

/// The customer of an ASPA's record, as it lies on the wire.
fn customer(record: &[u8]) -> &[u8; 4] {
    record.get(8..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 4])
}
