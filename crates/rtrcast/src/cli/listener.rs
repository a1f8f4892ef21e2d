//! `--listen` and `--peer`: a place or a prefix, and behind it options of its own.
//!
//! An option is written as its flag is, without the dashes, and goes through the same parser: each exists once. A flag
//! holds for all listeners, an option behind an address for that one.

use super::listen_address::{ListenAddr, ListenEndpoint};
use super::value::VersionArgument;
use crate::observe::describe::with_plain_ranges;
use clap::error::{ContextKind, ErrorKind};
use clap::{ArgAction, Args, Command, ValueEnum};
use rtrcast_net::{IpPrefix, Layer};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

const TLS: &str = "TLS listeners";
const SSH: &str = "SSH listeners";
const TCP: &str = "TCP and Unix listeners";

/// Where routers connect, and what is different there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenArgument {
    pub(crate) addr: ListenAddr,
    pub(crate) own: ListenOptions,
}

/// What may differ from one listener to another.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListenOptions {
    /// Certificate chain (PEM) that the cache shows; routers want their name for it in it as DNS name
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub(crate) tls_key: Option<PathBuf>,

    /// Certificates (PEM) of the authorities of routers' certificates
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub(crate) tls_client_ca: Option<PathBuf>,

    /// Whether routers have to show a certificate [default: required]
    #[arg(long, value_name = "WHETHER", help_heading = TLS)]
    pub(crate) tls_clients: Option<TlsClientsArgument>,

    /// Whether a router's certificate has to name the address that it comes from, as RFC 8210 section 9.2 says
    /// [default: match]
    #[arg(long, value_name = "WHETHER", help_heading = TLS)]
    pub(crate) tls_client_address: Option<TlsClientAddressArgument>,

    /// Certificates of routers that were revoked (PEM); may be given several times
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub(crate) tls_crl: Vec<PathBuf>,

    /// Lowest version of TLS [default: 1.2]
    #[arg(long, value_name = "VERSION", help_heading = TLS)]
    pub(crate) tls_min_version: Option<TlsVersionArgument>,

    /// Private host key, as `rtrcast ssh host-key` makes it; may be given several times, for several kinds
    #[arg(long, value_name = "FILE", help_heading = SSH)]
    pub(crate) ssh_host_key: Vec<PathBuf>,

    /// Public keys of routers, in the format of OpenSSH's authorized_keys
    #[arg(long, value_name = "FILE", help_heading = SSH)]
    pub(crate) ssh_authorized_keys: Option<PathBuf>,

    /// Users and hashes of their passwords, a line each as `rtrcast ssh hash-password` makes it
    #[arg(long, value_name = "FILE", help_heading = SSH)]
    pub(crate) ssh_passwords: Option<PathBuf>,

    /// Name that routers log in with; may be given several times [default: any]
    #[arg(long, value_name = "NAME", help_heading = SSH)]
    pub(crate) ssh_user: Vec<String>,

    /// Let routers in that prove nothing (authentication "none", which 8210bis forbids)
    #[arg(long, help_heading = SSH)]
    pub(crate) ssh_allow_anyone: bool,

    /// Keys for TCP-MD5 (RFC 2385): lines "PREFIX KEY". Who is in it connects with that key or not at all
    #[arg(long, value_name = "FILE", help_heading = TCP)]
    pub(crate) tcp_md5: Option<PathBuf>,

    /// Keys for TCP-AO (RFC 5925): lines "PREFIX SEND-ID RECV-ID ALGORITHM KEY"
    #[arg(long, value_name = "FILE", help_heading = TCP)]
    pub(crate) tcp_ao: Option<PathBuf>,

    /// Permissions of Unix sockets [default: 660]
    #[arg(long, value_name = "OCTAL", value_parser = octal, help_heading = TCP)]
    pub(crate) unix_mode: Option<u32>,

    /// Load balancers: connections from there have to begin with a PROXY protocol version 2 header, whose address then
    /// counts as the router's; "unix" for those at Unix sockets. May be given several times
    #[arg(long, value_name = "PREFIX", help_heading = TCP)]
    pub(crate) proxy_from: Vec<ProxyFrom>,
}

/// What is different for the routers of a prefix.
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

/// `--peer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerArgument {
    pub(crate) prefix: IpPrefix,
    pub(crate) options: PeerOptions,
}

/// `--tls-clients`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsClientsArgument {
    /// One of --tls-client-ca
    Required,
    /// None, or one of --tls-client-ca
    Requested,
    /// They are not asked for one
    Off,
}

