//! Values of options of several commands.

use crate::observe::log::LogFormat;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use rtrcast_proto::Version;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

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
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse().map_err(|_| "not an address and port such as 127.0.0.1:8282 or [::1]:8282".to_owned())
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormatArgument {
    /// "journal" if standard error is connected to systemd's journal, else "text"
    Auto,
    /// Time, level and message
    Text,
    /// A JSON object a line; docs/LOG.md lists its members
    Json,
    /// The level as a prefix for systemd's journal, and the message
    Journal,
}

impl LogFormatArgument {
    /// The format, by what standard error is if that is wanted.
    pub(crate) fn format(self) -> LogFormat {
        match self {
            LogFormatArgument::Auto => LogFormat::detect(),
            LogFormatArgument::Text => LogFormat::Text,
            LogFormatArgument::Json => LogFormat::Json,
            LogFormatArgument::Journal => LogFormat::Journal,
        }
    }
}

/// A protocol version as an argument.
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
