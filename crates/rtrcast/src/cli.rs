//! The command line.

use crate::source::Source;
use clap::builder::{OsStringValueParser, PossibleValue, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use rtrcast_proto::Version;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
    /// Serve a validator's output to routers
    Serve(ServeArguments),
}

const SERVE_EXAMPLES: &str = "\
Examples:
  rtrcast serve /var/db/rpki-client/json
      serve rpki-client's output on 127.0.0.1:8282, and follow the file as it changes
  rtrcast serve https://validator.example.net/rpki.json --listen 192.0.2.1:323 --listen '[2001:db8::1]:323'
      fetch it every ten minutes, and serve routers on RTR's own port
  curl -s http://127.0.0.1:9847/readyz
      ask a running cache whether it has data

Signals: SIGHUP refreshes now, SIGTERM and SIGINT stop (version 2 routers are told that the cache restarts).
Exit codes: 0 stopped as asked, 1 internal error, 2 wrong usage, 4 an address can't be had.";

/// What `rtrcast serve` is told.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArguments {
    /// Where a validator's JSON or CSV is: a file, read again whenever it is replaced or rewritten, or an http(s) URL
    #[arg(value_name = "FILE-OR-URL", value_parser = OsStringValueParser::new().try_map(Source::parse))]
    pub(crate) source: Source,

    /// Address for routers; may be given several times. An IPv6 wildcard takes IPv4 as well, unless an IPv4 address is
    /// given for the same port
    #[arg(long, value_name = "[tcp://]ADDRESS:PORT", default_value = "127.0.0.1:8282", value_parser = listen_address)]
    pub(crate) listen: Vec<SocketAddr>,

    /// Address for /metrics, /healthz and /readyz, or "off"
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9847")]
    pub(crate) http: HttpAddress,

    /// Lowest protocol version that routers may ask for
    #[arg(long, value_name = "VERSION", default_value = "0")]
    pub(crate) min_version: VersionArgument,

    /// Highest protocol version that routers may ask for; above it they are told this one
    #[arg(long, value_name = "VERSION", default_value = "2")]
    pub(crate) max_version: VersionArgument,

    /// Send no BGPsec router keys
    #[arg(long)]
    pub(crate) no_router_keys: bool,

    /// Send no ASPAs
    #[arg(long)]
    pub(crate) no_aspas: bool,

    /// Seconds between two requests to a URL, a tenth more or less; a file is looked at that often in case the system
    /// did not tell of a change
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) refresh: u32,

    /// Seconds after which routers ask again, told to them in End of Data (1 to 86400)
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub(crate) rtr_refresh: u32,

    /// Seconds after which routers ask again if a query failed (1 to 7200)
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) rtr_retry: u32,

    /// Seconds for which routers keep data that they can't refresh (600 to 172800, larger than the other two)
    #[arg(long, value_name = "SECONDS", default_value_t = 7_200)]
    pub(crate) rtr_expire: u32,

    /// Most router connections at a time; further ones wait until one ends [default: what the descriptor limit allows]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections_max: Option<u32>,

    /// How much is logged to standard error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: LogLevel,
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

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    match text.split_once("://") {
        None => socket_address(text),
        Some(("tcp", address)) => socket_address(address),
        Some((scheme, _)) => Err(format!("{scheme}:// is not a transport of this version; it has tcp://")),
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
        let Command::Serve(arguments) = Arguments::parse_from(["rtrcast", "serve", "x.json"]).command;
        assert_eq!(arguments.listen, ["127.0.0.1:8282".parse().unwrap()]);
        assert_eq!(arguments.http, HttpAddress::On("127.0.0.1:9847".parse().unwrap()));
    }

    #[test]
    fn addresses() {
        assert_eq!(listen_address("tcp://[::1]:323"), Ok("[::1]:323".parse().unwrap()));
        assert_eq!(listen_address("localhost:8282"), Ok("127.0.0.1:8282".parse().unwrap()));
        assert!(listen_address("8282").is_err());
        assert_eq!(
            listen_address("quic://[::1]:1").unwrap_err(),
            "quic:// is not a transport of this version; it has tcp://"
        );
        assert_eq!("off".parse(), Ok(HttpAddress::Off));
    }
}
