//! Files with tables: a header, and behind it the octets of each table in blocks, each with a checksum.

use super::error::StateError;
use super::file::{CHECKSUM_OCTETS, FileKind};
use super::octets::has_sum;
use crate::table::{SideColumns, Table, Timestamps};
use rtrcast_proto::{FieldDecoder, FieldEncoder};
use rtrcast_proto::{Image, ImageSink, Section, Version};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Octets of a block, but for the last one.
const BLOCK_OCTETS: usize = 64 * 1024;

/// Octets of an expiry and a trust anchor in the columns of a table.
const EXPIRY_OCTETS: usize = 4;
const ANCHOR_OCTETS: usize = 1;

/// The octets of the shortest record: an ASPA with one provider.
const RECORD_OCTETS_MIN: usize = 16;

/// The most tables of a file.
const TABLES_MAX: usize = 2;

/// Writes a file: its header, and tables. `emit` gets the octets in their order.
pub(super) fn write<E>(
    kind: FileKind,
    header: &[u8],
    tables: &[&Table],
    emit: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut encoder = FieldEncoder::default();
    encoder.octets(header);
    encoder.list(tables, |encoder, table| TableShape::of(table).write(encoder));
    let start = kind.start(&encoder.0);
    emit(&start)?;
    let mut blocks = BlockWriter { block: Vec::with_capacity(BLOCK_OCTETS), sums: Xxh3::new(), emit };
    for table in tables {
        blocks.push(table.image().octets())?;
        for expires in table.expires() {
            blocks.push(&expires.to_le_bytes())?;
        }
        blocks.push(table.anchors())?;
    }
    blocks.finish()
}

struct BlockWriter<'a, F> {
    block: Vec<u8>,
    /// Hash of the checksums, for the whole.
    sums: Xxh3,
    emit: &'a mut F,
}

impl<E, F: FnMut(&[u8]) -> Result<(), E>> BlockWriter<'_, F> {
    fn push(&mut self, mut octets: &[u8]) -> Result<(), E> {
        while !octets.is_empty() {
            let (now, later) = octets.split_at(octets.len().min(BLOCK_OCTETS - self.block.len()));
            self.block.extend_from_slice(now);
            octets = later;
            if self.block.len() == BLOCK_OCTETS {
                self.end_block()?;
            }
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), E> {
        let sum = xxh3_64(&self.block).to_le_bytes();
        self.sums.update(&sum);
        (self.emit)(&self.block)?;
        self.block.clear();
        (self.emit)(&sum)
    }

    fn finish(mut self) -> Result<(), E> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        (self.emit)(&self.sums.digest().to_le_bytes())
    }
}

/// What is to be known of a table to read its octets.
#[derive(Clone, Debug)]
struct TableShape {
    version: Version,
    counts: [usize; 4],
    image_octets: usize,
    trust_anchors: Vec<String>,
    timestamps: Timestamps,
}

impl TableShape {
    fn of(table: &Table) -> TableShape {
        let image = table.image();
        TableShape {
            version: image.version(),
            counts: Section::ALL.map(|section| image.layout().count(section)),
            image_octets: image.octets().len(),
            trust_anchors: table.trust_anchors().to_vec(),
            timestamps: table.timestamps(),
        }
    }

    fn write(&self, encoder: &mut FieldEncoder) {
        encoder.u8(self.version.octet());
        for count in self.counts {
            encoder.u32(u32::try_from(count).expect("an image has less than 4 GiB"));
        }
        encoder.u32(u32::try_from(self.image_octets).expect("an image has less than 4 GiB"));
        encoder.list(&self.trust_anchors, |encoder, name| encoder.text(name));
        encoder.option(self.timestamps.made, FieldEncoder::u32);
        encoder.option(self.timestamps.valid_until, FieldEncoder::u32);
    }

    fn read(decoder: &mut FieldDecoder<'_>) -> Option<TableShape> {
        let version = Version::from_octet(decoder.u8()?)?;
        let mut counts = [0; 4];
        for count in &mut counts {
            *count = decoder.size()?;
        }
        let image_octets = decoder.size()?;
        let trust_anchors = decoder.list(|decoder| decoder.text().map(str::to_owned))?;
        let (made, valid_until) = (decoder.option(FieldDecoder::u32)?, decoder.option(FieldDecoder::u32)?);
        let timestamps = Timestamps { made, valid_until };
        let shape = TableShape { version, counts, image_octets, trust_anchors, timestamps };
        // A record has more octets than its side data: so much is not reserved for a file that is small.
        let is_possible = shape.records().checked_mul(RECORD_OCTETS_MIN).is_some_and(|least| least <= image_octets)
            && shape.trust_anchors.len() <= 256;
        is_possible.then_some(shape)
    }

