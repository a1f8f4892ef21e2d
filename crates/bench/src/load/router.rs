//! One router that looks at everything it gets: what is measured by it, and what the others are compared with.

use super::pdu::{Parser, State, Tally, reset_query, serial_query};
use crate::{Outcome, context};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Octets that are read at a time.
const READ: usize = 256 * 1024;
/// Nothing for so long is an error.
const SILENCE: Duration = Duration::from_secs(120);
/// A cache that has nothing by then does not get anything.
const DATA_MAX: Duration = Duration::from_secs(300);
/// Between two attempts to connect to a cache that is starting: short beside what is measured.
const ATTEMPTS_APART: Duration = Duration::from_micros(500);
/// Between two questions to a cache that says that it has no data yet.
const QUESTIONS_APART: Duration = Duration::from_millis(20);

/// A response: of what state it is, and what it adds up to.
pub(crate) struct Response {
    pub(crate) state: State,
    pub(crate) tally: Tally,
}

/// A router that is connected.
pub(crate) struct Router {
    version: u8,
    socket: TcpStream,
    parser: Parser,
    buffer: Vec<u8>,
    /// What came while a response was awaited.
    notified: Option<State>,
}

impl Router {
    /// Connects to a cache that listens.
    pub(crate) fn connect(addr: SocketAddr, version: u8) -> Outcome<Router> {
        let socket = TcpStream::connect(addr).map_err(context("connecting"))?;
        socket.set_nodelay(true).map_err(context("a socket"))?;
        socket.set_read_timeout(Some(SILENCE)).map_err(context("a socket"))?;
        Ok(Router { version, socket, parser: Parser::default(), buffer: vec![0; READ], notified: None })
    }

    /// Connects to a cache that is starting and asks until it has everything.
    pub(crate) fn first(addr: SocketAddr, version: u8) -> Outcome<(Router, Response)> {
        let deadline = Instant::now() + DATA_MAX;
        loop {
            let late = Instant::now() > deadline;
            let mut router = match Router::connect(addr, version) {
                Ok(router) => router,
                Err(error) if late => return Err(error),
                Err(_) => {
                    std::thread::sleep(ATTEMPTS_APART);
                    continue;
                }
            };
            match router.reset() {
                // A cache that has read nothing yet may also say that its set is empty.
                Ok(response) if response.tally.announced > 0 => return Ok((router, response)),
                Ok(_) if late => return Err("an empty set".to_owned()),
                Err(error) if late => return Err(error),
                Ok(_) | Err(_) => std::thread::sleep(QUESTIONS_APART),
            }
        }
    }

    /// Asks for everything.
    pub(crate) fn reset(&mut self) -> Outcome<Response> {
        self.write(&reset_query(self.version))?;
        self.response(|_| {})
    }

    /// Asks for everything, and keeps its octets.
    pub(crate) fn reset_octets(&mut self) -> Outcome<(Response, Vec<u8>)> {
        self.write(&reset_query(self.version))?;
        self.octets()
    }

    /// Asks for what changed since.
    pub(crate) fn changes(&mut self, since: State) -> Outcome<Response> {
        self.write(&serial_query(self.version, since))?;
        self.response(|_| {})
    }

    /// Asks for what changed since, and keeps its octets.
    pub(crate) fn changes_octets(&mut self, since: State) -> Outcome<(Response, Vec<u8>)> {
        self.write(&serial_query(self.version, since))?;
        self.octets()
    }

    /// Waits for a Serial Notify.
    pub(crate) fn notify(&mut self, within: Duration) -> Outcome<State> {
        self.socket.set_read_timeout(Some(within)).map_err(context("a socket"))?;
        while self.notified.is_none() {
            let Router { parser, notified, .. } = self;
            let octets = self.socket.read(&mut self.buffer).map_err(context("no Serial Notify"))?;
            if octets == 0 {
                return Err("closed where a Serial Notify was awaited".to_owned());
            }
            parser.push(&self.buffer[..octets], |pdu| {
                *notified = pdu.notify().or(*notified);
                Ok(())
            })?;
        }
        self.socket.set_read_timeout(Some(SILENCE)).map_err(context("a socket"))?;
        self.notified.take().ok_or_else(|| "no Serial Notify".to_owned())
    }

    /// The socket, for who writes and reads by itself.
    pub(crate) fn into_socket(self) -> TcpStream {
        self.socket
    }

    fn write(&mut self, octets: &[u8]) -> Outcome {
        self.socket.write_all(octets).map_err(context("asking"))
    }

    fn octets(&mut self) -> Outcome<(Response, Vec<u8>)> {
        let mut kept = Vec::new();
        let response = self.response(|octets| kept.extend_from_slice(octets))?;
        if kept.len() as u64 != response.tally.octets {
            return Err("something else came beside the response".to_owned());
        }
        Ok((response, kept))
    }

    fn response(&mut self, mut keep: impl FnMut(&[u8])) -> Outcome<Response> {
        let (mut tally, mut end) = (Tally::default(), None);
        while end.is_none() {
            let Router { parser, notified, .. } = self;
            let octets = self.socket.read(&mut self.buffer).map_err(context("receiving"))?;
            if octets == 0 {
                return Err("closed within a response".to_owned());
            }
            let octets = &self.buffer[..octets];
            keep(octets);
            parser.push(octets, |pdu| {
                match pdu.notify() {
                    Some(state) => *notified = Some(state),
                    None if end.is_some() => return Err("more PDUs than the response has".to_owned()),
                    None => end = tally.add(pdu)?,
                }
                Ok(())
            })?;
        }
        let state = end.ok_or("no End of Data")?;
        Ok(Response { state, tally })
    }
}
