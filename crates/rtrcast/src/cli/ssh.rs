//! `rtrcast ssh`: its options, and the examples of its help.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

const SSH_EXAMPLES: &str = "\
Examples:
  rtrcast ssh host-key /etc/rtrcast/host_key
      make a key for --ssh-host-key, and show what routers have to know of it
  rtrcast ssh hash-password rpki >> /etc/rtrcast/passwords
      ask for a password, and add a line for --ssh-passwords

Exit codes: 0 done, 2 wrong usage, 5 a file can't be written; what is there is never replaced.";

/// Arguments of `rtrcast ssh`.
#[derive(Args, Debug)]
#[command(after_help = SSH_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct SshArguments {
    #[command(subcommand)]
    pub(crate) command: SshCommand,
}

/// The commands of `rtrcast ssh`.
#[derive(Subcommand, Debug)]
pub(crate) enum SshCommand {
    /// Make a host key, and show its fingerprint and its line for known_hosts files
    HostKey {
        /// File for the private key; the public one gets the same name with .pub
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Kind of the key. Old routers know RSA only
        #[arg(long = "type", value_name = "TYPE", default_value = "ed25519")]
        key_type: HostKeyType,
    },
    /// Make a line for --ssh-passwords, of a password asked for or read from standard input
    HashPassword {
        /// The user's name
        #[arg(value_name = "USER")]
        user: String,
    },
}

/// `ssh host-key --type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HostKeyType {
    /// Short and fast
    Ed25519,
    /// NIST P-256
    Ecdsa,
    /// 3072 bits
    Rsa,
}
