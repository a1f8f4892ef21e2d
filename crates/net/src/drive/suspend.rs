//! Taking a connection out of its task, and letting it go on.

use super::{Drive, DriveOutcome};
use crate::clock::Clock;
use crate::publish::{Published, Wanted};
use crate::stream::TransportStream;
use crate::suspended::{SuspendedConnection, SuspendedPart, Suspending};
use std::future::pending;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// All that a connection which goes on has from the service.
pub(crate) struct ResumeContext {
    pub(crate) clock: Clock,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) wants: mpsc::Sender<Wanted>,
}

/// Drives a connection on that was taken out of its task.
pub(crate) fn drive_on(suspended: SuspendedConnection, context: ResumeContext) -> impl Future<Output = ()> + use<> {
    let ResumeContext { clock, mut published, wants } = context;
    let SuspendedConnection { socket, observed, permit, session, writing, .. } = suspended;
    let SuspendedConnection { closing_since, has_received, peer_side, stall_max, address, .. } = suspended;
    let policy = Arc::clone(&published.borrow().policy);
    let mut drive = Drive {
        stream: TransportStream::Plain(socket),
        observed,
        permit,
        session,
        clock,
        wants,
        stall_max,
        policy,
        address,
        now: clock.now(),
        writing,
        making: None,
        timer: None,
        closing_since,
        has_received,
        peer_side,
        stopping: false,
        transfers: 0,
        displaced: false,
    };
    async move {
        let outcome = drive.run(&mut published).await;
        drive.finish(outcome);
    }
}

impl Drive {
    /// Reports the end of the connection, or sends it to whoever takes connections out of their tasks. If nobody does any
    /// more, its end is reported as well.
    pub(super) fn finish(mut self, outcome: DriveOutcome) {
        match outcome {
            DriveOutcome::Ended(end) => self.observed.end = Some(end),
            DriveOutcome::Suspended(suspending) => self.suspend(&suspending),
        }
    }

    fn suspend(mut self, suspending: &Suspending) {
        self.now = self.clock.now();
        self.session.suspend(self.now);
        self.report_events();
        if self.session.is_closing() {
            self.closing_since.get_or_insert(self.now);
        }
        let Drive { stream, observed, permit, session, writing, closing_since, has_received, peer_side, .. } = self;
        let (stall_max, address) = (self.stall_max, self.address);
        #[cfg_attr(
            not(any(feature = "tls", feature = "ssh")),
            expect(irrefutable_let_patterns, reason = "all are plain")
        )]
        let TransportStream::Plain(socket) = stream else {
            debug_assert!(false, "only plain connections are taken out of their tasks");
            return;
        };
        let connection = SuspendedConnection {
            socket,
            observed,
            permit,
            session,
            writing,
            closing_since,
            has_received,
            peer_side,
            stall_max,
            address,
        };
        let _ = suspending.send(SuspendedPart::Connection(Box::new(connection)));
    }

    /// Closes in order, unless the connection is taken out of its task meanwhile: then its session asks for the same
    /// again.
    pub(super) async fn close_unless_suspended(&mut self, published: &mut watch::Receiver<Published>) -> DriveOutcome {
        let is_plain = matches!(self.stream, TransportStream::Plain(_));
        tokio::select! {
            end = self.close() => DriveOutcome::Ended(end),
            suspending = suspending(published), if is_plain => DriveOutcome::Suspended(suspending),
        }
    }
}

/// Waits until connections are taken out of their tasks.
async fn suspending(published: &mut watch::Receiver<Published>) -> Suspending {
    loop {
        let suspending = published.borrow_and_update().suspending.clone();
        if let Some(suspending) = suspending {
            return suspending;
        }
        if published.changed().await.is_err() {
            return pending().await;
        }
    }
}
