//! One source's data set: the image that routers are sent, and the expiry and trust anchor of each record.

use rtrcast_proto::{AppliedPart, ApplyError, Delta, Image, ImageSink, Section};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A data set with, for each record of its image, when it expires and which trust anchor it comes from.
#[derive(Clone, Debug)]
pub struct Table {
    image: Image,
    /// In the order of the image's records, in seconds since 1970, or [`NEVER`].
    expires: Vec<u32>,
    /// In the order of the image's records; the index in `trust_anchors`.
    anchors: Vec<u8>,
    trust_anchors: Vec<String>,
    timestamps: Timestamps,
}

/// Times in a file, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// When the data were made: `buildtime`, `generated`, `generatedTime` or `producedAt`, in this order.
    pub made: Option<u32>,
    /// End of their validity: OctoRPKI's `valid`.
    pub valid_until: Option<u32>,
}

/// Expiry and trust anchor of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// When it stops being valid, in seconds since 1970.
    pub expires: Option<u32>,
    /// The trust anchor's name as the file has it.
    pub trust_anchor: Option<&'a str>,
}

/// The expiry of a record that has none: later than all others, so that the latest of two is always the larger.
pub(crate) const NEVER: u32 = u32::MAX;

/// A record and its side data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) record: &'a [u8],
    pub(crate) expires: u32,
    pub(crate) anchor: u8,
}

/// Side data of one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SideData {
    pub(crate) expires: u32,
    pub(crate) anchor: u8,
}

/// Side data of all records, in columns.
#[derive(Debug, Default)]
pub(crate) struct SideColumns {
    expires: Vec<u32>,
    anchors: Vec<u8>,
}

impl SideColumns {
    pub(crate) fn with_capacity(records: usize) -> SideColumns {
        SideColumns { expires: Vec::with_capacity(records), anchors: Vec::with_capacity(records) }
    }

    pub(crate) fn expires(&self) -> &[u32] {
        &self.expires
    }

    pub(crate) fn anchors(&self) -> &[u8] {
        &self.anchors
    }

    pub(crate) fn push_expiries(&mut self, expires: impl IntoIterator<Item = u32>) {
        self.expires.extend(expires);
    }

    pub(crate) fn push_anchors(&mut self, anchors: &[u8]) {
        self.anchors.extend_from_slice(anchors);
    }

    pub(crate) fn push(&mut self, side: SideData) {
        self.expires.push(side.expires);
        self.anchors.push(side.anchor);
    }
}

