//! The guard on sudden loss: a validator that lost a trust anchor, or all its ASPAs, writes a file that is well formed.
//! The guard compares one source's new table with the last one of the same source, before anything is merged; a record
//! that has expired in the last one is no loss.

use super::freshness::Horizon;
use crate::table::{Row, Table};
use rtrcast_proto::Section;
use std::fmt;
use std::time::Duration;

/// Bounds from which a loss is held, and from which it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Time for which a new table whose loss is too large is held; none switches the guard off.
    pub hold: Option<Duration>,
    /// From so many VRPs on, of all or of one trust anchor, a loss of more than half is held.
    pub vrps_min: usize,
    /// From so many ASPAs on a loss of more than half is held.
    pub aspas_min: usize,
    /// From so many records of a payload type or a trust anchor on, a loss of nine tenths or more is held.
    pub nearly_all_min: usize,
    /// From so many records of a payload type or a trust anchor on, a loss of more than a tenth is reported.
    pub reported_min: usize,
}

impl Default for Guard {
    /// An hour, for more than half of 10,000 VRPs or 1,000 ASPAs, and for nine tenths of 200 records; a tenth of 50 is
    /// reported.
    fn default() -> Guard {
        Guard {
            hold: Some(Duration::from_secs(3_600)),
            vrps_min: 10_000,
            aspas_min: 1_000,
            nearly_all_min: 200,
            reported_min: 50,
        }
    }
}

/// Records of a source that are missing in its new table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Records that were lost.
    pub of: LossOf,
    /// Number of records before.
    pub had: usize,
    /// Number of them that are missing.
    pub lost: usize,
}

/// Kind of records that were lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LossOf {
    /// All VRPs of the source.
    Vrps,
    /// The VRPs with IPv4 prefixes.
    Ipv4Vrps,
    /// The VRPs with IPv6 prefixes.
    Ipv6Vrps,
    /// The VRPs of one trust anchor.
    TrustAnchor(String),
    /// The router keys.
    RouterKeys,
    /// The ASPAs: customers of whom none is left.
    Aspas,
}

impl fmt::Display for LossOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LossOf::Vrps => f.write_str("VRPs"),
            LossOf::Ipv4Vrps => f.write_str("IPv4 VRPs"),
            LossOf::Ipv6Vrps => f.write_str("IPv6 VRPs"),
            LossOf::TrustAnchor(name) => write!(f, "VRPs of trust anchor {name}"),
            LossOf::RouterKeys => f.write_str("router keys"),
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

/// Decision on the losses in a new table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GuardDecision {
    /// It is taken; these losses are reported.
    Take(Vec<Loss>),
    /// It is held, because of these.
    Hold(Vec<Loss>),
}

/// Numbers of records before and now.
#[derive(Clone, Copy, Default)]
struct RecordCounts {
    had: usize,
    has: usize,
}

impl RecordCounts {
    /// Returns the number of lost records, unless others replace them: that is no loss but a change. `lost_max` bounds
    /// it.
    fn lost(self, lost_max: usize) -> usize {
        self.had.saturating_sub(self.has).min(lost_max)
    }
}

/// Numbers of records in two tables.
struct LossCounts {
    /// By section, in the order of [`Section::ALL`].
    sections: [RecordCounts; 4],
    /// Of the trust anchors that the last table had.
    anchors: Vec<RecordCounts>,
}

/// A table, and the horizon by which its records are in effect.
type TableInEffect<'a> = (&'a Table, &'a Horizon);

impl LossCounts {
    fn of((last, horizon): TableInEffect<'_>, (new, newer): TableInEffect<'_>) -> LossCounts {
        let names = last.trust_anchors();
        let known = |name: &String| names.iter().position(|known| known == name);
        let indices: Vec<Option<usize>> = new.trust_anchors().iter().map(known).collect();
        let (mut sections, mut anchors) = ([RecordCounts::default(); 4], vec![RecordCounts::default(); names.len()]);
        for section in Section::ALL {
            let is_vrp = matches!(section, Section::Ipv4Prefix | Section::Ipv6Prefix);
            let tally = &mut sections[section.index()];
            for side in last.side_data(section).filter(|side| horizon.is_in_effect(side.expires)) {
                tally.had += 1;
                let anchor = anchors.get_mut(usize::from(side.anchor)).filter(|_| is_vrp);
                anchor.into_iter().for_each(|anchor| anchor.had += 1);
            }
            for side in new.side_data(section).filter(|side| newer.is_in_effect(side.expires)) {
                tally.has += 1;
                let index = indices.get(usize::from(side.anchor)).copied().flatten().filter(|_| is_vrp);
                index.and_then(|index| anchors.get_mut(index)).into_iter().for_each(|anchor| anchor.has += 1);
            }
        }
        LossCounts { sections, anchors }
    }

