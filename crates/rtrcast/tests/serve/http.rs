//! The HTTP side under clients that hold connections: whoever asks is answered, whoever else is there.

use crate::cache::{Cache, Folder, PATIENCE};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

fn connect(cache: &Cache) -> TcpStream {
    let stream = TcpStream::connect(cache.http).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Waits for the connection's end, however the other side ends it, and gives what came before.
fn read_to_end(mut stream: &TcpStream) -> String {
    let (mut text, mut octets) = (Vec::new(), [0; 4_096]);
    loop {
        match stream.read(&mut octets) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&octets[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection does not end: {error}"),
        }
    }
    String::from_utf8(text).unwrap()
}

/// Asks as a monitor does that has little patience: a small part of the minute for which connections could once be
/// held.
fn assert_is_alive(cache: &Cache) {
    let mut probe = connect(cache);
    probe.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    probe.write_all(b"GET /healthz HTTP/1.1\r\nHost: cache\r\n\r\n").unwrap();
    let answer = read_to_end(&probe);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[test]
fn silent_connections_keep_nobody_from_an_answer_and_are_ended() {
    let cache = Cache::small(&[]);
    for count in [1_000, 100, 32] {
        let silent: Vec<TcpStream> = (0..count).map(|_| connect(&cache)).collect();
        for _ in 0..3 {
            assert_is_alive(&cache);
        }
        // Those that made room have ended already.
        for stream in &silent[..=count - 32] {
            assert_eq!(read_to_end(stream), "");
        }
        if count == 32 {
            silent.iter().for_each(|stream| assert_eq!(read_to_end(stream), ""));
        }
    }
}

#[test]
fn a_head_that_arrives_octet_by_octet_occupies_no_slot() {
    let cache = Cache::small(&[]);
    let mut dripping: Vec<TcpStream> = (0..32).map(|_| connect(&cache)).collect();
    for stream in &mut dripping {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: c").unwrap();
    }
    assert_is_alive(&cache);
    // One that goes on dripping is ended all the same.
    let mut one = connect(&cache);
    one.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").unwrap();
    let waiting = one.try_clone().unwrap();
    let ended = std::thread::spawn(move || read_to_end(&waiting));
    while !ended.is_finished() {
        if one.write_all(b"c").is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(ended.join().unwrap(), "");
}

#[test]
fn slow_readers_of_metrics_keep_nobody_from_an_answer() {
    // Names of sources that make the metrics larger than what the kernel holds for a reader that does not read.
    let folder = Folder::new();
    let long = folder.path(&"x".repeat(200)).display().to_string();
    let sources: Vec<String> = (0..300).map(|n| format!("\"{long}-{n}\"")).collect();
    let config = folder.put("rtrcast.toml", format!("source = [{}]", sources.join(", ")).as_bytes());
    let cache = Cache::configured(config.to_str().unwrap(), &[]);
    let readers: Vec<TcpStream> = (0..32)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_recv_buffer_size(2_048).unwrap();
            socket.connect(&cache.http.into()).unwrap();
            let mut stream = TcpStream::from(socket);
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: cache\r\n\r\n").unwrap();
            // It is being answered.
            let mut octet = [0];
            stream.read_exact(&mut octet).unwrap();
            stream
        })
        .collect();
    assert_is_alive(&cache);
    let (status, text) = cache.get("/metrics");
    assert!(status == 200 && text.len() > 300_000, "{} octets", text.len());
    drop(readers);
}

#[test]
fn whoever_ends_its_side_behind_the_request_is_answered() {
    let cache = Cache::small(&[]);
    for path in ["/healthz", "/metrics"] {
        let mut stream = connect(&cache);
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = read_to_end(&stream);
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn a_connection_carries_one_request() {
    let cache = Cache::small(&[]);
    let mut stream = connect(&cache);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: cache\r\nConnection: keep-alive\r\n\r\n").unwrap();
    let answer = read_to_end(&stream).to_lowercase();
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[test]
fn a_head_without_end_is_refused() {
    let cache = Cache::small(&[]);
    let mut stream = connect(&cache);
    // As many octets as are read, so that nothing is left which would make a reset of the end.
    let start = b"GET /healthz HTTP/1.1\r\nX: ";
    stream.write_all(start).unwrap();
    stream.write_all(&vec![b'x'; 16 * 1024 - start.len()]).unwrap();
    let answer = read_to_end(&stream);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}
