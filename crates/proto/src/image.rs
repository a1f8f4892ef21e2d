//! The data set as the sorted wire records that a router is sent.
//!
//! Version 2 demands one total order (8210bis section 11.2), and an IPv4 Prefix always has 20 octets and an IPv6
//! Prefix 32: so the most compact form of a million VRPs is the response itself. An [`Image`] is built once, compared
//! by a linear merge, and sent to every router without being touched again.

use crate::payload::{Action, Aspa, RouteOrigin, RouterKey};
use crate::version::{HEADER_OCTETS, PduType, Version};
use crate::wire::{Header, record};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::cmp::Ordering;
use core::convert::Infallible;
use core::fmt;
use core::ops::Range;

/// Octets that any number of connections send from. `as_any` lets a transport recognise a file that the kernel can send
/// by itself.
pub trait Octets: AsRef<[u8]> + Send + Sync {
    /// The octets as their own type.
    fn as_any(&self) -> &dyn Any;
}

impl Octets for Vec<u8> {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Destination of an [`ImageWriter`]'s octets. The heap form is `Vec<u8>`.
pub trait ImageSink {
    /// Error of writing.
    type Error;

    /// Appends octets.
    fn write(&mut self, octets: &[u8]) -> Result<(), Self::Error>;

    /// Ends the writing; the octets never change again.
    fn seal(self) -> Result<Arc<dyn Octets>, Self::Error>;
}

impl ImageSink for Vec<u8> {
    type Error = Infallible;

    fn write(&mut self, octets: &[u8]) -> Result<(), Infallible> {
        self.extend_from_slice(octets);
        Ok(())
    }

    fn seal(mut self) -> Result<Arc<dyn Octets>, Infallible> {
        self.shrink_to_fit();
        Ok(Arc::new(self))
    }
}

/// The four kinds of payload in the order in which a response has them. [C-ORD-01]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// IPv4 Prefix PDUs.
    Ipv4Prefix,
    /// IPv6 Prefix PDUs.
    Ipv6Prefix,
    /// Router Key PDUs.
    RouterKey,
    /// ASPA PDUs.
    Aspa,
}

/// A run of whole records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeRecords {
    pub(crate) octets: usize,
    pub(crate) count: usize,
}

impl Section {
    /// All sections in order.
    pub const ALL: [Section; 4] = [Section::Ipv4Prefix, Section::Ipv6Prefix, Section::RouterKey, Section::Aspa];

    /// Index of this section, 0 to 3, in a table with one row for each.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The PDU type of the section's records.
    pub const fn pdu_type(self) -> PduType {
        match self {
            Section::Ipv4Prefix => PduType::Ipv4Prefix,
            Section::Ipv6Prefix => PduType::Ipv6Prefix,
            Section::RouterKey => PduType::RouterKey,
            Section::Aspa => PduType::Aspa,
        }
    }

    /// Returns the length of the record at the start of the octets; 0 if there is none.
    pub(crate) fn record_octets(self, octets: &[u8]) -> usize {
        match self {
            Section::Ipv4Prefix => 20.min(octets.len()),
            Section::Ipv6Prefix => 32.min(octets.len()),
            Section::RouterKey | Section::Aspa => Header::parse(octets)
                .map_or(0, |header| usize::try_from(header.length).unwrap_or(usize::MAX).min(octets.len())),
        }
    }

    /// The largest part of the octets, at most `octets_max` long, that ends where a record ends; at least one
    /// record if there is one.
    pub(crate) fn whole_records(self, octets: &[u8], octets_max: usize) -> WholeRecords {
        let limit = octets.len().min(octets_max);
        let of_one_length = |length: usize| {
            let octets = (limit / length * length).max(self.record_octets(octets));
            WholeRecords { octets, count: octets.div_ceil(length) }
        };
        match self {
            Section::Ipv4Prefix => of_one_length(20),
            Section::Ipv6Prefix => of_one_length(32),
            Section::RouterKey | Section::Aspa => {
                let mut records = WholeRecords { octets: self.record_octets(octets), count: 1 };
                loop {
                    let next = records.octets + self.record_octets(octets.get(records.octets..).unwrap_or_default());
                    if next == records.octets || next > limit {
                        return records;
                    }
                    records = WholeRecords { octets: next, count: records.count + 1 };
                }
            }
        }
    }

