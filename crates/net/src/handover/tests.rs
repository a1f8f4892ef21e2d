//! Sessions over real connections, with and without handovers: routers get the same octets.

use super::*;
use crate::clock::Clock;
use crate::listen::{Listener, V6Only, listen};
use crate::memfd::DataSink;
use crate::publish::{Publisher, PublisherHandle, Wanted};
use crate::service::Service;
use crate::service_policy::ServicePolicy;
use rtrcast_proto::{
    Asn, ConnectionLimits, FieldDecoder, FieldEncoder, History, HistoryLimits, Image, ImageBuilder, InUse, Pdu, Prefix,
    RouteOrigin, Section, Serial, SessionIds, Timing, Version,
};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// More than the system buffers for a connection.
const RECORDS: u32 = 300_000;

/// A set of the first records, and perhaps one more.
fn image(records: u32) -> Image {
    let mut builder = ImageBuilder::new();
    for n in 0..u128::from(records) {
        let prefix = Prefix::new(Ipv6Addr::from_bits(n << 80).into(), 48).unwrap();
        builder.origin(&RouteOrigin::new(prefix, 48, Asn(64496)).unwrap());
    }
    builder.finish(Version::V2, DataSink::new()).unwrap()
}

/// A running cache.
struct RunningCache {
    publisher: Arc<Mutex<Publisher>>,
    service: Arc<Service>,
    listeners: watch::Sender<Vec<Arc<Listener>>>,
    accepting: JoinHandle<()>,
}

/// A service of a history, and its publisher, which fulfils what sessions want.
fn service(history: History, connections: u32) -> (Arc<Mutex<Publisher>>, Arc<Service>) {
    let policy = ServicePolicy::default();
    let limits = ConnectionLimits { connections_max: connections, ..policy.limits };
    let publisher = Publisher::new(history, ServicePolicy { limits, ..policy });
    let (wants, mut wanted) = mpsc::channel::<Wanted>(16);
    let service = Arc::new(Service {
        clock: Clock::start(),
        published: publisher.handle().subscribe(),
        wants,
        observer: Arc::new(()),
        limiter: ConnectionLimiter::new(limits),
    });
    let publisher = Arc::new(Mutex::new(publisher));
    let fulfilling = Arc::clone(&publisher);
    tokio::spawn(async move {
        while let Some(Wanted { want, reply }) = wanted.recv().await {
            let view = fulfilling.lock().unwrap().fulfil(want, &InUse::default(), &mut ()).unwrap();
            let _ = reply.send(view);
        }
    });
    (publisher, service)
}

impl RunningCache {
    fn first(listener: Listener, connections: u32) -> RunningCache {
        let mut history = History::new(HistoryLimits::default(), SessionIds::new(0x1234), Timing::default(), Serial(7));
        history.publish(image(RECORDS));
        history.publish(image(RECORDS + 1));
        let (publisher, service) = service(history, connections);
        let (listeners, opened) = watch::channel(vec![Arc::new(listener)]);
        let accepting = tokio::spawn(listen(opened, Arc::clone(&service), Vec::new()));
        RunningCache { publisher, service, listeners, accepting }
    }

    fn handle(&self) -> PublisherHandle {
        self.publisher.lock().unwrap().handle()
    }

    fn publish(&self, records: u32) {
        let mut publisher = self.publisher.lock().unwrap();
        let prepared = publisher.publish(image(records), &InUse::default(), &mut ());
        publisher.commit(prepared.view.unwrap());
    }

    /// Goes on as another one, as another program would.
    async fn hand_over(self, connections: u32) -> RunningCache {
        let RunningCache { publisher, service, listeners, accepting } = self;
        let handle = publisher.lock().unwrap().handle();
        let suspended = handle.suspend(&service.limiter, Duration::from_secs(60)).await;
        assert_eq!(suspended.left_over, 0);
        let (mut octets, mut descriptors) = (SharedOctets::default(), Descriptors::default());
        let mut sessions = FieldEncoder::default();
        sessions.list(&suspended.connections.iter().collect::<Vec<_>>(), |encoder, connection| {
            connection.encode(encoder, &mut octets, &mut descriptors);
        });
        sessions.list(&suspended.waiting.iter().collect::<Vec<_>>(), |encoder, waiting| {
            waiting.encode(encoder, &mut descriptors);
        });
        let mut line = FieldEncoder::default();
        let current = {
            let publisher = publisher.lock().unwrap();
            let current = publisher.history().current().unwrap().clone();
            line.u32(octets.number_of(current.shared()));
            publisher.history().encode(&mut line);
            current
        };
        let mut shared = FieldEncoder::default();
        octets.encode(&mut shared, &mut descriptors);
        let mut passed = descriptors.duplicate();
        let counts = Section::ALL.map(|section| current.layout().count(section));

        let octets = SharedOctets::decode(&mut FieldDecoder::new(&shared.0), &passed).unwrap();
        let mut decoder = FieldDecoder::new(&line.0);
        let current = Image::from_octets(Version::V2, counts, octets.get(decoder.u32().unwrap()).unwrap()).unwrap();
        let history = History::decode(&mut decoder, HistoryLimits::default(), Some(current)).unwrap();
        assert!(decoder.is_empty());
        let listener = Arc::clone(&listeners.borrow()[0]);
        accepting.abort();
        let _ = accepting.await;
        let mut decoder = FieldDecoder::new(&sessions.0);
        let (publisher, service) = super::tests::service(history, connections);
        let taken =
            decoder.list(|decoder| SuspendedConnection::decode(decoder, &service, &octets, &mut passed)).unwrap();
        assert_eq!(taken.len(), suspended.connections.len());
        let waiting = decoder.list(|decoder| WaitingConnection::decode(decoder, &mut passed)).unwrap();
        assert!(decoder.is_empty());
        // As if the program before had been replaced: nothing of it is closed in order.
        drop(suspended);
        taken.into_iter().for_each(|connection| service.resume(connection.unwrap()));
        let (listeners, opened) = watch::channel(vec![listener]);
        let accepting = tokio::spawn(listen(opened, Arc::clone(&service), waiting));
        RunningCache { publisher, service, listeners, accepting }
    }
}

