//! Reads what a validator wrote, whatever its format: that is recognised by the content.

use crate::rows::Rows;
use crate::{csv, json};
use std::fmt;

/// The most octets that one value of a file may have: an ASPA with 10,000 providers has 120 KB.
pub(crate) const VALUE_OCTETS_MAX: usize = 1024 * 1024;

/// How much of a file is looked at to recognise it.
const START_OCTETS_MAX: usize = 4 * 1024;

/// Why a document is not what it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line, counted from 1.
    pub line: u64,
    /// The octet in the document, counted from 0.
    pub offset: u64,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing in it.
    Empty,
    /// An octet that UTF-8 does not allow.
    NotUtf8,
    /// It begins like nothing that validators write; with these words.
    Unrecognised(String),
    /// It breaks JSON's grammar.
    NotJson(&'static str),
    /// It ends in the middle.
    Truncated,
    /// A value that is neither a list nor an object is larger than any can be.
    ValueTooLarge,
    /// A member that should be a list (or with FORT an object) is something else.
    NotAList(&'static str),
    /// A member stands twice.
    MemberTwice(&'static str),
    /// It is JSON, and has none of the members of a validator's output.
    NothingKnown,
    /// Every entry was refused; the first for this reason.
    AllRefused {
        /// How many.
        entries: usize,
        /// The first one.
        first: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReadError { line, offset, reason } = self;
        match reason {
            Reason::Empty => f.write_str("the file is empty"),
            Reason::NotUtf8 => write!(f, "not UTF-8 at byte {offset} (line {line})"),
            Reason::Unrecognised(start) => {
                write!(f, "neither a validator's JSON nor its CSV: it begins with \"{start}\"")
            }
            Reason::NotJson(what) => write!(f, "not JSON at byte {offset} (line {line}): {what}"),
            Reason::Truncated => {
                write!(f, "truncated: the file ends at byte {offset} (line {line}) before it is complete")
            }
            Reason::ValueTooLarge => {
                write!(f, "the value at byte {offset} (line {line}) is larger than {VALUE_OCTETS_MAX} bytes")
            }
            Reason::NotAList(name) => write!(f, "member \"{name}\" at byte {offset} (line {line}) is not a list"),
            Reason::MemberTwice(name) => {
                write!(f, "member \"{name}\" stands twice, again at byte {offset} (line {line})")
            }
            Reason::NothingKnown => {
                f.write_str("JSON without VRPs (\"roas\"), router keys or ASPAs: not the output of a validator")
            }
            Reason::AllRefused { entries, first } => {
                write!(f, "none of its {entries} entries, or none of its VRPs, makes sense; the first is {first}")
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads one file.
pub struct Reader {
    format: Format,
}

enum Format {
    /// Not enough has come.
    Unknown(Vec<u8>),
    Json(Box<json::Reader>),
    Csv(Box<csv::Reader>),
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::new()
    }
}

impl Reader {
    /// A reader at the start of a file.
    pub fn new() -> Reader {
        Reader { format: Format::Unknown(Vec::new()) }
    }

    /// The next octets of the file, any number of them. After an error the reader is of no further use.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        match &mut self.format {
            Format::Json(reader) => reader.push(octets),
            Format::Csv(reader) => reader.push(octets),
            Format::Unknown(start) => {
                start.extend_from_slice(octets);
                let Some(mut format) = recognise(start) else { return Ok(()) };
                let pushed = match &mut format {
                    Format::Json(reader) => reader.push(start),
                    Format::Csv(reader) => reader.push(start),
                    Format::Unknown(_) => Ok(()),
                };
                self.format = format;
                pushed
            }
        }
    }

    /// The file is complete: what was accepted of it.
    pub fn finish(self) -> Result<Rows, ReadError> {
        let mut rows = match self.format {
            Format::Json(reader) => reader.finish()?,
            Format::Csv(reader) => reader.finish()?,
            Format::Unknown(start) => return Err(unrecognised(&start)),
        };
        rows.settle_aspas();
        // A list of VRPs of which none makes sense is no empty one: it must not withdraw them all.
        let refused = &rows.tally().refused_first;
        let refused_vrp = refused.iter().find(|refused| ["roas", "line"].contains(&refused.member));
        let first = match rows.accepted() {
            0 => refused.first(),
            _ => refused_vrp.filter(|_| rows.has_no_vrps()),
        };
        match first {
            Some(first) => {
                let reason = Reason::AllRefused { entries: rows.tally().entries, first: first.to_string() };
                Err(ReadError { line: 1, offset: 0, reason })
            }
            None => Ok(rows),
        }
    }
}

/// The format, once it shows: JSON by its first mark, CSV by its first line.
fn recognise(start: &[u8]) -> Option<Format> {
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    match text.trim_ascii_start() {
        [b'{' | b'[', ..] => Some(Format::Json(Box::new(json::Reader::new()))),
        [_, ..] if text.contains(&b'\n') || start.len() > START_OCTETS_MAX => {
            Some(Format::Csv(Box::new(csv::Reader::new())))
        }
        _ => None,
    }
}

/// Why a file whose format nobody knows is refused.
pub(crate) fn unrecognised(start: &[u8]) -> ReadError {
    let (offset, reason) = match std::str::from_utf8(start.get(..START_OCTETS_MAX).unwrap_or(start)) {
        Err(error) if error.error_len().is_some() => (error.valid_up_to(), Reason::NotUtf8),
        _ if start.trim_ascii().is_empty() => (0, Reason::Empty),
        _ => {
            let start = String::from_utf8_lossy(start.trim_ascii());
            let words = start.lines().next().unwrap_or_default().chars().take(40);
            (0, Reason::Unrecognised(words.flat_map(char::escape_default).collect()))
        }
    };
    ReadError { line: 1, offset: offset as u64, reason }
}
