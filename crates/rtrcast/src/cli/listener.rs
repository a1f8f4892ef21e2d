//! `--listen`: an address, and behind it options of its own.
//!
//! An option is written there as its flag is, without the dashes, and goes through the same parser. A flag applies to all
//! listeners, an option behind an address to that one.

use super::given::{Given, OptionGroup, split};
use super::listen_address::ListenAddr;
use super::options::{OptionRow, Unless};
use crate::config::scheme::Scheme;
use clap::{Args, ValueEnum};
use rtrcast_net::{IpPrefix, Transport};
use std::path::PathBuf;
use std::str::FromStr;

const TLS: &str = "TLS listeners";
const SSH: &str = "SSH listeners";
const TCP: &str = "TCP and Unix listeners";

/// An address where routers connect, with the options of that listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenArgument {
    pub(crate) addr: ListenAddr,
    pub(crate) own: Given<ListenOptions>,
}

/// Options that may differ from one listener to another.
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

    /// Client certificates of routers [default: required]
    #[arg(long, value_name = "MODE", help_heading = TLS)]
    pub(crate) tls_clients: Option<TlsClientsArgument>,

    /// Comparison of a router's certificate with the address that it connects from, as in RFC 8210 section 9.2
    /// [default: match]
    #[arg(long, value_name = "CHECK", help_heading = TLS)]
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

    /// Admit routers without authentication (method "none", which 8210bis forbids)
    #[arg(long, help_heading = SSH)]
    pub(crate) ssh_allow_anyone: bool,

    /// Keys for TCP-MD5 (RFC 2385): lines "PREFIX KEY". A peer in it can connect with its key only
    #[arg(long, value_name = "FILE", help_heading = TCP)]
    pub(crate) tcp_md5: Option<PathBuf>,

    /// Keys for TCP-AO (RFC 5925): lines "PREFIX SEND-ID RECV-ID ALGORITHM KEY"
    #[arg(long, value_name = "FILE", help_heading = TCP)]
    pub(crate) tcp_ao: Option<PathBuf>,

    /// Permissions of Unix sockets [default: 660]
    #[arg(long, value_name = "OCTAL", value_parser = octal, help_heading = TCP)]
    pub(crate) unix_mode: Option<u32>,

    /// Load balancers: connections from there have to begin with a PROXY protocol version 2 header, whose address
    /// is used as the router's; "unix" for those at Unix sockets. May be given several times
    #[arg(long, value_name = "PREFIX", help_heading = TCP)]
    pub(crate) proxy_from: Vec<ProxyFrom>,
}

/// `--tls-clients`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsClientsArgument {
    /// Each router has to present one of --tls-client-ca
    Required,
    /// A router may present one of --tls-client-ca, or none
    Requested,
    /// Routers are not asked for one
    Off,
}

/// `--tls-client-address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsClientAddressArgument {
    /// The certificate has to contain the address, as iPAddress
    Match,
    /// It need not contain it: for routers behind NAT, for instance
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

impl OptionGroup for ListenOptions {
    const PREFIX: &'static str = "";
}

impl Given<ListenOptions> {
    /// Refuses options that do not apply to a listener at this address.
    pub(crate) fn validate_for(&self, addr: &ListenAddr) -> Result<(), String> {
        let Some(row) = self.first_not_for(addr.scheme()) else { return Ok(()) };
        let is_of_scheme = row.schemes().contains(&addr.scheme());
        let reason = row
            .unless
            .filter(|_| is_of_scheme)
            .map_or(String::new(), |Unless { option, value, reason }| format!(": with {option}={value} {reason}"));
        Err(format!("{} does not apply there{reason}", row.name))
    }

    /// Returns the name of an option that no listener uses, and an address that such a listener may have. `used` are the
    /// options of all listeners.
    pub(crate) fn unused(&self, used: &Given<ListenOptions>) -> Option<(&'static str, &'static str)> {
        let row: &OptionRow = self.first_not_in(used)?;
        let such = match row.schemes().first() {
            Some(Scheme::Tls) => "tls://[::]:324",
            Some(Scheme::Ssh) => "ssh://[::]:22",
            Some(Scheme::Unix) => "unix:///run/rtr.sock",
            Some(Scheme::Tcp | Scheme::Http) | None => "tcp://[::]:323",
        };
        Some((row.name, such))
    }
}