fn query(pdu: &Pdu<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    pdu.encode(Version::V2, &mut octets);
    octets
}

fn reset_query() -> Vec<u8> {
    query(&Pdu::ResetQuery)
}

fn serial_query(serial: u32) -> Vec<u8> {
    let session = SessionIds::new(0x1234).of(rtrcast_proto::Profile::full(Version::V2));
    query(&Pdu::SerialQuery { session, serial: Serial(serial) })
}

/// A router, and all that it has received.
struct Router {
    stream: TcpStream,
    received: Vec<u8>,
    /// Octets of PDUs that were looked at.
    seen: usize,
}

impl Router {
    async fn connect(address: SocketAddr) -> Router {
        Router { stream: TcpStream::connect(address).await.unwrap(), received: Vec::new(), seen: 0 }
    }

    async fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    /// Reads up to a PDU of this type.
    async fn read_to(&mut self, pdu_type: u8) {
        loop {
            let rest = &self.received[self.seen..];
            if let Some(length) = rest.get(4..8).map(|length| u32::from_be_bytes(length.try_into().unwrap()) as usize)
                && rest.len() >= length
            {
                let found = rest[1];
                self.seen += length;
                if found == pdu_type {
                    return;
                }
                continue;
            }
            let read = tokio::time::timeout(Duration::from_secs(60), self.stream.read_buf(&mut self.received));
            assert_ne!(read.await.expect("a PDU").unwrap(), 0, "the connection ended");
        }
    }

    /// Ends its side, and reads to the end.
    async fn finish(mut self) -> Vec<u8> {
        self.stream.shutdown().await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(60), self.stream.read_to_end(&mut self.received));
        read.await.expect("the end").unwrap();
        self.received
    }
}

const END_OF_DATA: u8 = 7;

/// What routers of all kinds receive, with so many handovers at the moment at which that matters.
async fn received(handovers: u32) -> Vec<(&'static str, Vec<u8>)> {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), V6Only::No).unwrap();
    let address = listener.local().address().unwrap();
    let mut cache = RunningCache::first(listener, 100);

    let mut idle = Router::connect(address).await;
    idle.send(&serial_query(7)).await;
    idle.read_to(END_OF_DATA).await;
    let mut half = Router::connect(address).await;
    half.send(&serial_query(8)).await;
    half.read_to(END_OF_DATA).await;
    half.send(&serial_query(8)[..5]).await;
    let mut new = Router::connect(address).await;
    let mut new_half = Router::connect(address).await;
    new_half.send(&reset_query()[..3]).await;
    let mut reading = Router::connect(address).await;
    reading.send(&reset_query()).await;
    reading.stream.read_buf(&mut reading.received).await.unwrap();
    let mut reading_half = Router::connect(address).await;
    reading_half.send(&[reset_query(), serial_query(8)[..7].to_vec()].concat()).await;
    reading_half.stream.read_buf(&mut reading_half.received).await.unwrap();
    let mut pipelined = Router::connect(address).await;
    pipelined.send(&[serial_query(7), reset_query(), serial_query(8), serial_query(1)].concat()).await;
    pipelined.stream.read_buf(&mut pipelined.received).await.unwrap();
    let mut ended = Router::connect(address).await;
    ended.send(&reset_query()).await;
    ended.stream.shutdown().await.unwrap();
    ended.stream.read_buf(&mut ended.received).await.unwrap();
    let mut wrong = Router::connect(address).await;
    wrong.send(&[reset_query(), vec![2, 99, 0, 0, 0, 0, 0, 8]].concat()).await;
    wrong.stream.read_buf(&mut wrong.received).await.unwrap();
    let mut closing = Router::connect(address).await;
    closing.send(&[2, 99, 0, 0, 0, 0, 0, 8]).await;
    closing.read_to(10).await;

    for _ in 0..handovers {
        cache = cache.hand_over(100).await;
    }
    cache.publish(RECORDS);

    idle.read_to(0).await;
    idle.send(&serial_query(8)).await;
    idle.read_to(END_OF_DATA).await;
    half.read_to(0).await;
    half.send(&serial_query(8)[5..]).await;
    half.read_to(END_OF_DATA).await;
    new.send(&serial_query(7)).await;
    new.read_to(END_OF_DATA).await;
    new_half.send(&reset_query()[3..]).await;
    new_half.read_to(END_OF_DATA).await;
    reading.read_to(END_OF_DATA).await;
    reading_half.read_to(END_OF_DATA).await;
    reading_half.send(&serial_query(8)[7..]).await;
    reading_half.read_to(END_OF_DATA).await;
    for _ in 0..3 {
        pipelined.read_to(END_OF_DATA).await;
    }
    pipelined.read_to(8).await;
    let routers = [
        ("idle", idle),
        ("half", half),
        ("new", new),
        ("half of a first query", new_half),
        ("mid-response", reading),
        ("half of a query in a response", reading_half),
        ("pipelined", pipelined),
        ("half-closed", ended),
        ("wrong behind a response", wrong),
        ("in its ordered close", closing),
    ];
    let mut received = Vec::new();
    for (name, router) in routers {
        received.push((name, router.finish().await));
    }
    received
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routers_receive_the_same_with_and_without_handovers() {
    let expected = received(0).await;
    for handovers in [1, 3] {
        for ((name, expected), (_, received)) in expected.iter().zip(received(handovers).await) {
            let at = expected.iter().zip(&received).position(|(a, b)| a != b);
            assert!(
                *expected == received,
                "{name}: {} octets instead of {}, other ones from {at:?} on",
                received.len(),
                expected.len()
            );
        }
    }
}

/// A connection that was accepted and waits for capacity is accepted once, and served when there is some.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_waits_for_capacity_is_handed_over() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), V6Only::No).unwrap();
    let address = listener.local().address().unwrap();
    let cache = RunningCache::first(listener, 1);
    let mut first = Router::connect(address).await;
    first.send(&serial_query(7)).await;
    first.read_to(END_OF_DATA).await;
    let mut second = Router::connect(address).await;
    second.send(&serial_query(7)).await;
    let cache = cache.hand_over(1).await;
    assert_eq!(cache.service.limiter.counts().connections, 1);
    first.finish().await;
    second.read_to(END_OF_DATA).await;
    second.finish().await;
}

