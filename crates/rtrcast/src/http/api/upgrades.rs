//! Upgrades of the program: how the last one went, which the program that took over answers.

use crate::observe::metrics::HandoverCounts;
use crate::observe::status::SCHEMA;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// State of the last upgrade.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UpgradeStatus {
    pub(crate) schema: u32,
    /// Counts upgrades, with those that failed.
    pub(crate) number: u64,
    pub(crate) state: UpgradeState,
    /// What happened, for people.
    pub(crate) message: String,
}

/// How far an upgrade is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UpgradeState {
    /// There was none.
    #[default]
    None,
    Running,
    Done,
    Failed,
}

/// Upgrades of this process.
#[derive(Debug, Default)]
pub(crate) struct Upgrades(Mutex<UpgradesSoFar>);

#[derive(Clone, Debug, Default)]
struct UpgradesSoFar {
    last: UpgradeStatus,
    counts: HandoverCounts,
}

impl Upgrades {
    /// Those of the program before this one, with the outcome of the last.
    pub(crate) fn handed_over(number: u64, counts: HandoverCounts, outcome: Result<String, String>) -> Upgrades {
        let (state, message) = match outcome {
            Ok(message) => (UpgradeState::Done, message),
            Err(message) => (UpgradeState::Failed, message),
        };
        let last = UpgradeStatus { schema: SCHEMA, number, state, message };
        Upgrades(Mutex::new(UpgradesSoFar { last, counts }))
    }

    fn lock(&self) -> MutexGuard<'_, UpgradesSoFar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One begins. Returns its number.
    pub(crate) fn begin(&self) -> u64 {
        let mut upgrades = self.lock();
        let number = upgrades.last.number + 1;
        upgrades.last = UpgradeStatus {
            schema: SCHEMA,
            number,
            state: UpgradeState::Running,
            message: "the other program is being rehearsed".to_owned(),
        };
        number
    }

    /// It failed, for this reason.
    pub(crate) fn failed(&self, reason: &str) {
        let UpgradesSoFar { last, counts } = &mut *self.lock();
        (last.state, last.message) = (UpgradeState::Failed, reason.to_owned());
        counts.failures += 1;
    }

    /// The number of the last one.
    pub(crate) fn number(&self) -> u64 {
        self.lock().last.number
    }

    /// Connections ended for it.
    pub(crate) fn ended(&self, connections: u64) {
        self.lock().counts.ended += connections;
    }

    /// Returns how many there were.
    pub(crate) fn counts(&self) -> HandoverCounts {
        self.lock().counts
    }

    /// Returns how the last one went.
    pub(crate) fn status(&self) -> UpgradeStatus {
        self.lock().last.clone()
    }

    /// Returns whether one is running.
    pub(crate) fn is_running(&self) -> bool {
        self.lock().last.state == UpgradeState::Running
    }
}
