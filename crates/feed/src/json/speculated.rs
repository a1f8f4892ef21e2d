//! Speculative reading: entries of VRPs that are read before the octets in front of them, by another thread.
//!
//! The state of the parser at the start of a piece is unknown then. So an entry is assumed behind the first closing
//! brace, comma and opening brace. When the reader comes there, it takes the entries only if the assumption was right:
//! if it is between two VRPs exactly where the first one was read. Otherwise it reads the piece itself, and only time
//! was lost.

use super::entry::Scratch;
use super::list::EntryList;
use super::scan::JsonCursor;
use super::{JsonReader, ParserState, line_ends};
use crate::error::ReadError;
use crate::rows::Rows;

/// Consecutive entries in the middle of a piece.
pub(crate) struct SpeculatedEntries {
    /// Start of the first one in the piece.
    start: usize,
    /// End of the last one.
    end: usize,
    line_ends: u64,
    rows: Rows,
}

impl SpeculatedEntries {
    /// Reads the entries of a piece; none if there are none, or if it is invalid, so that the reader reports its error.
    pub(crate) fn read(piece: &[u8]) -> Option<SpeculatedEntries> {
        // The reader checks for UTF-8 before anything else.
        if !is_utf8(piece) {
            return None;
        }
        let start = first_entry(piece)?;
        let (mut rows, mut scratch) = (Rows::default(), Scratch::default());
        let (mut cursor, mut end) = (JsonCursor::new(piece, start), start);
        let mut index = 0;
        // An entry that the piece cuts is no error, and the reader reports those that are.
        while let Ok(outcome) = EntryList::Roas.read(&mut cursor, index, &mut rows, &mut scratch) {
            rows.finish_entry(EntryList::Roas.in_rows(), index, outcome);
            (end, index) = (cursor.at(), index + 1);
            if cursor.mark() != Ok(b',') {
                break;
            }
        }
        let entries = piece.get(start..end)?;
        let is_sound = index > 0 && !rows.has_other_anchors();
        is_sound.then(|| SpeculatedEntries { start, end, line_ends: line_ends(entries), rows })
    }
}

/// Returns whether a piece is UTF-8 but for the characters that its ends cut.
fn is_utf8(piece: &[u8]) -> bool {
    const CONTINUED_MAX: usize = 3;
    let continued = piece.iter().take(CONTINUED_MAX).take_while(|octet| **octet & 0xC0 == 0x80).count();
    match std::str::from_utf8(piece.get(continued..).unwrap_or_default()) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Returns the assumed start of an entry behind another one.
fn first_entry(piece: &[u8]) -> Option<usize> {
    let ends = piece.iter().enumerate().filter(|(_, octet)| **octet == b'}').map(|(at, _)| at + 1);
    ends.into_iter().find_map(|end| {
        let mut cursor = JsonCursor::new(piece, end);
        (cursor.mark() == Ok(b',') && cursor.peek() == Ok(b'{')).then(|| cursor.at())
    })
}

impl JsonReader {
    /// The next octets of the document, of which these entries were read speculatively.
    pub(crate) fn push_speculated(&mut self, piece: &[u8], speculated: SpeculatedEntries) -> Result<(), ReadError> {
        let SpeculatedEntries { start, end, line_ends, rows } = speculated;
        self.push(piece.get(..start).unwrap_or_default())?;
        let stands_there =
            matches!(self.state, ParserState::NextEntry(EntryList::Roas)) && self.at == self.window.len();
        if !stands_there || !self.partial.is_empty() {
            return self.push(piece.get(start..).unwrap_or_default());
        }
        self.slide();
        self.offset += (end - start) as u64;
        self.lines += line_ends;
        let before = self.seen[EntryList::Roas.index()].unwrap_or(0);
        self.seen[EntryList::Roas.index()] = Some(before + rows.tally().entries);
        self.rows.append(rows, before);
        self.state = ParserState::AfterEntry(EntryList::Roas);
        self.push(piece.get(end..).unwrap_or_default())
    }
}
