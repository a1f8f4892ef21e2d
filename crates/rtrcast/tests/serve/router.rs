//! A router of a few lines: it sends octets and takes PDUs apart by their length, and knows nothing of our codec.

use crate::wire::{self, Way, Wire};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

pub(crate) struct Router {
    wire: Wire,
    waiting: Vec<u8>,
    pub(crate) passed: Passed,
}

/// What a router counts of its own connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) octets_sent: u64,
    pub(crate) octets_received: u64,
    pub(crate) pdus_sent: u64,
    pub(crate) pdus_received: u64,
}

/// Octets from hexadecimal with white space.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(crate) fn show(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What a response said.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) session: u16,
    pub(crate) serial: u32,
    /// Payload PDUs in order.
    pub(crate) payload: Vec<Vec<u8>>,
    /// End of Data.
    pub(crate) end: Vec<u8>,
}

impl Response {
    /// The payload without version and flags of prefixes, as a set.
    pub(crate) fn prefixes(&self) -> BTreeSet<Vec<u8>> {
        self.payload.iter().filter(|pdu| pdu[1] == 4 || pdu[1] == 6).map(|pdu| pdu[9..].to_vec()).collect()
    }
}

impl Router {
    pub(crate) fn connect(address: SocketAddr) -> Router {
        Router::on(Way::Tcp.connect(address))
    }

    /// A router whose receive buffer is small.
    pub(crate) fn narrow(address: SocketAddr) -> Router {
        Router::on(Way::Tcp.narrow(address))
    }

    /// A router that comes from a given address.
    pub(crate) fn from(source: [u8; 4], address: SocketAddr) -> Router {
        Router::on(Wire::Socket(wire::socket_from(source, address)))
    }

    pub(crate) fn on(wire: Wire) -> Router {
        Router { wire, waiting: Vec::new(), passed: Passed::default() }
    }

    pub(crate) fn send(&mut self, octets: &str) {
        self.send_octets(&hex(octets));
    }

    /// The address and port that the cache sees.
    pub(crate) fn address(&self) -> SocketAddr {
        self.wire.local_address()
    }

    /// Sends a PDU.
    pub(crate) fn send_octets(&mut self, octets: &[u8]) {
        self.passed.octets_sent += octets.len() as u64;
        self.passed.pdus_sent += 1;
        self.wire.write_all(octets).unwrap();
        self.wire.flush().unwrap();
    }

    pub(crate) fn half_close(&mut self) {
        self.wire.half_close();
    }

    /// The next whole PDU; none at a clean end. A reset is a failure.
    pub(crate) fn pdu(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(length) = self.waiting.get(4..8) {
                let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
                if self.waiting.len() >= length {
                    self.passed.pdus_received += 1;
                    return Some(self.waiting.drain(..length).collect());
                }
            }
            let mut piece = [0; 64 * 1024];
            let octets = self.wire.read(&mut piece).unwrap_or_else(|error| panic!("the connection broke: {error}"));
            if octets == 0 {
                assert!(self.waiting.is_empty(), "the stream ends in the middle of a PDU: {}", show(&self.waiting));
                return None;
            }
            self.passed.octets_received += octets as u64;
            self.waiting.extend_from_slice(&piece[..octets]);
        }
    }

    /// All octets to the end of the stream.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.waiting);
        self.wire.read_to_end(&mut rest).unwrap();
        rest
    }

    /// The next PDU, which there has to be.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        self.pdu().expect("a PDU")
    }

    /// The end of the stream, after nothing else.
    pub(crate) fn end(&mut self) {
        if let Some(pdu) = self.pdu() {
            panic!("{} instead of the end", show(&pdu));
        }
    }

    /// A whole response, from Cache Response to End of Data.
    pub(crate) fn response(&mut self) -> Response {
        let first = self.next();
        assert_eq!(first[1], 3, "not a Cache Response: {}", show(&first));
        let session = u16::from_be_bytes([first[2], first[3]]);
        let mut payload = Vec::new();
        loop {
            let pdu = self.next();
            assert_eq!(pdu[0], first[0], "one version");
            if pdu[1] == 7 {
                assert_eq!(pdu[2..4], first[2..4], "one session");
                let serial = u32::from_be_bytes(pdu[8..12].try_into().unwrap());
                return Response { session, serial, payload, end: pdu };
            }
            assert!([4, 6, 9, 11].contains(&pdu[1]), "{} in a response", show(&pdu));
            payload.push(pdu);
        }
    }

    pub(crate) fn reset_query(&mut self, version: u8) -> Response {
        self.send(&format!("{version:02x} 02 0000 00000008"));
        self.response()
    }

    pub(crate) fn serial_query(&mut self, version: u8, session: u16, serial: u32) {
        self.send(&format!("{version:02x} 01 {session:04x} 0000000c {serial:08x}"));
    }

    /// A Serial Notify: its session and serial.
    pub(crate) fn notify(&mut self) -> (u16, u32) {
        let pdu = self.next();
        assert_eq!(pdu[1], 0, "not a Serial Notify: {}", show(&pdu));
        (u16::from_be_bytes([pdu[2], pdu[3]]), u32::from_be_bytes(pdu[8..12].try_into().unwrap()))
    }

    /// Whether the cache has closed or reset the connection, whatever came before.
    pub(crate) fn is_gone(&mut self) -> bool {
        let mut piece = [0; 64 * 1024];
        loop {
            match self.wire.read(&mut piece) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof),
            }
        }
    }

    /// Whether the cache ends its handshake with an alert, which in TLS 1.3 comes when the router takes it for done.
    pub(crate) fn is_refused(&mut self) -> bool {
        self.wire.read(&mut [0]).is_err_and(|error| error.to_string().contains("fatal alert"))
    }

    /// Ends with a reset instead of an orderly end.
    pub(crate) fn reset(self) {
        self.wire.reset();
    }

    /// Waits for answers for longer than usual.
    pub(crate) fn patient(mut self) -> Router {
        self.wire.wait_for_long();
        self
    }

    /// What the cache showed of itself.
    pub(crate) fn shown(&self) -> Vec<u8> {
        self.wire.shown()
    }
}
