//! The difference between two data sets, and the answer to a Serial Query that is made of it.
//!
//! A delta is two sets of records: those only in the older data set and those only in the newer one. An ASPA includes
//! its providers, so that a customer whose list changed is in both. Set algebra then gives what RFC 8210 section 5.3
//! demands: a fold of deltas mentions nothing that cancelled out, ASPAs included. [C-DEL-01]

use crate::image::{Image, Layout, Records, Section};
use crate::payload::{Action, Asn};
use crate::profile::Profile;
use crate::record::customer_of;
use crate::serial::Serial;
use crate::stored::{InvalidRecord, is_announcement};
use crate::version::Version;
use crate::wire::record;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Equal records after a difference before blocks are compared again: changes often lie close together.
const ALIKE_MIN: usize = 8;

/// Records in the order of an image, on the heap.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordSet {
    layout: Layout,
    octets: Vec<u8>,
}

impl RecordSet {
    fn check<'a>(
        version: Version,
        records: impl IntoIterator<Item = (Section, &'a [u8])>,
    ) -> Result<RecordSet, InvalidRecord> {
        let mut set = RecordSet::default();
        let mut last: Option<(Section, &[u8])> = None;
        for (section, record) in records {
            let is_behind = |(before, last): (Section, &[u8])| {
                before.cmp(&section).then_with(|| section.announcement_order(last, record)) == Ordering::Less
            };
            if !is_announcement(version, section, record) || !last.is_none_or(is_behind) {
                return Err(InvalidRecord { section, record: set.layout.count(section) });
            }
            set.push(section, record);
            last = Some((section, record));
        }
        set.octets.shrink_to_fit();
        Ok(set)
    }

    fn push(&mut self, section: Section, record: &[u8]) {
        self.layout.add(section, record.len());
        self.octets.extend_from_slice(record);
    }

    fn records(&self, section: Section) -> Records<'_> {
        Records::new(section, self.octets.get(self.layout.range(section)).unwrap_or_default())
    }

    fn octets_of(&self, section: Section) -> &[u8] {
        self.octets.get(self.layout.range(section)).unwrap_or_default()
    }
}

/// The change from an older data set to a newer one.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    removed: RecordSet,
    added: RecordSet,
}

/// The change that one serial made.
#[derive(Debug)]
pub(crate) struct SerialDelta {
    /// The serial before it.
    pub(crate) from: Serial,
    pub(crate) delta: Arc<Delta>,
    /// True if the serial went up by more than one.
    pub(crate) is_jump: bool,
}

impl Delta {
    /// Makes a delta of records that once were one, such as those of a file, of images of a version. Those of a section
    /// that are removed have to be in the order of an image, and those that are added as well.
    pub fn from_records<'a>(
        version: Version,
        removed: impl IntoIterator<Item = (Section, &'a [u8])>,
        added: impl IntoIterator<Item = (Section, &'a [u8])>,
    ) -> Result<Delta, InvalidRecord> {
        Ok(Delta { removed: RecordSet::check(version, removed)?, added: RecordSet::check(version, added)? })
    }

    /// Returns the changes from `old` to `new`, by one pass over both. Their versions need not be equal.
    pub fn between(old: &Image, new: &Image) -> Delta {
        let mut delta = Delta::default();
        if Arc::ptr_eq(old.shared(), new.shared()) {
            return delta;
        }
        for section in Section::ALL {
            let (mut older, mut newer) = (old.records(section), new.records(section));
            let mut alike = ALIKE_MIN;
            loop {
                if alike == ALIKE_MIN {
                    older.skip_common(&mut newer);
                }
                let (a, b) = (older.clone().next(), newer.clone().next());
                let Some(order) = order_of(section, a, b) else { break };
                alike = if order.is_eq() { alike + 1 } else { 0 };
                if order.is_le() {
                    older.next();
                }
                if order.is_ge() {
                    newer.next();
                }
                match (order, a, b) {
                    (Ordering::Less, Some(record), _) => delta.removed.push(section, record),
                    (Ordering::Greater, _, Some(record)) => delta.added.push(section, record),
                    _ => {}
                }
            }
        }
        delta.removed.octets.shrink_to_fit();
        delta.added.octets.shrink_to_fit();
        delta
    }

    /// Adds the change of one record, behind all records before it in the order of an image.
    pub(crate) fn change(&mut self, section: Section, before: Option<&[u8]>, after: Option<&[u8]>) {
        if let Some(before) = before {
            self.removed.push(section, before);
        }
        if let Some(after) = after {
            self.added.push(section, after);
        }
    }

    /// The records of a section that only the newer set has, as announcements, in order.
    pub fn added(&self, section: Section) -> Records<'_> {
        self.added.records(section)
    }

