//! Routers over transports that protect: TLS, SSH and TCP-MD5. A new one is a line in `ALL`.
//!
//! The peers are those of `router/`, and go through the same steps. `witness.rs` has foreign programs look on as
//! sessions end, and tries to get in without what is needed.

mod caches;
mod credentials;
mod namespaces;
mod strangers;
mod witness;

use crate::Outcome;
use crate::cache::Listen;
use crate::process::package_version;
use crate::report::{Cells, Row};
use crate::root::{Release, Root};
use crate::router::{self, Link, bird, frr, openbgpd, own, rpki_rs, rtrclient, rtrdump, tunnel};
use crate::step::{Exception, Kind, Step};
use namespaces::Namespaces;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

pub(crate) use credentials::{PASSWORD, SshFiles, SshKey, TlsFiles, USER, text};

/// A key of 80 octets, which is the most that the kernel takes, and the least that has to be taken.
const MD5_KEY: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789-cache1";

/// A peer and the transport that it comes over.
pub(crate) struct Peer {
    who: Who,
    over: Over,
    /// What it goes through beside what all do.
    also: &'static [Step],
    exceptions: &'static [Exception],
    notes: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Who {
    Router(&'static router::Peer),
    /// The server of the `rpki` crate, for once, and our program as its router.
    RpkiServer(TlsVersion),
}

/// A transport, and what a router shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// The cache asks for no certificate.
    TlsWithoutCertificate,
    Tls(TlsVersion),
    Ssh(Login),
    Md5(KeyLength),
}

/// How long a key of TCP-MD5 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyLength {
    /// The most that OpenBGPD takes.
    Octets79,
    Octets80,
}

impl KeyLength {
    fn key(self) -> &'static str {
        match self {
            KeyLength::Octets79 => MD5_KEY.split_at(79).0,
            KeyLength::Octets80 => MD5_KEY,
        }
    }
}

/// How a router gets to its cache.
#[derive(Clone)]
pub(crate) enum Way {
    Tcp,
    Tls { files: Arc<TlsFiles>, version: TlsVersion },
    Ssh(Arc<SshFiles>, Login),
    Md5(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    V1_2,
    V1_3,
}

impl TlsVersion {
    pub(crate) fn of_rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            TlsVersion::V1_2 => &TLS12,
            TlsVersion::V1_3 => &TLS13,
        }
    }

    /// As `s_client` has it.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            TlsVersion::V1_2 => "-tls1_2",
            TlsVersion::V1_3 => "-tls1_3",
        }
    }
}

/// How a router proves who it is over SSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Key(SshKey),
    Password,
}

impl Login {
    /// For peers that have nothing else.
    pub(crate) fn key(self) -> Outcome<SshKey> {
        match self {
            Login::Key(key) => Ok(key),
            Login::Password => Err("this peer logs in by key only".to_owned()),
        }
    }
}

impl Over {
    fn title(self) -> &'static str {
        match self {
            Over::TlsWithoutCertificate | Over::Tls(TlsVersion::V1_3) => "TLS 1.3",
            Over::Tls(TlsVersion::V1_2) => "TLS 1.2",
            Over::Ssh(_) => "SSH",
            Over::Md5(_) => "TCP-MD5",
        }
    }

    fn shows(self) -> &'static str {
        match self {
            Over::TlsWithoutCertificate => "nothing",
            Over::Tls(_) => "certificate",
            Over::Ssh(Login::Key(SshKey::Ed25519)) => "ed25519 key",
            Over::Ssh(Login::Key(SshKey::Ecdsa)) => "ecdsa key",
            Over::Ssh(Login::Key(SshKey::Rsa)) => "rsa key",
            Over::Ssh(Login::Password) => "password",
            Over::Md5(KeyLength::Octets79) => "key of 79 octets",
            Over::Md5(KeyLength::Octets80) => "key of 80 octets",
        }
    }
}

/// Of programs that show all that they get.
const WITNESS: &[Step] = &[Step::LastWords, Step::Strangers];

