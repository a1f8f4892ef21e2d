//! Checksums of files of state.

use xxhash_rust::xxh3::xxh3_64;

/// Returns whether octets have a checksum. Fuzzers would never find one, so that for them all are right.
pub(super) fn has_sum(octets: &[u8], sum: u64) -> bool {
    cfg!(fuzzing) || xxh3_64(octets) == sum
}