/// `--tls-client-address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsClientAddressArgument {
    /// It does, as iPAddress
    Match,
    /// It need not: behind NAT, for instance
    Ignore,
}

/// `--tls-min-version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsVersionArgument {
    #[value(name = "1.2")]
    V12,
    #[value(name = "1.3")]
    V13,
}

/// `--proxy-from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyFrom {
    Prefix(IpPrefix),
    Unix,
}

impl ListenOptions {
    /// These, and what they leave open as another says.
    pub(crate) fn or(self, other: &ListenOptions) -> ListenOptions {
        fn list<T: Clone>(own: Vec<T>, other: &[T]) -> Vec<T> {
            if own.is_empty() { other.to_vec() } else { own }
        }
        let file = |own: Option<PathBuf>, other: &Option<PathBuf>| own.or_else(|| other.clone());
        ListenOptions {
            tls_cert: file(self.tls_cert, &other.tls_cert),
            tls_key: file(self.tls_key, &other.tls_key),
            tls_client_ca: file(self.tls_client_ca, &other.tls_client_ca),
            tls_clients: self.tls_clients.or(other.tls_clients),
            tls_client_address: self.tls_client_address.or(other.tls_client_address),
            tls_crl: list(self.tls_crl, &other.tls_crl),
            tls_min_version: self.tls_min_version.or(other.tls_min_version),
            ssh_host_key: list(self.ssh_host_key, &other.ssh_host_key),
            ssh_authorized_keys: file(self.ssh_authorized_keys, &other.ssh_authorized_keys),
            ssh_passwords: file(self.ssh_passwords, &other.ssh_passwords),
            ssh_user: list(self.ssh_user, &other.ssh_user),
            ssh_allow_anyone: self.ssh_allow_anyone || other.ssh_allow_anyone,
            tcp_md5: file(self.tcp_md5, &other.tcp_md5),
            tcp_ao: file(self.tcp_ao, &other.tcp_ao),
            unix_mode: self.unix_mode.or(other.unix_mode),
            proxy_from: list(self.proxy_from, &other.proxy_from),
        }
    }
}

impl ListenOptions {
    /// Whether all that a listener has of its own means something there.
    pub(crate) fn make_sense_for(&self, addr: &ListenAddr) -> Result<(), String> {
        match self.clone().without(&self.clone().only_for(addr)) {
            Some(option @ ("tls-client-ca" | "tls-crl" | "tls-client-address")) if addr.layer == Layer::Tls => {
                Err(format!("{option} means nothing there: with tls-clients=off nobody is asked for a certificate"))
            }
            Some(option) => Err(format!("{option} means nothing there")),
            None => Ok(()),
        }
    }

    /// What means something for a listener.
    pub(crate) fn only_for(self, addr: &ListenAddr) -> ListenOptions {
        let nothing = ListenOptions::default;
        let mut only = match addr.layer {
            Layer::Plain => nothing(),
            Layer::Tls if self.tls_clients == Some(TlsClientsArgument::Off) => ListenOptions {
                tls_cert: self.tls_cert,
                tls_key: self.tls_key,
                tls_clients: self.tls_clients,
                tls_min_version: self.tls_min_version,
                ..nothing()
            },
            Layer::Tls => ListenOptions {
                tls_cert: self.tls_cert,
                tls_key: self.tls_key,
                tls_client_ca: self.tls_client_ca,
                tls_clients: self.tls_clients,
                tls_client_address: self.tls_client_address,
                tls_crl: self.tls_crl,
                tls_min_version: self.tls_min_version,
                ..nothing()
            },
            Layer::Ssh => ListenOptions {
                ssh_host_key: self.ssh_host_key,
                ssh_authorized_keys: self.ssh_authorized_keys,
                ssh_passwords: self.ssh_passwords,
                ssh_user: self.ssh_user,
                ssh_allow_anyone: self.ssh_allow_anyone,
                ..nothing()
            },
        };
        match addr.endpoint {
            // Whether a socket of systemd is one of TCP is seen when it is there.
            ListenEndpoint::Ip(_) | ListenEndpoint::Passed(_) => {
                (only.tcp_md5, only.tcp_ao) = (self.tcp_md5, self.tcp_ao)
            }
            ListenEndpoint::Unix(_) => only.unix_mode = self.unix_mode,
        }
        only.proxy_from = self.proxy_from;
        only
    }

