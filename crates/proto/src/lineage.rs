//! Identity of a line of data sets, which outlives the process that serves it.

use crate::profile::SessionIds;
use core::fmt;

/// Random identifier of a line: within it a session id and a serial name one set for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub [u8; 16]);

/// In hexadecimal.
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// A line of data sets: its epoch, and the session id of each profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The epoch.
    pub epoch: Epoch,
    /// The session ids.
    pub sessions: SessionIds,
}
