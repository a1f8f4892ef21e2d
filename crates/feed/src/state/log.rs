//! The log: changes one behind the other, in files of which each start of the program begins a new one.
//!
//! A crash may have written the last change in part, or not at all. What is damaged is passed over: changes behind it are
//! read, since their serials were told.

use super::change::Change;
use super::error::StateError;
use super::file::FileKind;
use super::octets::has_sum;
use super::snapshot::{MachineId, read_lineage, write_lineage};
use rtrcast_proto::Lineage;
use rtrcast_proto::{FieldDecoder, FieldEncoder};
use xxhash_rust::xxh3::xxh3_64;

/// The octets that each change begins with.
const MAGIC: [u8; 4] = *b"rtc\n";

/// Octets before a change: these, and its length.
const FRAME_HEADER_OCTETS: usize = 8;

/// What a log says at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHeader {
    /// The line.
    pub lineage: Lineage,
    /// The machine.
    pub machine: Option<MachineId>,
    /// The number of the log: each is larger than those before it.
    pub number: u64,
    /// When it was begun, in seconds since 1970.
    pub begun: u32,
}

/// A log that was read.
#[derive(Clone, Debug)]
pub struct ChangeLog {
    /// What it says at its start.
    pub header: LogHeader,
    /// Its changes.
    pub changes: Vec<Change>,
    /// Octets that are no whole change, and where each run of them begins.
    pub damaged: Vec<(u64, u64)>,
}

impl LogHeader {
    /// Returns the start of a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = FieldEncoder::default();
        write_lineage(&mut encoder, &self.lineage);
        encoder.option(self.machine, |encoder, machine| encoder.raw(&machine.0));
        encoder.u64(self.number);
        encoder.u32(self.begun);
        FileKind::Log.start(&encoder.0)
    }

    fn read(header: &[u8]) -> Option<LogHeader> {
        let mut decoder = FieldDecoder::new(header);
        let header = LogHeader {
            lineage: read_lineage(&mut decoder)?,
            machine: decoder.option(|decoder| decoder.array().map(MachineId))?,
            number: decoder.u64()?,
            begun: decoder.u32()?,
        };
        decoder.is_empty().then_some(header)
    }
}

impl Change {
    /// Returns the octets that are appended to a log.
    pub fn encode(&self) -> Vec<u8> {
        let mut content = FieldEncoder::default();
        self.write(&mut content);
        let mut encoder = FieldEncoder::default();
        encoder.raw(&MAGIC);
        encoder.octets(&content.0);
        encoder.u64(xxh3_64(&encoder.0));
        encoder.0
    }

    /// Reads a change at the start of these octets, and returns how many octets it has; none if there is no whole one.
    pub fn decode(octets: &[u8]) -> Option<(Change, usize)> {
        let mut decoder = FieldDecoder::new(octets.strip_prefix(&MAGIC)?);
        let content = decoder.octets()?;
        let covered = FRAME_HEADER_OCTETS + content.len();
        if !has_sum(octets.get(..covered)?, decoder.u64()?) {
            return None;
        }
        let mut content = FieldDecoder::new(content);
        let change = Change::read(&mut content).filter(|_| content.is_empty())?;
        Some((change, covered + 8))
    }
}

impl ChangeLog {
    /// Reads a log. Only a start that is not whole is an error.
    pub fn read(octets: &[u8]) -> Result<ChangeLog, StateError> {
        let (header, mut at) = FileKind::Log.read_start(octets)?.ok_or(StateError::Truncated)?;
        let header = LogHeader::read(header).ok_or(StateError::Invalid("header"))?;
        let (mut changes, mut damaged) = (Vec::new(), Vec::new());
        while at < octets.len() {
            let rest = octets.get(at..).unwrap_or_default();
            if let Some((change, length)) = Change::decode(rest) {
                changes.push(change);
                at += length;
                continue;
            }
            let next = rest.windows(MAGIC.len()).enumerate().skip(1).find_map(|(place, octets)| {
                (octets == MAGIC && Change::decode(rest.get(place..)?).is_some()).then_some(place)
            });
            let length = next.unwrap_or(rest.len());
            damaged.push((at as u64, length as u64));
            at += length;
        }
        Ok(ChangeLog { header, changes, damaged })
    }
}
