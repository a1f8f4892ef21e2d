//! Events of handovers to another program.

use super::events;
use crate::observe::describe::count;
use std::fmt;
use std::time::Duration;

events! {
    /// An event of a handover.
    pub(crate) enum HandoverEvent<'a> {
        /// The program that lies where this one was started from is to take over; `asked_by` is `SIGUSR2` or `control`
        Info "upgrade_begun" Begun { asked_by: &'a str, program: &'a str }
        /// The upgrade failed, and this program goes on; no connection of a router was closed, but those over TLS and SSH if
        /// it had come to that
        Error "upgrade_failed" Failed { reason: &'a str }
        /// What the next process of the service needs is in the service manager's store, and this process ends
        Info "handed_to_manager" Stored { connections: usize }
        /// The service manager's store can't be used: connections end, and the next process begins with the state
        Warn "not_handed_to_manager" NotStored { reason: &'a str }
        /// This program has taken over; `pause_seconds` is the time for which sessions stood still
        Info "upgraded" Done {
            version_before: &'a str,
            connections: usize,
            cut_off: u32,
            pause_seconds: Duration,
        }
    }
}

impl fmt::Display for HandoverEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandoverEvent::Begun { asked_by, program } => write!(f, "{asked_by}: {program} is to take over"),
            HandoverEvent::Failed { reason } => write!(f, "the upgrade failed, this program goes on: {reason}"),
            HandoverEvent::Stored { connections } => {
                write!(f, "SIGUSR1: {} wait for the next process of the service", count(*connections, "connection"))
            }
            HandoverEvent::NotStored { reason } => {
                write!(f, "SIGUSR1: connections are not handed to the service manager: {reason}")
            }
            HandoverEvent::Done { version_before, connections, cut_off, pause_seconds } => {
                write!(
                    f,
                    "rtrcast {} has taken over from {version_before}: {}, which stood still for {} ms",
                    env!("CARGO_PKG_VERSION"),
                    count(*connections, "connection"),
                    pause_seconds.as_millis(),
                )?;
                match cut_off {
                    0 => Ok(()),
                    _ => write!(f, "; {cut_off} that did not end in time were cut off"),
                }
            }
        }
    }
}