/// Of who asks once, and ends.
const ASKS_ONCE: &[Exception] = &[
    Exception {
        step: Step::Notify,
        kind: Kind::Otherwise,
        reason: "it asks once and ends. Run again, it has the new records.",
    },
    Exception { step: Step::Restart, kind: Kind::NotApplicable, reason: "it asks once and ends." },
];
const LEAVES_SSH: Exception = Exception {
    step: Step::End,
    kind: Kind::NotApplicable,
    reason: "it ends without closing the channel or the connection.",
};
const ASKS_ONCE_BY_SSH: &[Exception] = &[ASKS_ONCE[0], ASKS_ONCE[1], LEAVES_SSH];
const LOADS_ONCE_BY_SSH: &[Exception] = &[
    Exception { step: Step::Notify, kind: Kind::NotApplicable, reason: "it asks once and ends." },
    ASKS_ONCE[1],
    LEAVES_SSH,
];

const FRR_PRELOADED: &str = "as Debian has it, no SSH connection is established: FRR has functions with the names of \
    OpenSSL's `SHA256_Init`, `SHA256_Update` and `SHA256_Final`, which libssh then calls. So it is started with \
    `LD_PRELOAD=libcrypto.so.3`.";

/// In the order of the table.
pub(crate) const ALL: &[Peer] = &[
    Peer::new(&rpki_rs::PEER, Over::Tls(TlsVersion::V1_2)),
    Peer::new(&rpki_rs::PEER, Over::Tls(TlsVersion::V1_3)),
    Peer { also: WITNESS, ..Peer::new(&tunnel::OPENSSL, Over::Tls(TlsVersion::V1_2)) },
    Peer { also: WITNESS, ..Peer::new(&tunnel::OPENSSL, Over::Tls(TlsVersion::V1_3)) },
    Peer {
        exceptions: ASKS_ONCE,
        notes: &["has no client certificates. So it is served with `--tls-clients off`."],
        ..Peer::new(&rtrdump::PEER, Over::TlsWithoutCertificate)
    },
    Peer {
        exceptions: ASKS_ONCE,
        notes: &["has no client certificates. So it is served with `--tls-clients off`."],
        ..Peer::new(&rtrdump::DEBIAN_13, Over::TlsWithoutCertificate)
    },
    Peer::new(&bird::PEER, Over::Ssh(Login::Key(SshKey::Ed25519))),
    Peer::new(&bird::PEER, Over::Ssh(Login::Key(SshKey::Rsa))),
    Peer::new(&bird::BIRD_2, Over::Ssh(Login::Key(SshKey::Ed25519))),
    Peer::new(&bird::BIRD_3, Over::Ssh(Login::Key(SshKey::Rsa))),
    Peer {
        exceptions: &[Exception { step: Step::FullLoad, kind: Kind::Otherwise, reason: FRR_PRELOADED }],
        notes: &[
            "up to 8.4 the command is `rpki cache HOST PORT USER PRIVATE-KEY [KNOWN-HOSTS] preference N`. The file \
            that its help calls SERVER_PUBKEY is one of known hosts, and the router's public key is not given.",
        ],
        ..Peer::new(&frr::PEER, Over::Ssh(Login::Key(SshKey::Ed25519)))
    },
    Peer {
        exceptions: &[
            Exception { step: Step::FullLoad, kind: Kind::Otherwise, reason: FRR_PRELOADED },
            Exception {
                step: Step::End,
                kind: Kind::Deviates,
                reason: "it ignores the end of the channel, and ends with the connection, which rtrcast closes 8 s \
                    later.",
            },
        ],
        notes: &["the command is `rpki cache ssh HOST PORT USER PRIVATE-KEY [KNOWN-HOSTS] preference N`."],
        ..Peer::new(&frr::DEBIAN_13, Over::Ssh(Login::Key(SshKey::Ed25519)))
    },
    Peer::new(&rtrclient::PEER, Over::Ssh(Login::Key(SshKey::Ecdsa))),
    Peer::new(&rtrclient::PEER, Over::Ssh(Login::Key(SshKey::Rsa))),
    Peer { exceptions: ASKS_ONCE_BY_SSH, ..Peer::new(&rtrdump::PEER, Over::Ssh(Login::Key(SshKey::Rsa))) },
    Peer { exceptions: LOADS_ONCE_BY_SSH, ..Peer::new(&rtrdump::PEER, Over::Ssh(Login::Password)) },
    Peer { exceptions: ASKS_ONCE_BY_SSH, ..Peer::new(&rtrdump::DEBIAN_13, Over::Ssh(Login::Key(SshKey::Rsa))) },
    Peer { also: WITNESS, ..Peer::new(&tunnel::OPENSSH, Over::Ssh(Login::Key(SshKey::Ed25519))) },
    Peer { also: &[Step::Strangers], ..Peer::new(&own::PEER, Over::Md5(KeyLength::Octets80)) },
    Peer {
        exceptions: &[Exception {
            step: Step::FullLoad,
            kind: Kind::Deviates,
            reason: "up to 8.6 it has no keys for caches: `tcp md5sig` in an `rtr` block is a syntax error.",
        }],
        ..Peer::new(&openbgpd::PEER, Over::Md5(KeyLength::Octets80))
    },
    Peer::new(&bird::BIRD_2, Over::Md5(KeyLength::Octets80)),
    Peer::new(&bird::BIRD_3, Over::Md5(KeyLength::Octets80)),
    Peer {
        exceptions: &[Exception { step: Step::Restart, kind: Kind::Otherwise, reason: openbgpd::LOST_SET }],
        ..Peer::new(&openbgpd::DEBIAN_13, Over::Md5(KeyLength::Octets79))
    },
    Peer {
        exceptions: &[Exception {
            step: Step::FullLoad,
            kind: Kind::Deviates,
            reason: "it refuses a configuration whose key has more than 79 octets: \"tcp md5sig password too long: max \
                79\".",
        }],
        ..Peer::new(&openbgpd::DEBIAN_13, Over::Md5(KeyLength::Octets80))
    },
    Peer { who: Who::RpkiServer(TlsVersion::V1_2), ..Peer::new(&rpki_rs::PEER, Over::Tls(TlsVersion::V1_2)) },
    Peer { who: Who::RpkiServer(TlsVersion::V1_3), ..Peer::new(&rpki_rs::PEER, Over::Tls(TlsVersion::V1_3)) },
];