    /// The records of a section that only the older set has, as they were announced. A customer whose providers changed
    /// is among both.
    pub fn removed(&self, section: Section) -> Records<'_> {
        self.removed.records(section)
    }

    /// The change from the data set before the first of `steps` to the one after the last: the cost is that of the
    /// changes, whatever the size of the sets.
    pub fn fold<'a>(steps: impl IntoIterator<Item = &'a Delta>) -> Delta {
        let steps: Vec<&Delta> = steps.into_iter().collect();
        let mut folded = Delta::default();
        for section in Section::ALL {
            let mut changes: Vec<(&[u8], Action)> = Vec::new();
            for step in &steps {
                changes.extend(step.removed.records(section).map(|record| (record, Action::Withdraw)));
                changes.extend(step.added.records(section).map(|record| (record, Action::Announce)));
            }
            // Stable: the changes of one record stay in the order in which they happened.
            changes.sort_by(|(a, _), (b, _)| section.announcement_order(a, b));
            for same in changes.chunk_by(|(a, _), (b, _)| section.announcement_order(a, b) == Ordering::Equal) {
                // Announcing and withdrawing alternate, so the first and the last give the state before and after.
                match same {
                    [(record, Action::Announce), .., (_, Action::Announce)] | [(record, Action::Announce)] => {
                        folded.added.push(section, record);
                    }
                    [(record, Action::Withdraw), .., (_, Action::Withdraw)] | [(record, Action::Withdraw)] => {
                        folded.removed.push(section, record);
                    }
                    _ => {}
                }
            }
        }
        folded
    }

    /// Returns whether the two data sets are the same.
    pub fn is_empty(&self) -> bool {
        self.removed.octets.is_empty() && self.added.octets.is_empty()
    }

    /// Returns whether anything in a section differs.
    pub fn touches(&self, section: Section) -> bool {
        self.announced(section) + self.removed.layout.count(section) > 0
    }

    /// Returns how many records of a section are new (a customer with a new provider list is one).
    pub fn announced(&self, section: Section) -> usize {
        self.added.layout.count(section)
    }

    /// Returns how many records of a section are gone; a replaced ASPA is not.
    pub fn withdrawn(&self, section: Section) -> usize {
        match section {
            Section::Ipv4Prefix | Section::Ipv6Prefix | Section::RouterKey => self.removed.layout.count(section),
            Section::Aspa => self.withdrawn_customers().count(),
        }
    }

    /// The octets of memory that it holds.
    pub fn octets(&self) -> usize {
        self.removed.octets.capacity() + self.added.octets.capacity()
    }

    /// The customers that have no ASPA any more. [C-DEL-03]
    pub fn withdrawn_customers(&self) -> impl Iterator<Item = Asn> + '_ {
        let mut added = self.added.records(Section::Aspa).map(customer_of).peekable();
        self.removed.records(Section::Aspa).map(customer_of).filter(move |customer| {
            while added.next_if(|other| other < customer).is_some() {}
            added.peek() != Some(customer)
        })
    }

    /// The payload PDUs of the answer to a Serial Query: types ascend, and in each all announcements stand before
    /// all withdrawals. [C-ORD-01] [C-ORD-02]
    pub(crate) fn encode(&self, profile: Profile) -> Vec<u8> {
        let version = profile.version();
        let mut out = Vec::new();
        for section in profile.sections() {
            for record in self.added.records(section) {
                out.push(version.octet());
                out.extend_from_slice(record.get(1..).unwrap_or_default());
            }
            match section {
                // [C-ORD-04] Withdrawn prefixes ascend: the reverse of the order in which they were announced.
                Section::Ipv4Prefix => reversed::<20>(self.removed.octets_of(section), version, &mut out),
                Section::Ipv6Prefix => reversed::<32>(self.removed.octets_of(section), version, &mut out),
                Section::RouterKey => {
                    for record in self.removed.records(section) {
                        let [_, pdu_type, _, rest @ ..] = record else { continue };
                        out.extend_from_slice(&[version.octet(), *pdu_type, Action::Withdraw.flags()]);
                        out.extend_from_slice(rest);
                    }
                }
                Section::Aspa => {
                    for customer in self.withdrawn_customers() {
                        record::aspa_withdrawal(version, customer, &mut out);
                    }
                }
            }
        }
        out
    }
}

/// Appends prefix records from the last to the first, as withdrawals.
fn reversed<const OCTETS: usize>(records: &[u8], version: Version, out: &mut Vec<u8>) {
    for record in records.as_chunks::<OCTETS>().0.iter().rev() {
        let [_, head @ .., _] = &record[..9] else { continue };
        out.push(version.octet());
        out.extend_from_slice(head);
        out.push(Action::Withdraw.flags());
        out.extend_from_slice(&record[9..]);
    }
}

/// Compares the next records of two runs; none if both have ended.
fn order_of(section: Section, a: Option<&[u8]>, b: Option<&[u8]>) -> Option<Ordering> {
    match (a, b) {
        (None, None) => None,
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        // Most records are in both: comparing octets is cheaper than taking them apart.
        (Some(a), Some(b)) if a.get(1..) == b.get(1..) => Some(Ordering::Equal),
        (Some(a), Some(b)) => Some(section.announcement_order(a, b)),
    }
}