    /// The order of two announcements of this section. Two records are equal exactly if their payload is; their
    /// versions and flags are ignored.
    ///
    /// Prefixes descend by address, maximum length, prefix length and AS [C-ORD-03]; router keys ascend by SKI,
    /// length of the key, key and AS [C-ORD-05]; ASPAs ascend by customer [C-ORD-06] (and then, beyond the text, by
    /// their providers, which only matters between different sets).
    pub fn announcement_order(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Section::Ipv4Prefix => ipv4_key(b).cmp(&ipv4_key(a)),
            Section::Ipv6Prefix => ipv6_key(b).cmp(&ipv6_key(a)),
            Section::RouterKey => router_key_key(a).cmp(&router_key_key(b)),
            Section::Aspa => tail(a, 8).cmp(tail(b, 8)),
        }
    }
}

fn tail(octets: &[u8], start: usize) -> &[u8] {
    octets.get(start..).unwrap_or_default()
}

fn ipv4_key(record: &[u8]) -> (u32, u8, u8, u32) {
    match *record {
        [_, _, _, _, _, _, _, _, _, len, max_len, _, a0, a1, a2, a3, s0, s1, s2, s3] => {
            (u32::from_be_bytes([a0, a1, a2, a3]), max_len, len, u32::from_be_bytes([s0, s1, s2, s3]))
        }
        _ => (0, 0, 0, 0),
    }
}

fn ipv6_key(record: &[u8]) -> (u128, u8, u8, u32) {
    match *record {
        [_, _, _, _, _, _, _, _, _, len, max_len, _, ref rest @ ..] => {
            let addr = rest.first_chunk().map_or(0, |addr| u128::from_be_bytes(*addr));
            let asn = rest.last_chunk().map_or(0, |asn| u32::from_be_bytes(*asn));
            (addr, max_len, len, asn)
        }
        _ => (0, 0, 0, 0),
    }
}

fn router_key_key(record: &[u8]) -> (&[u8], usize, &[u8], &[u8]) {
    let body = tail(record, HEADER_OCTETS);
    let (ski, rest) = body.split_at_checked(20).unwrap_or((body, &[]));
    let (asn, spki) = rest.split_at_checked(4).unwrap_or((rest, &[]));
    (ski, spki.len(), spki, asn)
}

/// Octets that are compared at once where two sets are expected to be equal: whole records of either prefix section.
const COMMON_OCTETS: usize = 20 * 32 * 2;

/// The records of one section, in order.
#[derive(Clone)]
pub struct Records<'a> {
    section: Section,
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub(crate) fn new(section: Section, octets: &'a [u8]) -> Records<'a> {
        Records { section, rest: octets }
    }

    /// Skips records that both begin with. Some equal ones may be left: those whose version differs, the last few, and
    /// all whose size varies.
    pub(crate) fn skip_common(&mut self, other: &mut Records<'a>) {
        if matches!(self.section, Section::RouterKey | Section::Aspa) || self.section != other.section {
            return;
        }
        let blocks = self.rest.chunks_exact(COMMON_OCTETS).zip(other.rest.chunks_exact(COMMON_OCTETS));
        let common = COMMON_OCTETS * blocks.take_while(|(a, b)| a == b).count();
        self.rest = tail(self.rest, common);
        other.rest = tail(other.rest, common);
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (record, rest) = self.rest.split_at_checked(self.section.record_octets(self.rest))?;
        self.rest = rest;
        (!record.is_empty()).then_some(record)
    }
}

