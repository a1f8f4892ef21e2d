//! Reads what a validator wrote, whatever its format and compression: both are recognised by the content.

use crate::compressed::{self, Compression};
use crate::rows::Rows;
use crate::start::{OtherKind, START_OCTETS_MAX};
use crate::{ccr, csv, json};
use std::fmt;

/// The most octets that one value of a file may have: an ASPA with 10,000 providers has 120 KB.
pub(crate) const VALUE_OCTETS_MAX: usize = 1024 * 1024;

/// Why a document is not what it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The line, counted from 1; 0 where there are no lines.
    pub line: u64,
    /// The octet, counted from 0.
    pub offset: u64,
    /// What the two count.
    pub of: Octets,
    /// What is wrong there.
    pub reason: Reason,
}

impl ReadError {
    /// A place in the file as it came.
    pub(crate) fn new(line: u64, offset: u64, reason: Reason) -> ReadError {
        ReadError { line, offset, of: Octets::File, reason }
    }

    /// A place in a file that has no lines.
    pub(crate) fn in_binary(offset: u64, reason: Reason) -> ReadError {
        ReadError::new(0, offset, reason)
    }
}

/// The octets among which an error has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Octets {
    /// Those of the file.
    File,
    /// Those that came of decompressing it.
    Decompressed,
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
    /// It is something else that is well known.
    OtherKind(OtherKind),
    /// It breaks JSON's grammar.
    NotJson(&'static str),
    /// It ends in the middle.
    Truncated,
    /// The compression is broken: which it is, and what is wrong with it.
    Compression(String),
    /// To decompress it takes a dictionary that is larger than any may be.
    Dictionary {
        /// Its size in MiB.
        mib: u32,
        /// The largest size that is allowed.
        mib_max: u32,
    },
    /// It has more octets than this.
    TooLarge(u64),
    /// It breaks a rule of the Canonical Cache Representation.
    Ccr(String),
    /// It is a Canonical Cache Representation that says nothing of VRPs, not even that there are none.
    CcrWithoutVrps,
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
        if self.of == Octets::Decompressed {
            f.write_str("after decompression: ")?;
        }
        let place = Place(self);
        match &self.reason {
            Reason::Empty => f.write_str("the file is empty"),
            Reason::NotUtf8 => write!(f, "not UTF-8 at {place}"),
            Reason::Unrecognised(start) => {
                write!(f, "neither a validator's JSON nor its CSV nor a CCR: it begins with \"{start}\"")
            }
            Reason::OtherKind(kind) => write!(f, "this is {kind}; {}", kind.way_out()),
            Reason::NotJson(what) => write!(f, "not JSON at {place}: {what}"),
            Reason::Truncated => write!(f, "truncated: the file ends at {place} before it is complete"),
            Reason::Compression(what) => write!(f, "the compression is broken behind {place}: {what}"),
            Reason::Dictionary { mib, mib_max } => write!(
                f,
                "to decompress it takes a dictionary of {mib} MiB, more than the {mib_max} MiB that are allowed; compress it \
                 with a smaller one, as xz -9 does"
            ),
            Reason::TooLarge(octets_max) => write!(f, "larger than {octets_max} bytes"),
            Reason::Ccr(what) => write!(f, "CCR: {what} at {place}"),
            Reason::CcrWithoutVrps => f.write_str("the CCR has no VRPs element: it does not say that there are none"),
            Reason::ValueTooLarge => write!(f, "the value at {place} is larger than {VALUE_OCTETS_MAX} bytes"),
            Reason::NotAList(name) => write!(f, "member \"{name}\" at {place} is not a list"),
            Reason::MemberTwice(name) => write!(f, "member \"{name}\" stands twice, again at {place}"),
            Reason::NothingKnown => {
                f.write_str("JSON without VRPs (\"roas\"), router keys or ASPAs: not the output of a validator")
            }
            Reason::AllRefused { entries, first } => {
                write!(f, "all of its {entries} entries, or all VRPs, are invalid; the first is {first}")
            }
        }
    }
}

/// Where an error is, in words.
struct Place<'a>(&'a ReadError);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReadError { line, offset, .. } = self.0;
        match line {
            0 => write!(f, "byte {offset}"),
            _ => write!(f, "byte {offset} (line {line})"),
        }
    }
}

impl std::error::Error for ReadError {}

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
                    compressed::Start::TooShort => {
                        self.content = Content::Unknown(start);
                        Ok(())
                    }
                    compressed::Start::Plain => {
                        let mut reader = Plain::new();
                        let pushed = reader.push(&start);
                        self.content = Content::Plain(reader);
                        pushed
                    }
                    compressed::Start::Compressed(compression) => {
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

/// Reads one file that is not compressed.
pub(crate) struct Plain {
    format: Format,
}

enum Format {
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
        let refused = &rows.tally().refused_first;
        let refused_vrp = refused.iter().find(|refused| ["roas", "line"].contains(&refused.member));
        let first = match rows.accepted() {
            0 => refused.first(),
            _ => refused_vrp.filter(|_| rows.has_no_vrps()),
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
    matches!(Compression::of(start), compressed::Start::Compressed(_))
        || OtherKind::of_binary(start).is_some()
        || (start.len() > START_OCTETS_MAX && OtherKind::of_text(start).is_some())
}

/// Why a file whose format nobody knows is refused.
pub(crate) fn unrecognised(start: &[u8]) -> ReadError {
    let kind = match Compression::of(start) {
        // It stands within another one.
        compressed::Start::Compressed(compression) => Some(OtherKind::CompressedTwice(compression.name())),
        compressed::Start::TooShort | compressed::Start::Plain => OtherKind::of(start),
    };
    if let Some(kind) = kind {
        return ReadError::new(1, 0, Reason::OtherKind(kind));
    }
    let (offset, reason) = match std::str::from_utf8(start.get(..START_OCTETS_MAX).unwrap_or(start)) {
        Err(error) if error.error_len().is_some() => (error.valid_up_to(), Reason::NotUtf8),
        _ if start.trim_ascii().is_empty() => (0, Reason::Empty),
        _ => {
            let start = String::from_utf8_lossy(start.trim_ascii());
            let words = start.lines().next().unwrap_or_default().chars().take(40);
            (0, Reason::Unrecognised(words.flat_map(char::escape_default).collect()))
        }
    };
    ReadError::new(1, offset as u64, reason)
}
