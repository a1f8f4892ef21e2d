//! Certificates and keys in files, a cache that uses them, and routers that it knows.

use crate::authority::{Authority, Pair};
use crate::cache::{Cache, Folder, document, run};
use crate::router::Router;
use crate::ssh_wire::{Proof, SshRouter};
use crate::wire::Way;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) caches: Authority,
    pub(crate) routers: Authority,
}

/// What lies below RTR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    Tcp,
    Tls12,
    Tls13,
    Ssh,
}

/// A cache, and how its routers come.
pub(crate) struct Served {
    pub(crate) cache: Cache,
    pub(crate) address: SocketAddr,
    pub(crate) way: Way,
    _site: Site,
}

impl Site {
    /// The files are `cache.pem` and `cache.key`, `routers.pem` (the routers' authority) and `routers.crl`.
    pub(crate) fn new() -> Site {
        let site = Site { folder: Folder::new(), caches: Authority::new(), routers: Authority::new() };
        site.put_cache(&site.caches.cache());
        site.folder.put("routers.pem", site.routers.pem().as_bytes());
        site.folder.put("routers.crl", site.routers.crl(&[]).as_bytes());
        site.folder.put("rpki.json", &document(&[(64_496, "192.0.2.0/24", 24)]));
        site
    }

    pub(crate) fn put_cache(&self, pair: &Pair) {
        self.folder.put("cache.pem", pair.certificate.as_bytes());
        self.folder.put("cache.key", pair.key.as_bytes());
    }

    pub(crate) fn name(&self, file: &str) -> String {
        self.folder.path(file).to_str().unwrap().to_owned()
    }

    /// A listener for TLS.
    pub(crate) fn tls(&self) -> String {
        self.tls_at("127.0.0.1:0")
    }

    pub(crate) fn tls_at(&self, address: &str) -> String {
        let (cert, key, authority) = (self.name("cache.pem"), self.name("cache.key"), self.name("routers.pem"));
        format!("tls://{address},tls-cert={cert},tls-key={key},tls-client-ca={authority}")
    }

    /// How a router of 127.0.0.1 comes over TLS.
    pub(crate) fn router(&self, version: &'static SupportedProtocolVersion) -> Way {
        self.router_that_shows(Some(&self.routers.router("127.0.0.1", |_| {})), version)
    }

    pub(crate) fn router_that_shows(&self, pair: Option<&Pair>, version: &'static SupportedProtocolVersion) -> Way {
        Way::Tls(Arc::new(self.caches.trusted_by(pair, version)))
    }

    /// A listener for SSH, with `host` as its key and those in `authorized_keys`.
    pub(crate) fn ssh(&self) -> String {
        if !self.folder.path("host").exists() {
            self.new_key("host");
        }
        format!(
            "ssh://127.0.0.1:0,ssh-host-key={},ssh-authorized-keys={}",
            self.name("host"),
            self.name("authorized_keys")
        )
    }

    /// Makes a key as an operator does; its public half as OpenSSH writes it.
    pub(crate) fn new_key(&self, name: &str) -> String {
        let _ = std::fs::remove_file(self.folder.path(name));
        let public = self.name(&format!("{name}.pub"));
        let _ = std::fs::remove_file(&public);
        let (code, _, said) = run(&["ssh", "host-key", &self.name(name)]);
        assert_eq!(code, 0, "{said}");
        std::fs::read_to_string(public).unwrap().trim().to_owned()
    }

    /// A router with a key of its own, which no cache knows yet.
    pub(crate) fn ssh_router(&self) -> SshRouter {
        self.new_key("router");
        let text = std::fs::read_to_string(self.folder.path("router")).unwrap();
        let key = russh::keys::decode_secret_key(&text, None).unwrap();
        SshRouter { user: "router".to_owned(), proof: Proof::Key(Arc::new(key)) }
    }

    /// These and no others may log in with their keys.
    pub(crate) fn authorize(&self, routers: &[&SshRouter]) {
        let lines: String = routers.iter().map(|router| router.public_key() + "\n").collect();
        self.folder.put("authorized_keys", lines.as_bytes());
    }

    /// A cache of `rpki.json`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Cache {
        let mut cache = Cache::start(self.folder.path("rpki.json"), arguments);
        cache.wait_for("serial ");
        cache
    }
}

impl Below {
    /// A cache of one VRP that is reached through this.
    pub(crate) fn small(self, arguments: &[&str]) -> Served {
        self.serve(Site::new(), arguments)
    }

    /// A cache of a document.
    pub(crate) fn of(self, document: &[u8], arguments: &[&str]) -> Served {
        let site = Site::new();
        site.folder.put("rpki.json", document);
        self.serve(site, arguments)
    }

    fn serve(self, site: Site, arguments: &[&str]) -> Served {
        let (listen, way) = match self {
            Below::Tcp => ("127.0.0.1:0".to_owned(), Way::Tcp),
            Below::Tls12 => (site.tls(), site.router(&TLS12)),
            Below::Tls13 => (site.tls(), site.router(&TLS13)),
            Below::Ssh => {
                let router = site.ssh_router();
                site.authorize(&[&router]);
                (site.ssh(), Way::Ssh(router))
            }
        };
        // Hundreds shake hands at a time, and no test is about how fast the machine is.
        let patient = ["--listen", &listen, "--handshake-timeout", "3600", "--first-query-timeout", "3600"];
        let cache = site.start(&[&patient, arguments].concat());
        Served { address: cache.rtr, cache, way, _site: site }
    }
}

impl Served {
    pub(crate) fn connect(&self) -> Router {
        Router::on(self.way.connect(self.address))
    }

    /// A router whose receive buffer is small.
    pub(crate) fn narrow(&self) -> Router {
        Router::on(self.way.narrow(self.address))
    }
}
