//! SLURM: an operator's local exceptions to validators' data (RFC 8416, and its version 2 with ASPAs,
//! draft-ietf-sidrops-aspa-slurm-04).
//!
//! A file is either accepted whole or refused with the positions of its errors: an error that was ignored could remove
//! or keep the wrong records (`parse.rs` and `entries.rs`, over `walk.rs` and `error_list.rs`, with the messages in
//! `error.rs`). Several files become one [`Slurm`] if they do not overlap (`merge.rs`, `overlap.rs`). That has
//! [`Filters`] (`filters.rs`), and the assertions as an image; [`Effect`]s show which entries have an effect
//! (`effects.rs`).

mod effects;
mod entries;
mod error;
mod error_list;
mod filters;
mod merge;
mod overlap;
mod parse;
mod spelling;
mod walk;

pub use effects::{Effect, EffectKind};
pub use error::{SlurmError, SlurmErrors, SlurmReason};
pub use filters::Filters;
pub(crate) use filters::PrefixRange;
pub use merge::{Overlaps, Slurm};
pub use overlap::{ConflictKind, Mention, SlurmConflict};
pub use spelling::closest_name;

use rtrcast_proto::{Asn, Aspa, Prefix, ProviderAsn, Record, RouteOrigin, RouterKey};
use std::fmt;

/// Strictness of reading files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlurmDialect {
    /// As the specifications have them.
    #[default]
    Strict,
    /// Also as others write and read them. Files for Routinator 0.15 and RTRTR have `customerAsid` and `providers`, the
    /// latter in any order and as often as they come. Files for StayRTR lack lists, or have null for one, and it takes
    /// both for an empty list.
    Lenient,
}

/// Version of SLURM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlurmVersion {
    /// RFC 8416: prefixes and BGPsec keys.
    V1,
    /// draft-ietf-sidrops-aspa-slurm: ASPAs as well.
    V2,
}

/// The six lists of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlurmList {
    /// VRPs that are removed.
    PrefixFilters,
    /// Router keys that are removed.
    BgpsecFilters,
    /// Customers whose ASPAs are removed.
    AspaFilters,
    /// VRPs that are added.
    PrefixAssertions,
    /// Router keys that are added.
    BgpsecAssertions,
    /// ASPAs that are added.
    AspaAssertions,
}

impl SlurmList {
    /// Returns the list's name in a file, with that of its object.
    pub const fn path(self) -> &'static str {
        match self {
            SlurmList::PrefixFilters => "validationOutputFilters.prefixFilters",
            SlurmList::BgpsecFilters => "validationOutputFilters.bgpsecFilters",
            SlurmList::AspaFilters => "validationOutputFilters.aspaFilters",
            SlurmList::PrefixAssertions => "locallyAddedAssertions.prefixAssertions",
            SlurmList::BgpsecAssertions => "locallyAddedAssertions.bgpsecAssertions",
            SlurmList::AspaAssertions => "locallyAddedAssertions.aspaAssertions",
        }
    }
}

/// One file, accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmFile {
    version: SlurmVersion,
    filters: Vec<SlurmEntry<Filter>>,
    assertions: Vec<SlurmEntry<Assertion>>,
    read_as_empty: Vec<ReadAsEmpty>,
}

impl SlurmFile {
    /// Returns the version.
    pub fn version(&self) -> SlurmVersion {
        self.version
    }

    /// Returns the filters, in the order of the file.
    pub fn filters(&self) -> &[SlurmEntry<Filter>] {
        &self.filters
    }

    /// Returns the assertions, in the order of the file.
    pub fn assertions(&self) -> &[SlurmEntry<Assertion>] {
        &self.assertions
    }

    /// Returns the missing lists that were read as empty. Strict readers refuse such a file.
    pub fn read_as_empty(&self) -> &[ReadAsEmpty] {
        &self.read_as_empty
    }
}

