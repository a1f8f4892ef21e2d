//! A source's tables, and the revision of the newest one.

use super::error::StateError;
use super::file::FileKind;
use super::tables::{self, ReadStateError, TablesReader};
use crate::curator::{Loss, LossOf, StoredFeed, StoredHold, StoredTable, StoredValidity};
use crate::table::Table;
use rtrcast_proto::{Asn, ImageSink, Serial, SessionId, Version};
use rtrcast_proto::{FieldDecoder, FieldEncoder};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A source as it is kept.
#[derive(Clone, Debug)]
pub struct StoredSource {
    /// What the source is, without secrets: for messages.
    pub name: String,
    /// The version of the program that read its tables: another one may read more of the same file.
    pub program: String,
    /// The position of the set that was served then.
    pub position: u64,
    /// The revision of its newest table, to request only what is newer.
    pub revision: SourceRevision,
    /// Its tables.
    pub feed: StoredFeed,
}

/// What identifies a state of a source's data, by the source itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceRevision {
    /// Nothing is known by which to request what is newer.
    #[default]
    Unknown,
    /// The validators of an HTTP response (RFC 9110 section 8.8).
    Http {
        /// ETag.
        etag: Option<Vec<u8>>,
        /// Last-Modified.
        last_modified: Option<Vec<u8>>,
    },
    /// The version, session and serial of another cache.
    Cache {
        /// The version.
        version: Version,
        /// The session.
        session: SessionId,
        /// The serial.
        serial: Serial,
        /// Refresh, Retry and Expire, in seconds.
        intervals: [u32; 3],
        /// Customers whose ASPAs it sent and that were left out, which are part of its set all the same.
        refused: Vec<Asn>,
    },
}

/// Returns a hash of a source's address, which may have secrets, as the name of its file.
pub fn source_hash(address: &[u8]) -> u64 {
    xxh3_64(address)
}

impl StoredSource {
    /// Writes the file. `emit` gets its octets in their order.
    pub fn write<E>(&self, emit: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut encoder = FieldEncoder::default();
        encoder.text(&self.name);
        encoder.text(&self.program);
        encoder.u64(self.position);
        write_revision(&mut encoder, &self.revision);
        let StoredFeed { newest, held, written, is_stale: _ } = &self.feed;
        encoder.u32(*written);
        write_dates(&mut encoder, newest);
        let mut tables = vec![&*newest.table];
        encoder.option(held.as_ref(), |encoder, (hold, accepted)| {
            encoder.list(&hold.losses, write_loss);
            encoder.u32(hold.held_for);
            encoder.u32(hold.any_held_for);
            write_dates(encoder, accepted);
            tables.push(&accepted.table);
        });
        tables::write(FileKind::Source, &encoder.0, &tables, emit)
    }

    fn read(header: &[u8], tables: Vec<Table>) -> Option<StoredSource> {
        let mut decoder = FieldDecoder::new(header);
        let (name, program) = (decoder.text()?.to_owned(), decoder.text()?.to_owned());
        let position = decoder.u64()?;
        let revision = read_revision(&mut decoder)?;
        let written = decoder.u32()?;
        let mut tables = tables.into_iter().map(Arc::new);
        let newest = read_dates(&mut decoder, tables.next()?)?;
        let held = decoder.option(|decoder| {
            let (losses, held_for, any_held_for) = (decoder.list(read_loss)?, decoder.u32()?, decoder.u32()?);
            Some((StoredHold { losses, held_for, any_held_for }, read_dates(decoder, tables.next()?)?))
        })?;
        let is_whole = decoder.is_empty() && tables.next().is_none();
        let feed = StoredFeed { newest, held, written, is_stale: false };
        is_whole.then_some(StoredSource { name, program, position, revision, feed })
    }
}

/// Reads the file of a source, which comes in pieces of any size.
pub struct SourceReader<S, F>(TablesReader<S, F>);

impl<S: ImageSink, F: FnMut() -> S> SourceReader<S, F> {
    /// A reader at the start of a file. `make_sink` makes the storage of an image.
    pub fn new(make_sink: F) -> SourceReader<S, F> {
        SourceReader(TablesReader::new(FileKind::Source, make_sink))
    }

