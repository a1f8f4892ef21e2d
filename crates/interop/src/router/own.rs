//! Our own client, for what no packaged peer can do: a connection under a key of TCP-MD5.

use super::{AfterCrash, Asks, Held, Peer, Release, Router, Start, version};
use crate::Outcome;
use crate::server::Client;
use crate::transport::Way;
use rtrcast_net::{Dialer, Target, TcpKeys};
use rtrcast_proto::VersionRange;
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) const PEER: Peer = Peer {
    name: "rtrcast's client",
    package: "",
    release: Release::Machine,
    version: |_| version("rtrcast-net"),
    speaks: &[2],
    asks: Asks::HighestOnly,
    cache_flags: &[],
    after_crash: AfterCrash::Delta,
    start,
    exceptions: &[],
    notes: &[],
};

struct Own(Client);

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let Way::Md5(key) = start.way else { return Err("our own client is for TCP-MD5".to_owned()) };
    Ok(Box::new(Own(client(start.cache, Some(key))?)))
}

/// Our client with a key for the cache, or none.
pub(crate) fn client(cache: SocketAddr, key: Option<&str>) -> Outcome<Client> {
    let target: Target = format!("tcp://{cache}").parse().map_err(|error| format!("{cache}: {error}"))?;
    let mut keys = TcpKeys::default();
    if let Some(key) = key {
        keys = keys.with_md5(&format!("{} {key}", cache.ip())).map_err(|error| format!("the key: {error}"))?;
    }
    Client::follow(Dialer::from(target).with_keys(Arc::new(Arc::new(keys))), VersionRange::ALL)
}

impl Router for Own {
    fn held(&mut self) -> Outcome<Held> {
        let (held, _) = self.0.held()?;
        let Held { vrps, router_keys, aspas } = &*held;
        Ok(Held { vrps: vrps.clone(), router_keys: router_keys.clone(), aspas: aspas.clone() })
    }
}
