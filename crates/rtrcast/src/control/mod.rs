//! The control socket: the API over a Unix socket that only its owner can open. `client.rs` is the client of `rtrcast
//! ctl`.

pub(crate) mod client;

use crate::exit::Failure;
use crate::handover::HandedUnixSocket;
use crate::http::api::{ApiState, routes};
use crate::http::server;
use rtrcast_net::{SocketName, UnixSocket};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixListener;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// The control socket.
pub(crate) struct Control {
    listener: UnixListener,
}

impl Control {
    /// Creates the socket, for its owner only. One that is left of a cache that has ended is replaced.
    pub(crate) fn bind(path: &Path) -> Result<(Control, SocketName), Failure> {
        let socket = UnixSocket::bind(path, 0o600, BACKLOG).map_err(|error| Failure::Socket {
            flag: "--control",
            path: path.to_owned(),
            error,
        })?;
        let (listener, name) = socket.into_parts();
        Ok((Control { listener }, name))
    }

    /// Goes on with the socket that the program before this one has handed over.
    pub(crate) fn handed_over(handed: HandedUnixSocket) -> Result<(Control, SocketName), Failure> {
        let HandedUnixSocket { socket, name } = handed;
        let listener = UnixListener::from_std(socket.into());
        let failure = |error| Failure::Internal(format!("the control socket that is handed over: {error}"));
        Ok((Control { listener: listener.map_err(failure)? }, name))
    }

    /// Returns another descriptor of the socket.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.listener.as_fd().try_clone_to_owned()
    }

    /// Answers until the program ends. Requests to the whole program are added to those of `state`.
    pub(crate) async fn serve(self, state: ApiState) {
        let requests = Arc::clone(&state.requests);
        server::serve(self.listener, routes(state), Some(requests)).await;
    }
}
