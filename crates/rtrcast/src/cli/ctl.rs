//! `rtrcast ctl`: its options, and what a running cache can be told.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What `rtrcast ctl` is told.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 2 wrong usage or no such source, 5 the output can't be written, 10 no cache answers."
)]
pub(crate) struct CtlArguments {
    #[command(subcommand)]
    pub(crate) order: Order,

    /// The socket of the cache: its --control
    #[arg(long, value_name = "PATH", global = true, env = "RTRCAST_CONTROL")]
    pub(crate) control: Option<PathBuf>,
}

/// What a running cache can be told.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Show the sources, their age, and what is held back
    Status,
    /// Believe what is held back (a sudden loss, a clock that jumped), of one source or of all
    Release {
        /// The source as `status` shows it
        #[arg(value_name = "SOURCE")]
        source: Option<String>,
    },
    /// Read all sources and SLURM files again now
    Refresh,
    /// Stop; connections end in order, and routers keep the data until they expire. With --send-cache-restart version 2
    /// routers are told that the cache restarts (code 12)
    Stop {
        /// Tell version 2 routers to forget the data at once: the cache will not be back
        #[arg(long)]
        flush: bool,
    },
}
