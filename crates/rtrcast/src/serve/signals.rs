//! Signals: SIGHUP reloads and refreshes, SIGUSR2 upgrades, SIGUSR1 hands over to the next process of the service, SIGINT
//! and SIGTERM stop.

use rtrcast_net::SignalQueue;
use rustix::process::Signal;
use std::io;

/// Signals that are read, and not handled.
const SIGNALS: [Signal; 5] = [Signal::HUP, Signal::USR1, Signal::USR2, Signal::INT, Signal::TERM];

/// A request by a signal.
pub(super) enum SignalRequest {
    Refresh,
    Upgrade,
    /// The service manager restarts the program.
    Restart,
    Stop(&'static str),
}

pub(super) struct Signals(SignalQueue);

impl Signals {
    /// Blocks the signals for all threads that are started from now on.
    pub(super) fn block() -> io::Result<()> {
        SignalQueue::block(&SIGNALS.map(Signal::as_raw))
    }

    /// Does not block them any more in this thread.
    pub(super) fn unblock() -> io::Result<()> {
        SignalQueue::unblock(&SIGNALS.map(Signal::as_raw))
    }

    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals(SignalQueue::open(&SIGNALS.map(Signal::as_raw))?))
    }

    pub(super) async fn next(&mut self) -> SignalRequest {
        match self.0.next().await {
            number if number == Signal::HUP.as_raw() => SignalRequest::Refresh,
            number if number == Signal::USR1.as_raw() => SignalRequest::Restart,
            number if number == Signal::USR2.as_raw() => SignalRequest::Upgrade,
            number if number == Signal::INT.as_raw() => SignalRequest::Stop("SIGINT"),
            _ => SignalRequest::Stop("SIGTERM"),
        }
    }

    pub(super) async fn next_stop(&mut self) {
        while !matches!(self.next().await, SignalRequest::Stop(_) | SignalRequest::Restart) {}
    }
}
