//! Overlaps between files (RFC 8416 section 4.2): entries of one may undo those of another, and the intention is
//! unknown. [SL-07]
//!
//! One sort and one pass for each kind, since files may have a hundred thousand entries.

use super::filters::PrefixRange;
use super::{Assertion, BgpsecFilter, Filter, PrefixFilter, SlurmEntry, SlurmFile, SlurmList};
use rtrcast_proto::{ASPA_PROVIDERS_MAX, Asn, Prefix};
use std::fmt;
use std::sync::Arc;

/// Two entries in conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmConflict {
    /// Kind of the conflict.
    pub kind: ConflictKind,
    /// The entries, in the order of the files.
    pub entries: Box<[Mention; 2]>,
}

/// Kind of conflict between two entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// Addresses, in lists of prefixes of two files.
    Addresses,
    /// An AS, in lists of router keys of two files.
    BgpsecAsn(Asn),
    /// A customer, in lists of ASPAs of two files. This rule is rtrcast's own: version 2 leaves it open.
    Customer(Asn),
    /// A customer whose asserted providers together are too many: this many. The entries are the first and the last.
    TooManyProviders(Asn, usize),
}

/// An entry of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The file's name.
    pub file: Arc<str>,
    /// The entry's line, counted from 1.
    pub line: u64,
    /// Its list.
    pub list: SlurmList,
    /// Its index in the list, counted from 0.
    pub index: usize,
    /// Its value, for messages.
    pub what: String,
}

impl fmt::Display for SlurmConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &*self.entries;
        match self.kind {
            ConflictKind::Addresses => write!(f, "{first} and {second} have addresses in common"),
            ConflictKind::BgpsecAsn(asn) => write!(f, "{first} and {second} both concern router keys of {asn}"),
            ConflictKind::Customer(asn) => write!(f, "{first} and {second} both concern the ASPA of {asn}"),
            ConflictKind::TooManyProviders(asn, count) => write!(
                f,
                "the assertions from {first} to {second} give {asn} {count} providers, more than {ASPA_PROVIDERS_MAX}"
            ),
        }
    }
}

impl std::error::Error for SlurmConflict {}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mention { file, line, list, index, what } = self;
        write!(f, "{file}:{line} ({}[{index}]: {what})", list.path())
    }
}

/// An entry of one of several files, which are identified by their indices.
#[derive(Clone, Copy)]
pub(super) struct EntryRef<'a> {
    file: usize,
    what: ReferredEntry<'a>,
}

