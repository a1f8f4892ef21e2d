//! How many routers are connected, by the listener that they came to: a number that shows while the listener is open or
//! somebody is connected there.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The address of a listener.
#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
pub(crate) struct BindLabel {
    bind: String,
}

/// The gauge, and which listeners are open.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    gauge: Family<BindLabel, Gauge>,
    /// Whoever changes the gauge holds this, so that no series goes while a router comes.
    open: Mutex<BTreeSet<BindLabel>>,
}

impl Clients {
    /// What is shown.
    pub(crate) fn gauge(&self) -> Family<BindLabel, Gauge> {
        self.gauge.clone()
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<BindLabel>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connected(&self, bind: String) {
        let _open = self.open();
        self.gauge.get_or_create(&BindLabel { bind }).inc();
    }

    pub(crate) fn ended(&self, bind: String) {
        let open = self.open();
        let bind = BindLabel { bind };
        let before = self.gauge.get_or_create(&bind).dec();
        if before <= 1 && !open.contains(&bind) {
            self.gauge.remove(&bind);
        }
    }

    /// These are open from now on, and no others.
    pub(crate) fn listen(&self, binds: impl Iterator<Item = String>) {
        let mut open = self.open();
        let now: BTreeSet<_> = binds.map(|bind| BindLabel { bind }).collect();
        for bind in &now {
            // It is 0 and not missing: an alert may wait for that.
            let _ = self.gauge.get_or_create(bind);
        }
        for bind in open.difference(&now) {
            let left = self.gauge.get_or_create(bind).get();
            if left == 0 {
                self.gauge.remove(bind);
            }
        }
        *open = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(clients: &Clients, bind: &str) -> Option<i64> {
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("rtr_clients", "Routers", clients.gauge());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let name = format!("rtr_clients{{bind=\"{bind}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
    }

    #[test]
    fn a_series_lives_as_long_as_its_listener_and_its_last_connection() {
        let clients = Clients::default();
        let listen = |binds: &[&str]| clients.listen(binds.iter().map(|bind| (*bind).to_owned()));
        listen(&["a", "b"]);
        assert_eq!((shown(&clients, "a"), shown(&clients, "b")), (Some(0), Some(0)));
        clients.connected("a".to_owned());
        clients.connected("a".to_owned());
        listen(&[]);
        assert_eq!((shown(&clients, "a"), shown(&clients, "b")), (Some(2), None));
        clients.ended("a".to_owned());
        assert_eq!(shown(&clients, "a"), Some(1));
        clients.ended("a".to_owned());
        assert_eq!(shown(&clients, "a"), None);
        listen(&["a"]);
        clients.connected("a".to_owned());
        clients.ended("a".to_owned());
        assert_eq!(shown(&clients, "a"), Some(0));
    }
}
