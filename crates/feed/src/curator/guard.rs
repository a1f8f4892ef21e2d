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

/// How many records there were, how many of them are gone, and how many there are now.
#[derive(Clone, Copy, Default)]
struct Tally {
    had: usize,
    gone: usize,
    has: usize,
}

impl Tally {
    fn count(&mut self, is_gone: bool) {
        self.had += 1;
        self.gone += usize::from(is_gone);
    }

    /// The loss, if it is of more than half, of enough. Records that others took the place of are no loss but a change.
    fn loss(self, of: LossOf, enough: usize) -> Option<Loss> {
        let Tally { had, gone, has } = self;
        let lost = gone.min(had.saturating_sub(has));
        (had >= enough.max(1) && lost > had / 2).then_some(Loss { of, had, lost })
    }
}

impl Guard {
    /// What is too much of a loss in a new table; nothing if it may be taken. Of both only what still counts does.
    pub(crate) fn judge(&self, (last, horizon): (&Table, &Horizon), (new, newer): (&Table, &Horizon)) -> Vec<Loss> {
        if self.hold.is_none() {
            return Vec::new();
        }
        let mut anchors = vec![Tally::default(); last.trust_anchors().len()];
        let (mut vrps, mut aspas) = (Tally::default(), Tally::default());
        let is_gone = |other: Option<Row<'_>>| !other.is_some_and(|other| newer.counts(other.expires));
        for section in [Section::Ipv4Prefix, Section::Ipv6Prefix] {
            for (row, other) in last.paired(new, section, Section::announcement_order) {
                if horizon.counts(row.expires) {
                    vrps.count(is_gone(other));
                    if let Some(anchor) = anchors.get_mut(usize::from(row.anchor)) {
                        anchor.count(is_gone(other));
                    }
                }
            }
            for row in new.rows(section).filter(|row| newer.counts(row.expires)) {
                vrps.has += 1;
                let name = new.trust_anchors().get(usize::from(row.anchor));
                let place = last.trust_anchors().iter().position(|last| Some(last) == name);
                if let Some(anchor) = place.and_then(|place| anchors.get_mut(place)) {
                    anchor.has += 1;
                }
            }
        }
        for (row, other) in last.paired(new, Section::Aspa, |_, a, b| customer(a).cmp(customer(b))) {
            if horizon.counts(row.expires) {
                aspas.count(is_gone(other));
            }
        }
        aspas.has = new.rows(Section::Aspa).filter(|row| newer.counts(row.expires)).count();
        let of_anchor = |(name, tally): (&String, Tally)| {
            if name.is_empty() { None } else { tally.loss(LossOf::TrustAnchor(name.clone()), self.vrps_min) }
        };
        let mut losses = Vec::new();
        losses.extend(vrps.loss(LossOf::Vrps, self.vrps_min));
        losses.extend(last.trust_anchors().iter().zip(anchors).filter_map(of_anchor));
        losses.extend(aspas.loss(LossOf::Aspas, self.aspas_min));
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

/// The customer of an ASPA's record, as it lies on the wire.
fn customer(record: &[u8]) -> &[u8; 4] {
    record.get(8..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 4])
}
