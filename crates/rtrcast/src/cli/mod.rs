//! The command line.

mod freshness;
mod listener;
mod upstream;

pub(crate) use freshness::{FreshnessOptions, GuardOptions};
pub(crate) use listener::{
    At, ListenArgument, ListenOptions, PeerArgument, Place, ProxyFrom, Speaks, TlsClientAddressArgument,
    TlsClientsArgument, TlsVersionArgument,
};
pub(crate) use upstream::{CacheOptions, DialOptions};

use crate::config::address::Source;
use clap::builder::{OsStringValueParser, PossibleValue, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use rtrcast_net::{IpPrefix, Target};
use rtrcast_proto::Version;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use tracing::level_filters::LevelFilter;

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
    /// Tell a running cache something, over the socket of its --control
    Ctl(CtlArguments),
    /// Print what a cache sends to routers: its data set, what changed, or each PDU
    Dump(Box<DumpArguments>),
    /// Make host keys and password hashes for SSH listeners
    Ssh(SshArguments),
}

const SERVE_EXAMPLES: &str = "\
Examples:
  rtrcast serve /var/db/rpki-client/json
      serve rpki-client's output on 127.0.0.1:8282, and follow the file as it changes
  rtrcast serve https://validator.example.net/rpki.json --listen 192.0.2.1:323 --listen '[2001:db8::1]:323'
      fetch it every ten minutes, and serve routers on RTR's own port
  rtrcast serve --merge first /var/db/rpki-client/rpki.ccr https://backup.example.net/json --slurm local.slurm
      prefer the local validator, fall back to another, and apply exceptions of your own
  rtrcast serve --merge first tcp://cache1.example.net:323 tcp://cache2.example.net:323
      follow two other caches over RTR, and serve the data of the first one that is well
  rtrcast serve tls://cache.example.net --cache-ca ca.pem --cache-client-cert me.pem --cache-client-key me.key
      the same over TLS, showing a certificate; tls:// is port 324
  rtrcast serve ssh://rpki@cache.example.net --cache-ssh-key id_ed25519 --cache-known-hosts known_hosts
      the same over SSH
  rtrcast serve rpki.json --listen 'tls://[::]:324' --tls-cert cache.pem --tls-key cache.key --tls-client-ca routers.pem
      over TLS, to routers that show a certificate for their address
  rtrcast serve rpki.json --listen 'ssh://[::]:22' --ssh-host-key host_key --ssh-authorized-keys routers.pub
      over SSH, to routers that log in with their key
  rtrcast serve --config /etc/rtrcast.toml
      the same from a file: each flag is a key there by its long name, and a flag overrides the file
  curl -s http://127.0.0.1:9847/readyz
      ask a running cache whether it has data

Signals: SIGHUP reads the configuration again and refreshes; router connections stay up. SIGTERM and SIGINT stop: \
connections end in order, and routers keep their data until these expire.
Exit codes: 0 stopped as asked, 1 internal error, 2 wrong usage, 3 wrong configuration or SLURM, 4 an address can't be \
had.";