    fn records(&self) -> usize {
        self.counts.iter().fold(0, |sum: usize, count| sum.saturating_add(*count))
    }

    fn octets(&self) -> usize {
        self.image_octets + self.records() * (EXPIRY_OCTETS + ANCHOR_OCTETS)
    }
}

/// Result of reading a file of tables.
#[derive(Debug)]
pub(super) struct TablesFile {
    /// The part of the header that the writer gave.
    pub(super) header: Vec<u8>,
    pub(super) tables: Vec<Table>,
}

/// Error of reading a file of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadStateError<E> {
    /// The file is wrong.
    State(StateError),
    /// The storage of an image failed.
    Sink(E),
}

impl<E> From<StateError> for ReadStateError<E> {
    fn from(error: StateError) -> ReadStateError<E> {
        ReadStateError::State(error)
    }
}

/// Reads a file that comes in pieces of any size.
pub(super) struct TablesReader<S, F> {
    kind: FileKind,
    /// Octets that have come and are not used yet.
    waiting: Vec<u8>,
    /// Octets of the file before them.
    at: u64,
    make_sink: F,
    content: Option<Content<S>>,
}

/// What has been read behind the header.
struct Content<S> {
    header: Vec<u8>,
    /// Tables that are still to be read, the next one last.
    shapes: Vec<TableShape>,
    /// Octets of blocks that are still to come.
    left: usize,
    sums: Xxh3,
    is_whole: bool,
    reading: Option<TableReader<S>>,
    tables: Vec<Table>,
}

impl<S: ImageSink, F: FnMut() -> S> TablesReader<S, F> {
    pub(super) fn new(kind: FileKind, make_sink: F) -> TablesReader<S, F> {
        TablesReader { kind, waiting: Vec::new(), at: 0, make_sink, content: None }
    }

    pub(super) fn push(&mut self, octets: &[u8]) -> Result<(), ReadStateError<S::Error>> {
        self.waiting.extend_from_slice(octets);
        let mut used = 0;
        while let Some(octets) = self.step(used)? {
            used += octets;
            self.at += octets as u64;
        }
        self.waiting.drain(..used);
        Ok(())
    }

    /// Reads what comes next, and returns how many octets it has; none if not all of it has come.
    fn step(&mut self, used: usize) -> Result<Option<usize>, ReadStateError<S::Error>> {
        let octets = self.waiting.get(used..).unwrap_or_default();
        let Some(content) = &mut self.content else {
            let Some((header, start)) = self.kind.read_start(octets)? else { return Ok(None) };
            self.content = Some(Content::new(header).ok_or(StateError::Invalid("header"))?);
            return Ok(Some(start));
        };
        if content.is_whole {
            return if octets.is_empty() { Ok(None) } else { Err(StateError::TooLong.into()) };
        }
        if content.left == 0 {
            let Some(sum) = octets.first_chunk() else { return Ok(None) };
            if u64::from_le_bytes(*sum) != content.sums.digest() && !cfg!(fuzzing) {
                return Err(StateError::Checksum(0).into());
            }
            content.end(&mut self.make_sink)?;
            content.is_whole = true;
            return Ok(Some(CHECKSUM_OCTETS));
        }
        let length = content.left.min(BLOCK_OCTETS);
        let Some((block, sum)) = octets.get(..length + CHECKSUM_OCTETS).and_then(|all| all.split_at_checked(length))
        else {
            return Ok(None);
        };
        if !has_sum(block, u64::from_le_bytes(*sum.first_chunk().ok_or(StateError::Truncated)?)) {
            return Err(StateError::Checksum(self.at).into());
        }
        content.sums.update(sum);
        content.left -= length;
        content.block(block, &mut self.make_sink)?;
        Ok(Some(length + CHECKSUM_OCTETS))
    }

    /// The file is complete.
    pub(super) fn finish(self) -> Result<TablesFile, ReadStateError<S::Error>> {
        match self.content {
            Some(Content { header, tables, is_whole: true, .. }) => Ok(TablesFile { header, tables }),
            Some(_) | None => Err(StateError::Truncated.into()),
        }
    }
}