impl ListenOptions {
    /// Refuses options of which something is missing that a listener at this address needs.
    pub(crate) fn validate_for(&self, addr: &ListenAddr) -> Result<(), &'static str> {
        let clients = self.tls_clients.unwrap_or(TlsClientsArgument::Required);
        let is_asked = clients != TlsClientsArgument::Off;
        match addr.transport {
            Transport::Tcp => Ok(()),
            Transport::Tls if self.tls_cert.is_none() => Err("TLS needs --tls-cert, the cache's certificate"),
            Transport::Tls if self.tls_key.is_none() => Err("TLS needs --tls-key, the key of its certificate"),
            Transport::Tls if is_asked && self.tls_client_ca.is_none() => Err(
                "routers' certificates need --tls-client-ca, the authorities that sign them; --tls-clients off does without any",
            ),
            Transport::Tls => Ok(()),
            Transport::Ssh if self.ssh_host_key.is_empty() => {
                Err("SSH needs --ssh-host-key; `rtrcast ssh host-key FILE` makes one")
            }
            Transport::Ssh
                if self.ssh_authorized_keys.is_none() && self.ssh_passwords.is_none() && !self.ssh_allow_anyone =>
            {
                Err("nobody could log in: SSH needs --ssh-authorized-keys or --ssh-passwords")
            }
            Transport::Ssh => Ok(()),
        }
    }
}

impl FromStr for ListenArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenArgument, String> {
        let (addr, options) = split(text);
        Ok(ListenArgument { addr: addr.parse()?, own: Given::read(options)? })
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
        assert_eq!(listen("unix://rtr.sock"), "unix:// needs an absolute path: unix:///run/rtrcast/rtr.sock");
        assert_eq!(
            listen("quic://[::1]:1"),
            "quic:// is not a transport; there are tcp://, tls://, ssh:// and unix://"
        );
        assert_eq!(listen("tcp://fd:"), "fd: needs the name of a socket that systemd passes: fd:NAME");
        assert_eq!(listen("8282"), "not an address and port such as 127.0.0.1:8282 or [::1]:8282");
    }

    fn argument(text: &str) -> ListenArgument {
        text.parse().unwrap()
    }

    /// Options of all listeners.
    fn of_all(options: &str) -> Given<ListenOptions> {
        Given::read(Some(options)).unwrap()
    }

    #[test]
    fn options_of_a_listener_go_before_those_of_all() {
        let text = "tls://[::]:324,tls-cert=a.pem,tls-clients=requested,tls-crl=x,tls-crl=y,proxy-from=unix";
        let all = of_all("tls-cert=b.pem,tls-key=b.key,tls-crl=z");
        let options = argument(text).own.or(&all).typed();
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
            "invalid value 'maybe' for 'tls-clients=<MODE>'; there are required, requested, off"
        );
        assert!(
            listen("tls://[::]:324,cert=a.pem").starts_with("unknown option \"cert\"; there are tls-cert, tls-key, ")
        );
    }

    #[test]
    fn a_listener_that_asks_nobody_needs_no_authorities() {
        let all = of_all("tls-client-ca=ca.pem");
        let ListenArgument { addr, own } = argument("tls://[::]:324,tls-clients=off");
        assert_eq!(own.validate_for(&addr), Ok(()));
        assert_eq!(own.or(&all).only_for(addr.scheme()).typed().tls_client_ca, None);
        let ListenArgument { addr, own } = argument("tls://[::]:324,tls-clients=off,tls-client-ca=ca.pem");
        assert_eq!(
            own.validate_for(&addr).unwrap_err(),
            "tls-client-ca does not apply there: with tls-clients=off routers are not asked for a certificate"
        );
        let ListenArgument { addr, own } = argument("127.0.0.1:323,tls-client-ca=ca.pem");
        assert_eq!(own.validate_for(&addr).unwrap_err(), "tls-client-ca does not apply there");
    }

    #[test]
    fn what_no_listener_uses_is_found() {
        let all = of_all("ssh-user=rpki");
        assert_eq!(all.unused(&Given::default()), Some(("ssh-user", "ssh://[::]:22")));
        assert_eq!(all.unused(&all), None);
    }
}