/// What `rtrcast serve` is told.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArguments {
    /// Where validators' output is: files, read again whenever they are replaced or rewritten, or http(s) URLs. JSON, CSV
    /// and CCR of all validators are recognised by their content, also compressed by gzip, zstd or xz. Or another cache,
    /// which is followed over RTR: tcp://HOST:PORT, tls://HOST:PORT, ssh://USER@HOST:PORT or unix:///PATH
    #[arg(value_name = "FILE-OR-URL", value_parser = OsStringValueParser::new().try_map(Source::parse))]
    pub(crate) source: Vec<Source>,

    /// TOML file with these flags as keys, and "source" for the sources; SIGHUP reads it again. Relative paths in it are
    /// to the working directory, as on the command line
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// What becomes of several sources
    #[arg(long, value_name = "HOW", default_value = "union", help_heading = SOURCES)]
    pub(crate) merge: Merge,

    /// Seconds between two requests to a URL, a tenth more or less; a file is looked at that often in case the system
    /// did not tell of a change
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400),
        help_heading = SOURCES)]
    pub(crate) refresh: u32,

    /// Certificates (PEM) of the authorities that the servers of URLs are checked by, instead of the system's
    #[arg(long, value_name = "FILE", help_heading = SOURCES)]
    pub(crate) fetch_ca: Option<PathBuf>,

    /// Certificate chain (PEM) to show to the servers of URLs
    #[arg(long, value_name = "FILE", help_heading = SOURCES)]
    pub(crate) fetch_client_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", help_heading = SOURCES)]
    pub(crate) fetch_client_key: Option<PathBuf>,

    /// File with a bearer token for the servers of URLs, read at each request. Never sent without TLS but to this
    /// machine itself
    #[arg(long, value_name = "FILE", help_heading = SOURCES)]
    pub(crate) fetch_token_file: Option<PathBuf>,

    /// Proxy for all URLs, or "none" [default: what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say]
    #[arg(long, value_name = "URL", help_heading = SOURCES)]
    pub(crate) fetch_proxy: Option<String>,

    /// Seconds that a whole transfer may take; 10 of them for connecting, and 30 without any progress
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400),
        help_heading = SOURCES)]
    pub(crate) fetch_timeout: u32,

    #[command(flatten)]
    pub(crate) caches: CacheOptions,

    /// SLURM file, directory or URL with filters and assertions of your own; may be given several times. Of a directory
    /// each file is read whose name ends in .slurm or .json. A file with a mistake is refused whole
    #[arg(long, value_name = "PATH-OR-URL", value_parser = OsStringValueParser::new().try_map(Source::parse),
        help_heading = SLURM)]
    pub(crate) slurm: Vec<Source>,

    /// Read SLURM as others write it too: "customerAsid" and "providers" as for Routinator 0.15 and RTRTR, and as with
    /// StayRTR a list that is missing or null as an empty one, with a warning
    #[arg(long, help_heading = SLURM)]
    pub(crate) slurm_lenient: bool,

    /// Allow SLURM files to speak of the same addresses, router keys' ASes or customers
    #[arg(long, help_heading = SLURM)]
    pub(crate) slurm_allow_overlaps: bool,

    #[command(flatten)]
    pub(crate) freshness: FreshnessOptions,

    #[command(flatten)]
    pub(crate) guard: GuardOptions,

    /// Address for routers; may be given several times. tcp://ADDRESS:PORT, tls:// or ssh:// likewise, unix:///PATH;
    /// fd:NAME instead of the address is a socket that systemd passes. Options of that listener follow behind commas,
    /// named like the flags for all of them: `tls://[::]:324,tls-cert=FILE`. An IPv6 wildcard takes IPv4 as well, unless an
    /// IPv4 address is given for the same port
    #[arg(long, value_name = "[TRANSPORT://]ADDRESS:PORT[,OPTION=VALUE]", default_value = "127.0.0.1:8282",
        help_heading = ROUTERS)]
    pub(crate) listen: Vec<ListenArgument>,

    /// Lowest protocol version that routers may ask for
    #[arg(long, value_name = "VERSION", default_value = "0", help_heading = ROUTERS)]
    pub(crate) min_version: VersionArgument,

    /// Highest protocol version that routers may ask for; above it they are told this one
    #[arg(long, value_name = "VERSION", default_value = "2", help_heading = ROUTERS)]
    pub(crate) max_version: VersionArgument,

    /// Send no BGPsec router keys
    #[arg(long, help_heading = ROUTERS)]
    pub(crate) no_router_keys: bool,

    /// Send no ASPAs
    #[arg(long, help_heading = ROUTERS)]
    pub(crate) no_aspas: bool,

    /// Seconds after which routers ask again, told to them in End of Data (1 to 86400)
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, help_heading = ROUTERS)]
    pub(crate) rtr_refresh: u32,

    /// Seconds after which routers ask again if a query failed (1 to 7200)
    #[arg(long, value_name = "SECONDS", default_value_t = 600, help_heading = ROUTERS)]
    pub(crate) rtr_retry: u32,

    /// Seconds for which routers keep data that they can't refresh (600 to 172800, larger than the other two)
    #[arg(long, value_name = "SECONDS", default_value_t = 7_200, help_heading = ROUTERS)]
    pub(crate) rtr_expire: u32,

    /// Tell version 2 routers at a planned stop that the cache restarts (code 12), as 8210bis has it. Without it their
    /// connections end in order: BIRD up to 2.19.2 and 3.3.2 drops all data at that code, and waits for its retry interval
    #[arg(long, help_heading = ROUTERS)]
    pub(crate) send_cache_restart: bool,

    /// Something else for the routers of an address or prefix, the longest one that matches: PREFIX,OPTION,... with
    /// min-version=V, max-version=V, no-router-keys, no-aspas; answer-lower: a query above the highest version is answered
    /// in that version at once, for routers that never step down; send-cache-restart, as above; hold=SECONDS: how long a
    /// query is held while there are no data yet, instead of 25 (versions 0 and 1) or 8 (version 2). May be given several
    /// times
    #[arg(long, value_name = "PREFIX,OPTION[=VALUE]", help_heading = ROUTERS)]
    pub(crate) peer: Vec<PeerArgument>,

    /// Routers are let in from this address or prefix, and from others given so, only; may be given several times
    #[arg(long, value_name = "PREFIX", help_heading = ADMISSION)]
    pub(crate) allow: Vec<IpPrefix>,

    /// Routers are not let in from this address or prefix; where --allow has it too the longer one counts. May be given
    /// several times
    #[arg(long, value_name = "PREFIX", help_heading = ADMISSION)]
    pub(crate) deny: Vec<IpPrefix>,

    /// Most router connections at a time; further ones wait until one ends [default: what the descriptor limit allows]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = ADMISSION)]
    pub(crate) connections_max: Option<u32>,

    /// Most connections at a time from one address; further ones are reset [default: no limit]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = ADMISSION)]
    pub(crate) connections_per_address: Option<u32>,

    /// Most handshakes of TLS, SSH and PROXY at a time; one more ends the longest one of the address that has most
    #[arg(long, value_name = "NUMBER", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = ADMISSION)]
    pub(crate) handshakes_max: u32,

    /// Most MiB that connections may take by their kind (TLS and SSH take more than TCP); further ones wait
    #[arg(long, value_name = "MIB", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=1_048_576),
        help_heading = ADMISSION)]
    pub(crate) connections_memory: u32,

    /// Seconds that a handshake of TLS, SSH or PROXY may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600),
        help_heading = ADMISSION)]
    pub(crate) handshake_timeout: u32,

    /// Seconds that a router may take for its first query; after that it may be idle for ever
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400),
        help_heading = ADMISSION)]
    pub(crate) first_query_timeout: u32,

    /// Seconds for which a router may take nothing of what it is sent [default: 3 times --rtr-retry]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400),
        help_heading = ADMISSION)]
    pub(crate) write_stall: Option<u32>,

    #[command(flatten)]
    pub(crate) listeners: ListenOptions,

    /// Address for /metrics, /healthz and /readyz, or "off"
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9847", help_heading = OPERATION)]
    pub(crate) http: HttpAddress,

    /// Unix socket for `rtrcast ctl`, made with mode 0600 [default: none]
    #[arg(long, value_name = "PATH", help_heading = OPERATION)]
    pub(crate) control: Option<PathBuf>,

    /// How much is logged to standard error
    #[arg(long, value_name = "LEVEL", default_value = "info", help_heading = OPERATION)]
    pub(crate) log_level: LogLevel,
}

