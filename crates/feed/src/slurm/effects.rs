//! What each entry does to a data set, for operators who want to know before it counts: a filter that matches nothing
//! and an assertion that is there already are as a rule mistakes, or have outlived their cause.

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

/// What one entry of one file does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The file's name.
    pub file: Arc<str>,
    /// The entry's line, counted from 1.
    pub line: u64,
    /// Its list.
    pub list: SlurmList,
    /// Its place in the list, counted from 0.
    pub index: usize,
    /// The entry in words.
    pub entry: String,
    /// What it does.
    pub outcome: EffectKind,
}

/// What an entry does to a data set. Each is judged as if the other entries of its kind were not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectKind {
    /// A filter matches records.
    Removes {
        /// How many; none is worth knowing.
        records: usize,
        /// The first few of them, in words.
        first: Vec<String>,
    },
    /// An assertion adds its record.
    Adds,
    /// An assertion says what is there anyway, and what no filter removes.
    AlreadyPresent,
    /// An assertion adds providers to the ASPA of a customer.
    AddsProviders {
        /// Those that are new.
        added: Vec<Asn>,
        /// How many the customer then has; one with more than an ASPA can have is left out.
        total: usize,
    },
}

impl Slurm {
    /// What each entry does to a data set as validators say it, in the order of the files. It takes one pass over the
    /// records.
    pub fn effects(&self, image: &Image) -> Vec<Effect> {
        let filters = self.files().iter().map(|(_, file)| file.filters().len()).sum();
        let mut removed = vec![(0, Vec::new()); filters];
        let mut asserted = Asserted::of(self);
        for section in Section::ALL {
            for record in image.records(section).filter_map(|record| Record::read(section, record)) {
                let mut spared = true;
                let _all = self.filters().matching(&record, &mut |id| {
                    spared = false;
                    count(&mut removed, id, &record);
                    ControlFlow::Continue(())
                });
                if spared {
                    asserted.find(&record);
                }
            }
        }
        self.tell(removed, asserted.outcomes)
    }

    fn tell(&self, removed: Vec<(usize, Vec<String>)>, asserted: Vec<EffectKind>) -> Vec<Effect> {
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
    fn of<T: fmt::Display>(file: &Arc<str>, entry: &SlurmEntry<T>, outcome: EffectKind) -> Effect {
        let SlurmEntry { list, index, line, value } = entry;
        Effect { file: file.clone(), line: *line, list: *list, index: *index, entry: value.to_string(), outcome }
    }
}

/// The assertions, sorted, and what has been found out about each.
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

    /// Takes note of a record that stays.
    fn find(&mut self, record: &Record<'a>) {
        let Asserted { origins, keys, customers, providers, outcomes } = self;
        let mut set = |id: usize, outcome| {
            if let Some(place) = outcomes.get_mut(id) {
                *place = outcome;
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

/// What the union of a customer's providers and asserted ones has that the former do not have.
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
        let Effect { file, line, entry, outcome, .. } = self;
        match outcome {
            EffectKind::Removes { .. } => write!(f, "{file}:{line}: filter of {entry}: {outcome}"),
            EffectKind::Adds | EffectKind::AlreadyPresent | EffectKind::AddsProviders { .. } => {
                write!(f, "{file}:{line}: assertion of {entry}: {outcome}")
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
