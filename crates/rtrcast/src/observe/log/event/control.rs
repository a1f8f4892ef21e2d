//! Events of the control socket and of HTTP.

use super::events;
use std::fmt;

events! {
    /// A request of the operator, or a failure of the servers that take them.
    pub(crate) enum ControlEvent<'a> {
        /// `rtrcast ctl close`
        Info "control_close" Close { router: &'a str }
        /// `rtrcast ctl release`, of one source or, without `source`, of all
        Info "control_release" Release { source: Option<&'a str> }
        /// `rtrcast ctl refresh`
        Info "control_refresh" Refresh {}
        /// `rtrcast ctl upgrade`
        Info "control_upgrade" Upgrade {}
        /// `rtrcast ctl stop`
        Info "control_stop" Stop { flush: bool }
        /// A connection to the control socket could not be accepted; it is tried again
        Warn "control_accept_failed" AcceptFailed { error: &'a dyn fmt::Display }
        /// An HTTP connection could not be accepted; it is tried again
        Debug "http_accept_failed" HttpAcceptFailed { error: &'a dyn fmt::Display }
    }
}

impl fmt::Display for ControlEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ControlEvent::Close { router } => write!(f, "control: close {router:?}"),
            ControlEvent::Release { source: Some(source) } => write!(f, "control: release {source:?}"),
            ControlEvent::Release { source: None } => f.write_str("control: release"),
            ControlEvent::Refresh {} => f.write_str("control: refresh"),
            ControlEvent::Upgrade {} => f.write_str("control: upgrade"),
            ControlEvent::Stop { flush: false } => f.write_str("control: stop"),
            ControlEvent::Stop { flush: true } => f.write_str("control: stop --flush"),
            ControlEvent::AcceptFailed { error } => {
                write!(f, "control: can't accept a connection, trying again: {error}")
            }
            ControlEvent::HttpAcceptFailed { error } => {
                write!(f, "HTTP: can't accept a connection, trying again: {error}")
            }
        }
    }
}
