//! The cache's first NEWKEYS waits for russh's message after it, and both are sent in one write.
//!
//! That is SSH_MSG_EXT_INFO with the signature algorithms that the cache accepts (RFC 8308 section 3.1). russh sends it
//! after the client's NEWKEYS, a round trip later than OpenSSH's server, and libssh needs it at once: it chooses the
//! signature algorithm of an RSA key as soon as it has the cache's NEWKEYS, and without the list it has only SHA-1 to
//! choose, which it refuses itself. Each side sends its NEWKEYS by itself (RFC 4253 section 7.3), so this costs a
//! client only the wait for an answer to its own. Later key exchanges are encrypted, and are left alone.

use crate::stream::Socket;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Time for which NEWKEYS waits. A client that waits for ours before it sends its own, or has a longer round trip than
/// that, gets it alone then.
pub(super) const NEWKEYS_HELD_MAX: Duration = Duration::from_secs(1);

/// SSH_MSG_NEWKEYS (RFC 4253 section 12).
const NEWKEYS: u8 = 21;

/// Filter between russh and the socket until the cache's first NEWKEYS is sent.
pub(super) struct NewKeys {
    cache: PacketTracker,
    client: PacketTracker,
    /// Octets that russh has written and the socket has not accepted yet. No more are taken before all that are free
    /// are sent, so these are at most those that are held and one write of russh.
    waiting: Vec<u8>,
    /// The number of them that may be sent.
    free: usize,
    /// Runs while something is held.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl NewKeys {
    pub(super) fn new() -> NewKeys {
        NewKeys {
            cache: PacketTracker::default(),
            client: PacketTracker::default(),
            waiting: Vec::new(),
            free: 0,
            deadline: None,
        }
    }

    /// Returns true if all is sent, and nothing will be held any more.
    pub(super) fn is_over(&self) -> bool {
        self.cache.is_past() && self.waiting.is_empty()
    }

    /// Takes octets of russh, once all that is free is sent.
    pub(super) fn poll_write(
        &mut self,
        socket: &Socket,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(socket, context))?;
        for octet in octets {
            self.waiting.push(*octet);
            if self.cache.pass(*octet) == Disposition::Send {
                self.free = self.waiting.len();
            }
        }
        if self.free < self.waiting.len() && self.deadline.is_none() {
            self.deadline = Some(Box::pin(sleep(NEWKEYS_HELD_MAX)));
        }
        // A later call sends the octets that the socket does not accept now; all calls are russh's, which waits in one.
        if let Poll::Ready(Err(error)) = self.poll_flush(socket, context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(octets.len()))
    }

    /// Waits until the socket has all but what is held.
    pub(super) fn poll_flush(&mut self, socket: &Socket, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(free @ [_, ..]) = self.waiting.get(..self.free) {
            let sent = ready!(socket.poll_write(context, free))?;
            self.waiting.drain(..sent);
            self.free -= sent;
        }
        Poll::Ready(Ok(()))
    }

    /// Called when russh reads, so it has handled all that it has read. What is held is sent if the client's NEWKEYS
    /// was in that, as russh had no message for it then, or if it was held long enough.
    pub(super) fn before_read(&mut self, socket: &Socket, context: &mut Context<'_>) -> io::Result<()> {
        let is_late = self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(context).is_ready());
        if is_late || self.client.is_past() {
            self.cache = PacketTracker { position: PacketPosition::Past };
            self.deadline = None;
            self.free = self.waiting.len();
        }
        match self.poll_flush(socket, context) {
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Tracks octets of the client.
    pub(super) fn read(&mut self, octets: &[u8]) {
        for octet in octets {
            self.client.pass(*octet);
        }
    }
}

/// Follows what one side sends, octet by octet, up to its first NEWKEYS.
#[derive(Debug, Default)]
struct PacketTracker {
    position: PacketPosition,
}

#[derive(Clone, Copy, Debug, Default)]
enum PacketPosition {
    /// In the identification string (RFC 4253 section 4.2).
    #[default]
    Identification,
    /// In the octets before the message of a packet: this many have arrived, and give this length.
    Head { come: u8, length: u32 },
    /// In a packet, with so many of its octets to come.
    Packet { to_come: u32, message: Message },
    /// Behind NEWKEYS, or behind what is no packet.
    Past,
}

