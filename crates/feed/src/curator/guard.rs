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
}

impl Tally {
    /// Whether more than half is lost, of enough. Records that others took the place of are no loss but a change.
    fn loss(self, lost_max: usize, of: LossOf, enough: usize) -> Option<Loss> {
        let Tally { had, has } = self;
        let lost = had.saturating_sub(has).min(lost_max);
        (had >= enough.max(1) && lost > had / 2).then_some(Loss { of, had, lost })
    }
}

/// What is counted of two tables.
struct Tallies {
    vrps: Tally,
    aspas: Tally,
    /// Of the trust anchors that the last table had.
    anchors: Vec<Tally>,
}

/// A table, and which of its records still count.
type Counting<'a> = (&'a Table, &'a Horizon);

impl Tallies {
    fn of((last, horizon): Counting<'_>, (new, newer): Counting<'_>) -> Tallies {
        let names = last.trust_anchors();
        let known = |name: &String| names.iter().position(|known| known == name);
        let places: Vec<Option<usize>> = new.trust_anchors().iter().map(known).collect();
        let (mut vrps, mut anchors) = (Tally::default(), vec![Tally::default(); names.len()]);
        for section in [Section::Ipv4Prefix, Section::Ipv6Prefix] {
            for beside in last.besides(section).filter(|beside| horizon.counts(beside.expires)) {
                vrps.had += 1;
                anchors.get_mut(usize::from(beside.anchor)).into_iter().for_each(|anchor| anchor.had += 1);
            }
            for beside in new.besides(section).filter(|beside| newer.counts(beside.expires)) {
                vrps.has += 1;
                let place = places.get(usize::from(beside.anchor)).copied().flatten();
                place.and_then(|place| anchors.get_mut(place)).into_iter().for_each(|anchor| anchor.has += 1);
            }
        }
        let had = last.besides(Section::Aspa).filter(|beside| horizon.counts(beside.expires)).count();
        let has = new.besides(Section::Aspa).filter(|beside| newer.counts(beside.expires)).count();
        Tallies { vrps, anchors, aspas: Tally { had, has } }
    }
}

/// How many records of each trust anchor are gone: in the new table under no trust anchor at all.
fn gone((last, horizon): Counting<'_>, (new, newer): Counting<'_>) -> Vec<usize> {
    let mut gone = vec![0; last.trust_anchors().len()];
    let is_there = |other: Option<Row<'_>>| other.is_some_and(|other| newer.counts(other.expires));
    for section in [Section::Ipv4Prefix, Section::Ipv6Prefix] {
        for (row, other) in last.paired(new, section) {
            if horizon.counts(row.expires) && !is_there(other) {
                gone.get_mut(usize::from(row.anchor)).into_iter().for_each(|gone| *gone += 1);
            }
        }
    }
    gone
}

impl Guard {
    /// What is too much of a loss in a new table; nothing if it may be taken. Of both only what still counts does.
    pub(crate) fn judge(&self, last: Counting<'_>, new: Counting<'_>) -> Vec<Loss> {
        if self.hold.is_none() {
            return Vec::new();
        }
        let Tallies { vrps, aspas, anchors } = Tallies::of(last, new);
        let names = last.0.trust_anchors();
        let named = || names.iter().zip(&anchors).enumerate().filter(|(_, (name, _))| !name.is_empty());
        let of_anchor =
            |(name, tally): (&String, &Tally), gone| tally.loss(gone, LossOf::TrustAnchor(name.clone()), self.vrps_min);
        let mut losses = Vec::new();
        losses.extend(vrps.loss(usize::MAX, LossOf::Vrps, self.vrps_min));
        // A record may have come under another trust anchor. Only if so many fewer are left of one that it matters have a
        // million records to be compared.
        if named().any(|(_, anchor)| of_anchor(anchor, usize::MAX).is_some()) {
            let gone = gone(last, new);
            losses.extend(named().filter_map(|(place, anchor)| of_anchor(anchor, *gone.get(place)?)));
        }
        losses.extend(aspas.loss(usize::MAX, LossOf::Aspas, self.aspas_min));
        losses
    }
}

/// Whether a loss is the one that is being waited for: nothing else is lost, and hardly more.
pub(crate) fn is_same_loss(waiting: &[Loss], now: &[Loss]) -> bool {
    now.iter().all(|loss| {
        let known = waiting.iter().find(|known| known.of == loss.of);
        known.is_some_and(|known| loss.lost <= known.lost + known.had / 10)
    })
}
