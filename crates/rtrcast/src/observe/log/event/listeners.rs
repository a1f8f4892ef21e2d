//! Events of listeners, and of certificates and keys in files.

use super::events;
use crate::observe::describe::count;
use std::fmt;

events! {
    /// An event of listeners, or of files with certificates, keys and users. Sources have such files as well.
    pub(crate) enum ListenerEvent<'a> {
        /// Certificates, keys or users were read again, and are in effect; `owner` is a listener or source
        Info "credentials_renewed" CredentialsRenewed { owner: &'a str }
        /// Certificates, keys or users in files changed and cannot be used; those before stay in effect
        Error "credentials_refused" CredentialsRefused { owner: &'a str, reason: &'a str }
        /// A certificate or CRL is used, though routers or the cache will refuse connections because of it
        Warn "certificate_warning" CertificateWarning { listener: &'a str, reason: &'a str }
        /// The name of a Unix socket was removed or replaced by somebody else
        Warn "listener_name_lost" NameLost { listener: &'a str }
        /// Connections were closed that had been made before the listener had its TCP keys
        Warn "connections_without_keys_closed" WithoutKeysClosed { listener: &'a str, connections: usize }
        /// systemd passes a socket that no listener uses
        Warn "socket_unused" SocketUnused { socket: &'a str }
    }
}

/// Texts that `rtrcast dump --follow` has too.
pub(crate) const RENEWED: &str = "its files changed; they are in effect from the next handshake on";
pub(crate) const REFUSED: &str = "its files changed, and what they were stays in effect";

impl fmt::Display for ListenerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenerEvent::CredentialsRenewed { owner } => write!(f, "{owner}: {RENEWED}"),
            ListenerEvent::CredentialsRefused { owner, reason } => write!(f, "{owner}: {REFUSED}: {reason}"),
            ListenerEvent::CertificateWarning { listener, reason } => write!(f, "--listen {listener}: {reason}"),
            ListenerEvent::NameLost { listener } => {
                write!(f, "--listen {listener}: somebody removed or replaced its name; a restart makes it anew")
            }
            ListenerEvent::WithoutKeysClosed { listener, connections } => {
                let connections = count(*connections, "connection");
                write!(f, "--listen {listener}: {connections} closed, from before the socket had its keys")
            }
            ListenerEvent::SocketUnused { socket } => write!(
                f,
                "systemd passes the socket \"{socket}\", and no --listen says what is spoken there: tcp://fd:{socket}"
            ),
        }
    }
}