/// A packet's start: its length in four octets, and the padding's length (RFC 4253 section 6).
const HEAD: PacketPosition = PacketPosition::Head { come: 0, length: 0 };
const LENGTH_OCTETS: u8 = 4;

/// The message of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    NewKeys,
    Other,
}

/// Treatment of an octet and those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    Send,
    /// It may be a part of NEWKEYS.
    Hold,
}

impl PacketTracker {
    fn is_past(&self) -> bool {
        matches!(self.position, PacketPosition::Past)
    }

    fn pass(&mut self, octet: u8) -> Disposition {
        let (position, disposition) = match self.position {
            PacketPosition::Identification if octet == b'\n' => (HEAD, Disposition::Send),
            PacketPosition::Head { come, length } if come < LENGTH_OCTETS => {
                (PacketPosition::Head { come: come + 1, length: length << 8 | u32::from(octet) }, Disposition::Hold)
            }
            // The padding's length and the message's type are two octets. Without a type it is no packet.
            PacketPosition::Head { length: 0 | 1, .. } => (PacketPosition::Past, Disposition::Send),
            PacketPosition::Head { come: LENGTH_OCTETS, length } => {
                (PacketPosition::Head { come: LENGTH_OCTETS + 1, length }, Disposition::Hold)
            }
            PacketPosition::Head { length, .. } => {
                within(length - 2, if octet == NEWKEYS { Message::NewKeys } else { Message::Other })
            }
            PacketPosition::Packet { to_come, message } => within(to_come - 1, message),
            position @ (PacketPosition::Identification | PacketPosition::Past) => (position, Disposition::Send),
        };
        self.position = position;
        disposition
    }
}

