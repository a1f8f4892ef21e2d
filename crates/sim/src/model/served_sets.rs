//! The line of data sets: which set a session and a serial name. A serial names one set for ever.

use super::record::{ModelSet, sum_of_both_sides};
use std::collections::BTreeMap;

/// All sets that were ever served.
#[derive(Debug, Default)]
pub(crate) struct ServedSets {
    sets: BTreeMap<(u16, u32), ModelSet>,
}

impl ServedSets {
    /// Adds a set that is served from now on. An error if the serial names another one.
    pub(crate) fn serve(&mut self, session: u16, serial: u32, set: &ModelSet) -> Result<(), String> {
        match self.sets.get(&(session, serial)) {
            Some(known) if known != set => Err(format!(
                "session {session}, serial {serial} names two sets, which differ by {} records",
                sum_of_both_sides(known, set)
            )),
            Some(_) => Ok(()),
            None => {
                self.sets.insert((session, serial), set.clone());
                Ok(())
            }
        }
    }

    /// Returns the set of a session and a serial.
    pub(crate) fn get(&self, session: u16, serial: u32) -> Option<&ModelSet> {
        self.sets.get(&(session, serial))
    }
}
