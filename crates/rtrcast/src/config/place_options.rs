//! Options of one source or place of SLURM files.

use crate::cli::DialOptions;
use crate::config::options::FetchOptions;

/// The options of a place: URLs have those of a fetch, caches those of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlaceOptions {
    pub(crate) fetch: FetchOptions,
    pub(crate) dial: DialOptions,
}