#[derive(Clone, Copy)]
enum ReferredEntry<'a> {
    Filter(&'a SlurmEntry<Filter>),
    Assertion(&'a SlurmEntry<Assertion>),
}

impl<'a> EntryRef<'a> {
    pub(super) fn assertion(file: usize, entry: &'a SlurmEntry<Assertion>) -> EntryRef<'a> {
        EntryRef { file, what: ReferredEntry::Assertion(entry) }
    }

    fn mention(self, files: &[(Arc<str>, Arc<SlurmFile>)]) -> Mention {
        let (line, list, index, what) = match self.what {
            ReferredEntry::Filter(entry) => (entry.line, entry.list, entry.index, entry.value.to_string()),
            ReferredEntry::Assertion(entry) => (entry.line, entry.list, entry.index, entry.value.to_string()),
        };
        let file = files.get(self.file).map(|(name, _)| name.clone()).unwrap_or_default();
        Mention { file, line, list, index, what }
    }
}

/// A conflict of two entries, which are put into the order of the files.
pub(super) fn conflict(
    files: &[(Arc<str>, Arc<SlurmFile>)],
    kind: ConflictKind,
    mut uses: [EntryRef<'_>; 2],
) -> SlurmConflict {
    uses.sort_by_key(|entry| entry.file);
    SlurmConflict { kind, entries: Box::new(uses.map(|entry| entry.mention(files))) }
}

/// Refuses files with the same addresses, ASes or customers.
pub(super) fn check(files: &[(Arc<str>, Arc<SlurmFile>)]) -> Result<(), SlurmConflict> {
    let subjects = Subjects::of(files);
    let shared = shared_addresses(subjects.prefixes)
        .or_else(|| shared_asn(subjects.bgpsec, ConflictKind::BgpsecAsn))
        .or_else(|| shared_asn(subjects.customers, ConflictKind::Customer));
    match shared {
        Some((kind, uses)) => Err(conflict(files, kind, uses)),
        None => Ok(()),
    }
}

/// Addresses, ASes and customers in the entries of all files.
#[derive(Default)]
struct Subjects<'a> {
    prefixes: Vec<(IpFamily, PrefixRange, EntryRef<'a>)>,
    bgpsec: Vec<(Asn, EntryRef<'a>)>,
    customers: Vec<(Asn, EntryRef<'a>)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum IpFamily {
    Ipv4,
    Ipv6,
}

impl<'a> Subjects<'a> {
    fn of(files: &'a [(Arc<str>, Arc<SlurmFile>)]) -> Subjects<'a> {
        let mut subjects = Subjects::default();
        for (file, (_, slurm)) in files.iter().enumerate() {
            for entry in slurm.filters() {
                subjects.add_filter(&entry.value, EntryRef { file, what: ReferredEntry::Filter(entry) });
            }
            for entry in slurm.assertions() {
                subjects.add_assertion(&entry.value, EntryRef::assertion(file, entry));
            }
        }
        subjects
    }

    fn add_filter(&mut self, filter: &Filter, by: EntryRef<'a>) {
        match filter {
            Filter::Prefix(PrefixFilter::Prefix(prefix) | PrefixFilter::Both(prefix, _)) => {
                self.add_prefix(*prefix, by);
            }
            Filter::Bgpsec(BgpsecFilter::Asn(asn) | BgpsecFilter::Both(asn, _)) => self.bgpsec.push((*asn, by)),
            // RFC 8416 compares addresses of prefixes and ASes of router keys, and these have neither.
            Filter::Prefix(PrefixFilter::Asn(_)) | Filter::Bgpsec(BgpsecFilter::Ski(_)) => {}
            Filter::Aspa(customer) => self.customers.push((*customer, by)),
        }
    }

    fn add_assertion(&mut self, assertion: &Assertion, by: EntryRef<'a>) {
        match assertion {
            Assertion::Prefix(origin) => self.add_prefix(origin.prefix(), by),
            Assertion::Bgpsec(key) => self.bgpsec.push((key.asn, by)),
            Assertion::Aspa(aspa) => self.customers.push((aspa.customer, by)),
        }
    }

    fn add_prefix(&mut self, prefix: Prefix, by: EntryRef<'a>) {
        let family = if prefix.addr().is_ipv4() { IpFamily::Ipv4 } else { IpFamily::Ipv6 };
        self.prefixes.push((family, PrefixRange::of(prefix), by));
    }
}

type Overlap<'a> = Option<(ConflictKind, [EntryRef<'a>; 2])>;

/// When sorted, prefixes that are covered by another follow it at once. As long as all of them are of its own file,
/// only the outermost one has to be compared.
fn shared_addresses(mut prefixes: Vec<(IpFamily, PrefixRange, EntryRef<'_>)>) -> Overlap<'_> {
    prefixes.sort_by_key(|(family, range, by)| (*family, *range, by.file));
    let mut outermost: Option<(IpFamily, PrefixRange, EntryRef<'_>)> = None;
    for (family, range, by) in prefixes {
        match outermost {
            Some((other, outer, first)) if other == family && outer.covers(range) => {
                if first.file != by.file {
                    return Some((ConflictKind::Addresses, [first, by]));
                }
            }
            _ => outermost = Some((family, range, by)),
        }
    }
    None
}

fn shared_asn(mut asns: Vec<(Asn, EntryRef<'_>)>, kind: fn(Asn) -> ConflictKind) -> Overlap<'_> {
    asns.sort_by_key(|(asn, by)| (*asn, by.file));
    asns.windows(2).find_map(|neighbours| {
        let [(asn, first), (other, second)] = neighbours else { return None };
        (asn == other && first.file != second.file).then_some((kind(*asn), [*first, *second]))
    })
}
