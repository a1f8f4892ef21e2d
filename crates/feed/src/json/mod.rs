//! JSON as validators write it: rpki-client, Routinator (`json` and `jsonext`), FORT, OctoRPKI, rpki-prover, RTRTR,
//! StayRTR. They differ in the names of members, so one reader reads them all.
//!
//! The reader is pushed a file in pieces and keeps a window: octets that have been pushed and not yet read. Unknown
//! members are skipped, in any order; an invalid entry is refused and counted, and the rest is read, which a general
//! JSON library can't do. A file that is not JSON, or ends too early, is refused as a whole.
//!
//! `scan.rs` reads JSON, `list.rs` has the names of lists, `entry.rs` reads the entries, `shape.rs` reads those fast that have the shape of the one before,
//! `speculated.rs` reads entries ahead, and this file reads the structure of a document.

mod entry;
mod field;
mod list;
pub(crate) mod scan;
mod shape;
mod speculated;

use crate::error::{ReadError, Reason, VALUE_OCTETS_MAX};
use crate::rows::Rows;
use crate::start::OtherKind;
pub(crate) use list::is_list_of_vrps;
use list::{AUTHORIZATIONS, EntryList, METADATA, ParentObject};
use scan::{JsonCursor, ScanError, Skip};
pub(crate) use speculated::SpeculatedEntries;

/// State of the parser: its position in a document.
#[derive(Clone, Copy, Debug)]
enum ParserState {
    /// Before the opening brace.
    Start,
    /// After the opening brace: a member, or the end.
    FirstMember,
    /// After a comma between members.
    NextMember,
    /// After a member's value: a comma, or the end.
    AfterMember,
    /// In an unknown member's value.
    Unknown(Skip),
    /// After the opening bracket of a known member: an entry, or the end.
    FirstEntry(EntryList),
    /// After a comma between entries.
    NextEntry(EntryList),
    /// In an entry that is larger than any can be: it is skipped and refused.
    LargeEntry(EntryList, Skip),
    /// After an entry: a comma, or the end.
    AfterEntry(EntryList),
    /// After the closing brace: white space.
    End,
}

/// Possibility of another step with the octets that are there.
enum More {
    Perhaps,
    No,
}

/// Reads one document.
pub(crate) struct JsonReader {
    window: Vec<u8>,
    /// Offset in the window up to which the document has been read.
    at: usize,
    /// Octets of the document before the window.
    offset: u64,
    /// Line ends before the window.
    lines: u64,
    /// The beginning of a character that the last piece cut, if it did.
    partial: Vec<u8>,
    state: ParserState,
    among: ParentObject,
    /// Number of entries read of each known list; none for a list that has not come.
    seen: [Option<usize>; EntryList::ALL.len()],
    rows: Rows,
    scratch: entry::Scratch,
    /// True if it has the member that each SLURM file has.
    is_slurm: bool,
}

/// A member that only SLURM files have, and each of them.
const SLURM_VERSION: &str = "slurmVersion";

/// Returns the place of the first octet that is no white space: how much of that has been read depends on the pieces.
fn first_of(window: &[u8], start: usize) -> usize {
    let rest = window.get(start..).unwrap_or_default();
    start + rest.len() - rest.trim_ascii_start().len()
}

impl JsonReader {
    /// A reader at the start of a document.
    pub(crate) fn new() -> JsonReader {
        JsonReader {
            window: Vec::new(),
            at: 0,
            offset: 0,
            lines: 0,
            partial: Vec::new(),
            state: ParserState::Start,
            among: ParentObject::Document,
            seen: [None; EntryList::ALL.len()],
            rows: Rows::default(),
            scratch: entry::Scratch::default(),
            is_slurm: false,
        }
    }

    /// The next octets of the document, any number of them. After an error the reader is of no further use.
    pub(crate) fn push(&mut self, octets: &[u8]) -> Result<(), ReadError> {
        self.slide();
        self.window.extend_from_slice(octets);
        match self.check_utf8(octets) {
            Ok(()) => self.read(),
            Err(not_utf8) => {
                // An error before that has precedence, as with smaller pieces.
                let valid = usize::try_from(not_utf8.offset.saturating_sub(self.offset)).unwrap_or(usize::MAX);
                self.window.truncate(valid);
                self.partial.clear();
                self.read()?;
                Err(not_utf8)
            }
        }
    }

    /// The document is complete: returns the accepted entries.
    pub(crate) fn finish(mut self) -> Result<Rows, ReadError> {
        self.read()?;
        match self.state {
            ParserState::End if self.partial.is_empty() => {}
            ParserState::Start if self.window.get(self.at..).unwrap_or_default().trim_ascii().is_empty() => {
                return Err(self.error(self.window.len(), Reason::Empty));
            }
            _ => return Err(self.error(self.window.len(), Reason::Truncated)),
        }
        // An empty list that is the whole document has no kind.
        let nothing = |(member, seen): (EntryList, Option<usize>)| match seen {
            None => true,
            Some(entries) => member == EntryList::Document && entries == 0,
        };
        if EntryList::ALL.into_iter().zip(self.seen).all(nothing) {
            let reason = if self.is_slurm { Reason::OtherKind(OtherKind::Slurm) } else { Reason::NothingKnown };
            return Err(self.error(0, reason));
        }
        Ok(self.rows)
    }

