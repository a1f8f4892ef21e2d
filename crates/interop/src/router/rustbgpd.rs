//! The client of rustbgpd, a BGP daemon: it connects again by itself, and reports whole tables and changes of them.

use super::library::{background, version};
use super::tables::{Change, Shared, Tables};
use super::{AfterCrash, Asks, Held, Peer, Release, Router, Start};
use crate::Outcome;
use crate::world::{Aspa, Vrp};
use rustbgpd_rpki::{AspaRecord, RtrClient, RtrClientConfig, VrpEntry, VrpUpdate};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, channel};

pub(crate) const PEER: Peer = Peer {
    name: "rustbgpd-rpki (crate)",
    package: "",
    release: Release::Machine,
    version: |_| version("rustbgpd-rpki"),
    speaks: &[2, 1],
    asks: Asks::HighestOnly,
    cache_flags: &["--no-router-keys"],
    after_crash: AfterCrash::Delta,
    start,
    exceptions: &[],
    notes: &["ends the session at a router key, which it treats as an unknown PDU. So it is served with \
        `--no-router-keys`."],
};

struct Rustbgpd {
    _runtime: Runtime,
    tables: Shared,
}

impl Router for Rustbgpd {
    fn held(&mut self) -> Outcome<Held> {
        Ok(Held { router_keys: None, ..self.tables.held()? })
    }
}

fn start(start: &Start) -> Outcome<Box<dyn Router>> {
    let config = RtrClientConfig {
        server_addr: start.cache,
        refresh_interval: u64::from(start.refresh_s),
        retry_interval: u64::from(start.retry_s),
        expire_interval: 7_200,
        max_expire_interval: None,
    };
    let tables = Shared::default();
    let (sender, updates) = channel(16);
    let _runtime = background(RtrClient::new(config, sender).run())?;
    _runtime.spawn(follow(updates, tables.clone()));
    Ok(Box::new(Rustbgpd { _runtime, tables }))
}

async fn follow(mut updates: Receiver<VrpUpdate>, tables: Shared) {
    while let Some(update) = updates.recv().await {
        take(&mut tables.tables(), &update);
    }
}

fn take(tables: &mut Tables, update: &VrpUpdate) {
    match update {
        VrpUpdate::FullTable { entries, aspa_records, .. } => {
            tables.clear();
            entries.iter().for_each(|entry| tables.vrp(Change::Announce, vrp(entry)));
            aspa_records.iter().for_each(|record| tables.aspa(Change::Announce, &aspa(record)));
        }
        VrpUpdate::IncrementalUpdate { announced, withdrawn, aspa_announced, aspa_withdrawn, .. } => {
            withdrawn.iter().for_each(|entry| tables.vrp(Change::Withdraw, vrp(entry)));
            announced.iter().for_each(|entry| tables.vrp(Change::Announce, vrp(entry)));
            aspa_withdrawn.iter().for_each(|record| tables.aspa(Change::Withdraw, &aspa(record)));
            aspa_announced.iter().for_each(|record| tables.aspa(Change::Announce, &aspa(record)));
        }
        VrpUpdate::ServerDown { .. } => tables.clear(),
    }
}

fn vrp(entry: &VrpEntry) -> Vrp {
    Vrp { address: entry.prefix, length: entry.prefix_len, max_length: entry.max_len, asn: entry.origin_asn }
}

fn aspa(record: &AspaRecord) -> Aspa {
    Aspa { customer: record.customer_asn, providers: record.provider_asns.iter().copied().collect() }
}
