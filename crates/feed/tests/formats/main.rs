//! The formats of validators: accepted entries, refused entries with their reasons, and refused files.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

mod ccr;
mod compressed;
mod csv;
mod json;
mod kinds;
mod order;
mod prefetch;
mod write;
mod xz;

use expect_test::Expect;
use rtrcast_feed::{ReadError, Reader, Rows, Table, Tally};
use rtrcast_proto::{Pdu, Section, Version};
use std::fmt::Write as _;

pub(crate) fn read(document: &[u8]) -> Result<Rows, ReadError> {
    let mut reader = Reader::new();
    reader.push(document)?;
    reader.finish()
}

/// Reads a document that comes in pieces which end at these places, in any order.
pub(crate) fn read_in_pieces(document: &[u8], cuts: &[usize]) -> Result<Rows, ReadError> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (document.len() + 1)).collect();
    cuts.sort_unstable();
    let mut reader = Reader::new();
    let mut start = 0;
    for cut in cuts.into_iter().chain([document.len()]) {
        reader.push(&document[start..cut])?;
        start = cut;
    }
    reader.finish()
}

pub(crate) fn table(rows: Rows) -> (Table, Tally) {
    let tally = rows.tally().clone();
    (rows.into_table(Version::V2, Vec::new()).unwrap(), tally)
}

/// The records with what is known of them, and what was refused.
pub(crate) fn shown(document: &[u8]) -> String {
    shown_of(read(document))
}

/// The same of a reader's result.
pub(crate) fn shown_of(read: Result<Rows, ReadError>) -> String {
    let rows = match read {
        Ok(rows) => rows,
        Err(error) => return format!("error: {error}\n"),
    };
    let (table, tally) = table(rows);
    let mut text = String::new();
    for section in Section::ALL {
        for (place, record) in table.image().records(section).enumerate() {
            let facts = table.facts(section, place).unwrap();
            let line = Pdu::decode(record).unwrap().line(Version::V2);
            let expires = facts.expires.map_or("never".to_owned(), |expires| expires.to_string());
            writeln!(text, "{} {} {expires}", &line[3..], facts.trust_anchor.unwrap_or("-")).unwrap();
        }
    }
    for refused in &tally.refused_first {
        writeln!(text, "refused {refused}").unwrap();
    }
    if tally.masked > 0 {
        writeln!(text, "masked {}", tally.masked).unwrap();
    }
    text
}

pub(crate) fn check(document: &str, expect: Expect) {
    expect.assert_eq(&shown(document.as_bytes()));
}
