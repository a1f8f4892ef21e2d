//! Signals: SIGHUP reloads and refreshes, SIGINT and SIGTERM stop.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What an operator asks by a signal.
pub(super) enum Asked {
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

    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hangup.recv() => Asked::Refresh,
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
        }
    }

    pub(super) async fn next_stop(&mut self) {
        while let Asked::Refresh = self.next().await {}
    }
}
