//! A web server that gives the answers it is told to, one connection each.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// What to do with a request.
pub(crate) enum Reply {
    /// Status line, headers, and body.
    Answer { head: String, body: Vec<u8> },
    /// The headers announce more than comes.
    CutShort { head: String, announced: usize, body: Vec<u8> },
    /// Nothing but the end.
    HangUp,
}

pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    replies: Sender<Reply>,
    requests: Receiver<String>,
}

impl Web {
    pub(crate) fn new() -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (replies, to_do) = channel::<Reply>();
        let (to_requests, requests) = channel();
        thread::spawn(move || {
            for reply in to_do {
                let Ok((mut stream, _)) = listener.accept() else { return };
                let _ = to_requests.send(read_request(&mut stream));
                let _ = answer(&mut stream, reply);
                let _ = stream.shutdown(Shutdown::Write);
            }
        });
        Web { address, replies, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/rpki.json", self.address)
    }

    /// What the next request gets.
    pub(crate) fn reply(&self, reply: Reply) {
        self.replies.send(reply).unwrap();
    }

    /// The next request's head.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(crate::cache::PATIENCE).expect("a request").to_lowercase()
    }
}

pub(crate) fn ok(headers: &str, body: &[u8]) -> Reply {
    Reply::Answer { head: format!("HTTP/1.1 200 OK\r\n{headers}"), body: body.to_vec() }
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut octet = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut octet).is_ok_and(|octets| octets == 1) {
        head.push(octet[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn answer(stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Answer { head, body } => {
            write!(stream, "{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            stream.write_all(&body)
        }
        Reply::CutShort { head, announced, body } => {
            write!(stream, "{head}Content-Length: {announced}\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&body)
        }
        Reply::HangUp => Ok(()),
    }
}
