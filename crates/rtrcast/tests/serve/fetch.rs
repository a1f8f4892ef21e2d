//! Fetching from URLs as it goes in real networks: with private authorities, certificates and tokens, through proxies,
//! and from servers that fail in every way.

mod compressed;
mod failing;
mod proxy;
mod redirect;
mod slurm;
mod tls;
mod token;

use crate::cache::{Cache, document};
use crate::router::Router;

/// A document whose one VRP has this origin.
fn one(asn: u32) -> Vec<u8> {
    document(&[(asn, "10.0.0.0/8", 8)])
}

/// The origin of the one VRP that routers get.
fn served(cache: &Cache) -> u32 {
    let response = Router::connect(cache.rtr).reset_query(1);
    assert_eq!(response.payload.len(), 1);
    u32::from_be_bytes(response.payload[0][16..20].try_into().unwrap())
}

/// Routers are told that there are no data.
fn assert_nothing_is_served(cache: &Cache) {
    let mut router = Router::connect(cache.rtr);
    router.send("01 02 0000 00000008");
    // Who sends no more is not held.
    router.half_close();
    assert_eq!(router.next()[..4], [1, 10, 0, 2]);
}

/// `rtrcast_source_healthy` of a URL.
fn healthy(url: &str) -> String {
    format!("rtrcast_source_healthy{{path=\"{url}\"}}")
}
