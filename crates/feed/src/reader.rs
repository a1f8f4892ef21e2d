//! Reads what a validator wrote, whatever its format and compression: both are recognised by the content.

use crate::document::{Format, Plain};
use crate::error::{ReadError, VALUE_OCTETS_MAX, unrecognised};
use crate::rows::Rows;
use crate::start::{Compression, Start};
use crate::{compressed, csv, json};

/// Reads one file.
pub struct Reader {
    content: Content,
}

enum Content {
    /// Not enough has come to know whether it is compressed.
    Unknown(Vec<u8>),
    Plain(Plain),
    Compressed(Box<compressed::Reader>),
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::new()
    }
}

impl Reader {
    /// A reader at the start of a file.
    pub fn new() -> Reader {
        Reader { content: Content::Unknown(Vec::new()) }
    }

    /// The next octets of the file, any number of them. After an error the reader is of no further use.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        match &mut self.content {
            Content::Plain(reader) => reader.push(octets),
            Content::Compressed(reader) => reader.push(octets),
            Content::Unknown(start) => {
                start.extend_from_slice(octets);
                let start = std::mem::take(start);
                match Compression::of(&start) {
                    Start::TooShort => {
                        self.content = Content::Unknown(start);
                        Ok(())
                    }
                    Start::Plain => {
                        let mut reader = Plain::new();
                        let pushed = reader.push(&start);
                        self.content = Content::Plain(reader);
                        pushed
                    }
                    Start::Compressed(compression) => {
                        let mut reader = Box::new(compressed::Reader::new(compression)?);
                        let pushed = reader.push(&start);
                        self.content = Content::Compressed(reader);
                        pushed
                    }
                }
            }
        }
    }

    /// How pieces of the file can be read before their turn, once that is known; never for a file that is compressed, or
    /// of which only the whole makes sense.
    pub fn ahead(&self) -> Option<Ahead> {
        match &self.content {
            Content::Plain(Plain { format: Format::Json(_) }) => Some(Ahead(Form::Json)),
            Content::Plain(Plain { format: Format::Csv(reader) }) => {
                reader.columns().cloned().map(|columns| Ahead(Form::Csv(columns)))
            }
            Content::Plain(_) | Content::Unknown(_) | Content::Compressed(_) => None,
        }
    }

    /// The next octets of the file, read already as far as that could be done before their turn. It comes to the same as
    /// [`push`](Reader::push) with them.
    pub fn push_ahead(&mut self, piece: &[u8], stretch: Option<Stretch>) -> Result<(), ReadError> {
        match (&mut self.content, stretch) {
            (Content::Plain(Plain { format: Format::Json(reader) }), Some(Stretch(Entries::Json(stretch)))) => {
                reader.push_stretch(piece, stretch)
            }
            (Content::Plain(Plain { format: Format::Csv(reader) }), Some(Stretch(Entries::Csv(stretch)))) => {
                reader.push_stretch(piece, stretch)
            }
            _ => self.push(piece),
        }
    }

    /// The file is complete: what was accepted of it.
    pub fn finish(self) -> Result<Rows, ReadError> {
        match self.content {
            Content::Plain(reader) => reader.finish(),
            Content::Compressed(reader) => reader.finish(),
            Content::Unknown(start) => Err(unrecognised(&start)),
        }
    }
}

/// How a piece of a file can be read before its turn, by another thread say, so that several processors read one file.
///
/// ```
/// # let document = [br#"{"roas": ["#.as_slice(), &br#"{"asn": 1, "prefix": "192.0.2.0/24"},"#.repeat(9), b"{}]}"].concat();
/// let (first, second) = document.split_at(document.len() / 2);
/// let mut reader = rtrcast_feed::Reader::new();
/// reader.push(first)?;
/// let stretch = reader.ahead().and_then(|ahead| ahead.read(second));
/// reader.push_ahead(second, stretch)?;
/// # assert_eq!(reader.finish()?.accepted(), 9);
/// # Ok::<(), rtrcast_feed::ReadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ahead(Form);

#[derive(Clone, Debug)]
enum Form {
    Json,
    Csv(csv::Columns),
}

impl Ahead {
    /// Reads what can be understood of a piece without what is before it; nothing of a piece of more than a mebibyte.
    pub fn read(&self, piece: &[u8]) -> Option<Stretch> {
        if piece.len() > VALUE_OCTETS_MAX {
            return None;
        }
        let entries = match &self.0 {
            Form::Json => json::Stretch::read(piece).map(Entries::Json),
            Form::Csv(columns) => csv::Stretch::read(piece, columns).map(Entries::Csv),
        };
        entries.map(Stretch)
    }
}

/// What was read of a piece before its turn.
pub struct Stretch(Entries);

enum Entries {
    Json(json::Stretch),
    Csv(csv::Stretch),
}
