//! Many routers over TCP that ask for everything at once.
//!
//! One thread. The octets of a response are discarded in the kernel, so that taking them costs less than sending them;
//! only the last ones are read, and have to be those of an End of Data PDU.

use super::pdu::{END_OF_DATA, end_of_data, reset_query};
use crate::{Outcome, context};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{Timespec, epoll::Event};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Octets that are discarded by one call. The buffer is as long, but the kernel never writes to it, so it takes no memory.
const DISCARD: usize = 4 << 20;
/// Events that are taken at a time.
const EVENTS: usize = 64;
/// Nothing from any connection for so long is an error.
const SILENCE: Timespec = Timespec { tv_sec: 300, tv_nsec: 0 };
/// What the clients speak.
const VERSION: u8 = 1;

/// Clients that are connected.
pub(crate) struct Clients {
    epoll: OwnedFd,
    sockets: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Clients {
    /// Connects them; they ask nothing yet.
    pub(crate) fn connect(addr: SocketAddr, count: usize) -> Outcome<Clients> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(context("epoll"))?;
        let mut sockets = Vec::with_capacity(count);
        for place in 0..count {
            let socket = TcpStream::connect(addr).map_err(context("connecting"))?;
            socket.set_nonblocking(true).map_err(context("a socket"))?;
            epoll::add(&epoll, &socket, EventData::new_u64(place as u64), EventFlags::IN).map_err(context("epoll"))?;
            sockets.push(socket);
        }
        Ok(Clients { epoll, sockets, buffer: vec![0; DISCARD] })
    }

    /// From the first Reset Query until all have a response of so many octets.
    pub(crate) fn synchronise(&mut self, octets: u64) -> Outcome<Duration> {
        let mut missing = vec![usize::try_from(octets).map_err(context("a length"))?; self.sockets.len()];
        let mut running = self.sockets.len();
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let started = Instant::now();
        for mut socket in &self.sockets {
            socket.write_all(&reset_query(VERSION)).map_err(context("asking"))?;
        }
        while running > 0 {
            events.clear();
            let room = rustix::buffer::spare_capacity(&mut events);
            epoll::wait(&self.epoll, room, Some(&SILENCE)).map_err(context("epoll"))?;
            if events.is_empty() {
                return Err(format!("nothing comes any more, and {running} clients do not have everything"));
            }
            for event in &events {
                let place = usize::try_from(event.data.u64()).unwrap_or_default();
                let (Some(socket), Some(missing)) = (self.sockets.get(place), missing.get_mut(place)) else { continue };
                take(socket, missing, &mut self.buffer)?;
                running -= usize::from(*missing == 0);
            }
        }
        Ok(started.elapsed())
    }
}

/// Takes what is there of one response.
fn take(mut socket: &TcpStream, missing: &mut usize, buffer: &mut [u8]) -> Outcome {
    if *missing == 0 {
        return Err("more octets than the response has, or an early end".to_owned());
    }
    while *missing > END_OF_DATA {
        let length = (*missing - END_OF_DATA).min(buffer.len());
        match recv(socket, &mut buffer[..length], RecvFlags::TRUNC) {
            Ok((_, 0)) => return Err(format!("closed with {missing} octets missing")),
            Ok((_, octets)) => *missing -= octets,
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(format!("receiving: {error}")),
        }
    }
    // The end comes in one piece nearly always; where it does not, it is waited for.
    let mut end = [0; END_OF_DATA];
    match recv(socket, &mut end, RecvFlags::PEEK) {
        Ok((_, END_OF_DATA)) => {}
        Ok((_, 0)) => return Err("closed before End of Data".to_owned()),
        Ok(_) | Err(Errno::AGAIN) => return Ok(()),
        Err(error) => return Err(format!("receiving: {error}")),
    }
    socket.read_exact(&mut end).map_err(context("receiving"))?;
    *missing = 0;
    end_of_data(&end).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const END: [u8; END_OF_DATA] = [1, 7, 0, 7, 0, 0, 0, 24, 0, 0, 0, 9, 0, 0, 14, 16, 0, 0, 2, 88, 0, 0, 28, 32];

    /// What a client says of a response of 1,000 octets and these.
    fn synchronise(end: &'static [u8]) -> Outcome<Duration> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.read_exact(&mut [0; 8]).unwrap();
            socket.write_all(&[0; 1_000]).unwrap();
            socket.write_all(end).unwrap();
            let _ = socket.read(&mut [0; 1]);
        });
        let mut clients = Clients::connect(addr, 1).unwrap();
        let outcome = clients.synchronise(1_000 + END_OF_DATA as u64);
        drop(clients);
        server.join().unwrap();
        outcome
    }

    #[test]
    fn a_response_counts_only_with_its_end_of_data() {
        assert!(synchronise(&END).is_ok());
        assert!(synchronise(&[0; END_OF_DATA]).unwrap_err().contains("not with End of Data"));
    }
}
