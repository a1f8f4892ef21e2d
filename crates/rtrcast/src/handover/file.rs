//! The memory file through which everything is handed over but descriptors.

use crate::observe::metrics::HandoverCounts;
use rtrcast_net::Descriptors;
use rtrcast_proto::{FieldDecoder, FieldEncoder};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::RawFd;

/// What a file begins with.
const MAGIC: [u8; 8] = *b"rtrcast>";

/// The number of the format, which changes with all that is handed over: a program takes over from those of the same
/// format only.
pub(crate) const FORMAT: u32 = 1;

/// Collects what is handed over.
#[derive(Debug, Default)]
pub(crate) struct HandoverWriter<'a> {
    pub(crate) descriptors: Descriptors<'a>,
    /// Sockets that listen.
    pub(crate) sockets: FieldEncoder,
    /// Sessions and connections that wait.
    pub(crate) connections: FieldEncoder,
    /// Data sets that responses are sent from.
    pub(crate) octets: FieldEncoder,
}

impl HandoverWriter<'_> {
    /// Writes it into a sealed memory file. `line` is the line of data sets.
    pub(crate) fn finish(&self, line: &[u8], report: &HandoverReport) -> io::Result<File> {
        let mut head = FieldEncoder::default();
        head.raw(&MAGIC);
        head.u32(FORMAT);
        head.text(env!("CARGO_PKG_VERSION"));
        head.list(&self.descriptors.numbers(), |encoder, number| encoder.u32(number.unsigned_abs()));
        report.encode(&mut head);
        let file = File::from(memfd_create("rtrcast-handover", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        let mut writer = &file;
        writer.write_all(&head.0)?;
        for part in [&self.sockets.0[..], &self.octets.0, line, &self.connections.0] {
            writer.write_all(&u64::try_from(part.len()).map_err(io::Error::other)?.to_le_bytes())?;
            writer.write_all(part)?;
        }
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(file)
    }
}

/// What the other program reports of the handover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HandoverReport {
    /// Who asked for it.
    pub(crate) asked_by: String,
    /// The path that the program was started from, and is looked for at the next time.
    pub(crate) start_path: Vec<u8>,
    /// Handovers of this process before this one. What ended for this one is among those that ended.
    pub(crate) counts: HandoverCounts,
    /// The number of the upgrade, with those that failed.
    pub(crate) upgrade: u64,
    /// Connections that did not end in time.
    pub(crate) left_over: u32,
    /// When it began: the moment at which the first connection was taken out of its task.
    pub(crate) began: u64,
}

impl HandoverReport {
    fn encode(&self, encoder: &mut FieldEncoder) {
        encoder.text(&self.asked_by);
        encoder.octets(&self.start_path);
        let HandoverCounts { done, failures, connections, ended } = self.counts;
        [done, failures, connections, ended].into_iter().for_each(|count| encoder.u64(count));
        encoder.u64(self.upgrade);
        encoder.u32(self.left_over);
        encoder.u64(self.began);
    }

    fn decode(decoder: &mut FieldDecoder<'_>) -> Option<HandoverReport> {
        Some(HandoverReport {
            asked_by: decoder.text()?.to_owned(),
            start_path: decoder.octets()?.to_vec(),
            counts: HandoverCounts {
                done: decoder.u64()?,
                failures: decoder.u64()?,
                connections: decoder.u64()?,
                ended: decoder.u64()?,
            },
            upgrade: decoder.u64()?,
            left_over: decoder.u32()?,
            began: decoder.u64()?,
        })
    }
}

/// What was handed over, as it is read.
#[derive(Debug)]
pub(crate) struct HandoverFile {
    /// The version of the program before this one.
    pub(crate) version: String,
    /// The numbers of the descriptors, by index.
    pub(crate) numbers: Vec<RawFd>,
    pub(crate) report: HandoverReport,
    pub(crate) sockets: Vec<u8>,
    pub(crate) octets: Vec<u8>,
    pub(crate) line: Vec<u8>,
    pub(crate) connections: Vec<u8>,
}

impl HandoverFile {
    /// Reads a file; the reason, if this program can't take it over.
    pub(crate) fn read(file: &mut File) -> Result<HandoverFile, String> {
        let mut octets = Vec::new();
        let read = file.read_to_end(&mut octets);
        read.map_err(|error| format!("what is handed over can't be read: {error}"))?;
        let mut decoder = FieldDecoder::new(&octets);
        let format = decoder.array().filter(|magic| *magic == MAGIC).and_then(|_| decoder.u32());
        match format {
            Some(FORMAT) => {}
            Some(format) => return Err(format!("the handover has format {format}, and this program knows {FORMAT}")),
            None => return Err("what is handed over is no handover of rtrcast".to_owned()),
        }
        HandoverFile::decode(&mut decoder).ok_or_else(|| "what is handed over is damaged".to_owned())
    }

    fn decode(decoder: &mut FieldDecoder<'_>) -> Option<HandoverFile> {
        let version = decoder.text()?.to_owned();
        let numbers = decoder.list(|decoder| RawFd::try_from(decoder.u32()?).ok())?;
        let report = HandoverReport::decode(decoder)?;
        let mut part = || {
            let octets = usize::try_from(decoder.u64()?).ok()?;
            decoder.raw(octets).map(<[u8]>::to_vec)
        };
        let (sockets, octets, line, connections) = (part()?, part()?, part()?, part()?);
        decoder.is_empty().then_some(HandoverFile { version, numbers, report, sockets, octets, line, connections })
    }
}
