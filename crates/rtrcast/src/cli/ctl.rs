//! `rtrcast ctl`: its options, and what a running cache can be asked.

use super::ChangeQueryArguments;
use crate::observe::status::RouterColumn;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `rtrcast ctl`.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 2 wrong usage, no such source or no such router, or the upgrade failed, 5 the output can't be written, 10 no cache answers."
)]
pub(crate) struct CtlArguments {
    #[command(subcommand)]
    pub(crate) command: CtlCommand,

    /// The socket of the cache: its --control
    #[arg(long, value_name = "PATH", global = true, env = "RTRCAST_CONTROL")]
    pub(crate) control: Option<PathBuf>,
}

/// Requests to a running cache.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum CtlCommand {
    /// Show what is served, the sources with their age and errors, what is held back, listeners and limits
    Status {
        /// Print all of it as JSON; docs/CONTROL.md describes the members
        #[arg(long)]
        json: bool,
    },
    /// List the connected routers: what each has, when it asked, and what has passed
    Routers {
        /// Print all of it as JSON; docs/CONTROL.md describes the members
        #[arg(long)]
        json: bool,
        /// Sort by this column
        #[arg(long, value_name = "COLUMN", value_enum, default_value = "lag")]
        sort: RouterColumn,
    },
    /// Show when prefixes and ASes changed in what is served, and why
    Changes(ChangeQueryArguments),
    /// Close a router's connections in order: its response is completed, and it may connect again
    Close {
        /// The router's name as `routers` shows it, its address, or its address and port
        #[arg(value_name = "ROUTER")]
        router: String,
    },
    /// Accept what is held back (a sudden loss, a clock that jumped), of one source or of all
    Release {
        /// The source as `status` shows it
        #[arg(value_name = "SOURCE")]
        source: Option<String>,
    },
    /// Read all sources and SLURM files again now
    Refresh,
    /// Have the program taken over by the one that lies where it was started from, such as one that a package has put
    /// there: routers over TCP and Unix sockets keep their connections and sessions. It is rehearsed first; if it can't
    /// take over, this one goes on
    Upgrade,
    /// Stop; connections end in order, and routers keep the data until they expire. With --send-cache-restart version 2
    /// routers get the code of a restarting cache (12)
    Stop {
        /// Tell version 2 routers to forget the data at once: the cache will not be back
        #[arg(long)]
        flush: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_each_command() {
        let document = include_str!("../../../../docs/CONTROL.md");
        let mut commands = 0;
        for command in CtlCommand::augment_subcommands(clap::Command::new("ctl")).get_subcommands() {
            let heading = format!("\n### ctl {}\n", command.get_name());
            assert!(document.contains(&heading), "{heading}");
            commands += 1;
        }
        assert_eq!(document.matches("\n### ctl ").count(), commands);
    }
}
