//! Events of sources as they are read.

use super::events;
use crate::observe::describe::{describe_losses, describe_masked, describe_refused};
use rtrcast_feed::Tally;
use rtrcast_feed::curator::Loss;
use rtrcast_proto::Serial;
use std::fmt;
use std::time::Duration;

events! {
    /// An event of reading a source. `curation.rs` has those of its data.
    pub(crate) enum SourceEvent<'a> {
        /// A source could not be read, or its content is invalid; `effect` says what is served instead
        Warn "source_failed" Failed { source: &'a str, reason: &'a str, effect: &'a str, serial: Option<Serial> }
        /// Another cache that is a source shut down for good (code 13), and its data were withdrawn
        Warn "source_withdrawn" Withdrawn { source: &'a str, reason: &'a str }
        /// A source is unchanged, and did not need to be read; at level `debug` unless it had failed or the operator asked
        Info "source_unchanged" Unchanged { source: &'a str, recovered: bool }
        /// A source is unchanged, and nothing of it is in effect
        Debug "source_unchanged_not_in_effect" UnchangedNotInEffect { source: &'a str }
        /// A source was read and has the set that is served; at level `debug` unless it had failed or the operator asked
        Info "source_same" Same { source: &'a str, read_seconds: Duration, serial: Serial }
        /// A source was read, and its data are still held back; at level `debug` unless the operator asked
        Info "source_still_held" StillHeld { source: &'a str, read_seconds: Duration, losses: &'a [Loss] }
        /// Entries of a source are invalid, and were left out; `first` has the reasons for the first few
        Warn "source_entries_refused" EntriesRefused { source: &'a str, tally: &'a Tally }
        /// VRPs of a source had bits beyond the prefix length, which were set to zero
        Warn "source_vrps_masked" VrpsMasked { source: &'a str, vrps: usize }
        /// The system cannot report changes of files, which are checked often instead
        Warn "file_watch_unavailable" WatchUnavailable { error: &'a dyn fmt::Display }
        /// The system cannot report changes in a directory
        Debug "file_watch_failed" WatchFailed { directory: &'a dyn fmt::Display, error: &'a dyn fmt::Display }
        /// A file has changed, of which the system did not report anything
        Debug "file_changed_unreported" ChangedUnreported { source: &'a str }
        /// The system's certificate authorities cannot be used, and none is trusted
        Debug "system_authorities_unusable" AuthoritiesUnusable { error: &'a str }
    }
}

impl fmt::Display for SourceEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceEvent::Failed { source, reason, effect, serial: _ } => write!(f, "{source}: {reason}; {effect}"),
            SourceEvent::Withdrawn { source, reason } => write!(f, "{source}: {reason}"),
            SourceEvent::Unchanged { source, recovered: true } => write!(f, "{source}: no error any more, unchanged"),
            SourceEvent::Unchanged { source, recovered: false } => write!(f, "{source}: unchanged"),
            SourceEvent::UnchangedNotInEffect { source } => {
                write!(f, "{source}: unchanged, and nothing of it is in effect")
            }
            SourceEvent::Same { source, read_seconds, serial } => {
                let seconds = read_seconds.as_secs_f32();
                write!(f, "{source}: read in {seconds:.2} s, the same set as serial {serial}")
            }
            SourceEvent::StillHeld { source, read_seconds, losses } => {
                let (seconds, losses) = (read_seconds.as_secs_f32(), describe_losses(losses));
                write!(f, "{source}: read in {seconds:.2} s, and held back: {losses} are gone")
            }
            SourceEvent::EntriesRefused { source, tally } => write!(f, "{source}: {}", describe_refused(tally)),
            SourceEvent::VrpsMasked { source, vrps } => write!(f, "{source}: {}", describe_masked(*vrps)),
            SourceEvent::WatchUnavailable { error } => {
                write!(f, "the system does not report changes of files ({error}), which are checked often instead")
            }
            SourceEvent::WatchFailed { directory, error } => write!(f, "can't watch {directory}: {error}"),
            SourceEvent::ChangedUnreported { source } => write!(f, "{source}: changed, as a check shows"),
            SourceEvent::AuthoritiesUnusable { error } => write!(f, "{error}; trusting no authority"),
        }
    }
}
