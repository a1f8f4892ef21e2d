//! Signals: SIGHUP reloads and refreshes, SIGINT and SIGTERM stop.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A request by a signal.
pub(super) enum SignalRequest {
    Refresh,
    Stop(&'static str),
}

pub(super) struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.hangup.recv() => SignalRequest::Refresh,
            _ = self.interrupt.recv() => SignalRequest::Stop("SIGINT"),
            _ = self.terminate.recv() => SignalRequest::Stop("SIGTERM"),
        }
    }

    pub(super) async fn next_stop(&mut self) {
        while let SignalRequest::Refresh = self.next().await {}
    }
}