impl Peer {
    const fn new(router: &'static router::Peer, over: Over) -> Peer {
        Peer { who: Who::Router(router), over, also: &[], exceptions: &[], notes: &[] }
    }

    pub(crate) fn name(&self) -> String {
        let client = match self.who {
            Who::Router(router) => router.name,
            Who::RpkiServer(_) => caches::CLIENT,
        };
        format!("{client} over {} with {}", self.over.title(), self.over.shows())
    }

    /// Whose packages the client is of.
    pub(crate) fn release(&self) -> Release {
        match self.who {
            Who::Router(router) => router.release,
            Who::RpkiServer(_) => Release::Machine,
        }
    }

    /// Debian's packages, with spaces between them.
    pub(crate) fn packages(&self) -> String {
        let tools = match self.over {
            Over::TlsWithoutCertificate | Over::Tls(_) => "openssl",
            Over::Ssh(_) => "openssh-client",
            Over::Md5(_) => "iproute2",
        };
        match self.who {
            Who::Router(router) => format!("{} {tools}", router.package),
            Who::RpkiServer(_) => tools.to_owned(),
        }
    }

    /// Its version, or none where it or a program that it takes is missing.
    pub(crate) fn version(&self, root: &Root) -> Option<String> {
        let has_tools = match self.over {
            Over::TlsWithoutCertificate | Over::Tls(_) => package_version("openssl", "openssl").is_some(),
            Over::Ssh(_) => package_version("openssh-client", "ssh").is_some(),
            Over::Md5(_) => namespaces::can_be_made(),
        };
        let version = match self.who {
            Who::Router(router) => (router.version)(root),
            Who::RpkiServer(_) => router::version("rpki"),
        };
        version.filter(|_| has_tools)
    }
}

/// What is made once for all peers.
#[derive(Default)]
pub(crate) struct Credentials {
    tls: OnceLock<Outcome<Arc<TlsFiles>>>,
    ssh: OnceLock<Outcome<Arc<SshFiles>>>,
}

