//! Wake-ups, at other clients.

use super::super::server_handler::LIBSSH;
use super::*;
use russh::SshId;

async fn visited_as(id: &'static str) -> (SshStream, Visit, russh::ChannelWriteHalf<client::Msg>) {
    visited(client::Config { client_id: SshId::Standard(id.into()), ..client::Config::default() }).await
}

/// Sends a response and waits for a query after it, until so many wake-ups have arrived.
async fn see_wake_ups(
    cache: &mut SshStream,
    visit: &mut Visit,
    chunks: &[Chunk],
    wake_ups: usize,
) -> Vec<ClientObservation> {
    write(cache, chunks).await.unwrap();
    let mut buffer = [0];
    let waiting = poll_fn(|context| cache.poll_read(context, &mut buffer));
    let seeing = async {
        let mut all: Vec<ClientObservation> = Vec::new();
        while all.iter().filter(|seen| **seen == ClientObservation::WakeUp).count() < wake_ups {
            match (all.last_mut(), visit.seen.recv().await.unwrap()) {
                (Some(ClientObservation::Data(data)), ClientObservation::Data(more)) => data.extend(more),
                (_, seen) => all.push(seen),
            }
        }
        all
    };
    tokio::select! {
        _ = waiting => unreachable!("no query comes"),
        seen = seeing => seen,
    }
}

#[tokio::test]
async fn libssh_gets_wake_ups_after_a_large_response_and_none_after_the_end() {
    assert!("SSH-2.0-libssh_0.10.6".as_bytes().starts_with(LIBSSH));
    let (mut cache, mut visit, _channel) = visited_as("SSH-2.0-libssh_0.10.6").await;
    let (chunks, octets) = response(2_000);
    let seen = see_wake_ups(&mut cache, &mut visit, &chunks, 3).await;
    assert_eq!(seen, [vec![ClientObservation::Data(octets)], vec![ClientObservation::WakeUp; 3]].concat());
    // More were due.
    let ((), seen) = tokio::join!(async { cache.end().await.unwrap() }, visit.until_close());
    assert_eq!(seen[..3], [ClientObservation::Eof, ClientObservation::ExitStatus(0), ClientObservation::Close]);
}

#[tokio::test]
async fn a_small_response_and_other_libraries_have_no_wake_ups() {
    for (id, records) in [("SSH-2.0-libssh_0.10.6", 500), ("SSH-2.0-OpenSSH_9.2p1", 2_000)] {
        let (mut cache, mut visit, channel) = visited_as(id).await;
        let (chunks, octets) = response(records);
        write(&mut cache, &chunks).await.unwrap();
        assert!(!cache.awaits_wake_ups());
        visit.handle.data(channel.id(), vec![7]).await.unwrap();
        assert_eq!(poll_fn(|context| cache.poll_read(context, &mut [0])).await.unwrap(), 1);
        let ((), seen) = tokio::join!(async { cache.end().await.unwrap() }, visit.until_close());
        assert_eq!(seen[..2], [ClientObservation::Data(octets), ClientObservation::Eof]);
    }
}
