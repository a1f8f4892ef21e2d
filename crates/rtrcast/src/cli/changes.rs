//! `rtrcast changes` and `rtrcast ctl changes`: what is asked of the record of changes.

use crate::changes::{ChangeQuery, SinceArgument, SubjectArgument};
use clap::Args;
use rtrcast_feed::state::ChangeFilter;
use std::path::PathBuf;

const CHANGES_EXAMPLES: &str = "\
Examples:
  rtrcast changes 192.0.2.0/24 --state /var/lib/rtrcast
      when VRPs of this prefix, around it and in it, came and went, and why
  rtrcast changes AS64496 --state /var/lib/rtrcast --since 24h
      the VRPs, router keys and ASPA of an AS within the last day
  rtrcast changes --state /var/lib/rtrcast --since 2026-01-31T12:00:00Z --json
      all changes since then, for programs

It reads the files, whether a cache uses the directory or not. `rtrcast ctl changes` asks a running cache, which has a \
record in memory if it has no --state.
Exit codes: 0 done, also without a change, 2 wrong usage, 3 the directory can't be read, 5 the output can't be written.";

/// Arguments of `rtrcast changes`.
#[derive(Args, Debug)]
#[command(after_help = CHANGES_EXAMPLES)]
pub(crate) struct ChangesArguments {
    #[command(flatten)]
    pub(crate) query: ChangeQueryArguments,

    /// The directory of a cache: its --state
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) state: PathBuf,
}

/// What is asked for.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangeQueryArguments {
    /// A prefix or address (VRPs that cover it or lie in it), or an AS (its VRPs, router keys, and its ASPA)
    /// [default: everything]
    #[arg(value_name = "PREFIX|AS")]
    pub(crate) of: Option<SubjectArgument>,

    /// Not changes before: a time such as 2026-01-31T12:00:00Z or 2026-01-31, or a time span before now such as 90m, 24h
    /// or 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<SinceArgument>,

    /// The most changes that are printed; the newest are
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,

    /// Print all of it as JSON; docs/STATE.md describes the members
    #[arg(long)]
    pub(crate) json: bool,
}

impl ChangeQueryArguments {
    pub(crate) fn query(&self) -> ChangeQuery {
        let (prefix, asn) = match self.of {
            Some(SubjectArgument::Prefix(prefix)) => (Some(prefix), None),
            Some(SubjectArgument::Asn(asn)) => (None, Some(asn)),
            None => (None, None),
        };
        let filter = ChangeFilter { since: self.since.map(|since| since.0.0), prefix, asn };
        ChangeQuery { filter, limit: usize::try_from(self.limit).unwrap_or(usize::MAX) }
    }
}
