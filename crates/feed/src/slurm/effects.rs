//! Effects of each entry on a data set, for operators who check them before they are in effect: a filter that matches
//! nothing and an assertion of a record that is there already are as a rule errors, or not needed any more.

use super::filters::Sorted;
use super::merge::Slurm;
use super::{Assertion, SlurmEntry, SlurmList};
use rtrcast_proto::{Asn, Image, ProviderAsn, Providers, Record, Section};
use std::fmt;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Removed records that are named; more are only counted.
const REMOVED_NAMED_MAX: usize = 3;

/// Added providers that are named; more are only counted.
const PROVIDERS_NAMED_MAX: usize = 10;

/// Effect of one entry of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The file's name.
    pub file: Arc<str>,
    /// The entry's line, counted from 1.
    pub line: u64,
    /// Its list.
    pub list: SlurmList,
    /// Its index in the list, counted from 0.
    pub index: usize,
    /// The entry, for messages.
    pub entry: String,
    /// Its effect.
    pub kind: EffectKind,
}

/// Effect of an entry on a data set, as if the other entries of its kind were not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectKind {
    /// A filter matches records.
    Removes {
        /// Their number; it may be 0.
        records: usize,
        /// The first few of them, for messages.
        first: Vec<String>,
    },
    /// An assertion adds its record.
    Adds,
    /// The record of an assertion is there already, and no filter removes it.
    AlreadyPresent,
    /// An assertion adds providers to the ASPA of a customer.
    AddsProviders {
        /// The new ones.
        added: Vec<Asn>,
        /// Number of providers that the customer then has; one with more than an ASPA can have is left out.
        total: usize,
    },
}

impl Slurm {
    /// Returns the effect of each entry on a data set of validators, in the order of the files. It takes one pass over
    /// the records.
    pub fn effects(&self, image: &Image) -> Vec<Effect> {
        let filters = self.files().iter().map(|(_, file)| file.filters().len()).sum();
        let mut removed = vec![(0, Vec::new()); filters];
        let mut asserted = Asserted::of(self);
        for section in Section::ALL {
            for record in image.records(section).filter_map(|record| Record::read(section, record)) {
                let mut is_kept = true;
                let _all = self.filters().matching(&record, &mut |id| {
                    is_kept = false;
                    count(&mut removed, id, &record);
                    ControlFlow::Continue(())
                });
                if is_kept {
                    asserted.find(&record);
                }
            }
        }
        self.list(removed, asserted.outcomes)
    }

    fn list(&self, removed: Vec<(usize, Vec<String>)>, asserted: Vec<EffectKind>) -> Vec<Effect> {
        let mut removed = removed.into_iter().map(|(records, first)| EffectKind::Removes { records, first });
        let mut asserted = asserted.into_iter();
        let mut effects = Vec::new();
        for (name, file) in self.files() {
            let filters = file.filters().iter().zip(&mut removed);
            effects.extend(filters.map(|(entry, outcome)| Effect::of(name, entry, outcome)));
            let assertions = file.assertions().iter().zip(&mut asserted);
            effects.extend(assertions.map(|(entry, outcome)| Effect::of(name, entry, outcome)));
        }
        effects
    }
}

fn count(removed: &mut [(usize, Vec<String>)], id: usize, record: &Record<'_>) {
    if let Some((records, first)) = removed.get_mut(id) {
        *records += 1;
        if first.len() < REMOVED_NAMED_MAX {
            first.push(record.to_string());
        }
    }
}

impl Effect {
    fn of<T: fmt::Display>(file: &Arc<str>, entry: &SlurmEntry<T>, kind: EffectKind) -> Effect {
        let SlurmEntry { list, index, line, value } = entry;
        Effect { file: file.clone(), line: *line, list: *list, index: *index, entry: value.to_string(), kind }
    }
}

/// The assertions, sorted, and the effect of each.
struct Asserted<'a> {
    origins: Sorted<(IpAddr, u8, u8, Asn)>,
    keys: Sorted<([u8; 20], Asn, &'a [u8])>,
    customers: Sorted<Asn>,
    providers: Vec<&'a [ProviderAsn]>,
    outcomes: Vec<EffectKind>,
}

