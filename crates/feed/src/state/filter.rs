//! Which changes are wanted of the record.

use super::change::ChangedRecord;
use crate::slurm::PrefixRange;
use rtrcast_proto::{Asn, Prefix, Record};

/// Which changes are wanted: those to which everything applies that is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Not those before, in seconds since 1970.
    pub since: Option<u32>,
    /// VRPs that may decide about a route with this prefix or one in it: those whose prefix covers it or lies in it.
    pub prefix: Option<Prefix>,
    /// VRPs and router keys of an AS, and its ASPA as a customer.
    pub asn: Option<Asn>,
}

impl ChangeFilter {
    /// Returns whether changes of this time are wanted.
    pub fn has_time(&self, time: u32) -> bool {
        self.since.is_none_or(|since| since <= time)
    }

    /// Returns whether a record is wanted.
    pub fn has_record(&self, record: &ChangedRecord) -> bool {
        let (prefix, asn) = match Record::read(record.section, &record.octets) {
            Some(Record::Origin(origin)) => (Some(origin.prefix()), origin.asn()),
            Some(Record::RouterKey(key)) => (None, key.asn()),
            Some(Record::Aspa(aspa)) => (None, aspa.customer()),
            None => return false,
        };
        let overlaps = |wanted: Prefix| prefix.is_some_and(|prefix| overlap(prefix, wanted));
        self.prefix.is_none_or(overlaps) && self.asn.is_none_or(|wanted| wanted == asn)
    }
}

/// Returns whether one of two prefixes covers the other.
fn overlap(a: Prefix, b: Prefix) -> bool {
    let ranges = (PrefixRange::of(a), PrefixRange::of(b));
    a.addr().is_ipv4() == b.addr().is_ipv4() && (ranges.0.covers(ranges.1) || ranges.1.covers(ranges.0))
}