    /// Payload types, each with its tally. IPv4 and IPv6 are together, and each by itself.
    fn types(&self) -> [(LossOf, RecordCounts); 5] {
        let [ipv4, ipv6, router_keys, aspas] = self.sections;
        let vrps = RecordCounts { had: ipv4.had + ipv6.had, has: ipv4.has + ipv6.has };
        [
            (LossOf::Vrps, vrps),
            (LossOf::Ipv4Vrps, ipv4),
            (LossOf::Ipv6Vrps, ipv6),
            (LossOf::RouterKeys, router_keys),
            (LossOf::Aspas, aspas),
        ]
    }
}

/// Returns how many records of each trust anchor are gone: in the new table under no trust anchor at all.
fn gone((last, horizon): TableInEffect<'_>, (new, newer): TableInEffect<'_>) -> Vec<usize> {
    let mut gone = vec![0; last.trust_anchors().len()];
    let is_there = |other: Option<Row<'_>>| other.is_some_and(|other| newer.is_in_effect(other.expires));
    for section in [Section::Ipv4Prefix, Section::Ipv6Prefix] {
        for (row, other) in last.paired(new, section) {
            if horizon.is_in_effect(row.expires) && !is_there(other) {
                gone.get_mut(usize::from(row.anchor)).into_iter().for_each(|gone| *gone += 1);
            }
        }
    }
    gone
}

impl Guard {
    /// Decides on the losses in a new table. Of both tables only the records that are in effect are counted.
    pub(crate) fn decide(&self, last: TableInEffect<'_>, new: TableInEffect<'_>) -> GuardDecision {
        let losses = self.losses(last, new);
        let is_held = |loss: &Loss| self.hold.is_some() && self.is_too_large(loss);
        if losses.iter().any(is_held) {
            GuardDecision::Hold(losses.into_iter().filter(is_held).collect())
        } else {
            GuardDecision::Take(losses)
        }
    }

    /// All losses that are held or reported.
    fn losses(&self, last: TableInEffect<'_>, new: TableInEffect<'_>) -> Vec<Loss> {
        let tallies = LossCounts::of(last, new);
        let loss = |of: LossOf, tally: RecordCounts, lost_max: usize| {
            let loss = Loss { of, had: tally.had, lost: tally.lost(lost_max) };
            (self.is_too_large(&loss) || self.is_reported(&loss)).then_some(loss)
        };
        let mut losses: Vec<Loss> = Vec::new();
        for (of, tally) in tallies.types() {
            let Some(loss) = loss(of, tally, usize::MAX) else { continue };
            // One of both families adds nothing where all VRPs are listed already, unless it alone is held.
            let is_named = matches!(loss.of, LossOf::Ipv4Vrps | LossOf::Ipv6Vrps)
                && losses
                    .iter()
                    .any(|all| all.of == LossOf::Vrps && (self.is_too_large(all) || !self.is_too_large(&loss)));
            losses.extend((!is_named).then_some(loss));
        }
        let named = || {
            last.0.trust_anchors().iter().zip(&tallies.anchors).enumerate().filter(|(_, (name, _))| !name.is_empty())
        };
        let of_anchor =
            |name: &String, tally: &RecordCounts, gone| loss(LossOf::TrustAnchor(name.clone()), *tally, gone);
        // A record may have come under another trust anchor. Only if so many fewer are left of one that it matters have
        // a million records to be compared.
        if named().any(|(_, (name, tally))| of_anchor(name, tally, usize::MAX).is_some()) {
            let gone = gone(last, new);
            losses.extend(named().filter_map(|(index, (name, tally))| of_anchor(name, tally, *gone.get(index)?)));
        }
        losses
    }

    /// Returns whether a loss is held: more than half of many records, or nine tenths of fewer.
    fn is_too_large(&self, loss: &Loss) -> bool {
        let half_from = match loss.of {
            LossOf::Vrps | LossOf::TrustAnchor(_) => self.vrps_min,
            LossOf::Aspas => self.aspas_min,
            LossOf::Ipv4Vrps | LossOf::Ipv6Vrps | LossOf::RouterKeys => usize::MAX,
        };
        let Loss { had, lost, .. } = *loss;
        let is_half = had >= half_from.max(1) && lost > had / 2;
        is_half || (had >= self.nearly_all_min.max(1) && lost >= had - had / 10)
    }

    fn is_reported(&self, loss: &Loss) -> bool {
        loss.had >= self.reported_min.max(1) && loss.lost > loss.had / 10
    }
}

/// Returns whether a loss is the one that is being waited for: nothing else is lost, and hardly more.
pub(crate) fn is_same_loss(waiting: &[Loss], now: &[Loss]) -> bool {
    now.iter().all(|loss| {
        let known = waiting.iter().find(|known| known.of == loss.of);
        known.is_some_and(|known| loss.lost <= known.lost + known.had / 10)
    })
}
