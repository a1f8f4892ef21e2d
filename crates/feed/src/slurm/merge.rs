//! Several files as one configuration: the union of their entries. [SL-07]

use super::filters::Filters;
use super::overlap::{self, ConflictKind, EntryRef, SlurmConflict};
use super::{Assertion, SlurmEntry, SlurmFile};
use crate::rows::Rows;
use crate::state::SetHash;
use crate::table::NEVER;
use rtrcast_proto::{ASPA_PROVIDERS_MAX, Asn, Image, Providers, Version};
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Handling of files with overlapping entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlaps {
    /// All are refused, as RFC 8416 section 4.2 demands.
    #[default]
    Refuse,
    /// The union is in effect: records that any file filters are removed, and those that any file asserts are added.
    Allow,
}

/// The exceptions of all files.
#[derive(Clone, Debug)]
pub struct Slurm {
    files: Vec<(Arc<str>, Arc<SlurmFile>)>,
    filters: Filters,
    assertions: Image,
}

impl Default for Slurm {
    fn default() -> Slurm {
        Slurm::none()
    }
}

impl Slurm {
    /// Returns a digest of the exceptions, whatever their files are. It is not the same with another version of this
    /// crate.
    pub fn digest(&self) -> [u8; 16] {
        let assertions = SetHash::of(&self.assertions).0;
        xxh3_128(format!("{:?} {assertions}", self.filters).as_bytes()).to_be_bytes()
    }

    /// No exceptions.
    pub fn none() -> Slurm {
        Slurm { files: Vec::new(), filters: Filters::default(), assertions: Image::empty(Version::V2) }
    }

    /// Merges files, each with its name for messages. The assertions of one customer become one ASPA; if that has too
    /// many providers, the files are refused. [C-ASP-01] [C-ASP-06]
    pub fn merge(files: &[(Arc<str>, Arc<SlurmFile>)], overlaps: Overlaps) -> Result<Slurm, SlurmConflict> {
        match overlaps {
            Overlaps::Refuse => overlap::check(files)?,
            Overlaps::Allow => {}
        }
        let filters = files.iter().flat_map(|(_, file)| file.filters()).map(|entry| &entry.value);
        let filters = Filters::new(filters);
        Ok(Slurm { files: files.to_vec(), filters, assertions: assertions(files)? })
    }

    /// Returns the filters, which are applied to validators' data before the assertions are added. [SL-03]
    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// Returns the assertions: an image of version 2, each record once. Filters are not applied to them. [SL-03]
    /// [SL-04]
    pub fn assertions(&self) -> &Image {
        &self.assertions
    }

    /// The files.
    pub fn files(&self) -> &[(Arc<str>, Arc<SlurmFile>)] {
        &self.files
    }
}

/// The asserted providers of one customer, and the first and the last entry that they come from.
struct ProviderUnion<'a> {
    providers: Providers,
    entries: [EntryRef<'a>; 2],
}

fn assertions(files: &[(Arc<str>, Arc<SlurmFile>)]) -> Result<Image, SlurmConflict> {
    let mut rows = Rows::default();
    let mut unions = BTreeMap::new();
    for (file, (_, slurm)) in files.iter().enumerate() {
        for entry in slurm.assertions() {
            assert(&mut rows, &mut unions, file, entry);
        }
    }
    for (customer, ProviderUnion { mut providers, entries }) in unions {
        let union = providers.union();
        if union.len() > ASPA_PROVIDERS_MAX {
            let kind = ConflictKind::TooManyProviders(customer, union.len());
            return Err(overlap::conflict(files, kind, entries));
        }
        rows.aspa(customer, union, NEVER, ("aspaAssertions", 0));
    }
    let Ok(table) = rows.into_table(Version::V2, Vec::new());
    Ok(table.into_image())
}

fn assert<'a>(
    rows: &mut Rows,
    unions: &mut BTreeMap<Asn, ProviderUnion<'a>>,
    file: usize,
    entry: &'a SlurmEntry<Assertion>,
) {
    match &entry.value {
        Assertion::Prefix(origin) => rows.origin(origin, NEVER, 0),
        Assertion::Bgpsec(key) => rows.router_key(key.ski, key.asn, key.spki.clone(), NEVER, 0),
        Assertion::Aspa(aspa) => {
            let this = EntryRef::assertion(file, entry);
            let union = unions
                .entry(aspa.customer)
                .or_insert_with(|| ProviderUnion { providers: Providers::new(), entries: [this, this] });
            union.providers.extend(&aspa.providers);
            union.entries[1] = this;
        }
    }
}
