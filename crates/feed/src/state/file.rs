//! What all files of state begin with: the kind of file, the format, and a header with its checksum.

use super::error::{FORMAT, StateError};
use super::octets::has_sum;
use rtrcast_proto::{FieldDecoder, FieldEncoder};
use xxhash_rust::xxh3::xxh3_64;

/// The octets before a header: name, kind, format and length.
const FIXED_OCTETS: usize = 16;

/// The most octets of a header: names of trust anchors and sources, and what sources revision.
const HEADER_OCTETS_MAX: usize = 4 * 1024 * 1024;

/// Octets of a checksum.
pub(super) const CHECKSUM_OCTETS: usize = 8;

/// Kind of a file of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The set that is served.
    Snapshot,
    /// Changes, one behind the other.
    Log,
    /// The tables of a source.
    Source,
}

impl FileKind {
    /// The octets that a file of this kind begins with.
    fn magic(self) -> &'static [u8; 8] {
        match self {
            FileKind::Snapshot => b"rtrcastS",
            FileKind::Log => b"rtrcastL",
            FileKind::Source => b"rtrcastT",
        }
    }

    /// Returns the kind of a file by its first octets; none if it is no file of state.
    pub fn of(octets: &[u8]) -> Option<FileKind> {
        let kinds = [FileKind::Snapshot, FileKind::Log, FileKind::Source];
        kinds.into_iter().find(|kind| octets.starts_with(kind.magic()))
    }

    /// Returns the start of a file with this header.
    pub(super) fn start(self, header: &[u8]) -> Vec<u8> {
        let mut encoder = FieldEncoder::default();
        encoder.raw(self.magic());
        encoder.u32(FORMAT);
        encoder.octets(header);
        encoder.u64(xxh3_64(&encoder.0));
        encoder.0
    }

    /// Reads the start of a file: the header, and how many octets the start has; none if more octets are needed.
    pub(super) fn read_start(self, octets: &[u8]) -> Result<Option<(&[u8], usize)>, StateError> {
        let magic = self.magic();
        if !magic.starts_with(octets.get(..magic.len()).unwrap_or(octets)) {
            return Err(StateError::NotState);
        }
        let mut decoder = FieldDecoder::new(octets);
        let fixed = (|| {
            decoder.raw(magic.len())?;
            Some((decoder.u32()?, decoder.size()?))
        })();
        let Some((format, length)) = fixed else { return Ok(None) };
        if format != FORMAT {
            return Err(StateError::Format(format));
        }
        if length > HEADER_OCTETS_MAX {
            return Err(StateError::Checksum(0));
        }
        let (Some(header), Some(checksum)) = (decoder.raw(length), decoder.u64()) else { return Ok(None) };
        let covered = octets.get(..FIXED_OCTETS + length).unwrap_or_default();
        match has_sum(covered, checksum) {
            true => Ok(Some((header, FIXED_OCTETS + length + CHECKSUM_OCTETS))),
            false => Err(StateError::Checksum(0)),
        }
    }
}
