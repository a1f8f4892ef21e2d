//! A minimal cache: `cargo run -p rtrcast-net --example cache -- 127.0.0.1:8282` serves two VRPs and an ASPA.

use rtrcast_net::{Cache, CacheOptions, Listener, V6Only};
use rtrcast_proto::{Asn, Aspa, Prefix, Providers, Record, RouteOrigin};
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8282".to_owned()).parse()?;
    let listener = Listener::bind(address, V6Only::No)?;
    println!("serving on tcp://{}", listener.local());
    let seed = RandomState::new().hash_one(address);
    let cache = Cache::new(CacheOptions::default(), seed);
    publish(&cache)?;
    cache.serve(vec![listener], Arc::new(())).await;
    Ok(())
}

/// Publishes the data that a validator would have found. It may be called again and again: routers are sent the
/// changes.
pub fn publish(cache: &Cache) -> Result<(), Box<dyn Error>> {
    let mut records = Vec::new();
    for (addr, len, max_len, asn) in [("192.0.2.0", 24, 24, 64496), ("2001:db8::", 32, 48, 64497)] {
        records.push(Record::from(RouteOrigin::new(Prefix::new(addr.parse()?, len)?, max_len, Asn(asn))?));
    }
    let mut providers: Providers = [Asn(64499), Asn(64498)].into_iter().collect();
    records.push(Aspa::new(Asn(64496), providers.union())?.into());
    cache.publish(records)?;
    Ok(())
}