const SOURCES: &str = "Sources";
const SLURM: &str = "SLURM";
const ROUTERS: &str = "Routers";
const ADMISSION: &str = "Admission";
const OPERATION: &str = "Operation";

const CHECK_EXAMPLES: &str = "\
Examples:
  rtrcast check /etc/rtrcast.toml
      the configuration and the SLURM files that it names
  rtrcast check local.slurm more.slurm
      SLURM files, each by itself and against each other
  rtrcast check local.slurm --source /var/db/rpki-client/json
      also what each filter and each assertion would do to these data
  rtrcast check /var/db/rpki-client/rpki.ccr
      a validator's output: what it has, which entries are invalid, what of it would be served now, and until when

Lines that begin with \"warning:\" name what is no mistake of a file, but what `serve` would not do as expected: data that \
are too old, for instance.
Exit codes: 0 all well, perhaps with warnings, 2 wrong usage, 3 something is wrong with a file.";

/// What `rtrcast check` is told.
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

    /// Allow SLURM files to speak of the same addresses, router keys' ASes or customers
    #[arg(long)]
    pub(crate) slurm_allow_overlaps: bool,

    /// How data are judged that no configuration names; a configuration has its own
    #[command(flatten)]
    pub(crate) freshness: FreshnessOptions,
}