impl<'a> Asserted<'a> {
    fn of(slurm: &'a Slurm) -> Asserted<'a> {
        let entries: Vec<_> = slurm.files().iter().flat_map(|(_, file)| file.assertions()).collect();
        let mut asserted = Asserted {
            origins: Sorted::default(),
            keys: Sorted::default(),
            customers: Sorted::default(),
            providers: vec![&[]; entries.len()],
            outcomes: vec![EffectKind::Adds; entries.len()],
        };
        for (id, (entry, providers)) in entries.into_iter().zip(&mut asserted.providers).enumerate() {
            match &entry.value {
                Assertion::Prefix(origin) => {
                    let (prefix, max_len, asn) = (origin.prefix(), origin.max_len(), origin.asn());
                    asserted.origins.push((prefix.addr(), prefix.len(), max_len, asn), id);
                }
                Assertion::Bgpsec(key) => asserted.keys.push((key.ski, key.asn, &key.spki), id),
                Assertion::Aspa(aspa) => {
                    asserted.customers.push(aspa.customer, id);
                    *providers = &aspa.providers;
                }
            }
        }
        asserted.origins.sort();
        asserted.keys.sort();
        asserted.customers.sort();
        asserted
    }

    /// Updates the effects by a record that no filter removes.
    fn find(&mut self, record: &Record<'a>) {
        let Asserted { origins, keys, customers, providers, outcomes } = self;
        let mut set = |id: usize, outcome| {
            if let Some(known) = outcomes.get_mut(id) {
                *known = outcome;
            }
            ControlFlow::Continue(())
        };
        let _all = match record {
            Record::Origin(origin) => {
                let key = (origin.prefix().addr(), origin.prefix().len(), origin.max_len(), origin.asn());
                origins.matching(&key, &mut |id| set(id, EffectKind::AlreadyPresent))
            }
            Record::RouterKey(key) => {
                keys.matching(&(key.ski(), key.asn(), key.spki()), &mut |id| set(id, EffectKind::AlreadyPresent))
            }
            Record::Aspa(aspa) => customers.matching(&aspa.customer(), &mut |id| {
                let asserted = providers.get(id).copied().unwrap_or_default();
                set(id, added_providers(aspa.providers(), asserted))
            }),
        };
    }
}

/// Returns the effect of adding asserted providers to a customer's.
fn added_providers(there: &[ProviderAsn], asserted: &[ProviderAsn]) -> EffectKind {
    let mut providers = Providers::new();
    providers.extend(there);
    providers.extend(asserted);
    let union = providers.union();
    let added: Vec<Asn> = union
        .iter()
        .filter(|provider| there.binary_search(provider).is_err())
        .map(|provider| Asn(u32::from_be_bytes(*provider)))
        .collect();
    if added.is_empty() { EffectKind::AlreadyPresent } else { EffectKind::AddsProviders { added, total: union.len() } }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Effect { file, line, entry, kind, .. } = self;
        match kind {
            EffectKind::Removes { .. } => write!(f, "{file}:{line}: filter of {entry}: {kind}"),
            EffectKind::Adds | EffectKind::AlreadyPresent | EffectKind::AddsProviders { .. } => {
                write!(f, "{file}:{line}: assertion of {entry}: {kind}")
            }
        }
    }
}

impl fmt::Display for EffectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EffectKind::Removes { records: 0, first: _ } => f.write_str("matches nothing"),
            EffectKind::Removes { records, first } => write!(f, "removes {records}: {}", named(first, *records)),
            EffectKind::Adds => f.write_str("added"),
            EffectKind::AlreadyPresent => f.write_str("there already"),
            EffectKind::AddsProviders { added, total } => {
                let first: Vec<String> = added.iter().take(PROVIDERS_NAMED_MAX).map(Asn::to_string).collect();
                write!(f, "adds to the providers: {} ({total} in all)", named(&first, added.len()))
            }
        }
    }
}

/// The first of many.
fn named(first: &[String], count: usize) -> String {
    let more = if first.len() < count { ", ..." } else { "" };
    format!("{}{more}", first.join(", "))
}
