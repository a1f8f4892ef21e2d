//! A web server that gives the answers it is told to, one connection each, with or without TLS.

use crate::cache::PATIENCE;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

/// What to do with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status line, headers, and body.
    Answer { head: String, body: Vec<u8> },
    /// The headers announce more than comes.
    CutShort { head: String, announced: usize, body: Vec<u8> },
    /// Nothing but the end.
    HangUp,
    /// These octets, and then nothing, not even the end.
    Hang { after: Vec<u8> },
}

/// What is still to be answered.
#[derive(Default)]
struct Orders {
    replies: Mutex<Replies>,
    changed: Condvar,
}

#[derive(Default)]
struct Replies {
    /// For one request each.
    once: VecDeque<Reply>,
    /// For all others.
    always: Option<Reply>,
    is_over: bool,
}

impl Orders {
    fn change(&self, change: impl FnOnce(&mut Replies)) {
        change(&mut self.replies.lock().unwrap());
        self.changed.notify_all();
    }

    fn are_over(&self) -> bool {
        self.replies.lock().unwrap().is_over
    }

    /// Waits for the next one.
    fn next(&self) -> Option<Reply> {
        let mut replies = self.replies.lock().unwrap();
        loop {
            if replies.is_over {
                return None;
            }
            if let Some(reply) = replies.once.pop_front().or_else(|| replies.always.clone()) {
                return Some(reply);
            }
            replies = self.changed.wait(replies).unwrap();
        }
    }
}

/// A port that stays ours also while nobody listens there.
pub(crate) struct Port {
    _held: Socket,
    address: SocketAddr,
}

impl Port {
    pub(crate) fn new() -> Port {
        let held = Port::socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = held.local_addr().unwrap().as_socket().unwrap();
        Port { _held: held, address }
    }

    fn socket(address: SocketAddr) -> Socket {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address.into()).unwrap();
        socket
    }

    fn listen(&self) -> TcpListener {
        let socket = Port::socket(self.address);
        socket.listen(64).unwrap();
        socket.into()
    }
}

pub(crate) struct Web {
    port: Port,
    scheme: &'static str,
    orders: Arc<Orders>,
    requests: Receiver<String>,
    thread: JoinHandle<()>,
}

impl Web {
    pub(crate) fn new() -> Web {
        Web::at(Port::new())
    }

    pub(crate) fn at(port: Port) -> Web {
        Web::start(port, None)
    }

    pub(crate) fn with_tls(config: ServerConfig) -> Web {
        Web::start(Port::new(), Some(Arc::new(config)))
    }

    fn start(port: Port, tls: Option<Arc<ServerConfig>>) -> Web {
        let listener = port.listen();
        let orders = Arc::new(Orders::default());
        let (to_requests, requests) = channel();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let to_do = Arc::clone(&orders);
        let thread = thread::spawn(move || serve(&listener, tls.as_ref(), &to_do, &to_requests));
        Web { port, scheme, orders, requests, thread }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}/rpki.json", self.scheme, self.address())
    }

    /// What the next request gets.
    pub(crate) fn reply(&self, reply: Reply) {
        self.orders.change(|replies| replies.once.push_back(reply));
    }

    /// What all requests get that are told nothing else.
    pub(crate) fn always(&self, reply: Reply) {
        self.orders.change(|replies| replies.always = Some(reply));
    }

    /// The next request's head.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(PATIENCE).expect("a request").to_lowercase()
    }

    /// Requests that nobody has asked for yet.
    pub(crate) fn more_requests(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }

    /// Stops listening: who connects from now on is refused.
    pub(crate) fn stop(self) -> Port {
        self.orders.change(|replies| replies.is_over = true);
        // It may wait for somebody to come.
        let _ = TcpStream::connect(self.port.address);
        self.thread.join().unwrap();
        self.port
    }
}

pub(crate) fn ok(headers: &str, body: &[u8]) -> Reply {
    Reply::Answer { head: format!("HTTP/1.1 200 OK\r\n{headers}"), body: body.to_vec() }
}

pub(crate) fn redirect(to: &str) -> Reply {
    Reply::Answer { head: format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\n"), body: Vec::new() }
}

pub(crate) fn not_modified() -> Reply {
    Reply::Answer { head: "HTTP/1.1 304 Not Modified\r\n".to_owned(), body: Vec::new() }
}

/// Serves one connection after the other until there are no orders any more.
fn serve(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>, orders: &Orders, to_requests: &Sender<String>) {
    let mut hanging = Vec::new();
    while let Ok((tcp, _)) = listener.accept() {
        if orders.are_over() {
            return;
        }
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = Stream::new(tcp, tls);
        // Whom TLS does not let in makes no request.
        let Some(head) = read_request(&mut stream) else { continue };
        let _ = to_requests.send(head);
        let Some(reply) = orders.next() else { return };
        let hangs = matches!(reply, Reply::Hang { .. });
        let _ = answer(&mut stream, reply);
        if hangs { hanging.push(stream) } else { stream.end() }
    }
}

enum Stream {
    Open(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    fn new(tcp: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Stream {
        let Some(config) = tls else { return Stream::Open(tcp) };
        let session = ServerConnection::new(Arc::clone(config)).unwrap();
        Stream::Tls(Box::new(StreamOwned::new(session, tcp)))
    }

    fn end(mut self) {
        let tcp = match &mut self {
            Stream::Open(tcp) => tcp,
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
                &mut stream.sock
            }
        };
        let _ = tcp.shutdown(Shutdown::Write);
    }
}

impl Read for Stream {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Open(stream) => stream.read(octets),
            Stream::Tls(stream) => stream.read(octets),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Open(stream) => stream.write(octets),
            Stream::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Open(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

/// A request's head, if it is whole.
fn read_request(stream: &mut Stream) -> Option<String> {
    let mut head = Vec::new();
    let mut octet = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).ok()?;
        head.push(octet[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

fn answer(stream: &mut Stream, reply: Reply) -> io::Result<()> {
    match reply {
        Reply::Answer { head, body } => {
            write!(stream, "{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            stream.write_all(&body)?;
        }
        Reply::CutShort { head, announced, body } => {
            write!(stream, "{head}Content-Length: {announced}\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&body)?;
        }
        Reply::Hang { after } => stream.write_all(&after)?,
        Reply::HangUp => {}
    }
    stream.flush()
}
