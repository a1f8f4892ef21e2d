//! A delta applied to a set: records that stay are copied in runs, so that the cost is that of the changes and of one copy.

use crate::delta::Delta;
use crate::image::{Image, ImageSink, ImageWriter, Section};
use core::cmp::Ordering;
use core::ops::Range;

/// A delta that does not fit the data set that it was applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError<E> {
    /// It removes a record that is not there.
    UnknownRecord(Section),
    /// It adds a record that is there already.
    DuplicateRecord(Section),
    /// The sink failed.
    Sink(E),
}

/// A part of the set that a delta leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppliedPart<'a> {
    /// Records of the older set, by their indices in the section.
    Kept(Range<usize>),
    /// A record that is added.
    Added(&'a [u8]),
}

impl Delta {
    /// The older data set changed into the newer one.
    pub fn apply<S: ImageSink>(&self, old: &Image, sink: S) -> Result<Image, ApplyError<S::Error>> {
        self.apply_parts(old, sink, |_, _| ())
    }

    /// The same, and calls `each` with the parts of the newer set in their order, so that what belongs to records can be
    /// taken along.
    pub fn apply_parts<'a, S: ImageSink>(
        &'a self,
        old: &Image,
        sink: S,
        mut each: impl FnMut(Section, AppliedPart<'a>),
    ) -> Result<Image, ApplyError<S::Error>> {
        let mut writer = ImageWriter::new(old.version(), sink);
        for section in Section::ALL {
            let mut rest = OldRecords { section, octets: old.section_octets(section), index: 0 };
            let (mut removed, mut added) = (self.removed(section).peekable(), self.added(section).peekable());
            loop {
                // A customer whose providers change is in both.
                let is_removal = match (removed.peek(), added.peek()) {
                    (None, None) => break,
                    (Some(_), None) => true,
                    (None, Some(_)) => false,
                    (Some(removed), Some(added)) => section.announcement_order(removed, added).is_le(),
                };
                let Some(record) = (if is_removal { removed.next() } else { added.next() }) else { break };
                let (kept, octets) = rest.take_before(record);
                writer.push_run(section, octets, kept.len()).map_err(ApplyError::Sink)?;
                each(section, AppliedPart::Kept(kept));
                match (is_removal, rest.take_if_equal(record)) {
                    (true, true) => {}
                    (true, false) => return Err(ApplyError::UnknownRecord(section)),
                    (false, true) => return Err(ApplyError::DuplicateRecord(section)),
                    (false, false) => {
                        writer.push(section, record).map_err(ApplyError::Sink)?;
                        each(section, AppliedPart::Added(record));
                    }
                }
            }
            let kept = rest.index..old.layout().count(section);
            writer.push_run(section, rest.octets, kept.len()).map_err(ApplyError::Sink)?;
            each(section, AppliedPart::Kept(kept));
        }
        writer.finish().map_err(ApplyError::Sink)
    }
}

/// The records of a section that have not been taken.
struct OldRecords<'a> {
    section: Section,
    octets: &'a [u8],
    /// The index of the first of them.
    index: usize,
}

impl<'a> OldRecords<'a> {
    /// Takes the records that come before this one.
    fn take_before(&mut self, record: &[u8]) -> (Range<usize>, &'a [u8]) {
        let (count, octets) = match self.section {
            Section::Ipv4Prefix => self.count_before::<20>(record),
            Section::Ipv6Prefix => self.count_before::<32>(record),
            // There are few.
            Section::RouterKey | Section::Aspa => {
                let (mut count, mut octets) = (0, 0);
                while let Some(rest) = self.octets.get(octets..).filter(|rest| !rest.is_empty()) {
                    let length = self.section.record_octets(rest);
                    if !self.is_before(rest.get(..length).unwrap_or(rest), record) {
                        break;
                    }
                    count += 1;
                    octets += length;
                }
                (count, octets)
            }
        };
        let first = self.index;
        (first..first + count, self.take(count, octets))
    }

    /// Returns how many records of one length come before this one, and their octets. Changes often are near to each
    /// other, so it looks near the start first.
    fn count_before<const OCTETS: usize>(&self, record: &[u8]) -> (usize, usize) {
        let records = self.octets.as_chunks::<OCTETS>().0;
        let is_before = |index: usize| records.get(index).is_some_and(|other| self.is_before(other, record));
        let mut bound = 1;
        while is_before(bound - 1) {
            bound *= 2;
        }
        let (low, high) = (bound / 2, bound.min(records.len()));
        let between = records.get(low..high).unwrap_or_default();
        let count = low + between.partition_point(|other| self.is_before(other, record));
        (count, count * OCTETS)
    }

    fn is_before(&self, other: &[u8], record: &[u8]) -> bool {
        self.section.announcement_order(other, record) == Ordering::Less
    }

    /// Takes the next record if it is this one, whatever its version.
    fn take_if_equal(&mut self, record: &[u8]) -> bool {
        let length = self.section.record_octets(self.octets);
        let next = self.octets.get(..length).unwrap_or_default();
        let is_equal = !next.is_empty() && next.get(1..) == record.get(1..);
        if is_equal {
            self.take(1, length);
        }
        is_equal
    }

    fn take(&mut self, count: usize, octets: usize) -> &'a [u8] {
        let (taken, rest) = self.octets.split_at_checked(octets).unwrap_or((self.octets, &[]));
        self.octets = rest;
        self.index += count;
        taken
    }
}