    /// The name of an option that is set here and not in another.
    fn without(self, other: &ListenOptions) -> Option<&'static str> {
        let differs = |(_, is_set, is_there): &(&str, bool, bool)| *is_set && !is_there;
        self.set()
            .into_iter()
            .zip(other.set())
            .map(|((name, is), (_, there))| (name, is, there))
            .find(differs)
            .map(|(name, ..)| name)
    }

    /// The name of an option that no listener uses, and what such a listener looks like. `used` is what all of them do.
    pub(crate) fn unused(&self, used: &ListenOptions) -> Option<(&'static str, &'static str)> {
        let option = self.clone().without(used)?;
        let such = match option.split_once('-') {
            Some(("tls", _)) => "tls://[::]:324",
            Some(("ssh", _)) => "ssh://[::]:22",
            Some(("unix", _)) => "unix:///run/rtr.sock",
            _ => "tcp://[::]:323",
        };
        Some((option, such))
    }

    /// Each option, and whether it is set.
    fn set(&self) -> [(&'static str, bool); 15] {
        [
            ("tls-cert", self.tls_cert.is_some()),
            ("tls-key", self.tls_key.is_some()),
            ("tls-client-ca", self.tls_client_ca.is_some()),
            ("tls-clients", self.tls_clients.is_some()),
            ("tls-client-address", self.tls_client_address.is_some()),
            ("tls-crl", !self.tls_crl.is_empty()),
            ("tls-min-version", self.tls_min_version.is_some()),
            ("ssh-host-key", !self.ssh_host_key.is_empty()),
            ("ssh-authorized-keys", self.ssh_authorized_keys.is_some()),
            ("ssh-passwords", self.ssh_passwords.is_some()),
            ("ssh-user", !self.ssh_user.is_empty()),
            ("ssh-allow-anyone", self.ssh_allow_anyone),
            ("tcp-md5", self.tcp_md5.is_some()),
            ("tcp-ao", self.tcp_ao.is_some()),
            ("unix-mode", self.unix_mode.is_some()),
        ]
    }

    /// Whether nothing is missing that a listener needs.
    pub(crate) fn suffice_for(&self, addr: &ListenAddr) -> Result<(), &'static str> {
        let clients = self.tls_clients.unwrap_or(TlsClientsArgument::Required);
        let is_asked = clients != TlsClientsArgument::Off;
        match addr.layer {
            Layer::Plain => Ok(()),
            Layer::Tls if self.tls_cert.is_none() => Err("TLS needs --tls-cert, the cache's certificate"),
            Layer::Tls if self.tls_key.is_none() => Err("TLS needs --tls-key, the key of its certificate"),
            Layer::Tls if is_asked && self.tls_client_ca.is_none() => Err(
                "routers' certificates need --tls-client-ca, whoever signs them; --tls-clients off does without any",
            ),
            Layer::Tls => Ok(()),
            Layer::Ssh if self.ssh_host_key.is_empty() => {
                Err("SSH needs --ssh-host-key; `rtrcast ssh host-key FILE` makes one")
            }
            Layer::Ssh
                if self.ssh_authorized_keys.is_none() && self.ssh_passwords.is_none() && !self.ssh_allow_anyone =>
            {
                Err("nobody could log in: SSH needs --ssh-authorized-keys or --ssh-passwords")
            }
            Layer::Ssh => Ok(()),
        }
    }
}

impl FromStr for ListenArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenArgument, String> {
        let (addr, options) = split(text);
        Ok(ListenArgument { addr: addr.parse()?, own: read_options(options)? })
    }
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

impl FromStr for ProxyFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<ProxyFrom, String> {
        match text {
            "unix" => Ok(ProxyFrom::Unix),
            prefix => prefix.parse().map(ProxyFrom::Prefix).map_err(|error| format!("{error}")),
        }
    }
}

fn octal(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "permissions are octal, such as 660".to_owned())
}

/// What stands before the first comma, and the rest.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once(',').map_or((text, None), |(at, options)| (at, Some(options)))
}