/// Also from the end: at once for prefixes, whose PDUs have one size, and by a pass over what is left for others.
impl<'a> DoubleEndedIterator for Records<'a> {
    fn next_back(&mut self) -> Option<&'a [u8]> {
        let start = match self.section {
            Section::Ipv4Prefix | Section::Ipv6Prefix => {
                self.rest.len().checked_sub(self.section.record_octets(self.rest).max(1))?
            }
            Section::RouterKey | Section::Aspa => {
                let before_last = self.clone().map(<[u8]>::len).scan(0, |end, octets| {
                    let start = *end;
                    *end += octets;
                    Some(start)
                });
                before_last.last()?
            }
        };
        let (rest, record) = self.rest.split_at_checked(start)?;
        self.rest = rest;
        Some(record).filter(|record| !record.is_empty())
    }
}

/// Ends of the four sections of a run of records, and the number of records in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    ends: [usize; 4],
    counts: [usize; 4],
}

impl Layout {
    /// The octets of a section.
    pub fn range(&self, section: Section) -> Range<usize> {
        let start = section.index().checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[section.index()]
    }

    /// Returns how many records a section has.
    pub fn count(&self, section: Section) -> usize {
        self.counts[section.index()]
    }

    /// Returns how many records there are in all.
    pub fn records(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Accounts for a record at the end of a section, which is the last one that has any.
    pub(crate) fn add(&mut self, section: Section, octets: usize) {
        self.add_run(section, octets, 1);
    }

    /// Accounts for several records.
    pub(crate) fn add_run(&mut self, section: Section, octets: usize, records: usize) {
        self.counts[section.index()] += records;
        for end in &mut self.ends[section.index()..] {
            *end += octets;
        }
    }
}

/// A whole data set: its records in the order of 8210bis section 11.2, each an announcement PDU of one version.
///
/// The first octet of each record is the version; all else is the same in every version, so that an image of any
/// version is the data set. Cloning shares the octets.
#[derive(Clone)]
pub struct Image {
    version: Version,
    layout: Layout,
    octets: Arc<dyn Octets>,
}

impl Image {
    /// A data set with nothing in it.
    pub fn empty(version: Version) -> Image {
        Image { version, layout: Layout::default(), octets: Arc::new(Vec::new()) }
    }

    /// An image of octets that were checked.
    pub(crate) fn of_checked(version: Version, layout: Layout, octets: Arc<dyn Octets>) -> Image {
        Image { version, layout, octets }
    }

    /// The version in the records' first octets.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the ranges of the sections, and the number of records in each.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The records of all sections, one behind the other.
    pub fn octets(&self) -> &[u8] {
        (*self.octets).as_ref()
    }

    /// The same octets, shared.
    pub fn shared(&self) -> &Arc<dyn Octets> {
        &self.octets
    }

    /// The records of one section, each a whole PDU.
    pub fn records(&self, section: Section) -> Records<'_> {
        Records::new(section, self.section_octets(section))
    }

    /// The octets of a section.
    pub(crate) fn section_octets(&self, section: Section) -> &[u8] {
        self.octets().get(self.layout.range(section)).unwrap_or_default()
    }

