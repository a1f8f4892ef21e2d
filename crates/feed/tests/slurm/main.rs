//! SLURM: refused files and their messages, filters, several files together, and effects of entries.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

mod broken;
mod effects;
mod files;
mod model;
mod properties;
mod rules;

use expect_test::Expect;
use rtrcast_feed::{Overlaps, Reader, Slurm, SlurmConflict, SlurmDialect, SlurmErrors, SlurmFile};
use rtrcast_proto::{Image, Record, Section, Version};
use std::fmt::Write as _;
use std::sync::Arc;

/// A SubjectPublicKeyInfo as a file has it: the shortest that passes.
pub(crate) const KEY: &str = "MAA";

/// Identifiers of 20 octets.
pub(crate) const SKI_A: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUE";
pub(crate) const SKI_B: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkI";

pub(crate) fn parse(document: &str) -> Result<SlurmFile, SlurmErrors> {
    SlurmFile::parse(document.as_bytes(), SlurmDialect::Strict)
}

/// The contents of the lists of a document.
#[derive(Clone, Copy, Default)]
pub(crate) struct Lists<'a> {
    pub(crate) prefix_filters: &'a str,
    pub(crate) bgpsec_filters: &'a str,
    pub(crate) aspa_filters: &'a str,
    pub(crate) prefix_assertions: &'a str,
    pub(crate) bgpsec_assertions: &'a str,
    pub(crate) aspa_assertions: &'a str,
}

impl Lists<'_> {
    /// A document of version 2, with each list on a line of its own.
    pub(crate) fn document(self) -> String {
        let Lists { prefix_filters, bgpsec_filters, aspa_filters, .. } = self;
        let Lists { prefix_assertions, bgpsec_assertions, aspa_assertions, .. } = self;
        format!(
            r#"{{"slurmVersion": 2,
"validationOutputFilters": {{
"prefixFilters": [{prefix_filters}],
"bgpsecFilters": [{bgpsec_filters}],
"aspaFilters": [{aspa_filters}]}},
"locallyAddedAssertions": {{
"prefixAssertions": [{prefix_assertions}],
"bgpsecAssertions": [{bgpsec_assertions}],
"aspaAssertions": [{aspa_assertions}]}}}}"#
        )
    }
}

/// Files by the names `a.json`, `b.json` and so on, as one.
pub(crate) fn merge(documents: &[String], overlaps: Overlaps) -> Result<Slurm, SlurmConflict> {
    let names = ["a.json", "b.json", "c.json"];
    let files: Vec<_> = names
        .into_iter()
        .zip(documents)
        .map(|(name, document)| (Arc::from(name), Arc::new(parse(document).unwrap())))
        .collect();
    Slurm::merge(&files, overlaps)
}

pub(crate) fn slurm(lists: Lists<'_>) -> Slurm {
    merge(&[lists.document()], Overlaps::Refuse).unwrap()
}

/// A data set as a validator writes it.
pub(crate) fn image(document: &str) -> Image {
    let mut reader = Reader::new();
    reader.push(document.as_bytes()).unwrap();
    reader.finish().unwrap().into_table(Version::V1, Vec::new()).unwrap().into_image()
}

/// The records of an image, a line each; those that filters remove behind a minus.
pub(crate) fn records_kept(slurm: &Slurm, image: &Image) -> String {
    let mut text = String::new();
    for section in Section::ALL {
        for record in image.records(section) {
            let sign = if slurm.filters().removes(section, record) { '-' } else { ' ' };
            writeln!(text, "{sign} {}", Record::read(section, record).unwrap()).unwrap();
        }
    }
    text
}

/// Everything in a file, or all its errors.
pub(crate) fn read_shown(document: &str, dialect: SlurmDialect) -> String {
    let file = match SlurmFile::parse(document.as_bytes(), dialect) {
        Ok(file) => file,
        Err(errors) => return refused(&errors),
    };
    let mut text = format!("{:?}\n", file.version());
    for gap in file.read_as_empty() {
        writeln!(text, "{gap}").unwrap();
    }
    for entry in file.filters() {
        writeln!(text, "{}: {}[{}]: {}", entry.line, entry.list.path(), entry.index, entry.value).unwrap();
    }
    for entry in file.assertions() {
        writeln!(text, "{}: {}[{}]: {}", entry.line, entry.list.path(), entry.index, entry.value).unwrap();
    }
    text
}

fn refused(errors: &SlurmErrors) -> String {
    let mut text = String::new();
    for error in errors.iter() {
        writeln!(text, "error: {error}").unwrap();
    }
    if errors.more() > 0 {
        writeln!(text, "and {} more", errors.more()).unwrap();
    }
    text
}

pub(crate) fn check(document: &str, expect: Expect) {
    expect.assert_eq(&read_shown(document, SlurmDialect::Strict));
}
