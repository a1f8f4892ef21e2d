//! What is kept, and where.

use super::directory::SourceHash;
use rtrcast_feed::curator::SourceId;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Options of a state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateOptions {
    pub(crate) path: PathBuf,
    /// The most octets of all files.
    pub(crate) octets_max: u64,
    /// Time for which changes are kept.
    pub(crate) changes_keep: Duration,
}

/// A source, as its file is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceAddress {
    pub(crate) hash: SourceHash,
    pub(crate) name: String,
}

/// Sources by their ids.
pub(crate) type SourceAddresses = BTreeMap<SourceId, SourceAddress>;
