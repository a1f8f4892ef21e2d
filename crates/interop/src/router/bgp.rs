//! As much of BGP as it takes to announce routes: a speaker that opens a session, announces, and listens no more.
//!
//! RFC 4271, with multiprotocol extensions (RFC 4760) for IPv6, four-octet AS numbers (RFC 6793), and several paths for
//! a prefix (RFC 7911), so that each origin of a prefix is a route of its own.

use crate::Outcome;
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::io::{BufWriter, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// A message has no more octets.
const MESSAGE_MAX: usize = 4_096;
const HEADER: usize = 19;
/// Routes with more octets go at once. One more route, the attributes and the header fit beside them.
const ROUTES_MAX: usize = 3_900;
/// A neighbour on this machine answers at once, and takes what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);

const OPEN: u8 = 1;
const UPDATE: u8 = 2;
const NOTIFICATION: u8 = 3;
const KEEPALIVE: u8 = 4;

/// Who cannot say its AS number in two octets says this (RFC 6793).
const AS_TRANS: u16 = 23_456;
const IPV4_NEXT_HOP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const IPV6_NEXT_HOP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Prefix {
    pub(super) address: IpAddr,
    pub(super) length: u8,
}

impl Prefix {
    /// Reads `192.0.2.0/24`.
    pub(super) fn parse(text: &str) -> Option<Prefix> {
        let (address, length) = text.split_once('/')?;
        Some(Prefix { address: address.parse().ok()?, length: length.parse().ok()? })
    }

    /// As in a message, after the identifier of the path.
    fn write(self, path: u32, to: &mut Vec<u8>) {
        let octets = usize::from(self.length).div_ceil(8);
        to.extend(path.to_be_bytes());
        to.push(self.length);
        match self.address {
            IpAddr::V4(address) => to.extend(&address.octets()[..octets]),
            IpAddr::V6(address) => to.extend(&address.octets()[..octets]),
        }
    }
}

impl Display for Prefix {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// A prefix and the path of its announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Route {
    /// The AS that announces it.
    pub(super) origin: u32,
    /// The AS that it came through, if there is one.
    pub(super) via: Option<u32>,
    pub(super) prefix: Prefix,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    origin: u32,
    via: Option<u32>,
}

/// A session that is established. It has no hold time, so that it lasts without a word.
pub(super) struct Speaker {
    stream: BufWriter<TcpStream>,
}

impl Speaker {
    pub(super) fn connect(neighbour: SocketAddr, asn: u32) -> Outcome<Speaker> {
        let wrong = |error: std::io::Error| format!("no BGP session with {neighbour}: {error}");
        let stream = TcpStream::connect(neighbour).map_err(wrong)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(wrong)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(wrong)?;
        let mut speaker = Speaker { stream: BufWriter::new(stream) };
        speaker.send(OPEN, &open(asn))?;
        speaker.expect(OPEN)?;
        speaker.send(KEEPALIVE, &[])?;
        speaker.expect(KEEPALIVE)?;
        Ok(speaker)
    }

    /// Announces routes, those of one path and family together.
    pub(super) fn announce<'a>(&mut self, routes: impl IntoIterator<Item = &'a Route>) -> Outcome {
        let mut waiting: BTreeMap<(Path, bool), Vec<u8>> = BTreeMap::new();
        for route in routes {
            let key = (Path { origin: route.origin, via: route.via }, route.prefix.address.is_ipv6());
            let run = waiting.entry(key).or_default();
            route.prefix.write(route.via.unwrap_or(route.origin), run);
            if run.len() > ROUTES_MAX {
                let full = std::mem::take(run);
                self.write(UPDATE, &update(key, &full))?;
            }
        }
        for (key, run) in waiting.iter().filter(|(_, run)| !run.is_empty()) {
            self.write(UPDATE, &update(*key, run))?;
        }
        self.stream.flush().map_err(|error| format!("the BGP session ended: {error}"))
    }

    fn send(&mut self, kind: u8, content: &[u8]) -> Outcome {
        self.write(kind, content)?;
        self.stream.flush().map_err(|error| format!("the BGP session ended: {error}"))
    }

    fn write(&mut self, kind: u8, content: &[u8]) -> Outcome {
        let mut message = vec![0xff; 16];
        message.extend(size(HEADER + content.len()));
        message.push(kind);
        message.extend(content);
        self.stream.write_all(&message).map_err(|error| format!("the BGP session ended: {error}"))
    }

    fn expect(&mut self, kind: u8) -> Outcome {
        let wrong = |error: std::io::Error| format!("no BGP session: {error}");
        let mut header = [0; HEADER];
        self.stream.get_mut().read_exact(&mut header).map_err(wrong)?;
        let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
        let mut content = vec![0; length.clamp(HEADER, MESSAGE_MAX) - HEADER];
        self.stream.get_mut().read_exact(&mut content).map_err(wrong)?;
        match header[18] {
            found if found == kind => Ok(()),
            NOTIFICATION => Err(format!("no BGP session: the neighbour refuses it by {:?}", content.get(..2))),
            found => Err(format!("no BGP session: a message of type {found} instead of {kind}")),
        }
    }
}

fn open(asn: u32) -> Vec<u8> {
    let [high, low] = AS_TRANS.to_be_bytes();
    let as4 = [&[65, 4][..], &asn.to_be_bytes()].concat();
    let capabilities = [
        // Both families, each with several paths for a prefix, which we send.
        &[1, 4, 0, 1, 0, 1][..],
        &[1, 4, 0, 2, 0, 1],
        &[69, 8, 0, 1, 1, 2, 0, 2, 1, 2],
        &as4,
    ]
    .concat();
    let length = capabilities.len() as u8;
    // Version 4, our AS, no hold time, our identifier, and one parameter: the capabilities.
    [&[4, high, low, 0, 0, 192, 0, 2, 2, length + 2, 2, length], capabilities.as_slice()].concat()
}

/// What is in the UPDATE that announces routes of one path, as they stand in the message, of which one family.
fn update((path, ipv6): (Path, bool), routes: &[u8]) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0];
    let path: Vec<u32> = path.via.into_iter().chain([path.origin]).collect();
    attributes.extend([0x40, 2, 2 + 4 * path.len() as u8, 2, path.len() as u8]);
    attributes.extend(path.iter().flat_map(|asn| asn.to_be_bytes()));
    if ipv6 {
        attributes.extend([0x90, 14]);
        attributes.extend(size(21 + routes.len()));
        attributes.extend([0, 2, 1, 16]);
        attributes.extend(IPV6_NEXT_HOP.octets());
        attributes.push(0);
        attributes.extend(routes);
    } else {
        attributes.extend([0x40, 3, 4]);
        attributes.extend(IPV4_NEXT_HOP.octets());
    }
    let nothing_withdrawn = [0, 0];
    let rest = if ipv6 { &[] } else { routes };
    [&nothing_withdrawn, size(attributes.len()).as_slice(), attributes.as_slice(), rest].concat()
}

fn size(octets: usize) -> [u8; 2] {
    (octets as u16).to_be_bytes()
}