/// Records that were announced, by section and by their octets behind the version, each with its side data.
pub(crate) type AnnouncedRecords<'a> = BTreeMap<(Section, &'a [u8]), (&'a [u8], SideData)>;

impl Table {
    /// The columns have one entry for each record of the image.
    pub(crate) fn new(image: Image, columns: SideColumns, trust_anchors: Vec<String>, timestamps: Timestamps) -> Table {
        let SideColumns { mut expires, mut anchors } = columns;
        assert_eq!(image.layout().records(), expires.len(), "each record has its facts");
        // The capacity for duplicates is not needed.
        expires.shrink_to_fit();
        anchors.shrink_to_fit();
        Table { image, expires, anchors, trust_anchors, timestamps }
    }

    /// Makes a table without expiry and trust anchors: the set of another cache.
    pub fn of_image(image: Image) -> Table {
        let records = image.layout().records();
        let columns = SideColumns { expires: vec![NEVER; records], anchors: vec![0; records] };
        Table::new(image, columns, vec![String::new()], Timestamps::default())
    }

    /// The same with this image, which is the same set in another version.
    pub(crate) fn with_image(&self, image: Image) -> Table {
        debug_assert!(self.image == image, "another form is the same set");
        Table { image, ..self.clone() }
    }

    /// The names of the trust anchors that records may have; an empty one means none.
    pub(crate) fn trust_anchors(&self) -> &[String] {
        &self.trust_anchors
    }

    /// Returns the trust anchors of the records, in the order of the image, as indices of their names.
    pub(crate) fn anchors(&self) -> &[u8] {
        &self.anchors
    }

    /// Returns when the records expire, in the order of the image.
    pub(crate) fn expires(&self) -> &[u32] {
        &self.expires
    }

    /// Returns the side data of the records of a section.
    pub(crate) fn side_data(&self, section: Section) -> impl Iterator<Item = SideData> {
        let (start, count) = (self.start_of(section), self.image.layout().count(section));
        let expires = self.expires.iter().skip(start);
        let both = expires.zip(self.anchors.iter().skip(start)).take(count);
        both.map(|(expires, anchor)| SideData { expires: *expires, anchor: *anchor })
    }

    /// Returns the records of a section with their side data.
    pub(crate) fn rows(&self, section: Section) -> impl Iterator<Item = Row<'_>> {
        let row = |(record, SideData { expires, anchor })| Row { record, expires, anchor };
        self.image.records(section).zip(self.side_data(section)).map(row)
    }

    /// Returns each row of a section, with that of another table for the same record.
    pub(crate) fn paired<'a>(
        &'a self,
        other: &'a Table,
        section: Section,
    ) -> impl Iterator<Item = (Row<'a>, Option<Row<'a>>)> {
        let mut others = other.rows(section).peekable();
        self.rows(section).map(move |row| {
            while let Some(other) = others.peek() {
                // Most records are in both: comparing octets is cheaper than taking them apart.
                let order = match other.record.get(1..) == row.record.get(1..) {
                    true => Ordering::Equal,
                    false => section.announcement_order(other.record, row.record),
                };
                match order {
                    Ordering::Less => drop(others.next()),
                    Ordering::Equal => return (row, Some(*other)),
                    Ordering::Greater => break,
                }
            }
            (row, None)
        })
    }

    /// The same records; those that a later table has too expire as they do there, if that is later.
    pub(crate) fn renewed_by(&self, later: &Table) -> Table {
        let mut expires = Vec::with_capacity(self.expires.len());
        for section in Section::ALL {
            let pairs = self.paired(later, section);
            expires.extend(pairs.map(|(row, later)| later.map_or(row.expires, |later| later.expires.max(row.expires))));
        }
        Table { expires, ..self.clone() }
    }

    /// The table with a change of its set. `announced` has the expiry and the trust anchor of records that were announced
    /// meanwhile; the names of trust anchors are those of this table, and more.
    pub(crate) fn changed_by<'a, S: ImageSink>(
        &self,
        delta: &'a Delta,
        trust_anchors: Vec<String>,
        mut announced: AnnouncedRecords<'a>,
        sink: S,
    ) -> Result<Table, ApplyError<S::Error>> {
        let mut columns = SideColumns::with_capacity(self.image.layout().records());
        let image = delta.apply_parts(&self.image, sink, |section, part| match part {
            AppliedPart::Kept(indices) => {
                let start = self.start_of(section);
                let rows = start + indices.start..start + indices.end;
                columns.push_expiries(self.expires.get(rows.clone()).unwrap_or_default().iter().copied());
                columns.push_anchors(self.anchors.get(rows).unwrap_or_default());
            }
            AppliedPart::Added(record) => {
                let side = announced.remove(&(section, record.get(1..).unwrap_or_default()));
                columns.push(side.map_or(SideData { expires: NEVER, anchor: 0 }, |(_, side)| side));
            }
        })?;
        let mut table = Table::new(image, columns, trust_anchors, self.timestamps);
        // What was withdrawn and announced again is not in the delta, and may expire later now.
        for ((section, _), (record, side)) in announced {
            let Some((index, found)) = table.index_of(section, record) else { continue };
            let index = table.start_of(section) + index;
            if found.get(1..) == record.get(1..)
                && let (Some(expires), Some(anchor)) = (table.expires.get_mut(index), table.anchors.get_mut(index))
            {
                (*expires, *anchor) = (side.expires, side.anchor);
            }
        }
        Ok(table)
    }

    /// Returns the index of the first row of a section.
    fn start_of(&self, section: Section) -> usize {
        let layout = self.image.layout();
        Section::ALL.iter().take(section.index()).map(|section| layout.count(*section)).sum()
    }

    /// Returns the row of a record. Of an ASPA only the customer counts.
    pub(crate) fn find(&self, section: Section, record: &[u8]) -> Option<Row<'_>> {
        let (index, found) = self.index_of(section, record)?;
        let row = self.start_of(section) + index;
        Some(Row { record: found, expires: *self.expires.get(row)?, anchor: *self.anchors.get(row)? })
    }

    /// Returns the index of a record in its section, and the record.
    fn index_of(&self, section: Section, record: &[u8]) -> Option<(usize, &[u8])> {
        let mut records = self.image.records(section).enumerate();
        match section {
            Section::Ipv4Prefix => self.find_prefix::<20>(section, record),
            Section::Ipv6Prefix => self.find_prefix::<32>(section, record),
            Section::RouterKey => records.find(|(_, other)| other.get(1..) == record.get(1..)),
            Section::Aspa => records.find(|(_, other)| other.get(8..12) == record.get(8..12)),
        }
    }

    /// Prefixes have one size, so that they need not be read one after another.
    fn find_prefix<const OCTETS: usize>(&self, section: Section, record: &[u8]) -> Option<(usize, &[u8])> {
        let octets = self.image.octets().get(self.image.layout().range(section))?;
        let records = octets.as_chunks::<OCTETS>().0;
        let index = records.binary_search_by(|other| section.announcement_order(other, record)).ok()?;
        Some((index, records.get(index)?))
    }

    /// The same with other times.
    pub(crate) fn with_timestamps(self, timestamps: Timestamps) -> Table {
        Table { timestamps, ..self }
    }

    /// Returns the times in the file.
    pub fn timestamps(&self) -> Timestamps {
        self.timestamps
    }

    /// The records.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Only the records.
    pub fn into_image(self) -> Image {
        self.image
    }

    /// Returns the expiry and trust anchor of the record at an index of a section, counted from 0.
    pub fn facts(&self, section: Section, index: usize) -> Option<Facts<'_>> {
        let layout = self.image.layout();
        if index >= layout.count(section) {
            return None;
        }
        let before: usize = Section::ALL.iter().take(section.index()).map(|section| layout.count(*section)).sum();
        let expires = self.expires.get(before + index).copied().filter(|expires| *expires != NEVER);
        let anchor = self.anchors.get(before + index).copied()?;
        let trust_anchor =
            self.trust_anchors.get(usize::from(anchor)).map(String::as_str).filter(|name| !name.is_empty());
        Some(Facts { expires, trust_anchor })
    }
}
