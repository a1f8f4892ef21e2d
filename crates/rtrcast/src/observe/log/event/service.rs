//! Events of start, reload and stop.

use super::events;
use std::fmt;

events! {
    /// An event of the program as a whole.
    pub(crate) enum ServiceEvent<'a> {
        /// Others than its owner may read or change a file that holds a secret; `mode` and `suggested_mode` are octal
        Warn "secret_readable" SecretReadable { path: &'a dyn fmt::Display, mode: OctalMode, suggested_mode: OctalMode }
        /// `--connections-max` is larger than the descriptor limit allows
        Warn "connections_max_reduced" ConnectionsMaxReduced { asked: u32, connections_max: u32, limit: &'a str }
        /// SIGHUP came while the configuration was being read: it is read once more afterwards
        Warn "reload_repeated" ReloadRepeated {}
        /// The configuration was read again and is invalid; the one before stays in effect. One event for each mistake
        Error "reload_refused" ReloadRefused { reason: &'a str }
        /// The configuration was read again and is in effect
        Info "reload_applied" ReloadApplied {}
        /// Options changed that need a restart
        Warn "restart_needed" RestartNeeded { options: &'a [&'a str] }
        /// All sources are read again; `asked_by` is `SIGHUP` or `control`
        Info "refreshing" Refreshing { asked_by: &'a str }
        /// The cache stops; `asked_by` is a signal or `control`
        Info "stopping" Stopping { asked_by: &'a str, grace_seconds: u64 }
        /// The cache stops for good, and tells routers to forget the data (code 13)
        Info "stopping_for_good" StoppingForGood { asked_by: &'a str }
        /// All connections are closed
        Info "stopped" Stopped {}
        /// Connections were cut off, because their routers did not take the rest of their response in time
        Warn "stopped_before_all_was_sent" StoppedBeforeAllWasSent {}
        /// The cache stopped at once, as it was asked again
        Warn "stopped_at_once" StoppedAtOnce {}
        /// The program ends because of an error; in text this line has no time and begins with `rtrcast:`
        Error "failed" Failed { reason: &'a str }
    }
}

impl fmt::Display for ServiceEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceEvent::SecretReadable { path, mode, suggested_mode } => write!(
                f,
                "{path}: it holds a secret, and others may read or change it (mode {mode}): chmod {suggested_mode}"
            ),
            ServiceEvent::ConnectionsMaxReduced { asked, connections_max: _, limit } => {
                write!(f, "--connections-max {asked} is too many: {limit}")
            }
            ServiceEvent::ReloadRepeated {} => {
                f.write_str("SIGHUP: the configuration is still being read, and will be once more")
            }
            ServiceEvent::ReloadRefused { reason } => write!(f, "SIGHUP: the configuration stays as it is: {reason}"),
            ServiceEvent::ReloadApplied {} => f.write_str("SIGHUP: the configuration is applied"),
            ServiceEvent::RestartNeeded { options } => {
                write!(f, "a restart is needed for what changed of: {}", options.join(", "))
            }
            ServiceEvent::Refreshing { asked_by } => write!(f, "{asked_by}: reading all sources again"),
            ServiceEvent::Stopping { asked_by, grace_seconds } => {
                write!(f, "{asked_by}: stopping; connections end in order within {grace_seconds} s")
            }
            ServiceEvent::StoppingForGood { asked_by } => {
                write!(f, "{asked_by}: stopping; routers that can be told forget the data")
            }
            ServiceEvent::Stopped {} => f.write_str("stopped; all connections are closed"),
            ServiceEvent::StoppedBeforeAllWasSent {} => {
                f.write_str("stopped; some routers did not take the rest of their response in time, and were cut off")
            }
            ServiceEvent::StoppedAtOnce {} => f.write_str("stopped at once, as asked again"),
            ServiceEvent::Failed { reason } => f.write_str(reason),
        }
    }
}

/// Permissions of a file.
#[derive(Clone, Copy)]
pub(crate) struct OctalMode(pub(crate) u32);

impl fmt::Display for OctalMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}