impl Credentials {
    fn tls(&self) -> Outcome<Arc<TlsFiles>> {
        self.tls.get_or_init(|| TlsFiles::make().map(Arc::new)).clone()
    }

    fn ssh(&self, program: &Path) -> Outcome<Arc<SshFiles>> {
        self.ssh.get_or_init(|| SshFiles::make(program).map(Arc::new)).clone()
    }
}

/// Puts one peer through all steps.
pub(crate) fn run(peer: &Peer, root: &Root, version: String, program: &Path, credentials: &Credentials) -> Row {
    let client = match peer.who {
        Who::Router(router) => router.name,
        Who::RpkiServer(_) => caches::CLIENT,
    };
    let cells = Cells { transport: peer.over.title(), client, shows: peer.over.shows() };
    let row = Row::new(peer.name(), version, peer.exceptions, peer.notes).over(cells);
    let router = match peer.who {
        Who::Router(router) => router,
        Who::RpkiServer(tls) => return caches::run(row, tls, program, credentials),
    };
    match link(peer, program, credentials) {
        Ok((link, None)) => steps(peer, router, root, program, link, row),
        Ok((link, Some(namespaces))) => namespaces.enter(|| steps(peer, router, root, program, link, row)),
        Err(error) => row.failed_before(error),
    }
}

fn steps(peer: &Peer, router: &router::Peer, root: &Root, program: &Path, link: Link, row: Row) -> Row {
    let mut row = router::run_over(router, root, program, link.clone(), row);
    if peer.also.contains(&Step::LastWords) {
        row.step(Step::LastWords, || witness::last_words(program, &link));
    }
    if peer.also.contains(&Step::Strangers) {
        row.step(Step::Strangers, || strangers::are_refused(program, &link));
    }
    row
}

/// What lies between the cache and the peer; and namespaces, if the peer is in one.
fn link(peer: &Peer, program: &Path, credentials: &Credentials) -> Outcome<(Link, Option<Namespaces>)> {
    let listen = |scheme| Listen { scheme, ..Listen::default() };
    Ok(match peer.over {
        Over::TlsWithoutCertificate => {
            let files = credentials.tls()?;
            let flags = [cache_certificate(&files), vec!["--tls-clients".to_owned(), "off".to_owned()]].concat();
            (Link { way: Way::Tls { files, version: TlsVersion::V1_3 }, listen: listen("tls"), flags }, None)
        }
        Over::Tls(version) => {
            let files = credentials.tls()?;
            let authorities = vec!["--tls-client-ca".to_owned(), text(&files.path("ca.pem"))];
            let flags = [cache_certificate(&files), authorities].concat();
            (Link { way: Way::Tls { files, version }, listen: listen("tls"), flags }, None)
        }
        Over::Ssh(login) => {
            let files = credentials.ssh(program)?;
            let flags = files.cache_flags();
            (Link { way: Way::Ssh(files, login), listen: listen("ssh"), flags }, None)
        }
        Over::Md5(length) => {
            let namespaces = Namespaces::make()?;
            let flags = vec!["--tcp-md5".to_owned(), namespaces.key_file(length.key())?];
            let listen =
                Listen { namespace: Some(namespaces.cache().to_owned()), ip: namespaces::CACHE, scheme: "tcp" };
            (Link { way: Way::Md5(length.key().to_owned()), listen, flags }, Some(namespaces))
        }
    })
}

fn cache_certificate(files: &TlsFiles) -> Vec<String> {
    let file = |name| text(&files.path(name));
    vec!["--tls-cert".to_owned(), file("cache.pem"), "--tls-key".to_owned(), file("cache.key")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_row_has_a_name_of_its_own() {
        let names: BTreeSet<String> = ALL.iter().map(Peer::name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn t_md5_01_the_key_is_as_long_as_has_to_be_taken() {
        assert_eq!([KeyLength::Octets79, KeyLength::Octets80].map(|length| length.key().len()), [79, 80]);
        assert!(MD5_KEY.bytes().all(|octet| octet.is_ascii_graphic()));
    }
}
