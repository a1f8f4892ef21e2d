//! The documents that kernels work on, and what is made of them before anything is counted.
//!
//! `xtask` writes them: the same set in each form that validators write, and the generations that follow it.

use rtrcast_feed::{Reader, Table};
use rtrcast_proto::{History, HistoryLimits, Image, Record, Section, Serial, SessionIds, Timing, Version, View};
use std::path::PathBuf;

/// How much a reader is given at a time.
const PIECE_OCTETS: usize = 256 * 1024;

/// How many generations there are, the first included.
pub(crate) const GENERATIONS: usize = 5;

/// The serial of the first.
pub(crate) const FIRST: Serial = Serial(1);

/// Of so many VRPs SLURM filters one, by its prefix and AS, and asserts another.
const SLURM_STRIDE: usize = 20;

/// The asserted VRPs have AS numbers for private use, which no document has.
const FIRST_ASSERTED_ASN: u32 = 4_200_000_000;

/// A directory of documents.
pub(crate) struct Documents(PathBuf);

impl Documents {
    pub(crate) fn new(directory: PathBuf) -> Documents {
        Documents(directory)
    }

    /// A document as it is: `0.json`, `0.csv`, `0.ccr`, and `1.json` and so on.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let path = self.0.join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A generation's table.
    pub(crate) fn table(&self, generation: usize) -> Table {
        table(&self.read(&format!("{generation}.json")))
    }

    /// A generation's image, in the highest version.
    pub(crate) fn image(&self, generation: usize) -> Image {
        self.table(generation).into_image()
    }

    /// What sessions see after so many generations; the first has serial [`FIRST`].
    pub(crate) fn view(&self, generations: usize) -> View {
        let mut history = History::new(HistoryLimits::default(), SessionIds::new(4660), Timing::default(), FIRST);
        for generation in 0..generations {
            history.publish(self.image(generation));
        }
        history.view(0)
    }

    /// A SLURM file that filters some of the VRPs of the first generation, and asserts as many others.
    pub(crate) fn slurm(&self) -> String {
        let (image, mut filters, mut assertions) = (self.image(0), String::new(), String::new());
        let prefixes = [Section::Ipv4Prefix, Section::Ipv6Prefix].into_iter();
        let records = prefixes.flat_map(|section| image.records(section).map(move |record| (section, record)));
        for (place, (section, record)) in (0_u32..).zip(records.step_by(SLURM_STRIDE)) {
            let Some(Record::Origin(origin)) = Record::read(section, record) else { continue };
            let (comma, prefix) = (if place > 0 { "," } else { "" }, origin.prefix());
            let entry = |asn: u32| format!("{comma}\n{{ \"prefix\": \"{prefix}\", \"asn\": {asn} }}");
            filters.push_str(&entry(origin.asn().0));
            assertions.push_str(&entry(FIRST_ASSERTED_ASN + place));
        }
        format!(
            r#"{{ "slurmVersion": 1,
            "validationOutputFilters": {{ "prefixFilters": [{filters}], "bgpsecFilters": [] }},
            "locallyAddedAssertions": {{ "prefixAssertions": [{assertions}], "bgpsecAssertions": [] }} }}"#
        )
    }
}

/// Reads a document whole.
pub(crate) fn table(document: &[u8]) -> Table {
    let mut reader = Reader::new();
    for piece in document.chunks(PIECE_OCTETS) {
        reader.push(piece).expect("the document is whole");
    }
    let rows = reader.finish().expect("the document is whole");
    rows.into_table(Version::V2, Vec::new()).expect("a Vec takes everything")
}