/// Counters, times and the number of the connection go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_a_connection_is_handed_over() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), V6Only::No).unwrap();
    let address = listener.local().address().unwrap();
    let cache = RunningCache::first(listener, 10);
    let mut router = Router::connect(address).await;
    router.send(&serial_query(7)).await;
    router.read_to(END_OF_DATA).await;
    router.send(&serial_query(8)).await;
    router.read_to(END_OF_DATA).await;
    let suspended = cache.handle().suspend(&cache.service.limiter, Duration::from_secs(60)).await;
    let [connection] = &suspended.connections[..] else { panic!("{suspended:?}") };
    let (mut encoder, mut octets, mut descriptors) =
        (FieldEncoder::default(), SharedOctets::default(), Descriptors::default());
    connection.encode(&mut encoder, &mut octets, &mut descriptors);
    let mut passed = descriptors.duplicate();
    let mut decoder = FieldDecoder::new(&encoder.0);
    let taken = SuspendedConnection::decode(&mut decoder, &cache.service, &octets, &mut passed).unwrap().unwrap();
    assert!(decoder.is_empty());
    let (before, after) = (connection.connection(), taken.connection());
    assert_eq!(after.stats(), before.stats());
    assert_eq!(after.stats().answers, crate::connection::Answers { full: 0, delta: 2, cache_reset: 0 });
    assert_eq!(after.since(), before.since());
    assert_eq!(format!("{:?}", after.peer()), format!("{:?}", before.peer()));
    assert!(next_connection_id() > before.peer().id);
    assert_eq!(taken.permit.address(), connection.permit.address());
    assert!(taken.permit.has_queried());
    // Each octet is needed: what is cut is refused.
    for length in 0..encoder.0.len() {
        let mut passed = descriptors.duplicate();
        let mut decoder = FieldDecoder::new(&encoder.0[..length]);
        assert!(SuspendedConnection::decode(&mut decoder, &cache.service, &octets, &mut passed).is_none(), "{length}");
    }
}

/// A suspension that does not lead to a handover is undone: all go on where they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_is_undone() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), V6Only::No).unwrap();
    let address = listener.local().address().unwrap();
    let cache = RunningCache::first(listener, 10);
    let mut router = Router::connect(address).await;
    router.send(&serial_query(7)).await;
    router.read_to(END_OF_DATA).await;
    let handle = cache.handle();
    let suspended = handle.suspend(&cache.service.limiter, Duration::from_secs(60)).await;
    assert_eq!(suspended.connections.len(), 1);
    // It waits in the backlog.
    let mut second = Router::connect(address).await;
    handle.resume();
    suspended.connections.into_iter().for_each(|connection| cache.service.resume(connection));
    cache.publish(RECORDS);
    router.read_to(0).await;
    second.send(&serial_query(8)).await;
    second.read_to(END_OF_DATA).await;
    router.finish().await;
    second.finish().await;
}
