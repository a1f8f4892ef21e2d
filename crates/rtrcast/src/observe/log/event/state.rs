//! Events of the state directory.

use super::events;
use crate::observe::describe::{count, span};
use crate::observe::status::{RecordsByType, Timestamp, describe_records};
use rtrcast_proto::Serial;
use std::fmt;
use std::time::Duration;

events! {
    /// An event of the state directory.
    pub(crate) enum StateEvent<'a> {
        /// The set that was served last is served on, in the same session, until the sources have been read
        Info "state_resumed" Resumed {
            directory: &'a str,
            serial: Serial,
            records: RecordsByType,
            changed: Timestamp,
            deltas: usize,
        }
        /// There is no set to go on with: a new session begins
        Info "state_begun" Begun { directory: &'a str }
        /// The stored set was made by other sources or other SLURM files, and is made anew in the same session
        Info "state_configuration_changed" ConfigurationChanged { directory: &'a str, serial: Serial }
        /// A file of the state can't be used; it is renamed, and another one is written
        Warn "state_file_set_aside" FileSetAside { file: &'a str, reason: &'a dyn fmt::Display, new_name: &'a str }
        /// A file of the state can't be read
        Error "state_file_unusable" FileUnusable { file: &'a str, reason: &'a dyn fmt::Display }
        /// A log has octets that are no change, as after a crash, or changes that lead nowhere
        Warn "state_log_damaged" LogDamaged { octets: u64, changes: usize }
        /// The file system of the directory has no locks: nothing keeps a second rtrcast from using it
        Warn "state_not_locked" NotLocked { directory: &'a str }
        /// The state can't be written; routers are served as before. It is tried again
        Error "state_not_kept" NotKept { directory: &'a str, reason: &'a str }
        /// The state is written again
        Info "state_kept_again" KeptAgain { directory: &'a str, failing_seconds: Duration }
    }
}

impl fmt::Display for StateEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateEvent::Resumed { directory, serial, records, changed, deltas } => write!(
                f,
                "state {directory}: serving on with serial {serial} of {changed}: {}, {}; the sources are being read",
                describe_records(*records),
                count(*deltas, "delta"),
            ),
            StateEvent::Begun { directory } => {
                write!(f, "state {directory}: it has no set to go on with, a new session begins")
            }
            StateEvent::ConfigurationChanged { directory, serial } => write!(
                f,
                "state {directory}: the sources or SLURM files are others than those of its set, serial {serial}, which is \
                 made anew before it is served"
            ),
            StateEvent::FileSetAside { file, reason, new_name } => {
                write!(f, "state: {file} is not used: {reason}; it is now {new_name}")
            }
            StateEvent::FileUnusable { file, reason } => write!(f, "state: {file} is not used: {reason}"),
            StateEvent::LogDamaged { octets, changes } => write!(
                f,
                "state: {octets} octets at the end of a log are no whole change, as after a crash; {} that follow can't be \
                 used: routers that had them are sent everything",
                count(*changes, "change")
            ),
            StateEvent::NotLocked { directory } => write!(
                f,
                "state {directory}: its file system has no locks; make sure that no other rtrcast uses the directory"
            ),
            StateEvent::NotKept { directory, reason } => {
                write!(f, "state {directory}: can't be written, routers are served as before: {reason}")
            }
            StateEvent::KeptAgain { directory, failing_seconds } => {
                write!(f, "state {directory}: written again after {}", span(*failing_seconds))
            }
        }
    }
}