    /// The same data set in another version.
    pub fn to_version<S: ImageSink>(&self, version: Version, sink: S) -> Result<Image, S::Error> {
        let mut writer = ImageWriter::new(version, sink);
        for section in Section::ALL {
            for record in self.records(section) {
                writer.push(section, record)?;
            }
        }
        writer.finish()
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("version", &self.version).field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// Two images are equal if they are the same data set, whatever their versions.
impl PartialEq for Image {
    fn eq(&self, other: &Image) -> bool {
        self.layout == other.layout
            && Section::ALL
                .into_iter()
                .all(|section| self.records(section).zip(other.records(section)).all(|(a, b)| tail(a, 1) == tail(b, 1)))
    }
}

/// Octets that are collected before they are written to the sink.
const WRITE_OCTETS: usize = 64 * 1024;

/// Builds an [`Image`] from records that come section by section, each in order and without duplicates.
pub struct ImageWriter<S> {
    version: Version,
    sink: S,
    layout: Layout,
    waiting: Vec<u8>,
    #[cfg(debug_assertions)]
    last: Option<(Section, Vec<u8>)>,
}

impl<S: ImageSink> ImageWriter<S> {
    /// A writer of an image of the given version.
    pub fn new(version: Version, sink: S) -> ImageWriter<S> {
        ImageWriter {
            version,
            sink,
            layout: Layout::default(),
            waiting: Vec::with_capacity(WRITE_OCTETS),
            #[cfg(debug_assertions)]
            last: None,
        }
    }

    /// Appends a VRP.
    pub fn origin(&mut self, origin: &RouteOrigin) -> Result<(), S::Error> {
        let section = if origin.prefix().addr().is_ipv4() { Section::Ipv4Prefix } else { Section::Ipv6Prefix };
        self.append(section, |version, out| record::origin(version, Action::Announce, origin, out))
    }

    /// Appends a router key.
    pub fn router_key(&mut self, key: &RouterKey<'_>) -> Result<(), S::Error> {
        self.append(Section::RouterKey, |version, out| record::router_key(version, Action::Announce, key, out))
    }

    /// Appends an ASPA.
    pub fn aspa(&mut self, aspa: &Aspa<'_>) -> Result<(), S::Error> {
        self.append(Section::Aspa, |version, out| record::aspa(version, aspa, out))
    }

    /// Appends a record of another image, whatever that image's version.
    pub fn push(&mut self, section: Section, record: &[u8]) -> Result<(), S::Error> {
        self.append(section, |version, out| {
            out.push(version.octet());
            out.extend_from_slice(tail(record, 1));
        })
    }

    /// Appends records of another image of the same version, which are behind all before them.
    pub(crate) fn push_run(&mut self, section: Section, octets: &[u8], records: usize) -> Result<(), S::Error> {
        #[cfg(debug_assertions)]
        if !octets.is_empty() {
            self.assert_order_of(section, octets.get(..section.record_octets(octets)).unwrap_or_default());
            // What follows lies in the other image's order.
            self.last = Records::new(section, octets).next_back().map(|record| (section, record.to_vec()));
        }
        self.layout.add_run(section, octets.len(), records);
        if self.waiting.len() + octets.len() < WRITE_OCTETS {
            self.waiting.extend_from_slice(octets);
            return Ok(());
        }
        self.sink.write(&self.waiting)?;
        self.waiting.clear();
        self.sink.write(octets)
    }

    fn append(&mut self, section: Section, write: impl FnOnce(Version, &mut Vec<u8>)) -> Result<(), S::Error> {
        let start = self.waiting.len();
        write(self.version, &mut self.waiting);
        self.layout.add(section, self.waiting.len() - start);
        #[cfg(debug_assertions)]
        self.assert_order(section, start);
        if self.waiting.len() >= WRITE_OCTETS {
            self.sink.write(&self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }

    #[cfg(debug_assertions)]
    fn assert_order(&mut self, section: Section, start: usize) {
        let record = tail(&self.waiting, start).to_vec();
        self.assert_order_of(section, &record);
        self.last = Some((section, record));
    }

    #[cfg(debug_assertions)]
    fn assert_order_of(&self, section: Section, record: &[u8]) {
        if let Some((last_section, last)) = &self.last {
            let order = last_section.cmp(&section).then_with(|| section.announcement_order(last, record));
            assert_eq!(order, Ordering::Less, "records of an image ascend in the order of a response");
        }
    }

    /// The finished image.
    pub fn finish(mut self) -> Result<Image, S::Error> {
        self.sink.write(&self.waiting)?;
        Ok(Image { version: self.version, layout: self.layout, octets: self.sink.seal()? })
    }
}