/// After an octet of a packet that is not its last unless `to_come` is 0.
fn within(to_come: u32, message: Message) -> (PacketPosition, Disposition) {
    let position = match (to_come, message) {
        (0, Message::NewKeys) => PacketPosition::Past,
        (0, Message::Other) => HEAD,
        (to_come, message) => PacketPosition::Packet { to_come, message },
    };
    let disposition = match message {
        Message::NewKeys => Disposition::Hold,
        Message::Other => Disposition::Send,
    };
    (position, disposition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A packet with a message of this type, and 4 octets of padding.
    fn packet(message: u8, octets: usize) -> Vec<u8> {
        let mut packet = u32::try_from(octets + 6).unwrap().to_be_bytes().to_vec();
        packet.extend([4, message]);
        // Octets like those at the start of NEWKEYS have no effect within a packet.
        packet.extend((0..octets + 4).map(|index| [0, 0, 0, 12, 10, NEWKEYS, b'\n'][index % 7]));
        packet
    }

    /// An identification string, packets of a key exchange, and NEWKEYS.
    fn before_newkeys() -> Vec<u8> {
        [b"SSH-2.0-cache\r\n".to_vec(), packet(20, 1000), packet(2, 0), packet(31, 300)].concat()
    }

    /// Both ends of a connection, and what russh would write to at the first one.
    fn sockets() -> (Socket, std::os::unix::net::UnixStream) {
        let (cache, client) = std::os::unix::net::UnixStream::pair().unwrap();
        cache.set_nonblocking(true).unwrap();
        client.set_nonblocking(true).unwrap();
        (Socket::Unix(tokio::net::UnixStream::from_std(cache).unwrap()), client)
    }

    fn all_of(client: &mut std::os::unix::net::UnixStream) -> Vec<u8> {
        let mut all = vec![0; 4096];
        let octets = io::Read::read(client, &mut all).unwrap_or_default();
        all.truncate(octets);
        all
    }

    /// Acts as russh with a message: writes, flushes, and reads on.
    async fn write(keys: &mut NewKeys, socket: &Socket, octets: &[u8]) {
        let written = std::future::poll_fn(|context| keys.poll_write(socket, context, octets)).await.unwrap();
        assert_eq!(written, octets.len());
        std::future::poll_fn(|context| keys.poll_flush(socket, context)).await.unwrap();
        read_on(keys, socket).await;
    }

    async fn read_on(keys: &mut NewKeys, socket: &Socket) {
        std::future::poll_fn(|context| Poll::Ready(keys.before_read(socket, context))).await.unwrap();
    }

    #[test]
    fn only_newkeys_is_held() {
        let mut tracker = PacketTracker::default();
        let before = before_newkeys();
        let dispositions: Vec<Disposition> = before.iter().map(|octet| tracker.pass(*octet)).collect();
        assert_eq!(dispositions.last(), Some(&Disposition::Send));
        assert_eq!(
            dispositions.iter().filter(|disposition| **disposition == Disposition::Hold).count(),
            3 * 5,
            "their heads"
        );
        for octet in packet(NEWKEYS, 0) {
            assert!(!tracker.is_past());
            assert_eq!(tracker.pass(octet), Disposition::Hold);
        }
        assert!(tracker.is_past());
        assert_eq!(tracker.pass(0), Disposition::Send);
    }

    #[test]
    fn octets_that_are_no_packet_are_not_tracked() {
        for length in [0_u32, 1] {
            let mut tracker = PacketTracker::default();
            for octet in [b"\n".as_slice(), &length.to_be_bytes(), &[4]].concat() {
                tracker.pass(octet);
            }
            assert!(tracker.is_past());
        }
        // A claimed length is only counted down.
        let mut tracker = PacketTracker::default();
        for octet in [b"\n".as_slice(), &[0xFF; 4], &[4, NEWKEYS]].concat() {
            tracker.pass(octet);
        }
        assert!(matches!(tracker.position, PacketPosition::Packet { to_come: 0xFFFF_FFFD, message: Message::NewKeys }));
    }

    proptest! {
        #[test]
        fn any_octets_are_followed(octets in proptest::collection::vec(prop_oneof![Just(0_u8), Just(10), any::<u8>()], 0..400)) {
            let mut tracker = PacketTracker::default();
            for octet in octets {
                tracker.pass(octet);
            }
        }

        /// However russh splits its writes, all before NEWKEYS is sent, and NEWKEYS with the message after it.
        #[test]
        fn any_split_is_the_same(mut cuts in proptest::collection::vec(0_usize..1400, 0..20)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (socket, mut client) = sockets();
                let mut keys = NewKeys::new();
                let (before, newkeys) = (before_newkeys(), packet(NEWKEYS, 0));
                let said = [before.clone(), newkeys.clone()].concat();
                cuts.push(said.len());
                cuts.sort_unstable();
                let mut from = 0;
                for cut in cuts {
                    let part = &said[from..cut.min(said.len())];
                    from = cut.min(said.len());
                    let written = std::future::poll_fn(|context| keys.poll_write(&socket, context, part)).await;
                    assert_eq!(written.unwrap(), part.len());
                }
                std::future::poll_fn(|context| keys.poll_flush(&socket, context)).await.unwrap();
                assert_eq!(all_of(&mut client), before);
                write(&mut keys, &socket, b"EXT_INFO").await;
                assert!(keys.is_over());
                assert_eq!(all_of(&mut client), [newkeys, b"EXT_INFO".to_vec()].concat());
            });
        }
    }

    #[tokio::test]
    async fn newkeys_is_sent_alone_if_russh_has_no_message_after_the_clients() {
        let (socket, mut client) = sockets();
        let mut keys = NewKeys::new();
        let newkeys = packet(NEWKEYS, 0);
        write(&mut keys, &socket, &[before_newkeys(), newkeys.clone()].concat()).await;
        assert_eq!(all_of(&mut client), before_newkeys());
        let clients = [b"SSH-2.0-client\n".to_vec(), packet(20, 900), packet(30, 32), newkeys.clone()].concat();
        let (last, rest) = clients.split_last().unwrap();
        keys.read(rest);
        read_on(&mut keys, &socket).await;
        assert_eq!((all_of(&mut client), keys.is_over()), (Vec::new(), false));
        keys.read(&[*last]);
        read_on(&mut keys, &socket).await;
        assert_eq!((all_of(&mut client), keys.is_over()), (newkeys, true));
    }

    #[tokio::test(start_paused = true)]
    async fn newkeys_is_not_held_for_ever() {
        let (socket, mut client) = sockets();
        let mut keys = NewKeys::new();
        write(&mut keys, &socket, &[before_newkeys(), packet(NEWKEYS, 0)].concat()).await;
        assert_eq!(all_of(&mut client), before_newkeys());
        let start = tokio::time::Instant::now();
        // As russh does: it only reads.
        std::future::poll_fn(|context| {
            keys.before_read(&socket, context).unwrap();
            if keys.is_over() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(start.elapsed() >= NEWKEYS_HELD_MAX);
        assert_eq!(all_of(&mut client), packet(NEWKEYS, 0));
    }
}
