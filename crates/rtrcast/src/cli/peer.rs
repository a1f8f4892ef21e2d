//! `--peer`: a prefix, and the options of its routers.

use super::given::{read_options, split};
use super::value::VersionArgument;
use clap::Args;
use rtrcast_net::IpPrefix;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

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
    /// Name of the router, which is the only one in the prefix.
    #[arg(long)]
    pub(crate) name: Option<PeerName>,
}

impl PeerOptions {
    /// Returns true if an option other than the name is given.
    pub(crate) fn has_policy(&self) -> bool {
        *self != PeerOptions { name: self.name.clone(), ..PeerOptions::default() }
    }
}

/// Limit of a name's length.
const NAME_CHARACTERS_MAX: usize = 64;

/// A router's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerName(pub(crate) Arc<str>);

impl FromStr for PeerName {
    type Err = String;

    fn from_str(text: &str) -> Result<PeerName, String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if text.is_empty() || !text.chars().all(is_allowed) {
            return Err("a name has letters, digits and -._ only, such as edge1.fra".to_owned());
        }
        if text.parse::<IpAddr>().is_ok() || text.chars().all(|c| c.is_ascii_digit()) {
            return Err(
                "a name is no address and no number: `rtrcast ctl close` would not know which is meant".to_owned()
            );
        }
        if text.len() > NAME_CHARACTERS_MAX {
            return Err(format!("a name has at most {NAME_CHARACTERS_MAX} characters"));
        }
        Ok(PeerName(text.into()))
    }
}

impl FromStr for PeerArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<PeerArgument, String> {
        let (prefix, options) = split(text);
        let prefix: IpPrefix = prefix.parse().map_err(|error| format!("{error}"))?;
        let options: PeerOptions = read_options(options)?;
        if options == PeerOptions::default() {
            let known = ["max-version=1", "hold=60", "answer-lower", "no-router-keys", "send-cache-restart"].join(", ");
            return Err(format!("{prefix} has no option behind a comma; for instance {known}"));
        }
        if let Some(PeerName(name)) = options.name.as_ref().filter(|_| prefix != IpPrefix::host(prefix.address())) {
            return Err(format!("name={name} is for one router, and {prefix} may have many; give it with an address"));
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
        assert_eq!(
            peer("192.0.2.0/24,name=edge1"),
            "name=edge1 is for one router, and 192.0.2.0/24 may have many; give it with an address"
        );
        let characters = "a name has letters, digits and -._ only, such as edge1.fra";
        assert_eq!(peer("192.0.2.1,name=a/b"), format!("invalid value 'a/b' for 'name=<NAME>': {characters}"));
        assert_eq!(peer("192.0.2.1,name=é"), format!("invalid value 'é' for 'name=<NAME>': {characters}"));
        let long = "a".repeat(NAME_CHARACTERS_MAX + 1);
        assert_eq!(
            peer(&format!("192.0.2.1,name={long}")),
            format!("invalid value '{long}' for 'name=<NAME>': a name has at most 64 characters")
        );
    }

    #[test]
    fn a_router_may_have_a_name() {
        for text in
            ["192.0.2.1,name=edge1.fra", "192.0.2.1/32,name=edge1.fra", "2001:db8::1/128,name=edge1.fra,no-aspas"]
        {
            let peer: PeerArgument = text.parse().unwrap();
            assert_eq!(peer.options.has_policy(), text.contains("no-aspas"));
            assert_eq!(peer.options.name, Some(PeerName("edge1.fra".into())));
        }
        assert!("a".repeat(NAME_CHARACTERS_MAX).parse::<PeerName>().is_ok());
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