impl<S: ImageSink> Content<S> {
    fn new(header: &[u8]) -> Option<Content<S>> {
        let mut decoder = FieldDecoder::new(header);
        let own = decoder.octets()?.to_vec();
        let mut shapes = decoder.list(TableShape::read)?;
        if !decoder.is_empty() || shapes.len() > TABLES_MAX {
            return None;
        }
        let left = shapes.iter().map(TableShape::octets).sum();
        shapes.reverse();
        Some(Content {
            header: own,
            shapes,
            left,
            sums: Xxh3::new(),
            is_whole: false,
            reading: None,
            tables: Vec::new(),
        })
    }

    fn block(&mut self, mut octets: &[u8], sink: &mut impl FnMut() -> S) -> Result<(), ReadStateError<S::Error>> {
        while !octets.is_empty() {
            let reading = match self.reading.take() {
                Some(reading) => self.reading.insert(reading),
                None => {
                    let shape = self.shapes.pop().ok_or(StateError::Invalid("length"))?;
                    self.reading.insert(TableReader::new(shape, sink()))
                }
            };
            octets = reading.push(octets)?;
            if reading.is_complete() {
                self.end_table()?;
            }
        }
        Ok(())
    }

    fn end_table(&mut self) -> Result<(), ReadStateError<S::Error>> {
        if let Some(reading) = self.reading.take() {
            self.tables.push(reading.finish()?);
        }
        Ok(())
    }

    /// Reads the tables without octets, which no block begins.
    fn end(&mut self, sink: &mut impl FnMut() -> S) -> Result<(), ReadStateError<S::Error>> {
        while let Some(shape) = self.shapes.pop() {
            self.tables.push(TableReader::new(shape, sink()).finish()?);
        }
        Ok(())
    }
}

/// Reads the octets of one table: those of the image, then the expiries, then the trust anchors.
struct TableReader<S> {
    shape: TableShape,
    sink: S,
    /// Octets of the image that are still to come.
    image_left: usize,
    /// The first octets of an expiry.
    half: Vec<u8>,
    columns: SideColumns,
}

impl<S: ImageSink> TableReader<S> {
    fn new(shape: TableShape, sink: S) -> TableReader<S> {
        let (image_left, columns) = (shape.image_octets, SideColumns::with_capacity(shape.records()));
        TableReader { shape, sink, image_left, half: Vec::new(), columns }
    }

    fn is_complete(&self) -> bool {
        self.image_left == 0 && self.columns.anchors().len() == self.shape.records()
    }

    /// Reads octets, and returns those behind this table.
    fn push<'a>(&mut self, octets: &'a [u8]) -> Result<&'a [u8], ReadStateError<S::Error>> {
        let (image, mut rest) = octets.split_at(octets.len().min(self.image_left));
        self.sink.write(image).map_err(ReadStateError::Sink)?;
        self.image_left -= image.len();
        let records = self.shape.records();
        while self.columns.expires().len() < records && !rest.is_empty() {
            if self.half.is_empty() && rest.len() >= EXPIRY_OCTETS {
                let (whole, later) = rest.split_at(
                    rest.len().min((records - self.columns.expires().len()) * EXPIRY_OCTETS) / EXPIRY_OCTETS
                        * EXPIRY_OCTETS,
                );
                self.columns.push_expiries(whole.as_chunks().0.iter().map(|octets| u32::from_le_bytes(*octets)));
                rest = later;
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(EXPIRY_OCTETS - self.half.len()));
            self.half.extend_from_slice(now);
            rest = later;
            if let Some(expires) = self.half.first_chunk() {
                self.columns.push_expiries([u32::from_le_bytes(*expires)]);
                self.half.clear();
            }
        }
        let (anchors, rest) = rest.split_at(rest.len().min(records - self.columns.anchors().len()));
        self.columns.push_anchors(anchors);
        Ok(rest)
    }

    fn finish(self) -> Result<Table, ReadStateError<S::Error>> {
        let TableReader { shape, sink, columns, .. } = self;
        if columns.anchors().iter().any(|anchor| usize::from(*anchor) >= shape.trust_anchors.len()) {
            return Err(StateError::Invalid("trust anchor").into());
        }
        let octets = sink.seal().map_err(ReadStateError::Sink)?;
        let image = Image::from_octets(shape.version, shape.counts, octets).map_err(StateError::Record)?;
        Ok(Table::new(image, columns, shape.trust_anchors, shape.timestamps))
    }
}