    /// The next octets.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), ReadStateError<S::Error>> {
        self.0.push(octets)
    }

    /// The file is complete.
    pub fn finish(self) -> Result<StoredSource, ReadStateError<S::Error>> {
        let file = self.0.finish()?;
        StoredSource::read(&file.header, file.tables).ok_or(StateError::Invalid("header").into())
    }
}

fn write_revision(encoder: &mut FieldEncoder, revision: &SourceRevision) {
    match revision {
        SourceRevision::Unknown => encoder.u8(0),
        SourceRevision::Http { etag, last_modified } => {
            encoder.u8(1);
            for value in [etag, last_modified] {
                encoder.option(value.as_ref(), |encoder, value| encoder.octets(value));
            }
        }
        SourceRevision::Cache { version, session, serial, intervals, refused } => {
            encoder.u8(2);
            encoder.u8(version.octet());
            encoder.u16(session.0);
            encoder.u32(serial.0);
            intervals.iter().for_each(|seconds| encoder.u32(*seconds));
            encoder.list(refused, |encoder, customer| encoder.u32(customer.0));
        }
    }
}

fn read_revision(decoder: &mut FieldDecoder<'_>) -> Option<SourceRevision> {
    Some(match decoder.u8()? {
        0 => SourceRevision::Unknown,
        1 => {
            let mut value = || decoder.option(|decoder| decoder.octets().map(<[u8]>::to_vec));
            SourceRevision::Http { etag: value()?, last_modified: value()? }
        }
        2 => SourceRevision::Cache {
            version: Version::from_octet(decoder.u8()?)?,
            session: SessionId(decoder.u16()?),
            serial: Serial(decoder.u32()?),
            intervals: [decoder.u32()?, decoder.u32()?, decoder.u32()?],
            refused: decoder.list(|decoder| decoder.u32().map(Asn))?,
        },
        _ => return None,
    })
}

fn write_dates(encoder: &mut FieldEncoder, table: &StoredTable) {
    encoder.option(table.stated, FieldEncoder::u32);
    encoder.u32(table.age);
    match table.validity {
        StoredValidity::AsDated => encoder.u8(0),
        StoredValidity::Withdrawn => encoder.u8(1),
        StoredValidity::For(seconds) => {
            encoder.u8(2);
            encoder.u32(seconds);
        }
    }
}

fn read_dates(decoder: &mut FieldDecoder<'_>, table: Arc<Table>) -> Option<StoredTable> {
    let (stated, age) = (decoder.option(FieldDecoder::u32)?, decoder.u32()?);
    let validity = match decoder.u8()? {
        0 => StoredValidity::AsDated,
        1 => StoredValidity::Withdrawn,
        2 => StoredValidity::For(decoder.u32()?),
        _ => return None,
    };
    Some(StoredTable { table, stated, age, validity })
}

/// Kinds of losses without a name, by their number in the file.
const LOSSES: [LossOf; 5] = [LossOf::Vrps, LossOf::Ipv4Vrps, LossOf::Ipv6Vrps, LossOf::RouterKeys, LossOf::Aspas];

fn write_loss(encoder: &mut FieldEncoder, loss: &Loss) {
    let kind = LOSSES.iter().position(|kind| *kind == loss.of);
    encoder.u8(kind.and_then(|kind| u8::try_from(kind).ok()).unwrap_or(u8::MAX));
    if let LossOf::TrustAnchor(name) = &loss.of {
        encoder.text(name);
    }
    encoder.u64(loss.had as u64);
    encoder.u64(loss.lost as u64);
}

fn read_loss(decoder: &mut FieldDecoder<'_>) -> Option<Loss> {
    let of = match decoder.u8()? {
        u8::MAX => LossOf::TrustAnchor(decoder.text()?.to_owned()),
        kind => LOSSES.get(usize::from(kind))?.clone(),
    };
    let (had, lost) = (decoder.u64()?, decoder.u64()?);
    Some(Loss { of, had: usize::try_from(had).ok()?, lost: usize::try_from(lost).ok()? })
}
