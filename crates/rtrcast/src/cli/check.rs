//! `rtrcast check`: its options, and the examples of its help.

use super::FreshnessOptions;
use crate::config::address::Source;
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use std::path::PathBuf;

const CHECK_EXAMPLES: &str = "\
Examples:
  rtrcast check /etc/rtrcast.toml
      the configuration and the SLURM files that it names
  rtrcast check local.slurm more.slurm
      SLURM files, each by itself and against each other
  rtrcast check local.slurm --source /var/db/rpki-client/json
      also the effect of each filter and each assertion on these data
  rtrcast check /var/db/rpki-client/rpki.ccr
      a validator's output: its records, invalid entries, and what of it would be served now, and until when

Lines that begin with \"warning:\" name what is no mistake of a file, but what `serve` would not do as expected: data that \
are too old, for instance.
Exit codes: 0 all well, perhaps with warnings, 2 wrong usage, 3 something is wrong with a file, 5 the output can't be \
written.";

/// Arguments of `rtrcast check`.
#[derive(Args, Debug)]
#[command(after_help = CHECK_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct CheckArguments {
    /// Files to check: a configuration (its name ends in .toml), SLURM or a directory of SLURM files, or a validator's
    /// output
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Data that the SLURM files would be applied to: a file or an http(s) URL; may be given several times
    #[arg(long, value_name = "FILE-OR-URL", value_parser = OsStringValueParser::new().try_map(Source::parse))]
    pub(crate) source: Vec<Source>,

    /// Read SLURM as others write it too: "customerAsid" and "providers" as for Routinator 0.15 and RTRTR, and as with
    /// StayRTR a list that is missing or null as an empty one, with a note
    #[arg(long)]
    pub(crate) slurm_lenient: bool,

    /// Allow SLURM files to name the same addresses, router keys' ASes or customers
    #[arg(long)]
    pub(crate) slurm_allow_overlaps: bool,

    /// Limits of age for data that no configuration names; a configuration has its own
    #[command(flatten)]
    pub(crate) freshness: FreshnessOptions,
}
