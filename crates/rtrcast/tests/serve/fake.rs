//! A cache that does what a test says, and nothing by itself: one script for each connection, in order, or played by the
//! test line by line.

use crate::cache::PATIENCE;
use crate::router::{hex, show};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A cache that the test plays itself, in its own thread.
pub(crate) struct Played {
    listener: TcpListener,
}

impl Played {
    pub(crate) fn new() -> Played {
        Played { listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("tcp://{}", self.address())
    }

    /// The next router that comes.
    pub(crate) fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream }
    }
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<()>,
}

pub(crate) type Script = Box<dyn FnOnce(Peer) + Send>;

/// One script.
pub(crate) fn script(script: impl FnOnce(Peer) + Send + 'static) -> Script {
    Box::new(script)
}

impl Fake {
    pub(crate) fn new(scripts: Vec<Script>) -> Fake {
        let played = Played::new();
        let address = played.address();
        let thread = thread::spawn(move || {
            for script in scripts {
                script(played.accept());
            }
        });
        Fake { address, thread }
    }

    /// All scripts went as they should.
    pub(crate) fn finish(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// A router that came.
pub(crate) struct Peer {
    stream: TcpStream,
}

impl Peer {
    /// The next PDU has to be this.
    pub(crate) fn expect(&mut self, octets: &str) {
        let expected = hex(octets);
        let mut got = vec![0; expected.len()];
        self.stream.read_exact(&mut got).unwrap();
        assert_eq!(show(&got), show(&expected));
    }

    pub(crate) fn send(&mut self, octets: &str) {
        self.stream.write_all(&hex(octets)).unwrap();
    }

    /// Sends octets one by one, for ever, or until nobody takes them.
    pub(crate) fn trickle(mut self, octets: &str) {
        let octets = hex(octets);
        while octets.iter().all(|octet| self.stream.write_all(&[*octet]).is_ok()) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Closes the way programs do that know no better: what was not read makes it a reset.
    pub(crate) fn close(self) {
        drop(self.stream);
    }

    /// Breaks the connection.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Ends its side, and waits for the other.
    pub(crate) fn end(mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self.wait();
    }

    /// The router has to go without another word.
    pub(crate) fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        assert_eq!(show(&rest), "");
    }

    /// Says nothing until the router goes.
    pub(crate) fn wait(&mut self) {
        let mut rest = Vec::new();
        // However it goes.
        let _ = self.stream.read_to_end(&mut rest);
    }
}
