//! The command line.

mod changes;
mod check;
mod ctl;
mod dump;
mod fetch;
mod freshness;
pub(crate) mod given;
mod listen_address;
mod listener;
pub(crate) mod options;
mod peer;
mod serve;
mod ssh;
mod state;
mod upstream;
mod value;

pub(crate) use changes::{ChangeQueryArguments, ChangesArguments};
pub(crate) use check::CheckArguments;
pub(crate) use ctl::{CtlArguments, CtlCommand};
pub(crate) use dump::{DumpArguments, DumpFormat};
pub(crate) use fetch::FetchOptions;
pub(crate) use freshness::{FreshnessOptions, GuardOptions};
pub(crate) use listen_address::{ListenAddr, ListenEndpoint};
pub(crate) use listener::{
    ListenArgument, ListenOptions, ProxyFrom, TlsClientAddressArgument, TlsClientsArgument, TlsVersionArgument,
};
pub(crate) use peer::{PeerArgument, PeerName, PeerOptions};
pub(crate) use serve::{Merge, ServeArguments};
pub(crate) use ssh::{HostKeyType, SshArguments, SshCommand};
pub(crate) use state::StateArguments;
pub(crate) use upstream::DialOptions;
pub(crate) use value::HttpAddress;

use clap::{Parser, Subcommand};

/// Feeds validated RPKI data to routers by the RPKI-to-Router (RTR) protocol
#[derive(Parser, Debug)]
#[command(name = "rtrcast", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Serve validators' output to routers
    Serve(Box<ServeArguments>),
    /// Check configuration, SLURM and data files without serving anything
    Check(CheckArguments),
    /// Control a running cache over the socket of its --control
    Ctl(CtlArguments),
    /// Show when prefixes and ASes changed in what a cache serves, and why
    Changes(ChangesArguments),
    /// Show what a cache's --state has, and whether it is whole
    State(StateArguments),
    /// Print the data that a cache sends to routers: the set, changes, or each PDU
    Dump(Box<DumpArguments>),
    /// Make host keys and password hashes for SSH listeners
    Ssh(SshArguments),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn c_loc_02_beyond_loopback_only_what_is_asked_for() {
        let Command::Serve(arguments) = Arguments::parse_from(["rtrcast", "serve", "x.json"]).command else { panic!() };
        assert_eq!(arguments.listen, ["tcp://127.0.0.1:8282".parse().unwrap()]);
        assert_eq!(arguments.http, HttpAddress::On("127.0.0.1:9847".parse().unwrap()));
    }

    #[test]
    fn http_may_be_off() {
        assert_eq!("off".parse(), Ok(HttpAddress::Off));
    }
}
