//! An observer for tests: the ends of connections.

use crate::admission::ConnectionLimiter;
use crate::connection::Connection;
use crate::observe::{AcceptEvent, End, Observer, RefusalReason};
use crate::peer::Peer;
use rtrcast_proto::ServerEvent;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

/// Records ends, and at each the number of connections and whether the router's was closed.
#[derive(Default)]
pub(crate) struct EndRecorder {
    pub(crate) ends: Mutex<Vec<String>>,
    pub(crate) connections: Mutex<Vec<u32>>,
    pub(crate) is_closed: Mutex<Vec<bool>>,
    pub(crate) limiter: Option<Arc<ConnectionLimiter>>,
    pub(crate) router: Option<UnixStream>,
}

impl Observer for EndRecorder {
    fn refused(&self, _: &Peer, _: &RefusalReason) {}
    fn connected(&self, _: &Arc<Connection>) {}
    fn handed_over(&self, _: &Arc<Connection>) {}
    fn event(&self, _: &Connection, _: &ServerEvent) {}
    fn accept_event(&self, _: &AcceptEvent) {}

    fn ended(&self, _: &Connection, end: &End) {
        self.ends.lock().unwrap().push(format!("{end:?}"));
        self.connections.lock().unwrap().extend(self.limiter.iter().map(|limiter| limiter.counts().connections));
        self.is_closed.lock().unwrap().extend(self.router.iter().map(is_closed));
    }
}

fn is_closed(mut router: &UnixStream) -> bool {
    let is_over = |error: &io::Error| error.kind() != io::ErrorKind::WouldBlock;
    matches!(router.read(&mut [0; 16]), Ok(0)) || router.write(&[0]).as_ref().is_err_and(is_over)
}