/// Reads `option=value,option`.
fn read_options<T: Args>(text: Option<&str>) -> Result<T, String> {
    let mut words = Vec::new();
    for word in text.into_iter().flat_map(|text| text.split(',')).map(str::trim) {
        words.push(match word.split_once('=') {
            None if word.is_empty() => return Err("there is no option behind a comma".to_owned()),
            None => format!("--{word}"),
            Some((option, value)) => format!("--{}={}", option.trim_end(), value.trim_start()),
        });
    }
    let command = T::augment_args(Command::new("options").no_binary_name(true).disable_help_flag(true))
        .mut_args(|arg| if let ArgAction::Set = arg.get_action() { arg.require_equals(true) } else { arg });
    let known: Vec<String> = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    let matches = command.try_get_matches_from(words).map_err(|error| {
        let context = |kind| error.get(kind).map_or(String::new(), ToString::to_string);
        if error.kind() == ErrorKind::UnknownArgument {
            let word = context(ContextKind::InvalidArg);
            return format!("unknown option \"{}\"; there are {}", word.trim_start_matches('-'), known.join(", "));
        }
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").replace("'--", "'");
        match context(ContextKind::ValidValue) {
            values if values.is_empty() => with_plain_ranges(&line),
            values => format!("{line}; there are {values}"),
        }
    })?;
    T::from_arg_matches(&matches).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> String {
        match text.parse::<ListenArgument>() {
            Ok(argument) => argument.addr.to_string(),
            Err(error) => error,
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(listen("127.0.0.1:8282"), "tcp://127.0.0.1:8282");
        assert_eq!(listen("localhost:8282"), "tcp://127.0.0.1:8282");
        assert_eq!(listen("tls://[::]:324"), "tls://[::]:324");
        assert_eq!(listen("ssh://192.0.2.1:22"), "ssh://192.0.2.1:22");
        assert_eq!(listen("unix:///run/rtr.sock"), "unix:///run/rtr.sock");
        assert_eq!(listen("tls://fd:rtr-tls"), "tls://fd:rtr-tls");
        assert_eq!(listen("unix://rtr.sock"), "unix:// wants an absolute path: unix:///run/rtrcast/rtr.sock");
        assert_eq!(
            listen("quic://[::1]:1"),
            "quic:// is not a transport; there are tcp://, tls://, ssh:// and unix://"
        );
        assert_eq!(listen("tcp://fd:"), "fd: wants the name of a socket that systemd passes: fd:NAME");
        assert_eq!(listen("8282"), "not an address and port such as 127.0.0.1:8282 or [::1]:8282");
    }

    #[test]
    fn options_of_a_listener_go_before_those_of_all() {
        let text = "tls://[::]:324,tls-cert=a.pem,tls-clients=requested,tls-crl=x,tls-crl=y,proxy-from=unix";
        let argument: ListenArgument = text.parse().unwrap();
        let all = ListenOptions {
            tls_cert: Some("b.pem".into()),
            tls_key: Some("b.key".into()),
            tls_crl: vec!["z".into()],
            ..ListenOptions::default()
        };
        let options = argument.own.or(&all);
        assert_eq!(options.tls_cert, Some("a.pem".into()));
        assert_eq!(options.tls_key, Some("b.key".into()));
        assert_eq!(options.tls_clients, Some(TlsClientsArgument::Requested));
        assert_eq!(options.tls_crl, [PathBuf::from("x"), PathBuf::from("y")]);
        assert_eq!(options.proxy_from, [ProxyFrom::Unix]);
    }

    #[test]
    fn what_is_wrong_with_options_is_said() {
        assert_eq!(
            listen("tls://[::]:324,tls-clients=maybe"),
            "invalid value 'maybe' for 'tls-clients=<WHETHER>'; there are required, requested, off"
        );
        assert!(
            listen("tls://[::]:324,cert=a.pem").starts_with("unknown option \"cert\"; there are tls-cert, tls-key, ")
        );
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
    fn a_listener_that_asks_nobody_needs_no_authorities() {
        let all = ListenOptions { tls_client_ca: Some("ca.pem".into()), ..ListenOptions::default() };
        let argument: ListenArgument = "tls://[::]:324,tls-clients=off".parse().unwrap();
        assert_eq!(argument.own.make_sense_for(&argument.addr), Ok(()));
        assert_eq!(argument.own.or(&all).only_for(&argument.addr).tls_client_ca, None);
        let argument: ListenArgument = "tls://[::]:324,tls-clients=off,tls-client-ca=ca.pem".parse().unwrap();
        assert_eq!(
            argument.own.make_sense_for(&argument.addr).unwrap_err(),
            "tls-client-ca means nothing there: with tls-clients=off nobody is asked for a certificate"
        );
    }

    #[test]
    fn what_no_listener_uses_is_found() {
        let all = ListenOptions { ssh_user: vec!["rpki".to_owned()], ..ListenOptions::default() };
        assert_eq!(all.unused(&ListenOptions::default()), Some(("ssh-user", "ssh://[::]:22")));
        assert_eq!(all.unused(&all), None);
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
