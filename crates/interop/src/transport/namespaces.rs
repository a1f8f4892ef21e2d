//! Two network namespaces with a link between them, one for the cache and one for its router. They are gone with the
//! value.

use crate::Outcome;
use crate::process::{Folder, find, output};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Where the cache is.
pub(crate) const CACHE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
/// Where its router is.
pub(crate) const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));

pub(crate) struct Namespaces {
    cache: String,
    router: String,
    folder: Folder,
}

/// Whether this user may, and has the program for it. If not, it is said why.
pub(crate) fn can_be_made() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        if find("ip").is_none() {
            eprintln!("TCP-MD5: network namespaces take `ip`, which Debian has in iproute2");
            return false;
        }
        match Namespaces::make() {
            Ok(_) => true,
            Err(error) => {
                eprintln!("TCP-MD5: network namespaces can't be made here: {error}");
                false
            }
        }
    })
}

impl Namespaces {
    pub(crate) fn make() -> Outcome<Namespaces> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rtrcast-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let namespaces =
            Namespaces { cache: format!("{name}-cache"), router: format!("{name}-router"), folder: Folder::new()? };
        for namespace in [&namespaces.cache, &namespaces.router] {
            ip(&["netns", "add", namespace])?;
        }
        let (cache, router) = (namespaces.cache.as_str(), namespaces.router.as_str());
        let peer = ["type", "veth", "peer", "name", "veth", "netns", router];
        ip(&[&["-n", cache, "link", "add", "veth"], &peer[..]].concat())?;
        for (namespace, address) in [(cache, CACHE), (router, ROUTER)] {
            ip(&["-n", namespace, "address", "add", &format!("{address}/30"), "dev", "veth"])?;
            ip(&["-n", namespace, "link", "set", "veth", "up"])?;
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        }
        Ok(namespaces)
    }

    /// The name of the cache's.
    pub(crate) fn cache(&self) -> &str {
        &self.cache
    }

    /// The path of a file that has this key for the router.
    pub(crate) fn key_file(&self, key: &str) -> Outcome<String> {
        self.folder.put("md5", format!("{ROUTER} {key}\n").as_bytes()).map(|path| path.display().to_string())
    }

    /// Does something on a thread in the router's. What that starts, threads and programs, is there too.
    pub(crate) fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let path = format!("/run/netns/{}", self.router);
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                let namespace = File::open(&path).expect("`ip` has made it");
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("who may make a namespace may enter it");
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for namespace in [&self.cache, &self.router] {
            let _ = ip(&["netns", "delete", namespace]);
        }
    }
}

fn ip(arguments: &[&str]) -> Outcome {
    output(Command::new("ip").args(arguments)).map(drop)
}
