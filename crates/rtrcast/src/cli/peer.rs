//! `--peer`: a prefix, and behind it what is different for its routers.

use super::given::{read_options, split};
use super::value::VersionArgument;
use clap::Args;
use rtrcast_net::IpPrefix;
use std::fmt;
use std::str::FromStr;

/// `--peer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerArgument {
    pub(crate) prefix: IpPrefix,
    pub(crate) options: PeerOptions,
}

/// Options of the routers of a prefix.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerOptions {
    #[arg(long)]
    pub(crate) min_version: Option<VersionArgument>,
    #[arg(long)]
    pub(crate) max_version: Option<VersionArgument>,
    #[arg(long)]
    pub(crate) answer_lower: bool,
    #[arg(long)]
    pub(crate) no_router_keys: bool,
    #[arg(long)]
    pub(crate) no_aspas: bool,
    #[arg(long)]
    pub(crate) send_cache_restart: bool,
    /// Seconds for which a query is held while there are no data yet.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=3_600))]
    pub(crate) hold: Option<u32>,
}

impl FromStr for PeerArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<PeerArgument, String> {
        let (prefix, options) = split(text);
        let prefix = prefix.parse().map_err(|error| format!("{error}"))?;
        let options: PeerOptions = read_options(options)?;
        if options == PeerOptions::default() {
            let known = ["max-version=1", "hold=60", "answer-lower", "no-router-keys", "send-cache-restart"].join(", ");
            return Err(format!("{prefix} has no option behind a comma; for instance {known}"));
        }
        Ok(PeerArgument { prefix, options })
    }
}

impl fmt::Display for PeerArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.prefix, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_options_is_said() {
        let peer = |text: &str| text.parse::<PeerArgument>().map(|peer| peer.options).unwrap_err();
        assert_eq!(
            peer("192.0.2.0/24"),
            "192.0.2.0/24 has no option behind a comma; for instance max-version=1, hold=60, answer-lower, no-router-keys, \
             send-cache-restart"
        );
        assert_eq!(
            peer("192.0.2.0/24,max-version=3"),
            "invalid value '3' for 'max-version=<MAX_VERSION>'; there are 0, 1, 2"
        );
        assert_eq!(peer("192.0.2.0/24,"), "there is no option behind a comma");
    }

    #[test]
    fn a_peer_is_read() {
        let peer: PeerArgument = "2001:db8::/32, max-version = 1, answer-lower, no-aspas".parse().unwrap();
        let wanted = PeerOptions {
            max_version: Some(VersionArgument(rtrcast_proto::Version::V1)),
            answer_lower: true,
            no_aspas: true,
            ..PeerOptions::default()
        };
        assert_eq!((peer.prefix.to_string(), peer.options), ("2001:db8::/32".to_owned(), wanted));
    }
}
