use super::*;
use crate::admission::ConnectionLimiter;
use crate::connection::Connection;
use crate::end_recorder::EndRecorder;
use crate::stream::Socket;
use rtrcast_proto::{ConnectionLimits, History, HistoryLimits, Serial, ServerPolicy, SessionIds, Timing};
use std::io::{Read as _, Write as _};
use tokio::net::UnixStream;
use tokio::time::Instant;

/// A connection whose router has sent these octets and reads nothing, of a limiter without capacity for another.
fn blocked(
    octets: &[u8],
) -> (TransportStream, ServerSession, DriveContext, std::os::unix::net::UnixStream, Arc<ConnectionLimiter>) {
    let (mut router, cache) = std::os::unix::net::UnixStream::pair().unwrap();
    cache.set_nonblocking(true).unwrap();
    let mut full = &cache;
    while full.write(&[0; 64]).is_ok() {}
    router.write_all(octets).unwrap();
    let stream = TransportStream::Plain(Socket::Unix(UnixStream::from_std(cache).unwrap()));
    let limiter = ConnectionLimiter::new(ConnectionLimits { connections_max: 1, ..ConnectionLimits::default() });
    let permit = limiter.admit(Instant::now(), None, 1).unwrap();
    let history = HistoryLimits::default();
    let mut history = History::new(history, SessionIds::new(1), Timing::default(), Serial(1));
    let view = Arc::new(history.view(0));
    let (clock, policy) = (Clock::start(), Arc::new(ServicePolicy::default()));
    let session = ServerSession::new(clock.now(), ServerPolicy::default(), Arc::clone(&view));
    let (publish, published) = watch::channel(Published::of(view, Arc::clone(&policy)));
    // As long as the process: a publisher that is gone is a stop.
    std::mem::forget(publish);
    let wants = mpsc::channel(1).0;
    let context = DriveContext {
        clock,
        published,
        wants,
        stall_max: Duration::from_secs(60),
        policy,
        address: None,
        permit,
        observed: ObservedConnection::new(Connection::of_nobody(), Arc::new(())),
    };
    (stream, session, context, router, limiter)
}

/// The paused clock advances only when all tasks are idle, so a busy loop is a test that does not end.
#[tokio::test(start_paused = true)]
async fn a_displaced_connection_that_reads_nothing_is_reset_without_a_busy_loop() {
    let (stream, session, mut context, _router, limiter) = blocked(&[5, 2, 0, 0, 0, 0, 0, 8]);
    let recorder = Arc::new(EndRecorder::default());
    context.observed = ObservedConnection::new(Connection::of_nobody(), Arc::clone(&recorder) as _);
    let waiting = tokio::spawn(async move { limiter.wait_for_capacity(1, || {}).await });
    drive(stream, session, context).await;
    assert_eq!(*recorder.ends.lock().unwrap(), ["Aborted"]);
    waiting.await.unwrap();
}

/// An idle plain connection is little else than this future, and shall take less than 2 KB in all.
#[tokio::test]
async fn the_future_of_a_connection_is_small() {
    let (stream, session, context, _router, _limiter) = blocked(&[]);
    let octets = size_of_val(&drive(stream, session, context));
    assert!(octets <= 1_024, "{octets} octets");
}

/// A task that is aborted reports the end before the permit is returned, and its descriptor is closed before as well.
#[tokio::test]
async fn a_permit_is_returned_after_the_end_is_reported_even_of_an_aborted_task() {
    let (stream, session, mut context, mut router, limiter) = blocked(&[]);
    router.set_nonblocking(true).unwrap();
    while router.read(&mut [0; 4096]).is_ok() {}
    let recorder =
        Arc::new(EndRecorder { limiter: Some(Arc::clone(&limiter)), router: Some(router), ..EndRecorder::default() });
    context.observed = ObservedConnection::new(Connection::of_nobody(), Arc::clone(&recorder) as _);
    let mut driven = Box::pin(drive(stream, session, context));
    assert!(waits(&mut driven).await);
    drop(driven);
    assert_eq!(*recorder.ends.lock().unwrap(), ["Lost(Custom { kind: Other, error: \"the session's task failed\" })"]);
    assert_eq!(*recorder.connections.lock().unwrap(), [1]);
    assert_eq!(*recorder.is_closed.lock().unwrap(), [true]);
    assert_eq!(limiter.counts().connections, 0);
}

/// Polls once; whether it waits.
async fn waits(future: &mut Pin<Box<impl Future<Output = ()>>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

/// Nothing of an answer is accepted, so the wait counts from its beginning, and ends with the write.
#[tokio::test(start_paused = true)]
async fn a_write_that_waits_shows_since_when() {
    let (stream, session, context, router, _limiter) = blocked(&[5, 2, 0, 0, 0, 0, 0, 8]);
    let (connection, clock) = (Arc::clone(&context.observed.connection), context.clock);
    let mut driven = Box::pin(drive(stream, session, context));
    tokio::time::advance(Duration::from_secs(7)).await;
    assert_eq!(connection.stats().write_progress, None);
    assert!(waits(&mut driven).await);
    let began = clock.now();
    assert_eq!(connection.stats().write_progress, Some(began));
    tokio::time::advance(Duration::from_secs(7)).await;
    assert!(waits(&mut driven).await);
    assert_eq!(connection.stats().write_progress, Some(began));
    // The router reads, and the Error Report is written.
    router.set_nonblocking(true).unwrap();
    let mut octets = [0; 4096];
    while connection.stats().write_progress.is_some() {
        while (&router).read(&mut octets).is_ok_and(|read| read > 0) {}
        assert!(waits(&mut driven).await);
        tokio::task::yield_now().await;
    }
    assert!(connection.stats().octets.sent > 16);
}
