//! The control socket: the API over a Unix socket that only its owner can open. `client.rs` is the client of `rtrcast
//! ctl`.

pub(crate) mod client;

use crate::exit::Failure;
use crate::http::api::{ApiState, routes};
use crate::http::server;
use rtrcast_net::{SocketName, UnixSocket};
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

    /// Answers until the program ends. Requests to the whole program are added to those of `state`.
    pub(crate) async fn serve(self, state: ApiState) {
        let requests = Arc::clone(&state.requests);
        server::serve(self.listener, routes(state), Some(requests)).await;
    }
}
