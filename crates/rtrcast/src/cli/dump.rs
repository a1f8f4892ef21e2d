//! `rtrcast dump`: its options, and the examples of its help.

use super::DialOptions;
use super::given::Given;
use super::value::VersionArgument;
use clap::{Args, ValueEnum};
use rtrcast_net::Target;
use std::path::PathBuf;

const DUMP_EXAMPLES: &str = "\
Examples:
  rtrcast dump tcp://cache.example.net:323
      the whole data set as JSON, as rpki-client writes it: one record a line, prefixes ascending, so that it compares well
  rtrcast dump tcp://127.0.0.1:8282 -o rpki.json
      the same into a file, which is replaced once everything is there; whatever fails leaves the old one
  rtrcast dump localhost:8282 --session 4661 --serial 7 --format text
      what changed since then
  rtrcast dump tls://cache.example.net --ca ca.pem --client-cert router.pem --client-key router.key
      the same over TLS, checking the cache's certificate and showing one
  rtrcast dump ssh://rpki@cache.example.net:2222 --ssh-key id_ed25519
      over SSH, to a cache whose host key is in ~/.ssh/known_hosts
  rtrcast dump localhost:8282 --follow --format text
      the set, and then each change as it comes, until Ctrl-C; with -o FILE the file is kept current instead, and has the \
      newest set even if that may not be used any more, which is written to standard error
  rtrcast dump localhost:8282 --version 1 --pdus
      the conversation in version 1, a line a PDU: what is sent (>) and what is received (<)
  diff <(rtrcast dump -q --format csv tcp://one:323) <(rtrcast dump -q --format csv tcp://two:323)
      what two caches do not have in common

Formats: trust anchors and expiry are not known to routers, so no format has them. JSON has metadata (version, session, \
serial, timers, when it was received), \"roas\", \"bgpsec_keys\" and \"aspas\"; a list that the version can't carry is \
absent. CSV has VRPs only. Text is the form of --pdus without the version. Changes are JSON with \"announced\" and \
\"withdrawn\" (with --follow one document a line, the first one with the whole set), or text with + and -, behind a line \
\"= session 4661 serial 8: 2 announced, 1 withdrawn\".

Exit codes: 0 all is written (or --follow was stopped, or nobody reads on), 2 wrong usage, 5 the output can't be written, \
10 refused: no connection, or closed without an answer, 11 no data: the cache has none yet (code 2), or does not have the \
changes, 12 protocol: an Error Report, a breach, no common version, or an end in the middle, 13 timeout (also \
with a wrong key for TCP-MD5 or TCP-AO), 14 authentication: the cache's certificate or host key is not trusted, or it does \
not accept our certificate or login, 128 and the signal's number if one stopped it before it was done. Nothing but 0 leaves a \
document.";

/// Arguments of `rtrcast dump`.
#[derive(Args, Debug)]
#[command(after_help = DUMP_EXAMPLES, arg_required_else_help = true, disable_version_flag = true)]
pub(crate) struct DumpArguments {
    /// The cache: tcp://HOST:PORT, or without tcp://, tls://HOST:PORT, ssh://USER@HOST:PORT or unix:///PATH; the port is
    /// 323, 324 or 22 if none is given, the user "rpki"
    #[arg(value_name = "URL")]
    pub(crate) target: Target,

    #[command(flatten)]
    pub(crate) dial: Given<DialOptions>,

    /// Format of the data
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub(crate) format: DumpFormat,

    /// Print each PDU as it passes, sent (>) and received (<), and octets that are none in hexadecimal
    #[arg(long, conflicts_with = "format")]
    pub(crate) pdus: bool,

    /// Write to this file instead of standard output. It is put there complete, by a rename; but --pdus, and what is no
    /// regular file, is written as it comes
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Highest protocol version to ask in; a cache that speaks lower ones is asked in those
    #[arg(long, value_name = "VERSION", default_value = "2")]
    pub(crate) max_version: VersionArgument,

    /// Ask in exactly this protocol version
    #[arg(long = "version", value_name = "VERSION", conflicts_with = "max_version")]
    pub(crate) exact_version: Option<VersionArgument>,

    /// Only what changed since this serial
    #[arg(long, value_name = "NUMBER", requires = "session")]
    pub(crate) serial: Option<u32>,

    /// The session of that serial
    #[arg(long, value_name = "NUMBER", requires = "serial")]
    pub(crate) session: Option<u16>,

    /// Stay, and print each change as it comes; connects again when the connection is lost
    #[arg(long)]
    pub(crate) follow: bool,

    /// Seconds until everything has to be there
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) timeout: u32,

    /// Write only errors to standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `dump --format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// As rpki-client writes it
    Json,
    /// VRPs only
    Csv,
    /// A line for each record
    Text,
}
