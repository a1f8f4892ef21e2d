//! Whether several files speak of the same (RFC 8416 section 4.2): then what one says may undo what the other does, and
//! nobody can tell which was meant. [SL-07]
//!
//! One sort and one pass for each kind, since files may have a hundred thousand entries.

use super::filters::Range;
use super::{Assertion, BgpsecFilter, Entry, Filter, PrefixFilter, SlurmFile, SlurmList};
use rtrcast_proto::{ASPA_PROVIDERS_MAX, Asn, Prefix};
use std::fmt;
use std::sync::Arc;

/// Two entries that do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmConflict {
    /// What is between them.
    pub kind: ConflictKind,
    /// The entries, in the order of the files.
    pub entries: Box<[Mention; 2]>,
}

/// What two entries have in common that they must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// Addresses, in lists of prefixes of two files.
    Addresses,
    /// An AS, in lists of router keys of two files.
    BgpsecAsn(Asn),
    /// A customer, in lists of ASPAs of two files. This is ours: version 2's text leaves it open.
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
    /// Its place in the list, counted from 0.
    pub index: usize,
    /// What it says, in words.
    pub what: String,
}

impl fmt::Display for SlurmConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &*self.entries;
        match self.kind {
            ConflictKind::Addresses => write!(f, "{first} and {second} have addresses in common"),
            ConflictKind::BgpsecAsn(asn) => write!(f, "{first} and {second} both speak of router keys of {asn}"),
            ConflictKind::Customer(asn) => write!(f, "{first} and {second} both speak of the ASPA of {asn}"),
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

/// An entry of one of several files, which are known by their places.
#[derive(Clone, Copy)]
pub(super) struct Use<'a> {
    file: usize,
    what: What<'a>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Filter(&'a Entry<Filter>),
    Assertion(&'a Entry<Assertion>),
}

impl<'a> Use<'a> {
    pub(super) fn assertion(file: usize, entry: &'a Entry<Assertion>) -> Use<'a> {
        Use { file, what: What::Assertion(entry) }
    }

    fn mention(self, files: &[(Arc<str>, Arc<SlurmFile>)]) -> Mention {
        let (line, list, index, what) = match self.what {
            What::Filter(entry) => (entry.line, entry.list, entry.index, entry.value.to_string()),
            What::Assertion(entry) => (entry.line, entry.list, entry.index, entry.value.to_string()),
        };
        let file = files.get(self.file).map(|(name, _)| name.clone()).unwrap_or_default();
        Mention { file, line, list, index, what }
    }
}

/// A conflict of two entries, which are put into the order of the files.
pub(super) fn conflict(
    files: &[(Arc<str>, Arc<SlurmFile>)],
    kind: ConflictKind,
    mut uses: [Use<'_>; 2],
) -> SlurmConflict {
    uses.sort_by_key(|entry| entry.file);
    SlurmConflict { kind, entries: Box::new(uses.map(|entry| entry.mention(files))) }
}

/// Refuses files that speak of the same addresses, ASes or customers.
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

/// What the entries of all files speak of.
#[derive(Default)]
struct Subjects<'a> {
    prefixes: Vec<(Family, Range, Use<'a>)>,
    bgpsec: Vec<(Asn, Use<'a>)>,
    customers: Vec<(Asn, Use<'a>)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Ipv4,
    Ipv6,
}

impl<'a> Subjects<'a> {
    fn of(files: &'a [(Arc<str>, Arc<SlurmFile>)]) -> Subjects<'a> {
        let mut subjects = Subjects::default();
        for (file, (_, slurm)) in files.iter().enumerate() {
            for entry in slurm.filters() {
                subjects.add_filter(&entry.value, Use { file, what: What::Filter(entry) });
            }
            for entry in slurm.assertions() {
                subjects.add_assertion(&entry.value, Use::assertion(file, entry));
            }
        }
        subjects
    }

    fn add_filter(&mut self, filter: &Filter, by: Use<'a>) {
        match filter {
            Filter::Prefix(PrefixFilter::Prefix(prefix) | PrefixFilter::Both(prefix, _)) => {
                self.add_prefix(*prefix, by);
            }
            Filter::Bgpsec(BgpsecFilter::Asn(asn) | BgpsecFilter::Both(asn, _)) => self.bgpsec.push((*asn, by)),
            // The text counts addresses of prefixes and ASes of router keys, and these name neither.
            Filter::Prefix(PrefixFilter::Asn(_)) | Filter::Bgpsec(BgpsecFilter::Ski(_)) => {}
            Filter::Aspa(customer) => self.customers.push((*customer, by)),
        }
    }

    fn add_assertion(&mut self, assertion: &Assertion, by: Use<'a>) {
        match assertion {
            Assertion::Prefix(origin) => self.add_prefix(origin.prefix(), by),
            Assertion::Bgpsec(key) => self.bgpsec.push((key.asn, by)),
            Assertion::Aspa(aspa) => self.customers.push((aspa.customer, by)),
        }
    }

    fn add_prefix(&mut self, prefix: Prefix, by: Use<'a>) {
        let family = if prefix.addr().is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        self.prefixes.push((family, Range::of(prefix), by));
    }
}

type Shared<'a> = Option<(ConflictKind, [Use<'a>; 2])>;

/// Sorted, what lies in a prefix follows it at once. As long as all of that is of the prefix's own file, comparing with
/// the outermost one is comparing with all.
fn shared_addresses(mut prefixes: Vec<(Family, Range, Use<'_>)>) -> Shared<'_> {
    prefixes.sort_by_key(|(family, range, by)| (*family, *range, by.file));
    let mut outermost: Option<(Family, Range, Use<'_>)> = None;
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

fn shared_asn(mut asns: Vec<(Asn, Use<'_>)>, kind: fn(Asn) -> ConflictKind) -> Shared<'_> {
    asns.sort_by_key(|(asn, by)| (*asn, by.file));
    asns.windows(2).find_map(|neighbours| {
        let [(asn, first), (other, second)] = neighbours else { return None };
        (asn == other && first.file != second.file).then_some((kind(*asn), [*first, *second]))
    })
}
