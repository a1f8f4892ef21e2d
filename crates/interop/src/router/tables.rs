//! What the changes come to that a peer reports one by one: its tables, as strict as a router is. To add what is there
//! or to take away what is not is an error that stays.

use super::Held;
use crate::Outcome;
use crate::world::{Aspa, RouterKey, Vrp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tables that a thread fills while another one looks.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Tables>>);

impl Shared {
    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything in them, or what was wrong first.
    pub(super) fn held(&self) -> Outcome<Held> {
        let tables = self.tables();
        if let Some(wrong) = &tables.wrong {
            return Err(wrong.clone());
        }
        let aspas = tables.aspas.iter();
        let aspas = aspas.map(|(&customer, providers)| Aspa { customer, providers: providers.clone() }).collect();
        let router_keys = Some(tables.router_keys.clone());
        Ok(Held { vrps: tables.vrps.clone(), router_keys, aspas: Some(aspas) })
    }
}

#[derive(Default)]
pub(super) struct Tables {
    vrps: BTreeSet<Vrp>,
    router_keys: BTreeSet<RouterKey>,
    aspas: BTreeMap<u32, BTreeSet<u32>>,
    wrong: Option<String>,
}

/// What becomes of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Announce,
    Withdraw,
}

impl Tables {
    /// What comes next is everything.
    pub(super) fn clear(&mut self) {
        *self = Tables { wrong: self.wrong.take(), ..Tables::default() };
    }

    pub(super) fn vrp(&mut self, change: Change, vrp: Vrp) {
        let changes = alter(&mut self.vrps, change, vrp);
        self.expect(changes, change, &vrp);
    }

    pub(super) fn router_key(&mut self, change: Change, key: &RouterKey) {
        let changes = alter(&mut self.router_keys, change, key.clone());
        self.expect(changes, change, key);
    }

    /// An ASPA replaces the customer's former one.
    pub(super) fn aspa(&mut self, change: Change, aspa: &Aspa) {
        let changes = match change {
            Change::Announce => {
                self.aspas.insert(aspa.customer, aspa.providers.clone()).as_ref() != Some(&aspa.providers)
            }
            Change::Withdraw => self.aspas.remove(&aspa.customer).is_some(),
        };
        self.expect(changes, change, aspa);
    }

    pub(super) fn wrong(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn expect(&mut self, changes: bool, change: Change, record: &impl Display) {
        match change {
            _ if changes => {}
            Change::Announce => self.wrong(format!("{record} came twice")),
            Change::Withdraw => self.wrong(format!("{record} was withdrawn and not there")),
        }
    }
}

fn alter<T: Ord>(set: &mut BTreeSet<T>, change: Change, item: T) -> bool {
    match change {
        Change::Announce => set.insert(item),
        Change::Withdraw => set.remove(&item),
    }
}
