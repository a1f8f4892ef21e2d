//! Requests of a client, and the end of a channel.

use super::*;
use russh::ChannelMsg;

/// Sessions at a time.
const VISITS: usize = 100;

/// The answer to a request on the channel.
async fn answer(channel: &mut Channel<client::Msg>) -> bool {
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return true,
            Some(ChannelMsg::Failure) => return false,
            Some(_) => {}
            None => panic!("the channel is gone"),
        }
    }
}

#[tokio::test]
async fn t_ssh_01_everything_but_the_subsystem_is_refused() {
    let server = SshServer::new(&[key()], anyone()).unwrap();
    let (cache, router) = streams().await;
    let visiting = async {
        let mut visit = Visit::start(router, client::Config::default()).await;
        let mut channel = visit.channel().await;
        channel.request_pty(true, "vt100", 80, 24, 0, 0, &[]).await.unwrap();
        assert!(!answer(&mut channel).await, "pty");
        channel.request_shell(true).await.unwrap();
        assert!(!answer(&mut channel).await, "shell");
        channel.exec(true, "true").await.unwrap();
        assert!(!answer(&mut channel).await, "exec");
        channel.set_env(true, "A", "B").await.unwrap();
        assert!(!answer(&mut channel).await, "env");
        channel.request_x11(true, false, "MIT-MAGIC-COOKIE-1", "00", 0).await.unwrap();
        assert!(!answer(&mut channel).await, "x11");
        channel.agent_forward(true).await.unwrap();
        assert!(!answer(&mut channel).await, "agent");
        channel.request_subsystem(true, "sftp").await.unwrap();
        assert!(!answer(&mut channel).await, "another subsystem");
        assert!(visit.handle.channel_open_session().await.is_err(), "a second channel");
        assert!(visit.handle.channel_open_direct_tcpip("192.0.2.1", 80, "192.0.2.2", 1).await.is_err());
        assert!(visit.handle.channel_open_direct_streamlocal("/run/x").await.is_err());
        assert!(visit.handle.tcpip_forward("0.0.0.0", 8080).await.is_err());
        assert!(visit.handle.streamlocal_forward("/run/x").await.is_err());
        channel.request_subsystem(true, SUBSYSTEM).await.unwrap();
        assert!(answer(&mut channel).await, "the subsystem");
        channel.request_subsystem(true, SUBSYSTEM).await.unwrap();
        assert!(!answer(&mut channel).await, "a second subsystem");
        channel.request_shell(true).await.unwrap();
        assert!(!answer(&mut channel).await, "a shell beside the subsystem");
        visit
    };
    let (accepted, _visit) = tokio::join!(accept(Socket::Tcp(cache), &server, Some(LOOPBACK)), visiting);
    assert_eq!(accepted.unwrap().1, "router");
}

#[tokio::test]
async fn a_client_that_wants_a_shell_gets_a_failure_and_a_reason_is_logged() {
    let server = SshServer::new(&[key()], anyone()).unwrap();
    let (cache, router) = streams().await;
    let visiting = async {
        let mut visit = Visit::start(router, client::Config::default()).await;
        let mut channel = visit.channel().await;
        channel.request_shell(true).await.unwrap();
        assert!(!answer(&mut channel).await);
        channel.close().await.unwrap();
        visit.until_end().await
    };
    let (accepted, seen) = tokio::join!(accept(Socket::Tcp(cache), &server, Some(LOOPBACK)), visiting);
    assert_eq!(accepted.err().unwrap().reason, "the client asked for a shell, not for the subsystem rpki-rtr");
    assert_eq!(seen, [ClientObservation::Disconnect("the channel was closed without a subsystem".into())]);
}

