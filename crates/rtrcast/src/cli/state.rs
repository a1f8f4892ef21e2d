//! `rtrcast state`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `rtrcast state`.
#[derive(Args, Debug)]
#[command(after_help = "\
It may run while a cache uses the directory; a file that the cache replaces meanwhile is shown as it was or as it is.
Exit codes: 0 done, 2 wrong usage, 3 the directory can't be read or, with --verify, something in it is damaged, 5 the \
output can't be written.")]
pub(crate) struct StateArguments {
    /// The directory of a cache: its --state
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Check everything: the records, the order of changes, and that the set has the hash of its name
    #[arg(long)]
    pub(crate) verify: bool,
}
