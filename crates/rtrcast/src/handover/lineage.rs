//! The line of data sets, with the tables of the sources and the record of changes.

use crate::state::{KeptFiles, SourceHash};
use rtrcast_feed::Table;
use rtrcast_feed::state::{ReadStateError, Snapshot, SnapshotHeader, SnapshotReader, SourceReader, StoredSource};
use rtrcast_net::{DataSink, SharedOctets};
use rtrcast_proto::{Epoch, FieldDecoder, FieldEncoder, History, HistoryLimits, Image, Section, Version};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::thread;

/// Writes a line.
pub(crate) struct LineWriter<'a> {
    pub(crate) history: &'a History,
    /// What the hub knows of the sets, written by itself.
    pub(crate) recorder: &'a [u8],
    /// Identifies the line in a state directory.
    pub(crate) epoch: Epoch,
    /// When the served set was first served, in seconds since 1970.
    pub(crate) changed: u32,
    /// The set that is served, with expiries and trust anchors; none while nothing is.
    pub(crate) served: Option<(SnapshotHeader, Table)>,
    pub(crate) sources: Vec<(SourceHash, StoredSource)>,
    pub(crate) kept: Option<KeptFiles>,
    /// Changes in memory, encoded, and since when all are there, in seconds since 1970.
    pub(crate) changes: (Option<u32>, Vec<Vec<u8>>),
}

impl LineWriter<'_> {
    /// Writes it. The current set is added to the shared octets.
    pub(crate) fn write(&self, octets: &mut SharedOctets) -> Vec<u8> {
        let mut encoder = FieldEncoder::default();
        encoder.option(self.history.current(), |encoder, image| {
            encoder.u32(octets.number_of(image.shared()));
            encoder.u8(image.version().octet());
            for section in Section::ALL {
                encoder.u64(image.layout().count(section) as u64);
            }
        });
        let mut history = FieldEncoder::default();
        self.history.encode(&mut history);
        encoder.octets(&history.0);
        encoder.octets(self.recorder);
        encoder.raw(&self.epoch.0);
        encoder.u32(self.changed);
        encoder.option(self.served.as_ref(), |encoder, (header, table)| {
            encoder.octets(&written(|emit| header.write(table, &mut |octets: &[u8]| emit(octets))));
        });
        encoder.list(&self.sources, |encoder, (hash, source)| {
            encoder.u64(hash.0);
            encoder.octets(&written(|emit| source.write(&mut |octets: &[u8]| emit(octets))));
        });
        encoder.option(self.kept, |encoder, kept| {
            encoder.u8(u8::from(kept.is_complete));
            encoder.option(kept.snapshot, FieldEncoder::u32);
            [kept.tables, kept.first_log, kept.next_log].into_iter().for_each(|number| encoder.u64(number));
        });
        let (begins, changes) = &self.changes;
        encoder.option(*begins, FieldEncoder::u32);
        encoder.list(changes, |encoder, change| encoder.octets(change));
        encoder.0
    }
}

/// Returns what is emitted.
fn written(write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Infallible>) -> Result<(), Infallible>) -> Vec<u8> {
    let mut octets = Vec::new();
    let Ok(()) = write(&mut |piece: &[u8]| {
        octets.extend_from_slice(piece);
        Ok(())
    });
    octets
}

/// A line that was handed over.
#[derive(Debug)]
pub(crate) struct HandedLine {
    pub(crate) history: History,
    /// What the hub knew of the sets, as it wrote it.
    pub(crate) recorder: Vec<u8>,
    pub(crate) epoch: Epoch,
    /// When the served set was first served, in seconds since 1970.
    pub(crate) changed: u32,
    pub(crate) served: Option<Snapshot>,
    pub(crate) sources: BTreeMap<SourceHash, StoredSource>,
    pub(crate) kept: Option<KeptFiles>,
    pub(crate) changes: (Option<u32>, Vec<Vec<u8>>),
}

