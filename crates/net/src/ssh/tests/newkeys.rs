//! Time of the cache's NEWKEYS: with EXT_INFO, or alone to a client that waits for it.

use super::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};

const NEWKEYS: u8 = 21;

/// Reads a packet that is not encrypted: all of it, and its message's type.
async fn packet(from: &mut BufReader<TcpStream>) -> (Vec<u8>, u8) {
    let length = from.read_u32().await.unwrap();
    let mut rest = vec![0; length as usize];
    from.read_exact(&mut rest).await.unwrap();
    let message = rest[1];
    ([length.to_be_bytes().to_vec(), rest].concat(), message)
}

async fn pass_packet(from: &mut BufReader<TcpStream>, to: &mut BufReader<TcpStream>) -> u8 {
    let (octets, message) = packet(from).await;
    to.write_all(&octets).await.unwrap();
    message
}

async fn pass_line(from: &mut BufReader<TcpStream>, to: &mut BufReader<TcpStream>) {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).await.unwrap();
    to.write_all(&line).await.unwrap();
}

/// A relay between two sides.
struct Relay {
    client: BufReader<TcpStream>,
    cache: BufReader<TcpStream>,
}

impl Relay {
    /// With the ends for the cache and for the client.
    async fn between() -> (TcpStream, TcpStream, Relay) {
        let (cache, to_cache) = streams().await;
        let (to_client, client) = streams().await;
        (cache, client, Relay { client: BufReader::new(to_client), cache: BufReader::new(to_cache) })
    }

    /// Relays the messages of both before NEWKEYS, and returns the client's.
    async fn key_exchange(&mut self) -> Vec<u8> {
        let Relay { client, cache } = self;
        pass_line(client, cache).await;
        pass_line(cache, client).await;
        // KEXINIT of either side, the client's key, the cache's.
        for (of_client, of_cache) in [(20, 20), (30, 31)] {
            assert_eq!(pass_packet(client, cache).await, of_client);
            assert_eq!(pass_packet(cache, client).await, of_cache);
        }
        let (octets, message) = packet(client).await;
        assert_eq!(message, NEWKEYS, "the client does not wait for the cache's");
        octets
    }

    async fn rest(mut self) {
        let _ = copy_bidirectional(&mut self.client, &mut self.cache).await;
    }
}

/// Our two sides come to a session with this in between.
async fn get_in(between: impl AsyncFnOnce(Relay)) {
    let host = key();
    let server = SshServer::new(std::slice::from_ref(&host), anyone()).unwrap();
    let client = SshClient::new(None, None, known(&host));
    let (cache, router, relay) = Relay::between().await;
    let meeting = async {
        let accepting = accept(Socket::Tcp(cache), &server, Some(LOOPBACK));
        let (cache, router) = tokio::join!(accepting, connect(Socket::Tcp(router), &client, "router", HOST, PORT));
        (cache.unwrap(), router.unwrap())
    };
    tokio::select! {
        () = between(relay) => panic!("the session stays"),
        ((_, user), _) = meeting => assert_eq!(user, "router"),
    }
}

#[tokio::test]
async fn t_ssh_02_the_signature_algorithms_come_with_newkeys() {
    get_in(async |mut relay| {
        let clients = relay.key_exchange().await;
        assert!(relay.cache.buffer().is_empty(), "the cache's waits for the client's");
        relay.cache.write_all(&clients).await.unwrap();
        let (caches, message) = packet(&mut relay.cache).await;
        assert_eq!(message, NEWKEYS);
        assert!(relay.cache.buffer().len() > "server-sig-algs".len(), "EXT_INFO comes in the same write");
        relay.client.write_all(&caches).await.unwrap();
        relay.rest().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_waits_for_newkeys_logs_in() {
    get_in(async |mut relay| {
        let clients = relay.key_exchange().await;
        let (caches, message) = packet(&mut relay.cache).await;
        assert_eq!((message, relay.cache.buffer()), (NEWKEYS, &[][..]), "alone");
        relay.client.write_all(&caches).await.unwrap();
        relay.cache.write_all(&clients).await.unwrap();
        relay.rest().await;
    })
    .await;
}
