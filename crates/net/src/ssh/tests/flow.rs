//! Large responses, windows that are shut, and keys that are exchanged meanwhile.

use super::super::channel_stream::OUTBOX_OCTETS_MAX;
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn a_large_response_arrives_as_it_is() {
    let (mut cache, mut router) = session().await;
    let (chunks, octets) = response(150_000);
    let serving = async {
        write(&mut cache, &chunks).await.unwrap();
        cache.end().await.unwrap();
    };
    let listening = async {
        let heard = read_to_end(&mut router).await;
        router.end().await.unwrap();
        heard
    };
    let ((), heard) = tokio::join!(serving, listening);
    assert_eq!(heard.len(), octets.len());
    assert!(heard == octets);
}

#[tokio::test]
async fn keys_are_exchanged_in_the_middle_of_a_response() {
    // Rekeying by the client, and by the server.
    for (octets_max, client_asks) in [(usize::MAX, true), (256 * 1024, false), (100 * 1024, true)] {
        let server = SshServer::new(&[key()], anyone()).unwrap().rekeying_after(octets_max);
        let (mut cache, mut visit, channel) = visited_at(server, client::Config::default()).await;
        let (chunks, octets) = response(100_000);
        let serving = async {
            for part in chunks.chunks(2) {
                write(&mut cache, part).await.unwrap();
                // A query in between, so that both directions go on.
                assert_eq!(poll_fn(|context| cache.poll_read(context, &mut [0])).await.unwrap(), 1);
            }
            cache.end().await.unwrap();
        };
        let asking = async {
            for _ in chunks.chunks(2) {
                if client_asks {
                    visit.handle.rekey_soon().await.unwrap();
                }
                visit.handle.data(channel.id(), vec![7]).await.unwrap();
                tokio::task::yield_now().await;
            }
            visit.until_close().await
        };
        let ((), seen) = tokio::join!(serving, asking);
        assert!(matches!(&seen[0], ClientObservation::Data(data) if *data == octets));
        assert_eq!(seen[1..4], [ClientObservation::Eof, ClientObservation::ExitStatus(0), ClientObservation::Close]);
    }
}

#[tokio::test]
async fn a_shut_window_holds_the_response_back_and_memory_with_it() {
    const WINDOW: u32 = 64 * 1024;
    let config = client::Config { window_size: WINDOW, ..client::Config::default() };
    let (mut cache, mut visit, _channel) = visited(config).await;
    visit.permits.forget_permits(Semaphore::MAX_PERMITS);
    let (chunks, octets) = response(100_000);
    let given = Arc::new(AtomicUsize::new(0));
    let counting = given.clone();
    let mut serving = tokio::spawn(async move {
        for chunk in &chunks {
            let mut done = 0;
            loop {
                match poll_fn(|context| cache.poll_write(context, chunk, done)).await.unwrap() {
                    0 => break,
                    octets => {
                        done += octets;
                        counting.fetch_add(octets, Ordering::Relaxed);
                    }
                }
            }
        }
        cache.end().await.unwrap();
    });
    // The client takes nothing, so russh is given as much as it may hold, and no more.
    while given.load(Ordering::Relaxed) < OUTBOX_OCTETS_MAX {
        tokio::task::yield_now().await;
    }
    assert!(timeout(Duration::from_millis(100), &mut serving).await.is_err());
    let held = given.load(Ordering::Relaxed);
    assert!(held <= 2 * WINDOW as usize + 2 * OUTBOX_OCTETS_MAX, "{held}");
    visit.permits.add_permits(Semaphore::MAX_PERMITS);
    let seen = visit.until_close().await;
    serving.await.unwrap();
    assert!(seen[0] == ClientObservation::Data(octets));
}

#[tokio::test]
async fn an_unread_response_is_aborted_at_once() {
    let config = client::Config { window_size: 1024, ..client::Config::default() };
    let (mut cache, visit, _channel) = visited(config).await;
    visit.permits.forget_permits(Semaphore::MAX_PERMITS);
    let chunks = response(10_000).0;
    assert!(timeout(Duration::from_millis(100), write(&mut cache, &chunks)).await.is_err());
    // Nor does it end by itself: the data would be lost.
    assert!(timeout(Duration::from_millis(100), cache.end()).await.is_err());
    cache.socket().reset_at_close();
    drop(cache);
    drop(visit);
}

#[tokio::test]
async fn a_flood_of_input_waits_in_the_socket() {
    let (mut cache, visit, channel) = visited(client::Config::default()).await;
    const FLOOD: usize = 4 * 1024 * 1024;
    let flooding = async {
        for _ in 0..FLOOD / 4096 {
            visit.handle.data(channel.id(), vec![0x5A; 4096]).await.unwrap();
        }
        channel.eof().await.unwrap();
    };
    let reading = async {
        let mut octets = 0;
        loop {
            match read(&mut cache, &mut Vec::new()).await {
                0 => break octets,
                more => octets += more,
            }
        }
    };
    let ((), octets) = tokio::join!(flooding, reading);
    assert_eq!(octets, FLOOD);
}

/// By hand: `--run-ignored only --no-capture`. What a connection costs both sides together.
#[tokio::test]
#[ignore = "it measures"]
async fn costs() {
    let (host, identity) = (key(), key());
    let server = SshServer::new(std::slice::from_ref(&host), authorized(&identity.public_line())).unwrap();
    let client = SshClient::new(Some(identity), None, known(&host));
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
    };
    const CONNECTIONS: u32 = 200;
    let (before, begun, mut all) = (resident(), std::time::Instant::now(), Vec::new());
    for _ in 0..CONNECTIONS {
        let (cache, router) = connect_both(&server, &client, "r1").await;
        all.push((cache.unwrap().0, router.unwrap()));
    }
    println!("a connection takes {:?}", begun.elapsed() / CONNECTIONS);
    println!("a connection holds {} KiB on both sides", (resident() - before) / CONNECTIONS as usize);
    drop(all);
    let (mut cache, mut router) = session().await;
    let (chunks, octets) = response(1_150_000);
    let begun = std::time::Instant::now();
    let serving = tokio::spawn(async move { write(&mut cache, &chunks).await.map(|()| cache) });
    let mut heard = Vec::with_capacity(octets.len());
    while heard.len() < octets.len() {
        read(&mut router, &mut heard).await;
    }
    println!("{} octets take {:?}", octets.len(), begun.elapsed());
    serving.await.unwrap().unwrap();
}
