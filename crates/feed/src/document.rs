//! The reader of a file that is not compressed, or has been decompressed: its format is recognised by its first octets.

use crate::error::{ReadError, Reason, unrecognised};
use crate::rows::{Rows, Tally};
use crate::start::{Compression, MAGIC_OCTETS_MAX, OtherKind, START_OCTETS_MAX, Start, without_mark};
use crate::{ccr, csv, json};

/// Reads one file that is not compressed.
pub(crate) struct DocumentReader {
    pub(crate) format: DocumentFormat,
}

pub(crate) enum DocumentFormat {
    /// Not enough has come.
    Unknown(Vec<u8>),
    Json(Box<json::JsonReader>),
    Csv(Box<csv::CsvReader>),
    Ccr(ccr::CcrReader),
}

impl DocumentFormat {
    fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        match self {
            DocumentFormat::Json(reader) => reader.push(octets),
            DocumentFormat::Csv(reader) => reader.push(octets),
            DocumentFormat::Ccr(reader) => reader.push(octets),
            DocumentFormat::Unknown(start) => {
                start.extend_from_slice(octets);
                Ok(())
            }
        }
    }
}

impl DocumentReader {
    /// A reader at the start of a file.
    pub(crate) fn new() -> DocumentReader {
        DocumentReader { format: DocumentFormat::Unknown(Vec::new()) }
    }

    /// The next octets of the file.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        self.format.push(octets)?;
        match &self.format {
            DocumentFormat::Unknown(start) if recognise_at_once(start).is_some() || start.len() >= MAGIC_OCTETS_MAX => {
                self.decide()
            }
            _ => Ok(()),
        }
    }

    /// Recognises the format by what has come: enough, or all of the file.
    fn decide(&mut self) -> Result<(), ReadError> {
        let DocumentFormat::Unknown(start) = &self.format else { return Ok(()) };
        let at_once = recognise_at_once(start);
        if at_once.is_none() && is_unmistakable(start) {
            return Err(unrecognised(start));
        }
        let Some(mut format) = at_once.or_else(|| recognise(start)) else { return Ok(()) };
        let pushed = format.push(start);
        self.format = format;
        pushed
    }

    /// The file is complete: returns the accepted entries.
    pub(crate) fn finish(mut self) -> Result<Rows, ReadError> {
        self.decide()?;
        let mut rows = match self.format {
            DocumentFormat::Json(reader) => reader.finish()?,
            DocumentFormat::Csv(reader) => reader.finish()?,
            DocumentFormat::Ccr(reader) => reader.finish()?,
            DocumentFormat::Unknown(start) => return Err(unrecognised(&start)),
        };
        rows.refuse_partial_aspas();
        // A list of VRPs of which all are invalid is not empty: it must not withdraw them all.
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

/// Recognises JSON by its first character, and CCR by the first octets of its DER, whatever follows.
fn recognise_at_once(start: &[u8]) -> Option<DocumentFormat> {
    // A SEQUENCE with a long length, or with a short one and an OBJECT IDENTIFIER: no text has these octets.
    if let [0x30, 0x80..=0xFF, ..] | [0x30, 0x0E..=0x7F, 0x06, ..] = start {
        return Some(DocumentFormat::Ccr(ccr::CcrReader::new()));
    }
    // A frame of zstd may begin as a list does.
    if !matches!(Compression::of(start), Start::Plain) {
        return None;
    }
    matches!(without_mark(start), [b'{' | b'[', ..]).then(|| DocumentFormat::Json(Box::new(json::JsonReader::new())))
}

/// Recognises CSV by its first line.
fn recognise(start: &[u8]) -> Option<DocumentFormat> {
    match without_mark(start) {
        _ if OtherKind::is_likely(start) && start.len() <= START_OCTETS_MAX => None,
        text @ [_, ..] if text.contains(&b'\n') || start.len() > START_OCTETS_MAX => {
            Some(DocumentFormat::Csv(Box::new(csv::CsvReader::new())))
        }
        _ => None,
    }
}

/// Returns whether a file begins like a kind that is not read, whatever follows.
fn is_unmistakable(start: &[u8]) -> bool {
    matches!(Compression::of(start), Start::Compressed(_))
        || OtherKind::of_binary(start).is_some()
        || (start.len() > START_OCTETS_MAX && OtherKind::is_likely(start) && OtherKind::of_text(start).is_some())
}
