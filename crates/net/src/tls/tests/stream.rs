//! The stream behind the handshake: whole sessions, ends of all kinds, and octets that come late.

use super::authority::Authority;
use super::{NAME, in_time, open_server, pair, read, rustls_error, write};
use crate::admission::ConnectionLimiter;
use crate::connection::Connection;
use crate::drive::{DriveContext, drive};
use crate::end_recorder::EndRecorder;
use crate::publish::Published;
use crate::stream::{Socket, TlsStream, TransportStream};
use crate::suspended::ObservedConnection;
use crate::tls::accept;
use crate::{CacheOptions, Clock, DataSink};
use rtrcast_proto::{
    Asn, History, ImageBuilder, Prefix, RouteOrigin, Serial, ServerSession, SessionIds, Version, wire,
};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as RouterStream;

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// More than the program and the system buffer for a session while the router reads nothing.
const RECORDS: u32 = 200_000;

async fn router<Below: AsyncRead + AsyncWrite + Unpin>(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
    below: Below,
) -> io::Result<RouterStream<Below>> {
    TlsConnector::from(authority.router_config(None, version)).connect(NAME.try_into().unwrap(), below).await
}

/// A router and a cache after the handshake.
async fn both(version: &'static SupportedProtocolVersion) -> (Box<TlsStream>, RouterStream<UnixStream>) {
    let authority = Authority::new("caches");
    let server = open_server(&authority);
    let (ours, theirs) = pair();
    let both = async { tokio::join!(accept(ours, &server, None), router(&authority, version, theirs)) };
    let (cache, router) = in_time(both).await;
    (cache.unwrap().0, router.unwrap())
}

/// Serves one connection, with a data set of six megabytes.
async fn serve(transport: TransportStream) -> String {
    let mut builder = ImageBuilder::new();
    for n in 0..u128::from(RECORDS) {
        let prefix = Prefix::new(Ipv6Addr::from_bits(n << 80).into(), 48).unwrap();
        builder.origin(&RouteOrigin::new(prefix, 48, Asn(64496)).unwrap());
    }
    let CacheOptions { policy, history, timing } = CacheOptions::default();
    let mut history = History::new(history, SessionIds::new(0x1234), timing, Serial(7));
    history.publish(builder.finish(Version::V2, DataSink::new()).unwrap());
    let view = Arc::new(history.view(0));
    let clock = Clock::start();
    let session = ServerSession::new(clock.now(), policy.session, Arc::clone(&view));
    let permit = ConnectionLimiter::new(policy.limits).admit(Instant::now(), None, 0).unwrap();
    let (stall_max, policy) = (policy.stall_max, Arc::new(policy));
    let (_publish, published) = watch::channel(Published::of(view, Arc::clone(&policy)));
    let wants = mpsc::channel(1).0;
    let recorder = Arc::new(EndRecorder::default());
    let observed = ObservedConnection::new(Connection::of_nobody(), Arc::clone(&recorder) as _);
    let context = DriveContext { clock, published, wants, stall_max, policy, address: None, permit, observed };
    drive(transport, session, context).await;
    let mut ends = recorder.ends.lock().unwrap();
    ends.pop().expect("its end is reported")
}

/// The answer to a router that sends these octets at once, up to the end by close_notify, over real TCP.
async fn answered(version: &'static SupportedProtocolVersion, said: Vec<u8>) -> (Vec<u8>, String) {
    let authority = Authority::new("caches");
    let server = open_server(&authority);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let cache = async {
        let (stream, from) = listener.accept().await.unwrap();
        let (tls, _) = accept(Socket::Tcp(stream), &server, Some(from.ip())).await.unwrap();
        serve(TransportStream::Tls(tls)).await
    };
    let router = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut from, mut to) = tokio::io::split(router(&authority, version, stream).await.unwrap());
        let mut read = Vec::new();
        // Both at once, or the two could wait for each other; whether all was taken does not matter.
        let (_, ended) = tokio::join!(to.write_all(&said), from.read_to_end(&mut read));
        // An end without close_notify would be an error.
        ended.unwrap();
        read
    };
    let (end, read) = in_time(async { tokio::join!(cache, router) }).await;
    (read, end)
}

fn pdus(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| wire::parse_line(line).unwrap()).collect()
}

#[tokio::test]
async fn a_large_response_and_the_report_behind_it_arrive_whole_and_then_the_end() {
    for version in BOTH {
        // A second query, which is wrong, and more octets than are ever read.
        let mut said = pdus(&["v2 reset-query"]);
        said.extend([2, 99, 0, 0, 0, 0, 0, 8]);
        said.extend([0; 100_000]);
        let (read, end) = answered(version, said).await;
        let data = read.get(..8 + RECORDS as usize * 32 + 24).expect("all of the data");
        // Cache Response first, End of Data last.
        assert_eq!(data.get(..2), Some(&[2, 3][..]));
        assert_eq!(data.get(data.len() - 24..).unwrap().get(..2), Some(&[2, 7][..]));
        let report = read.get(data.len()..).unwrap();
        assert_eq!(report.get(..4), Some(&[2, 10, 0, 5][..]), "{}", wire::hex(report));
        assert_eq!(report.len(), usize::from(report[7]));
        assert_eq!(end, "Ordered { peer_ended: true }");
    }
}

