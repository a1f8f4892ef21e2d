//! Many routers that hold the data and wait: each is told of an update by a Serial Notify, asks for the changes, and has
//! to get all of them.
//!
//! One thread. Every PDU is looked at, without being kept.

use super::pdu::{Parser, State, Tally, serial_query};
use crate::{Outcome, context};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::sockopt::set_socket_linger;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Connections that are opened before the first of them is served: fewer than a listener's backlog.
const BATCH: usize = 256;
/// Octets that are read at a time.
const READ: usize = 256 * 1024;
/// Events that are taken at a time.
const EVENTS: usize = 256;
/// Nothing from any connection for so long is an error.
const SILENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };
/// What the routers speak.
const VERSION: u8 = 1;

/// Routers that are connected and hold a state.
pub(crate) struct Flock {
    epoll: OwnedFd,
    members: Vec<Member>,
    state: State,
    buffer: Vec<u8>,
}

/// When an update reached them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Update {
    /// The first Serial Notify to any.
    pub(crate) first_notify: Instant,
    /// The End of Data of the last one.
    pub(crate) all: Instant,
}

impl Flock {
    /// Connects routers that hold a state: each asks what is newer, and gets an End of Data.
    pub(crate) fn connect(addr: SocketAddr, count: usize, state: State) -> Outcome<Flock> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(context("epoll"))?;
        let mut flock = Flock { epoll, members: Vec::with_capacity(count), state, buffer: vec![0; READ] };
        while flock.members.len() < count {
            let batch = BATCH.min(count - flock.members.len());
            for _ in 0..batch {
                flock.add(addr)?;
            }
            flock.run(batch, 0)?;
        }
        Ok(flock)
    }

    /// Waits until all of them have an update of so many changes.
    pub(crate) fn update(&mut self, changes: u64) -> Outcome<Update> {
        for member in &mut self.members {
            member.phase = Phase::Waits;
        }
        let first_notify = self.run(self.members.len(), changes)?.ok_or("no Serial Notify")?;
        Ok(Update { first_notify, all: Instant::now() })
    }

    fn add(&mut self, addr: SocketAddr) -> Outcome {
        let mut socket = TcpStream::connect(addr).map_err(context("connecting"))?;
        // Ten thousand connections that end in order would keep their ports for a minute.
        set_socket_linger(&socket, Some(Duration::ZERO)).map_err(context("a socket"))?;
        socket.set_nodelay(true).map_err(context("a socket"))?;
        socket.set_nonblocking(true).map_err(context("a socket"))?;
        let place = EventData::new_u64(self.members.len() as u64);
        epoll::add(&self.epoll, &socket, place, EventFlags::IN).map_err(context("epoll"))?;
        socket.write_all(&serial_query(VERSION, self.state)).map_err(context("asking"))?;
        self.members.push(Member::new(socket));
        Ok(())
    }

    /// Until so many more have their answer, each of so many changes. Returns when the first was notified.
    fn run(&mut self, mut running: usize, changes: u64) -> Outcome<Option<Instant>> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let mut first_notify = None;
        while running > 0 {
            events.clear();
            let room = rustix::buffer::spare_capacity(&mut events);
            epoll::wait(&self.epoll, room, Some(&SILENCE)).map_err(context("epoll"))?;
            if events.is_empty() {
                return Err(format!("nothing comes any more, and {running} routers do not have everything"));
            }
            for event in &events {
                let place = usize::try_from(event.data.u64()).unwrap_or_default();
                let Some(member) = self.members.get_mut(place) else { continue };
                let before = member.phase;
                member.take(self.state, changes, &mut self.buffer)?;
                if before == Phase::Waits && member.phase != Phase::Waits {
                    first_notify.get_or_insert_with(Instant::now);
                }
                running -= usize::from(before != Phase::Has && member.phase == Phase::Has);
            }
        }
        Ok(first_notify)
    }
}

/// Where one router is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For a Serial Notify.
    Waits,
    /// Has asked.
    Asks,
    /// Has its answer.
    Has,
}

/// One router.
struct Member {
    socket: TcpStream,
    parser: Parser,
    tally: Tally,
    phase: Phase,
}

impl Member {
    /// One that has asked.
    fn new(socket: TcpStream) -> Member {
        Member { socket, parser: Parser::default(), tally: Tally::default(), phase: Phase::Asks }
    }

    /// Takes what is there.
    fn take(&mut self, state: State, changes: u64, buffer: &mut [u8]) -> Outcome {
        let octets = match self.socket.read(buffer) {
            Ok(0) => return Err("closed".to_owned()),
            Ok(octets) => octets,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(format!("receiving: {error}")),
        };
        let Member { parser, tally, phase, .. } = self;
        let was = *phase;
        parser.push(&buffer[..octets], |pdu| {
            match (pdu.notify(), *phase) {
                (Some(_), Phase::Waits) => *phase = Phase::Asks,
                (Some(_), Phase::Asks | Phase::Has) => return Err("a Serial Notify too many".to_owned()),
                (None, Phase::Asks) if was == Phase::Asks => {
                    if let Some(end) = tally.add(pdu)? {
                        verify(tally, state, end, changes)?;
                        (*tally, *phase) = (Tally::default(), Phase::Has);
                    }
                }
                (None, _) => return Err("a PDU that nobody asked for".to_owned()),
            }
            Ok(())
        })?;
        if was == Phase::Waits && self.phase == Phase::Asks {
            self.socket.write_all(&serial_query(VERSION, state)).map_err(context("asking"))?;
        }
        Ok(())
    }
}

/// Whether an answer has all changes, and leads to another state exactly if there are some.
fn verify(tally: &Tally, from: State, to: State, changes: u64) -> Outcome {
    let Tally { announced, withdrawn, .. } = tally;
    let leads = from.session == to.session && (from.serial == to.serial) == (changes == 0);
    if announced + withdrawn == changes && leads {
        return Ok(());
    }
    Err(format!("{announced} announcements and {withdrawn} withdrawals from {from:?} to {to:?}, not {changes} changes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_needs_all_changes_and_another_serial() {
        let [old, new] = [3, 4].map(|serial| State { session: 7, serial });
        let mut tally = Tally::default();
        (tally.announced, tally.withdrawn) = (2, 1);
        assert!(verify(&tally, old, new, 3).is_ok());
        assert!(verify(&tally, old, new, 4).is_err());
        assert!(verify(&tally, old, old, 3).is_err());
        assert!(verify(&tally, old, State { session: 8, serial: 4 }, 3).is_err());
        assert!(verify(&Tally::default(), old, old, 0).is_ok());
        assert!(verify(&Tally::default(), old, new, 0).is_err());
    }
}