impl HandedLine {
    /// Reads it; the reason, if it can't be taken over.
    pub(crate) fn read(line: &[u8], octets: &SharedOctets, limits: HistoryLimits) -> Result<HandedLine, String> {
        let mut decoder = FieldDecoder::new(line);
        let parts = Parts::decode(&mut decoder).filter(|_| decoder.is_empty());
        let parts = parts.ok_or("the line of data sets that is handed over is damaged")?;
        let current = match parts.current {
            Some((number, version, counts)) => {
                let shared = octets.get(number).ok_or("the data set is not handed over")?;
                let image = Image::from_octets(version, counts, shared);
                Some(image.map_err(|error| format!("the data set that is handed over: {error}"))?)
            }
            None => None,
        };
        let history = History::decode(&mut FieldDecoder::new(parts.history), limits, current);
        let history = history.ok_or("the history that is handed over is damaged")?;
        // They are as large as each other, and reading them takes the processor.
        let (served, sources) = thread::scope(|scope| {
            let sources: Vec<_> =
                parts.sources.iter().map(|(hash, octets)| (*hash, scope.spawn(|| source(octets)))).collect();
            let served = parts.served.map(snapshot).transpose()?;
            let sources = sources.into_iter().map(|(hash, thread)| {
                Ok((hash, thread.join().map_err(|_| "the table of a source can't be read".to_owned())??))
            });
            Ok::<_, String>((served, sources.collect::<Result<BTreeMap<_, _>, String>>()?))
        })?;
        Ok(HandedLine {
            history,
            recorder: parts.recorder.to_vec(),
            epoch: parts.epoch,
            changed: parts.changed,
            served,
            sources,
            kept: parts.kept,
            changes: parts.changes,
        })
    }
}

/// A line whose parts are not read yet.
struct Parts<'a> {
    current: Option<(u32, Version, [usize; 4])>,
    history: &'a [u8],
    recorder: &'a [u8],
    epoch: Epoch,
    changed: u32,
    served: Option<&'a [u8]>,
    sources: Vec<(SourceHash, &'a [u8])>,
    kept: Option<KeptFiles>,
    changes: (Option<u32>, Vec<Vec<u8>>),
}

impl<'a> Parts<'a> {
    fn decode(decoder: &mut FieldDecoder<'a>) -> Option<Parts<'a>> {
        Some(Parts {
            current: decoder.option(|decoder| {
                let (number, version) = (decoder.u32()?, Version::from_octet(decoder.u8()?)?);
                let mut counts = [0; 4];
                for count in &mut counts {
                    *count = usize::try_from(decoder.u64()?).ok()?;
                }
                Some((number, version, counts))
            })?,
            history: decoder.octets()?,
            recorder: decoder.octets()?,
            epoch: Epoch(decoder.array()?),
            changed: decoder.u32()?,
            served: decoder.option(FieldDecoder::octets)?,
            sources: decoder.list(|decoder| Some((SourceHash(decoder.u64()?), decoder.octets()?)))?,
            kept: decoder.option(|decoder| {
                Some(KeptFiles {
                    is_complete: decoder.bool()?,
                    snapshot: decoder.option(FieldDecoder::u32)?,
                    tables: decoder.u64()?,
                    first_log: decoder.u64()?,
                    next_log: decoder.u64()?,
                })
            })?,
            changes: (
                decoder.option(FieldDecoder::u32)?,
                decoder.list(|decoder| decoder.octets().map(<[u8]>::to_vec))?,
            ),
        })
    }
}

fn snapshot(octets: &[u8]) -> Result<Snapshot, String> {
    let mut reader = SnapshotReader::new(DataSink::new);
    let read = reader.push(octets).and_then(|()| reader.finish());
    read.map_err(|error| format!("the set that is handed over: {}", reason(&error)))
}

fn source(octets: &[u8]) -> Result<StoredSource, String> {
    let mut reader = SourceReader::new(DataSink::new);
    let read = reader.push(octets).and_then(|()| reader.finish());
    read.map_err(|error| format!("the table of a source that is handed over: {}", reason(&error)))
}

fn reason(error: &ReadStateError<io::Error>) -> &dyn fmt::Display {
    match error {
        ReadStateError::State(error) => error,
        ReadStateError::Sink(error) => error,
    }
}