#[tokio::test]
async fn s_06_data_then_eof_exit_status_close_disconnect() {
    let (mut cache, mut visit, _channel) = visited(client::Config::default()).await;
    let (chunks, octets) = response(10);
    write(&mut cache, &chunks).await.unwrap();
    let ending = async {
        cache.end().await.unwrap();
        crate::drain::drain_in_time(cache.socket(), 1).await.unwrap()
    };
    let (peer_ended, seen) = tokio::join!(ending, visit.until_end());
    assert!(peer_ended);
    // Our CLOSE is answered by the client's own, without an event there; then the DISCONNECT.
    let expected = [
        ClientObservation::Data(octets),
        ClientObservation::Eof,
        ClientObservation::ExitStatus(0),
        ClientObservation::Close,
        ClientObservation::Disconnect("the session has ended".into()),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn s_02_a_final_error_report_arrives_although_the_client_has_sent_64_kib_of_junk() {
    let (mut cache, mut visit, _channel) = visited(client::Config::default()).await;
    visit.handle.data(_channel.id(), vec![0x5A; 64 * 1024]).await.unwrap();
    // One octet is read: the junk is coming.
    assert_eq!(poll_fn(|context| cache.poll_read(context, &mut [0])).await.unwrap(), 1);
    let (chunks, octets) = response(1);
    write(&mut cache, &chunks).await.unwrap();
    let (ended, seen) = tokio::join!(cache.end(), visit.until_close());
    ended.unwrap();
    assert_eq!(seen[0], ClientObservation::Data(octets));
    assert_eq!(seen[1..4], [ClientObservation::Eof, ClientObservation::ExitStatus(0), ClientObservation::Close]);
}

#[tokio::test]
async fn s_05_a_query_is_answered_after_the_clients_eof() {
    let (mut cache, mut visit, channel) = visited(client::Config::default()).await;
    visit.handle.data(channel.id(), vec![1, 2, 3]).await.unwrap();
    channel.eof().await.unwrap();
    assert_eq!(read_to_end(&mut cache).await, [1, 2, 3]);
    let (chunks, octets) = response(10);
    write(&mut cache, &chunks).await.unwrap();
    let (ended, seen) = tokio::join!(cache.end(), visit.until_close());
    ended.unwrap();
    assert_eq!(seen[0], ClientObservation::Data(octets));
}

#[tokio::test]
async fn a_client_that_closes_its_channel_takes_nothing_more() {
    let (mut cache, _visit, channel) = visited(client::Config::default()).await;
    channel.close().await.unwrap();
    assert_eq!(read_to_end(&mut cache).await, []);
    assert_eq!(write(&mut cache, &response(1).0).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    cache.end().await.unwrap();
}

#[tokio::test]
async fn our_two_sides_end_in_order() {
    let (mut cache, mut router) = session().await;
    let (chunks, octets) = response(3);
    write(&mut router, &chunks).await.unwrap();
    let serving = async {
        let mut heard = read_to_end(&mut cache).await;
        cache.end().await.unwrap();
        heard.truncate(octets.len() + 1);
        heard
    };
    let (heard, ended) = tokio::join!(serving, router.end());
    ended.unwrap();
    assert_eq!(heard, octets);
}

#[tokio::test]
async fn the_cache_ends_first_and_the_router_reads_all() {
    let (mut cache, mut router) = session().await;
    let (chunks, octets) = response(3);
    write(&mut cache, &chunks).await.unwrap();
    let listening = async {
        let heard = read_to_end(&mut router).await;
        router.end().await.unwrap();
        heard
    };
    let (ended, heard) = tokio::join!(cache.end(), listening);
    ended.unwrap();
    assert_eq!(heard, octets);
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves_nothing() {
    let (cache, mut router) = session().await;
    cache.socket().reset_at_close();
    drop(cache);
    // The reset is no end of a session.
    let mut buffer = [0; 16];
    assert!(poll_fn(|context| router.poll_read(context, &mut buffer)).await.is_err());
    drop(router);
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn giving_up_at_any_moment_leaves_nothing() {
    let host = key();
    let server = SshServer::new(std::slice::from_ref(&host), anyone()).unwrap();
    let client = SshClient::new(None, None, known(&host));
    let mut is_done = false;
    for polls in 0.. {
        let mut left = polls;
        let patience = poll_fn(|context| {
            context.waker().wake_by_ref();
            left -= 1;
            if left < 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        });
        tokio::select! {
            biased;
            () = patience => {}
            (cache, router) = connect_both(&server, &client, "router") => {
                is_done = true;
                // Both are dropped in the middle of a write.
                let (mut cache, _router) = (cache.unwrap().0, router.unwrap());
                let chunk = response(1000).0.swap_remove(0);
                assert!(poll_fn(|context| cache.poll_write(context, &chunk, 0)).await.unwrap() > 0);
            }
        }
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
        if is_done {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s_01_all_final_error_reports_arrive_from_many_sessions_at_once() {
    let host = key();
    let server = SshServer::new(std::slice::from_ref(&host), anyone()).unwrap();
    let client = SshClient::new(None, None, known(&host));
    let (chunks, octets) = response(5000);
    let mut visits = tokio::task::JoinSet::new();
    for _ in 0..VISITS {
        let (server, client, chunks, octets) = (server.clone(), client.clone(), chunks.clone(), octets.clone());
        visits.spawn(async move {
            let (cache, router) = connect_both(&server, &client, "router").await;
            let (mut cache, mut router) = (cache.unwrap().0, router.unwrap());
            let serving = tokio::spawn(async move {
                assert_eq!(poll_fn(|context| cache.poll_read(context, &mut [0])).await.unwrap(), 1);
                write(&mut cache, &chunks).await.unwrap();
                cache.end().await.unwrap();
                crate::drain::drain_in_time(cache.socket(), 1024).await.unwrap()
            });
            // More than is read, so that there is something left at the end.
            write(&mut router, &response(20).0).await.unwrap();
            assert!(read_to_end(&mut router).await == octets);
            router.end().await.unwrap();
            drop(router);
            assert!(serving.await.unwrap());
        });
    }
    visits.join_all().await;
}