/// What `rtrcast ctl` is told.
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 2 wrong usage or no such source, 10 no cache answers."
)]
pub(crate) struct CtlArguments {
    #[command(subcommand)]
    pub(crate) order: Order,

    /// The socket of the cache: its --control
    #[arg(long, value_name = "PATH", global = true, env = "RTRCAST_CONTROL")]
    pub(crate) control: Option<PathBuf>,
}

const SSH_EXAMPLES: &str = "\
Examples:
  rtrcast ssh host-key /etc/rtrcast/host_key
      make a key for --ssh-host-key, and show what routers have to know of it
  rtrcast ssh hash-password rpki >> /etc/rtrcast/passwords
      ask for a password, and add a line for --ssh-passwords

Exit codes: 0 done, 2 wrong usage, 5 a file can't be written; what is there is never replaced.";

/// What `rtrcast ssh` is told.
#[derive(Args, Debug)]
#[command(after_help = SSH_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct SshArguments {
    #[command(subcommand)]
    pub(crate) order: SshOrder,
}

/// What can be made for SSH.
#[derive(Subcommand, Debug)]
pub(crate) enum SshOrder {
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
        /// Who logs in with it
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
      newest set even if that may not be used any more, which is said on standard error
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
10 refused: no connection, or closed without an answer, 11 no data: the cache has none yet (code 2), or can't tell what \
changed, 12 protocol: an Error Report, a breach, no common version, or an end in the middle, 13 timeout (also \
with a wrong key for TCP-MD5 or TCP-AO), 14 authentication: the cache's certificate or host key is not trusted, or it does \
not accept what we log in with, 128 and the signal's number if one stopped it before it was done. Nothing but 0 leaves a \
document.";

/// What `rtrcast dump` is told.
#[derive(Args, Debug)]
#[command(after_help = DUMP_EXAMPLES, arg_required_else_help = true, disable_version_flag = true)]
pub(crate) struct DumpArguments {
    /// The cache: tcp://HOST:PORT, or without tcp://, tls://HOST:PORT, ssh://USER@HOST:PORT or unix:///PATH; the port is
    /// 323, 324 or 22 if none is given, the user "rpki"
    #[arg(value_name = "URL")]
    pub(crate) target: Target,

    #[command(flatten)]
    pub(crate) dial: DialOptions,

    /// How the data are printed
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

    /// Say nothing on standard error but what fails
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

/// `--merge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Merge {
    /// All that any source has; the providers of a customer are their union
    Union,
    /// What the first healthy source has, in the order given. One is passed over after two failures or a minute of
    /// failing, when it is too old, or when a tenth of its payloads has expired; a preferred one is returned to
    First,
}

/// `--http`: an address, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpAddress {
    On(SocketAddr),
    Off,
}

impl FromStr for HttpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<HttpAddress, String> {
        if text == "off" { Ok(HttpAddress::Off) } else { socket_address(text).map(HttpAddress::On) }
    }
}

/// An IP address and a port; `localhost` is 127.0.0.1.
fn socket_address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| "not an address and port such as 127.0.0.1:8282 or [::1]:8282".to_owned())
}

/// A protocol version as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VersionArgument(pub(crate) Version);

impl ValueEnum for VersionArgument {
    fn value_variants<'a>() -> &'a [VersionArgument] {
        &[VersionArgument(Version::V0), VersionArgument(Version::V1), VersionArgument(Version::V2)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self.0 {
            Version::V0 => PossibleValue::new("0").help("RFC 6810"),
            Version::V1 => PossibleValue::new("1").help("RFC 8210"),
            Version::V2 => PossibleValue::new("2").help("draft-ietf-sidrops-8210bis"),
        })
    }
}

/// `--log-level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// An operator must act now
    Error,
    /// Look today
    Warn,
    /// A session or the data changed
    Info,
    /// Why it decided so
    Debug,
    /// Everything
    Trace,
}

impl LogLevel {
    pub(crate) fn filter(self) -> LevelFilter {
        match self {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
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
