//! Wake-up packets for routers whose SSH library is libssh, after a large response.
//!
//! libssh reads a packet off the socket and returns it in parts. BIRD reads parts only while poll(2) reports the socket
//! as readable: so the end of a response stays in libssh until something else arrives. A wake-up is a packet without
//! effect. DESIGN.md has the reasons for this one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Octets that BIRD reads when the socket is readable: 4 times 4 KiB.
const READ_OCTETS: usize = 16 * 1024;

/// A response that is not larger is read at once, and needs no wake-up.
const QUIET_OCTETS_MAX: usize = READ_OCTETS;

/// The most that is taken to lie in libssh; it was less than a packet of 32 KiB wherever a load stopped. What comes too
/// much is not free: with nothing to read, BIRD waits in libssh for up to a second after each packet.
const HELD_OCTETS_MAX: usize = 256 * 1024;

/// In addition to those for the size: two that arrive before the router polls again have the effect of one.
const SPARE_WAKE_UPS: u32 = 4;

/// Time from the last octet to the first wake-up, and between two. Long enough to read 16 KiB of records into a table;
/// with it all wake-ups take a second.
const WAKE_UP_INTERVAL: Duration = Duration::from_millis(50);

/// State of the wake-ups of a connection.
#[derive(Default)]
pub(crate) struct WakeUps {
    /// Octets that the router may have left in its library.
    unread: usize,
    spare: u32,
    /// Time of the last write.
    written: Option<Instant>,
    /// Runs only while wake-ups are due.
    timer: Option<Pin<Box<Sleep>>>,
}

impl WakeUps {
    /// Notes that this many octets of a response are written; nothing is due until all are sent.
    pub(crate) fn writing(&mut self, octets: usize) {
        let now = Instant::now();
        let was_quiet = self.timer.is_none() && self.written.is_none_or(|written| now - written >= WAKE_UP_INTERVAL);
        if was_quiet && self.unread <= QUIET_OCTETS_MAX {
            self.unread = 0;
        }
        self.unread = self.unread.saturating_add(octets).min(HELD_OCTETS_MAX);
        self.written = Some(now);
        self.timer = None;
    }

    /// The system has all that was written.
    pub(crate) fn all_sent(&mut self) {
        self.written = Some(Instant::now());
        if self.unread > QUIET_OCTETS_MAX {
            self.spare = SPARE_WAKE_UPS;
            self.timer = Some(Box::pin(sleep(WAKE_UP_INTERVAL)));
        }
    }

    /// Waits until a wake-up is due; for ever if there is none to come.
    pub(crate) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    /// Notes that a wake-up was sent.
    pub(crate) fn sent(&mut self) {
        match self.unread {
            0 => self.spare = self.spare.saturating_sub(1),
            unread => self.unread = unread.saturating_sub(READ_OCTETS),
        }
        self.timer = (self.unread > 0 || self.spare > 0).then(|| Box::pin(sleep(WAKE_UP_INTERVAL)));
    }

    /// None could go out now.
    pub(crate) fn postpone(&mut self) {
        self.timer = Some(Box::pin(sleep(WAKE_UP_INTERVAL)));
    }

    #[cfg(test)]
    pub(crate) fn is_any_due(&self) -> bool {
        self.timer.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::timeout;

    /// Sends the wake-ups that are due, and returns the time of each in milliseconds.
    async fn all(wake_ups: &mut WakeUps) -> Vec<u128> {
        let (begun, mut times) = (Instant::now(), Vec::new());
        while wake_ups.is_any_due() {
            poll_fn(|context| wake_ups.poll_due(context)).await;
            times.push(begun.elapsed().as_millis());
            wake_ups.sent();
        }
        times
    }

    async fn is_silent(wake_ups: &mut WakeUps) -> bool {
        timeout(Duration::from_secs(86_400), poll_fn(|context| wake_ups.poll_due(context))).await.is_err()
    }

    /// Number of wake-ups of a response.
    fn count(octets: usize) -> usize {
        octets.min(HELD_OCTETS_MAX).div_ceil(READ_OCTETS) + SPARE_WAKE_UPS as usize
    }

    fn respond(wake_ups: &mut WakeUps, octets: usize) {
        wake_ups.writing(octets);
        wake_ups.all_sent();
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_response_has_its_wake_ups_and_then_none() {
        let mut wake_ups = WakeUps::default();
        for octets in [16 * 1024 + 1, 100_000, 1_000_000] {
            respond(&mut wake_ups, octets);
            let times = all(&mut wake_ups).await;
            assert_eq!(times.len(), count(octets));
            assert!(times[0] >= 50 && times.windows(2).all(|pair| pair[1] - pair[0] >= 50), "{times:?}");
            assert!(is_silent(&mut wake_ups).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn small_responses_have_none_unless_they_come_at_once() {
        let mut wake_ups = WakeUps::default();
        for _ in 0..100 {
            respond(&mut wake_ups, QUIET_OCTETS_MAX);
            assert!(is_silent(&mut wake_ups).await);
        }
        for _ in 0..3 {
            respond(&mut wake_ups, QUIET_OCTETS_MAX);
        }
        assert_eq!(all(&mut wake_ups).await.len(), count(3 * QUIET_OCTETS_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_due_in_the_middle_of_a_response() {
        let mut wake_ups = WakeUps::default();
        respond(&mut wake_ups, 1_000_000);
        poll_fn(|context| wake_ups.poll_due(context)).await;
        wake_ups.sent();
        wake_ups.writing(1_000_000);
        assert!(is_silent(&mut wake_ups).await);
        wake_ups.all_sent();
        assert_eq!(all(&mut wake_ups).await.len(), count(2_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_that_could_not_be_sent_is_sent_later() {
        let mut wake_ups = WakeUps::default();
        respond(&mut wake_ups, 100_000);
        poll_fn(|context| wake_ups.poll_due(context)).await;
        wake_ups.postpone();
        assert_eq!(all(&mut wake_ups).await.len(), count(100_000));
    }
}
