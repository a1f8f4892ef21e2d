//! Reader of validators' files of any format and compression: both are recognised by the content.

use crate::document::{DocumentFormat, DocumentReader};
use crate::error::{ReadError, VALUE_OCTETS_MAX, unrecognised};
use crate::rows::Rows;
use crate::start::{Compression, Start};
use crate::{compressed, csv, json};

/// Reads one file.
pub struct Reader {
    content: ReaderContent,
}

enum ReaderContent {
    /// Too few octets have come to recognise compression.
    Unknown(Vec<u8>),
    Plain(DocumentReader),
    Compressed(Box<compressed::CompressedReader>),
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::new()
    }
}

impl Reader {
    /// A reader at the start of a file.
    pub fn new() -> Reader {
        Reader { content: ReaderContent::Unknown(Vec::new()) }
    }

    /// The next octets of the file, any number of them. After an error the reader is of no further use.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        match &mut self.content {
            ReaderContent::Plain(reader) => reader.push(octets),
            ReaderContent::Compressed(reader) => reader.push(octets),
            ReaderContent::Unknown(start) => {
                start.extend_from_slice(octets);
                let start = std::mem::take(start);
                match Compression::of(&start) {
                    Start::TooShort => {
                        self.content = ReaderContent::Unknown(start);
                        Ok(())
                    }
                    Start::Plain => {
                        let mut reader = DocumentReader::new();
                        let pushed = reader.push(&start);
                        self.content = ReaderContent::Plain(reader);
                        pushed
                    }
                    Start::Compressed(compression) => {
                        let mut reader = Box::new(compressed::CompressedReader::new(compression)?);
                        let pushed = reader.push(&start);
                        self.content = ReaderContent::Compressed(reader);
                        pushed
                    }
                }
            }
        }
    }

    /// Returns how to read pieces of the file speculatively, once that is known; none for a file that is compressed, or
    /// that can only be read as a whole.
    pub fn prefetch(&self) -> Option<Prefetch> {
        match &self.content {
            ReaderContent::Plain(DocumentReader { format: DocumentFormat::Json(_) }) => {
                Some(Prefetch(PrefetchFormat::Json))
            }
            ReaderContent::Plain(DocumentReader { format: DocumentFormat::Csv(reader) }) => {
                reader.columns().cloned().map(|columns| Prefetch(PrefetchFormat::Csv(columns)))
            }
            ReaderContent::Plain(_) | ReaderContent::Unknown(_) | ReaderContent::Compressed(_) => None,
        }
    }

    /// The next octets of the file, which may have been read speculatively. The result is the same as of
    /// [`push`](Reader::push) with them.
    pub fn push_speculated(&mut self, piece: &[u8], speculated: Option<Speculated>) -> Result<(), ReadError> {
        match (&mut self.content, speculated) {
            (
                ReaderContent::Plain(DocumentReader { format: DocumentFormat::Json(reader) }),
                Some(Speculated(SpeculatedContent::Json(speculated))),
            ) => reader.push_speculated(piece, speculated),
            (
                ReaderContent::Plain(DocumentReader { format: DocumentFormat::Csv(reader) }),
                Some(Speculated(SpeculatedContent::Csv(speculated))),
            ) => reader.push_speculated(piece, speculated),
            _ => self.push(piece),
        }
    }

    /// The file is complete: returns the accepted entries.
    pub fn finish(self) -> Result<Rows, ReadError> {
        match self.content {
            ReaderContent::Plain(reader) => reader.finish(),
            ReaderContent::Compressed(reader) => reader.finish(),
            ReaderContent::Unknown(start) => Err(unrecognised(&start)),
        }
    }
}

/// Speculative reading of a piece of a file, by another thread say, so that several processors read one file.
///
/// ```
/// # let document = [br#"{"roas": ["#.as_slice(), &br#"{"asn": 1, "prefix": "192.0.2.0/24"},"#.repeat(9), b"{}]}"].concat();
/// let (first, second) = document.split_at(document.len() / 2);
/// let mut reader = rtrcast_feed::Reader::new();
/// reader.push(first)?;
/// let speculated = reader.prefetch().and_then(|prefetch| prefetch.read(second));
/// reader.push_speculated(second, speculated)?;
/// # assert_eq!(reader.finish()?.accepted(), 9);
/// # Ok::<(), rtrcast_feed::ReadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prefetch(PrefetchFormat);

#[derive(Clone, Debug)]
enum PrefetchFormat {
    Json,
    Csv(csv::CsvColumns),
}

impl Prefetch {
    /// Reads as much of a piece as is possible without the octets before it; nothing of a piece of more than a
    /// mebibyte.
    pub fn read(&self, piece: &[u8]) -> Option<Speculated> {
        if piece.len() > VALUE_OCTETS_MAX {
            return None;
        }
        let entries = match &self.0 {
            PrefetchFormat::Json => json::SpeculatedEntries::read(piece).map(SpeculatedContent::Json),
            PrefetchFormat::Csv(columns) => csv::SpeculatedLines::read(piece, columns).map(SpeculatedContent::Csv),
        };
        entries.map(Speculated)
    }
}

/// Entries of a piece that were read speculatively.
pub struct Speculated(SpeculatedContent);

enum SpeculatedContent {
    Json(json::SpeculatedEntries),
    Csv(csv::SpeculatedLines),
}
