//! The reader of a file that is not compressed, or of what came of decompressing one: its format is recognised by its
//! first octets.

use crate::error::{ReadError, Reason, unrecognised};
use crate::rows::{Rows, Tally};
use crate::start::{Compression, OtherKind, START_OCTETS_MAX, Start};
use crate::{ccr, csv, json};

/// Reads one file that is not compressed.
pub(crate) struct Plain {
    pub(crate) format: Format,
}

pub(crate) enum Format {
    /// Not enough has come.
    Unknown(Vec<u8>),
    Json(Box<json::Reader>),
    Csv(Box<csv::Reader>),
    Ccr(ccr::Reader),
}

impl Format {
    fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        match self {
            Format::Json(reader) => reader.push(octets),
            Format::Csv(reader) => reader.push(octets),
            Format::Ccr(reader) => reader.push(octets),
            Format::Unknown(start) => {
                start.extend_from_slice(octets);
                Ok(())
            }
        }
    }
}

impl Plain {
    /// A reader at the start of a file.
    pub(crate) fn new() -> Plain {
        Plain { format: Format::Unknown(Vec::new()) }
    }

    /// The next octets of the file.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        self.format.push(octets)?;
        let Format::Unknown(start) = &self.format else { return Ok(()) };
        if is_unmistakable(start) {
            return Err(unrecognised(start));
        }
        let Some(mut format) = recognise(start) else { return Ok(()) };
        let pushed = format.push(start);
        self.format = format;
        pushed
    }

    /// The file is complete: what was accepted of it.
    pub(crate) fn finish(self) -> Result<Rows, ReadError> {
        let mut rows = match self.format {
            Format::Json(reader) => reader.finish()?,
            Format::Csv(reader) => reader.finish()?,
            Format::Ccr(reader) => reader.finish()?,
            Format::Unknown(start) => return Err(unrecognised(&start)),
        };
        rows.settle_aspas();
        // A list of VRPs of which none makes sense is no empty one: it must not withdraw them all.
        let Tally { refused_first, refused_vrp, .. } = rows.tally();
        let first = match rows.accepted() {
            0 => refused_first.first(),
            _ => refused_vrp.as_ref().filter(|_| rows.has_no_vrps()),
        };
        match first {
            Some(first) => {
                let reason = Reason::AllRefused { entries: rows.tally().entries, first: first.to_string() };
                Err(ReadError::new(1, 0, reason))
            }
            None => Ok(rows),
        }
    }
}

/// The format, once it shows: JSON by its first mark, CCR by the first octets of its DER, CSV by its first line.
fn recognise(start: &[u8]) -> Option<Format> {
    // A SEQUENCE with a long length, or with a short one and an OBJECT IDENTIFIER: no text has these octets.
    if let [0x30, 0x80..=0xFF, ..] | [0x30, 0x0E..=0x7F, 0x06, ..] = start {
        return Some(Format::Ccr(ccr::Reader::new()));
    }
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    match text.trim_ascii_start() {
        [b'{' | b'[', ..] => Some(Format::Json(Box::new(json::Reader::new()))),
        text if OtherKind::is_likely(text) && start.len() <= START_OCTETS_MAX => None,
        [_, ..] if text.contains(&b'\n') || start.len() > START_OCTETS_MAX => {
            Some(Format::Csv(Box::new(csv::Reader::new())))
        }
        _ => None,
    }
}

/// Whether octets show what a file is that is not read, whatever follows them.
fn is_unmistakable(start: &[u8]) -> bool {
    matches!(Compression::of(start), Start::Compressed(_))
        || OtherKind::of_binary(start).is_some()
        || (start.len() > START_OCTETS_MAX && OtherKind::of_text(start).is_some())
}