    /// Drops the octets that have been read.
    fn slide(&mut self) {
        let done = self.window.get(..self.at).unwrap_or_default();
        self.lines += line_ends(done);
        self.offset += done.len() as u64;
        self.window.drain(..self.at);
        self.at = 0;
    }

    /// Checks the octets that were just pushed, together with a character that the last push may have cut.
    fn check_utf8(&mut self, pushed: &[u8]) -> Result<(), ReadError> {
        let mut rest = pushed;
        while !self.partial.is_empty() {
            let Some((octet, after)) = rest.split_first() else { return Ok(()) };
            self.partial.push(*octet);
            rest = after;
            match std::str::from_utf8(&self.partial) {
                Ok(_) => self.partial.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    let start = self.window.len() - rest.len() - self.partial.len();
                    return Err(self.error(start, Reason::NotUtf8));
                }
            }
        }
        if rest.is_ascii() {
            return Ok(());
        }
        match std::str::from_utf8(rest) {
            Ok(_) => {}
            Err(error) if error.error_len().is_none() => {
                self.partial.extend_from_slice(rest.get(error.valid_up_to()..).unwrap_or_default());
            }
            Err(error) => {
                return Err(self.error(self.window.len() - rest.len() + error.valid_up_to(), Reason::NotUtf8));
            }
        }
        Ok(())
    }

    fn error(&self, at: usize, reason: Reason) -> ReadError {
        let before = self.window.get(..at).unwrap_or(&self.window);
        ReadError::new(1 + self.lines + line_ends(before), self.offset + before.len() as u64, reason)
    }

    /// Reads as much of the window as is complete.
    fn read(&mut self) -> Result<(), ReadError> {
        let window = std::mem::take(&mut self.window);
        // A character that the last piece cut is not read before it is whole: it may be none.
        let whole = window.len().saturating_sub(self.partial.len());
        let result = self.read_window(window.get(..whole).unwrap_or(&window));
        self.window = window;
        result.map_err(|(at, reason)| self.error(at, reason))
    }

    fn read_window(&mut self, window: &[u8]) -> Result<(), (usize, Reason)> {
        loop {
            let start = self.at;
            // The octets that a step may read: so that the same entries are too large, however the document came in
            // pieces.
            let end = window.len().min(start + VALUE_OCTETS_MAX);
            let visible = window.get(..end).unwrap_or(window);
            let mut cursor = JsonCursor::new(visible, start);
            let more = match self.step(&mut cursor) {
                Ok(More::Perhaps) => {
                    self.at = cursor.at();
                    true
                }
                Ok(More::No) => {
                    self.at = cursor.at();
                    end < window.len()
                }
                Err(ScanError::Incomplete) => self.incomplete(visible, window)?,
                Err(ScanError::Syntax(what)) => return Err((cursor.at(), Reason::NotJson(what))),
                Err(ScanError::Twice(name)) => return Err((first_of(visible, start), Reason::MemberTwice(name))),
                Err(ScanError::NotAList(name)) => return Err((first_of(visible, start), Reason::NotAList(name))),
            };
            if !more {
                return Ok(());
            }
        }
    }

    /// Handles a step that came to the end of the octets that it may read. More octets will complete it, unless they
    /// are there already.
    fn incomplete(&mut self, visible: &[u8], window: &[u8]) -> Result<bool, (usize, Reason)> {
        let more_octets = visible.len() < window.len();
        let start = self.at;
        let rest = visible.get(start..).unwrap_or_default();
        if rest.trim_ascii_start().is_empty() {
            self.at = visible.len();
            return Ok(more_octets);
        }
        if !more_octets {
            return Ok(false);
        }
        match self.state {
            ParserState::FirstEntry(member) | ParserState::NextEntry(member)
                if matches!(rest.trim_ascii_start(), [b'{' | b'[', ..]) =>
            {
                self.at = visible.len() - rest.trim_ascii_start().len();
                self.state = ParserState::LargeEntry(member, Skip::default());
                Ok(true)
            }
            _ => Err((first_of(visible, start), Reason::ValueTooLarge)),
        }
    }

    /// Takes one member's name, one entry, or one character of the structure.
    fn step(&mut self, cursor: &mut JsonCursor<'_>) -> Result<More, ScanError> {
        self.state = match self.state {
            ParserState::Unknown(mut skip) => {
                let done = cursor.skip(&mut skip)?;
                if !done {
                    // Resumes where the window ends, however large the value is.
                    self.state = ParserState::Unknown(skip);
                    return Ok(More::No);
                }
                ParserState::AfterMember
            }
            ParserState::LargeEntry(member, mut skip) => {
                let done = cursor.skip(&mut skip)?;
                if !done {
                    self.state = ParserState::LargeEntry(member, skip);
                    return Ok(More::No);
                }
                self.finish_entry(member, Err(format!("larger than {VALUE_OCTETS_MAX} bytes")));
                ParserState::AfterEntry(member)
            }
            ParserState::Start => {
                cursor.skip_mark()?;
                match cursor.mark()? {
                    b'{' => ParserState::FirstMember,
                    b'[' => {
                        self.seen[EntryList::Document.index()] = Some(0);
                        ParserState::FirstEntry(EntryList::Document)
                    }
                    _ => return Err(cursor.refuse_last("a validator's file begins with { or [")),
                }
            }
            ParserState::FirstMember if cursor.peek()? == b'}' => {
                cursor.mark()?;
                self.end_of_object()
            }
            ParserState::FirstMember | ParserState::NextMember => self.member(cursor)?,
            ParserState::AfterMember => match cursor.mark()? {
                b',' => ParserState::NextMember,
                b'}' => self.end_of_object(),
                _ => return Err(cursor.refuse_last("expected , or } after a member")),
            },
            ParserState::FirstEntry(member) if cursor.peek()? == member.brackets().1 => {
                cursor.mark()?;
                end_of_list(member)
            }
            ParserState::FirstEntry(member) | ParserState::NextEntry(member) => {
                self.entry(member, cursor)?;
                ParserState::AfterEntry(member)
            }
            ParserState::AfterEntry(member) => match cursor.mark()? {
                b',' => ParserState::NextEntry(member),
                mark if mark == member.brackets().1 => end_of_list(member),
                _ => return Err(cursor.refuse_last("expected , or the end of the list after an entry")),
            },
            ParserState::End => match cursor.peek() {
                Err(ScanError::Incomplete) => {
                    cursor.go_to_end();
                    return Ok(More::No);
                }
                _ => return Err(ScanError::Syntax("something follows the end")),
            },
        };
        Ok(More::Perhaps)
    }

    fn end_of_object(&mut self) -> ParserState {
        match std::mem::replace(&mut self.among, ParentObject::Document) {
            ParentObject::Document => ParserState::End,
            ParentObject::Authorizations => ParserState::AfterMember,
        }
    }

    fn member(&mut self, cursor: &mut JsonCursor<'_>) -> Result<ParserState, ScanError> {
        let name = cursor.name()?;
        let known = EntryList::named(self.among, &name);
        self.is_slurm |= name.is(SLURM_VERSION);
        let next = cursor.peek()?;
        if self.among == ParentObject::Document && next == b'{' && name.is(AUTHORIZATIONS) {
            cursor.mark()?;
            self.among = ParentObject::Authorizations;
            return Ok(ParserState::FirstMember);
        }
        if self.among == ParentObject::Document && next == b'{' && name.is(METADATA) {
            let timestamps = entry::read_metadata(cursor)?;
            self.rows.set_timestamps(timestamps);
            return Ok(ParserState::AfterMember);
        }
        Ok(match (known, next) {
            (Some(member), mark) if mark == member.brackets().0 => {
                let seen = &mut self.seen[member.index()];
                if seen.is_some() {
                    return Err(ScanError::Twice(member.name()));
                }
                *seen = Some(0);
                cursor.mark()?;
                ParserState::FirstEntry(member)
            }
            (Some(member), _) => return Err(ScanError::NotAList(member.name())),
            (None, b'[' | b'{') => ParserState::Unknown(Skip::default()),
            (None, _) => {
                cursor.value()?;
                ParserState::AfterMember
            }
        })
    }

    fn entry(&mut self, member: EntryList, cursor: &mut JsonCursor<'_>) -> Result<(), ScanError> {
        let index = self.seen[member.index()].unwrap_or(0);
        let outcome = member.read(cursor, index, &mut self.rows, &mut self.scratch)?;
        self.finish_entry(member, outcome);
        Ok(())
    }

    fn finish_entry(&mut self, member: EntryList, outcome: Result<(), String>) {
        let index = self.seen[member.index()].unwrap_or(0);
        self.seen[member.index()] = Some(index + 1);
        self.rows.finish_entry(member.in_rows(), index, outcome);
    }
}

/// Returns the state behind a list's entries.
fn end_of_list(member: EntryList) -> ParserState {
    if member == EntryList::Document { ParserState::End } else { ParserState::AfterMember }
}

fn line_ends(octets: &[u8]) -> u64 {
    // Compilers turn small sums in inner loops into vector instructions.
    octets.chunks(128).map(|chunk| u64::from(chunk.iter().map(|octet| u8::from(*octet == b'\n')).sum::<u8>())).sum()
}
