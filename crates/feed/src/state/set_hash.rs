//! The hash of a data set, which a change changes without a look at the rest.

use rtrcast_proto::{Delta, Image, Section};
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

/// Hash of a data set, whatever its version: the sum of the hashes of its records (XXH3, 128 bits). Two sets that differ
/// by accident have the same one by a chance of 2^-128.
///
/// A hash over the octets in their order would have to read a million records at each change of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetHash(pub u128);

impl SetHash {
    /// Hashes a whole set.
    pub fn of(image: &Image) -> SetHash {
        let records = Section::ALL.into_iter().flat_map(|section| image.records(section));
        SetHash(records.map(of_record).fold(0, u128::wrapping_add))
    }

    /// Returns the hash of the set that a change leads to.
    #[must_use]
    pub fn changed_by(self, delta: &Delta) -> SetHash {
        let sum = |records: &mut dyn Iterator<Item = &[u8]>| records.map(of_record).fold(0, u128::wrapping_add);
        let added = sum(&mut Section::ALL.into_iter().flat_map(|section| delta.added(section)));
        let removed = sum(&mut Section::ALL.into_iter().flat_map(|section| delta.removed(section)));
        SetHash(self.0.wrapping_add(added).wrapping_sub(removed))
    }
}

/// The first octet of a record is its version.
fn of_record(record: &[u8]) -> u128 {
    xxh3_128(record.get(1..).unwrap_or_default())
}

/// In hexadecimal.
impl fmt::Display for SetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
