//! Requests to the whole program: a stop and a refresh each wait in a place of their own, so that none is lost while the
//! program is busy, however many come.

use rtrcast_proto::Stop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// A request to the whole program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramRequest {
    /// Read all sources and SLURM files again.
    Refresh,
    /// Have the program taken over by the one that lies where it was started from.
    Upgrade,
    /// Stop.
    Stop(Stop),
}

/// Requests that wait for the program.
#[derive(Debug, Default)]
pub(crate) struct ProgramRequests {
    /// Set when a stop has been promised to somebody.
    is_stop_claimed: AtomicBool,
    waiting: Mutex<WaitingRequests>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct WaitingRequests {
    stop: Option<Stop>,
    upgrade: bool,
    refresh: bool,
}

impl ProgramRequests {
    /// Returns true to the first who wants to stop the program.
    pub(super) fn claim_stop(&self) -> bool {
        !self.is_stop_claimed.swap(true, Ordering::Relaxed)
    }

    /// Returns true once a stop has been promised.
    pub(super) fn is_stop_claimed(&self) -> bool {
        self.is_stop_claimed.load(Ordering::Relaxed)
    }

    /// Adds a request. A refresh beside one that waits is one refresh.
    pub(crate) fn add(&self, request: ProgramRequest) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            ProgramRequest::Refresh => waiting.refresh = true,
            ProgramRequest::Upgrade => waiting.upgrade = true,
            ProgramRequest::Stop(stop) => waiting.stop = Some(stop),
        }
        drop(waiting);
        self.changed.notify_one();
    }

    fn take(&self) -> Option<ProgramRequest> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stop) = waiting.stop.take() {
            return Some(ProgramRequest::Stop(stop));
        }
        if std::mem::take(&mut waiting.upgrade) {
            return Some(ProgramRequest::Upgrade);
        }
        std::mem::take(&mut waiting.refresh).then_some(ProgramRequest::Refresh)
    }

    /// Returns the next request, a stop first. May be cancelled.
    pub(crate) async fn next(&self) -> ProgramRequest {
        loop {
            if let Some(request) = self.take() {
                return request;
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_goes_before_any_number_of_refreshes_which_are_one() {
        let requests = ProgramRequests::default();
        for _ in 0..1_000 {
            requests.add(ProgramRequest::Refresh);
        }
        assert!(requests.claim_stop());
        assert!(!requests.claim_stop());
        requests.add(ProgramRequest::Stop(Stop::Shutdown));
        assert_eq!(requests.next().await, ProgramRequest::Stop(Stop::Shutdown));
        assert_eq!(requests.next().await, ProgramRequest::Refresh);
        assert_eq!(requests.take(), None);
    }
}