#[tokio::test]
async fn a_router_that_ends_its_side_behind_the_query_is_answered() {
    for version in BOTH {
        let (cache, mut router) = both(version).await;
        let router = async {
            router.write_all(&pdus(&["v2 reset-query"])).await.unwrap();
            // A close_notify, and the socket's FIN.
            router.shutdown().await.unwrap();
            let mut read = Vec::new();
            router.read_to_end(&mut read).await.unwrap();
            read.len()
        };
        let (end, read) = in_time(async { tokio::join!(serve(TransportStream::Tls(cache)), router) }).await;
        assert_eq!(read, 8 + RECORDS as usize * 32 + 24);
        assert_eq!(end, "Ordered { peer_ended: true }");
    }
}

#[tokio::test]
async fn a_fin_without_close_notify_is_an_end() {
    for version in BOTH {
        let (mut cache, mut router) = both(version).await;
        router.write_all(b"the last").await.unwrap();
        router.flush().await.unwrap();
        router.get_mut().0.shutdown().await.unwrap();
        assert_eq!(in_time(read(&mut cache)).await.unwrap(), b"the last");
        for _ in 0..3 {
            assert_eq!(in_time(read(&mut cache)).await.unwrap(), b"");
        }
        // It still listens.
        write(&mut cache, b"an answer").await.unwrap();
        in_time(cache.end()).await.unwrap();
        let mut read = Vec::new();
        in_time(router.read_to_end(&mut read)).await.unwrap();
        assert_eq!(read, b"an answer");
    }
}

#[tokio::test]
async fn a_close_notify_is_an_end() {
    for version in BOTH {
        let (mut cache, mut router) = both(version).await;
        router.write_all(b"the last").await.unwrap();
        router.shutdown().await.unwrap();
        assert_eq!(in_time(read(&mut cache)).await.unwrap(), b"the last");
        for _ in 0..3 {
            assert_eq!(in_time(read(&mut cache)).await.unwrap(), b"");
        }
    }
}

#[tokio::test]
async fn data_are_read_without_a_readiness_event() {
    for version in BOTH {
        let (mut cache, mut router) = both(version).await;
        let mut buffer = [0; 4];
        assert_eq!(cache.read_now(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        router.write_all(b"words at last").await.unwrap();
        router.flush().await.unwrap();
        router.get_mut().0.shutdown().await.unwrap();
        let mut heard = Vec::new();
        while let Ok(octets @ 1..) = cache.read_now(&mut buffer) {
            heard.extend_from_slice(buffer.get(..octets).unwrap());
        }
        assert_eq!(heard, b"words at last");
        assert_eq!(cache.read_now(&mut buffer).unwrap(), 0);
    }
}

#[tokio::test]
async fn data_before_broken_octets_are_read_before_the_error() {
    for version in BOTH {
        let (mut cache, mut router) = both(version).await;
        router.write_all(b"words").await.unwrap();
        router.flush().await.unwrap();
        // A record that is not encrypted.
        router.get_mut().0.write_all(&[0x17, 3, 3, 0, 20]).await.unwrap();
        router.get_mut().0.write_all(&[0; 20]).await.unwrap();
        assert_eq!(in_time(read(&mut cache)).await.unwrap(), b"words");
        for _ in 0..2 {
            assert_eq!(in_time(read(&mut cache)).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        // The router receives an alert, which reading flushed.
        let error = in_time(router.read(&mut [0; 4])).await.unwrap_err();
        assert!(matches!(rustls_error(&error), Some(rustls::Error::AlertReceived(_))), "{error}");
    }
}

#[tokio::test]
async fn a_router_that_does_not_read_leaves_a_bounded_rest_in_memory() {
    let (mut cache, mut router) = both(&TLS13).await;
    let octets = vec![0x5a; 4 * 1024 * 1024];
    let mut written = 0;
    // Until nothing more is taken: poll_write is pending.
    while let Some(now) = std::future::poll_fn(|context| {
        std::task::Poll::Ready(match cache.poll_write(context, octets.get(written..).unwrap()) {
            std::task::Poll::Ready(now) => Some(now.unwrap()),
            std::task::Poll::Pending => None,
        })
    })
    .await
    {
        assert!(0 < now && now <= 32 * 1024, "{now}");
        written += now;
    }
    assert!(written < octets.len());
    let rest = octets.get(written..).unwrap();
    let reading = async {
        let mut read = Vec::new();
        router.read_to_end(&mut read).await.unwrap();
        read
    };
    let writing = async {
        write(&mut cache, rest).await.unwrap();
        cache.end().await.unwrap();
    };
    let ((), read) = in_time(async { tokio::join!(writing, reading) }).await;
    assert!(read == octets);
}