/// A missing list, or object of lists. Its `Display` has the text to write for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAsEmpty {
    /// The line where it should be, or is null, counted from 1.
    pub line: u64,
    /// The object that it belongs to; none for an object of lists.
    pub within: Option<&'static str>,
    /// Its name.
    pub name: &'static str,
    /// Its text without an entry.
    pub empty: &'static str,
    /// The value in its place.
    pub found: Absence,
}

/// Value in place of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing.
    Missing,
    /// Null.
    Null,
}

impl fmt::Display for ReadAsEmpty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReadAsEmpty { line, within, name, empty, found } = self;
        match found {
            Absence::Missing => write!(f, "add \"{name}\": {empty}")?,
            Absence::Null => write!(f, "write \"{name}\": {empty} instead of null")?,
        }
        match within {
            Some(within) => write!(f, " in \"{within}\" (line {line})"),
            None => write!(f, " (line {line})"),
        }
    }
}

/// One entry of a list, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlurmEntry<T> {
    /// Its list.
    pub list: SlurmList,
    /// Its index there, counted from 0.
    pub index: usize,
    /// The line where it begins, counted from 1.
    pub line: u64,
    /// Its value.
    pub value: T,
}

/// A filter of validators' data. [SL-01] [SL-02]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// VRPs.
    Prefix(PrefixFilter),
    /// Router keys.
    Bgpsec(BgpsecFilter),
    /// The ASPA of a customer.
    Aspa(Asn),
}

/// A filter of VRPs. There is none without criteria, since it would be ambiguous. [SL-05]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixFilter {
    /// Those whose prefix is this one or is covered by it, whatever their maximum length.
    Prefix(Prefix),
    /// Those of an AS.
    Asn(Asn),
    /// Those for which both hold.
    Both(Prefix, Asn),
}

/// A filter of router keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BgpsecFilter {
    /// Those of an AS.
    Asn(Asn),
    /// Those with a Subject Key Identifier.
    Ski([u8; 20]),
    /// Those for which both hold.
    Both(Asn, [u8; 20]),
}

/// An addition to validators' data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assertion {
    /// A VRP.
    Prefix(RouteOrigin),
    /// A router key.
    Bgpsec(BgpsecAssertion),
    /// An ASPA.
    Aspa(AspaAssertion),
}

/// A router key that owns its octets; they are one DER SEQUENCE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BgpsecAssertion {
    ski: [u8; 20],
    asn: Asn,
    spki: Vec<u8>,
}

impl BgpsecAssertion {
    /// The key.
    pub fn key(&self) -> RouterKey<'_> {
        RouterKey::new(self.ski, self.asn, &self.spki).expect("checked when the file was read")
    }
}

/// An ASPA that owns its list; it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AspaAssertion {
    customer: Asn,
    providers: Vec<ProviderAsn>,
}

impl AspaAssertion {
    /// The ASPA.
    pub fn aspa(&self) -> Aspa<'_> {
        Aspa::new(self.customer, &self.providers).expect("checked when the file was read")
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Prefix(PrefixFilter::Prefix(prefix)) => write!(f, "VRPs in {prefix}"),
            Filter::Prefix(PrefixFilter::Asn(asn)) => write!(f, "VRPs of {asn}"),
            Filter::Prefix(PrefixFilter::Both(prefix, asn)) => write!(f, "VRPs in {prefix} of {asn}"),
            Filter::Bgpsec(BgpsecFilter::Asn(asn)) => write!(f, "router keys of {asn}"),
            Filter::Bgpsec(BgpsecFilter::Ski(ski)) => write!(f, "router keys with SKI {}", Hex(ski)),
            Filter::Bgpsec(BgpsecFilter::Both(asn, ski)) => write!(f, "router keys of {asn} with SKI {}", Hex(ski)),
            Filter::Aspa(customer) => write!(f, "the ASPA of {customer}"),
        }
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Assertion::Prefix(origin) => write!(f, "VRP {origin}"),
            Assertion::Bgpsec(key) => write!(f, "router key {}", key.key()),
            Assertion::Aspa(aspa) => write!(f, "ASPA of {}", Record::Aspa(aspa.aspa())),
        }
    }
}

/// Octets in hexadecimal.
struct Hex<'a>(&'a [u8; 20]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
