//! Documents of validators, and SLURM files.

use crate::model::{ModelRecord, SourceTable, decoded, universe};
use rtrcast_feed::{Overlaps, Reader, Rows, Slurm, SlurmDialect, SlurmFile, Table};
use rtrcast_proto::{ImageWriter, Section, Version};
use std::sync::{Arc, OnceLock};

/// A document has the same outcome read as a whole and in pieces, of which the first octet has the size.
pub fn document(octets: &[u8]) {
    let Some((size, octets)) = octets.split_first() else { return };
    let whole = outcome(octets, octets.len().max(1));
    let pieces = outcome(octets, usize::from(*size).max(1));
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole.tally(), pieces.tally());
            let (whole, pieces) = (table(whole), table(pieces));
            assert_eq!(whole.image(), pieces.image());
            assert_eq!(whole.timestamps(), pieces.timestamps());
            decoded(whole.image()).expect("an image of whole records");
        }
        (Err(whole), Err(pieces)) => assert_eq!(whole, pieces),
        (whole, pieces) => panic!("as a whole {:?}, in pieces {:?}", whole.map(|_| ()), pieces.map(|_| ())),
    }
}

fn outcome(octets: &[u8], size: usize) -> Result<Rows, String> {
    let mut reader = Reader::new();
    for piece in octets.chunks(size) {
        reader.push(piece).map_err(|error| error.to_string())?;
    }
    reader.finish().map_err(|error| error.to_string())
}

fn table(rows: Rows) -> Table {
    let Ok(table) = rows.into_table(Version::V2, Vec::new());
    table
}

/// What is strict is lenient; and a file has effects on a data set, whatever it says.
pub fn slurm(octets: &[u8]) {
    let strict = SlurmFile::parse(octets, SlurmDialect::Strict);
    let lenient = SlurmFile::parse(octets, SlurmDialect::Lenient);
    if let Ok(file) = &strict {
        let other = lenient.as_ref().expect("the lenient dialect has all that the strict one has");
        assert_eq!((file.filters(), file.assertions()), (other.filters(), other.assertions()));
    }
    for error in [&strict, &lenient].into_iter().filter_map(|read| read.as_ref().err()) {
        assert!(!error.to_string().is_empty());
    }
    let Ok(file) = lenient else { return };
    let Ok(slurm) = Slurm::merge(&[("a".into(), Arc::new(file))], Overlaps::Allow) else { return };
    let image = all_records().image();
    for effect in slurm.effects(image) {
        let _ = format!("{effect:?}");
    }
    let mut writer = ImageWriter::new(Version::V2, Vec::new());
    for section in Section::ALL {
        let kept = image.records(section).filter(|record| !slurm.filters().removes(section, record));
        let Ok(left_out) = writer.union(section, [kept.collect::<Vec<_>>().into_iter()]);
        assert!(left_out.is_empty());
    }
    decoded(slurm.assertions()).expect("assertions are records");
}

/// A table with each record of the simulated world, and one ASPA a customer.
fn all_records() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let is_first =
            |record: &ModelRecord| !matches!(record, ModelRecord::Aspa { providers, .. } if providers.len() > 1);
        let records = universe().into_iter().filter(is_first).map(|record| (record, None)).collect();
        table(outcome(SourceTable { records }.document().as_bytes(), 65_536).unwrap_or_else(|error| panic!("{error}")))
    })
}
