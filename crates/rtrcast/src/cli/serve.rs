//! `rtrcast serve`: its options, and the examples of its help.

use super::fetch::SOURCES;
use super::given::{ForAll, Given};
use super::listener::{ListenArgument, ListenOptions};
use super::peer::PeerArgument;
use super::value::{HttpAddress, LogFormatArgument, VersionArgument};
use super::{DialOptions, FetchOptions, FreshnessOptions, GuardOptions};
use crate::config::address::Source;
use crate::observe::log::Level;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use rtrcast_net::IpPrefix;
use std::path::PathBuf;

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
Exit codes: 0 stopped as asked, 1 internal error, 2 wrong usage, 3 wrong configuration or SLURM, or no use of --state, 4 \
cannot bind an address.";

/// Arguments of `rtrcast serve`.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArguments {
    /// Validators' output: files, read again whenever they are replaced or rewritten, or http(s) URLs. JSON, CSV
    /// and CCR of all validators are recognised by their content, also compressed by gzip, zstd or xz. Or another cache,
    /// which is followed over RTR: tcp://HOST:PORT, tls://HOST:PORT, ssh://USER@HOST:PORT or unix:///PATH
    #[arg(value_name = "FILE-OR-URL", value_parser = OsStringValueParser::new().try_map(Source::parse))]
    pub(crate) source: Vec<Source>,

    /// TOML file with these flags as keys, and "source" for the sources; SIGHUP reads it again. Relative paths in it are
    /// to the working directory, as on the command line. A source may have other options there than all URLs or caches:
    /// source = [{ at = "tls://HOST", ca = "FILE" }], named as the flags without "fetch-" or "cache-"
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Combination of several sources
    #[arg(long, value_name = "MODE", default_value = "union", help_heading = SOURCES)]
    pub(crate) merge: Merge,

    /// Seconds between two requests to a URL, a tenth more or less; a file is checked that often in case the system
    /// did not report a change
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400),
        help_heading = SOURCES)]
    pub(crate) refresh: u32,

    #[command(flatten)]
    pub(crate) fetch: ForAll<FetchOptions>,

    /// Seconds that a whole transfer may take; 10 of them for connecting, and 30 without any progress
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400),
        help_heading = SOURCES)]
    pub(crate) fetch_timeout: u32,

    #[command(flatten)]
    pub(crate) caches: ForAll<DialOptions>,

    /// SLURM file, directory or URL with filters and assertions of your own; may be given several times. Of a directory
    /// each file is read whose name ends in .slurm or .json. A file with a mistake is refused whole
    #[arg(long, value_name = "PATH-OR-URL", value_parser = OsStringValueParser::new().try_map(Source::parse),
        help_heading = SLURM)]
    pub(crate) slurm: Vec<Source>,

    /// Read SLURM as others write it too: "customerAsid" and "providers" as for Routinator 0.15 and RTRTR, and as with
    /// StayRTR a list that is missing or null as an empty one, with a warning
    #[arg(long, help_heading = SLURM)]
    pub(crate) slurm_lenient: bool,

    /// Allow SLURM files to name the same addresses, router keys' ASes or customers
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

    /// Highest protocol version that routers may ask for; above it they are answered with this one
    #[arg(long, value_name = "VERSION", default_value = "2", help_heading = ROUTERS)]
    pub(crate) max_version: VersionArgument,

    /// Send no BGPsec router keys
    #[arg(long, help_heading = ROUTERS)]
    pub(crate) no_router_keys: bool,

    /// Send no ASPAs
    #[arg(long, help_heading = ROUTERS)]
    pub(crate) no_aspas: bool,

    /// Seconds after which routers ask again, sent to them in End of Data (1 to 86400)
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

    /// Options of the routers of an address or prefix, the longest one that matches: PREFIX,OPTION,... with
    /// min-version=V, max-version=V, no-router-keys, no-aspas; answer-lower: a query above the highest version is answered
    /// in that version at once, for routers that never step down; send-cache-restart, as above; hold=SECONDS: how long a
    /// query is held while there are no data yet, instead of 25 (versions 0 and 1) or 8 (version 2); name=NAME: what the
    /// router at an address is called, which alone leaves it with the options of the prefix around it. May be given several times
    #[arg(long, value_name = "PREFIX,OPTION[=VALUE]", help_heading = ROUTERS)]
    pub(crate) peer: Vec<PeerArgument>,

    /// Admit routers from this address or prefix, and from others given so, only; may be given several times
    #[arg(long, value_name = "PREFIX", help_heading = ADMISSION)]
    pub(crate) allow: Vec<IpPrefix>,

    /// Admit no routers from this address or prefix; where --allow has it too the longer one applies. May be given
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
    pub(crate) listeners: Given<ListenOptions>,

    /// Address for metrics and probes of health by HTTP, or "off"
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9847", help_heading = OPERATION)]
    pub(crate) http: HttpAddress,

    /// Unix socket for `rtrcast ctl`, made with mode 0600 [default: none]
    #[arg(long, value_name = "PATH", help_heading = OPERATION)]
    pub(crate) control: Option<PathBuf>,

    /// Directory for what is served, made if it is missing: a start goes on with it in the same session, so that routers
    /// get only what changed [default: none, a start is a new session]
    #[arg(long, value_name = "DIR", help_heading = OPERATION)]
    pub(crate) state: Option<PathBuf>,

    /// Most MiB that the files of --state take; old changes go first
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_048_576),
        help_heading = OPERATION)]
    pub(crate) state_max: u32,

    /// Days for which --state keeps changes, for `rtrcast changes`
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=3_650),
        help_heading = OPERATION)]
    pub(crate) changes_keep: u32,

    /// Lowest level that is logged to standard error
    #[arg(long, value_name = "LEVEL", default_value = "info", help_heading = OPERATION)]
    pub(crate) log_level: Level,

    /// Format of log lines
    #[arg(long, value_name = "FORMAT", default_value = "auto", help_heading = OPERATION)]
    pub(crate) log_format: LogFormatArgument,
}

const SLURM: &str = "SLURM";
const ROUTERS: &str = "Routers";
const ADMISSION: &str = "Admission";
const OPERATION: &str = "Operation";

/// `--merge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Merge {
    /// The data of all sources; the providers of a customer are their union
    Union,
    /// The data of the first healthy source, in the order given. One is passed over after two failures or a minute of
    /// failing, when it is too old, or when a tenth of its payloads has expired; a preferred one is returned to
    First,
}
