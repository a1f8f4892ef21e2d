//! Keys of TCP in a real kernel: who has the right one gets in, and who has not is not even refused.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

use rtrcast_net::{TcpAuth, TcpKeys};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Nothing here takes so long on any machine; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

fn md5(text: &str) -> TcpKeys {
    TcpKeys::default().with_md5(text).unwrap()
}

fn none() -> TcpKeys {
    TcpKeys::default()
}

/// Where routers come to.
struct Cache {
    listener: TcpListener,
    keys: TcpKeys,
}

impl Cache {
    fn listen(address: &str, keys: TcpKeys) -> Cache {
        let address: SocketAddr = address.parse().unwrap();
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        if address.is_ipv6() {
            socket.set_only_v6(false).unwrap();
        }
        socket.bind(&address.into()).unwrap();
        keys.apply_to_listener(&socket, None).unwrap();
        socket.listen(16).unwrap();
        Cache { listener: socket.into(), keys }
    }

    fn reload(&mut self, keys: TcpKeys) {
        keys.apply_to_listener(&self.listener, Some(&self.keys)).unwrap();
        self.keys = keys;
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// A router that connects from one address to another, as far as that gets while it is not waited for.
    fn begin(&self, from: &str, to: &str, keys: &TcpKeys) -> Socket {
        let socket = dialer(from, self.to(to), keys);
        socket.set_nonblocking(true).unwrap();
        let begun = socket.connect(&self.to(to).into());
        if let Err(error) = begun {
            assert_eq!(error.raw_os_error(), Some(Errno::INPROGRESS.raw_os_error()), "{error}");
        }
        socket
    }

    /// A router that gets in, and its connection on this side: nobody is before it.
    fn admit(&self, from: &str, to: &str, keys: &TcpKeys) -> (TcpStream, TcpStream) {
        let socket = dialer(from, self.to(to), keys);
        socket.connect_timeout(&self.to(to).into(), PATIENCE).unwrap();
        self.listener.set_nonblocking(false).unwrap();
        let (accepted, remote) = self.listener.accept().unwrap();
        let router = TcpStream::from(socket);
        assert_eq!(remote.ip().to_canonical(), from.parse::<IpAddr>().unwrap());
        assert_eq!(remote.port(), router.local_addr().unwrap().port());
        (router, accepted)
    }

    fn to(&self, to: &str) -> SocketAddr {
        SocketAddr::new(to.parse().unwrap(), self.port())
    }

    /// Nobody waits to be accepted, and these have not got anywhere.
    fn has_left_out(&self, routers: &[Socket]) {
        self.listener.set_nonblocking(true).unwrap();
        assert_eq!(self.listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        for router in routers {
            assert_eq!(router.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        }
    }
}

fn dialer(from: &str, to: SocketAddr, keys: &TcpKeys) -> Socket {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    let from = from.parse::<IpAddr>().unwrap();
    let from = match (from, to) {
        (IpAddr::V4(from), SocketAddr::V6(_)) => IpAddr::V6(from.to_ipv6_mapped()),
        _ => from,
    };
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    keys.apply_to_dialer(&socket, to).unwrap();
    socket
}

/// Octets go both ways.
fn talk((router, cache): &mut (TcpStream, TcpStream)) {
    for stream in [&*router, &*cache] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let mut octets = [0; 5];
    router.write_all(b"query").unwrap();
    cache.read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"query");
    cache.write_all(b"reply").unwrap();
    router.read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"reply");
}

#[test]
fn t_md5_01_the_right_key_connects_and_no_other_does() {
    for (listen, from, to) in
        [("127.0.0.1:0", "127.0.0.2", "127.0.0.1"), ("[::1]:0", "::1", "::1"), ("[::]:0", "127.0.0.2", "127.0.0.1")]
    {
        let longest = "k".repeat(80);
        let cache = Cache::listen(listen, md5(&format!("{from} {longest}")));
        let with = |key: &str| md5(&format!("{to} {key}"));
        let outside = [
            cache.begin(from, to, &with(&longest[1..])),
            cache.begin(from, to, &with("other")),
            cache.begin(from, to, &none()),
        ];
        talk(&mut cache.admit(from, to, &with(&longest)));
        cache.has_left_out(&outside);
    }
}

#[test]
fn t_md5_01_a_listener_for_both_families_has_keys_by_prefix_for_both() {
    let cache = Cache::listen("[::]:0", md5("127.0.0.0/24 four\n127.0.0.9 nine\n::1 six"));
    let four = md5("127.0.0.1 four");
    let outside = [
        cache.begin("127.0.0.2", "127.0.0.1", &none()),
        cache.begin("127.0.0.9", "127.0.0.1", &four),
        cache.begin("127.0.1.1", "127.0.0.1", &four),
        cache.begin("::1", "::1", &md5("::1 four")),
    ];
    talk(&mut cache.admit("127.0.0.2", "127.0.0.1", &four));
    talk(&mut cache.admit("127.0.0.255", "127.0.0.1", &four));
    // A router whose socket is of IPv6 as well.
    talk(&mut cache.admit("127.0.0.3", "::ffff:127.0.0.1", &four));
    talk(&mut cache.admit("127.0.0.9", "127.0.0.1", &md5("127.0.0.0/8 nine")));
    talk(&mut cache.admit("::1", "::1", &md5("::/0 six")));
    // No key is due from there.
    talk(&mut cache.admit("127.0.1.1", "127.0.0.1", &none()));
    cache.has_left_out(&outside);
}

#[test]
fn t_md5_01_a_key_for_all_is_one() {
    for listen in ["127.0.0.1:0", "[::]:0"] {
        let cache = Cache::listen(listen, md5("0.0.0.0/0 all\n::/0 all"));
        let outside = [cache.begin("127.0.0.2", "127.0.0.1", &none())];
        talk(&mut cache.admit("127.0.0.2", "127.0.0.1", &md5("0.0.0.0/0 all")));
        cache.has_left_out(&outside);
    }
}

#[test]
fn t_md5_01_keys_change_while_the_cache_listens() {
    for listen in ["127.0.0.1:0", "[::]:0"] {
        let (from, to) = ("127.0.0.2", "127.0.0.1");
        let mut cache = Cache::listen(listen, md5("127.0.0.0/24 old\n127.0.0.9 kept"));
        let (old, new) = (md5("127.0.0.1 old"), md5("127.0.0.1 new"));
        let mut first = cache.admit(from, to, &old);
        cache.reload(md5("127.0.0.0/24 new\n127.0.0.9 kept"));
        let outside = [cache.begin(from, to, &old), cache.begin(from, to, &none())];
        let mut second = cache.admit(from, to, &new);
        talk(&mut cache.admit("127.0.0.9", to, &md5("127.0.0.1 kept")));
        cache.has_left_out(&outside);
        drop(outside);
        cache.reload(md5("127.0.0.9 kept"));
        let outside = [cache.begin(from, to, &new), cache.begin("127.0.0.9", to, &none())];
        let mut third = cache.admit(from, to, &none());
        talk(&mut cache.admit("127.0.0.9", to, &md5("127.0.0.1 kept")));
        cache.has_left_out(&outside);
        // Connections keep the keys with which they began.
        talk(&mut first);
        talk(&mut second);
        talk(&mut third);
    }
}

#[test]
fn t_md5_01_more_keys_than_the_kernel_has_room_for_leave_none() {
    let text: String = (0..1_024).map(|n| format!("127.0.{}.{} k\n", n / 256, n % 256)).collect();
    let cache = Cache::listen("127.0.0.1:0", none());
    // A kernel may have room for all.
    if let Err(error) = md5(&text).apply_to_listener(&cache.listener, None) {
        assert!(error.to_string().contains("net.core.optmem_max"), "{error}");
        talk(&mut cache.admit("127.0.0.1", "127.0.0.1", &none()));
    }
}

#[test]
fn t_ao_01_a_kernel_without_tcp_ao_is_named_as_the_reason() {
    let keys = none().with_ao("127.0.0.2 1 1 hmac-sha1-96 key").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    if let Err(error) = keys.apply_to_listener(&listener, None) {
        assert_eq!((error.auth, error.error.raw_os_error()), (TcpAuth::Ao, Some(Errno::NOPROTOOPT.raw_os_error())));
        assert_eq!(
            error.to_string(),
            "the TCP-AO key of 127.0.0.2/32: this kernel has no TCP-AO; Linux 6.7 or newer built with CONFIG_TCP_AO has"
        );
    }
}

/// Runs where the kernel has TCP-AO; elsewhere there is nothing to see.
#[test]
fn t_ao_01_the_right_key_connects_and_no_other_does() {
    let (from, to) = ("127.0.0.2", "127.0.0.1");
    let both = "1 2 hmac-sha1-96 old\n127.0.0.2 3 4 aes-128-cmac-96 new";
    let keys = none().with_ao(&format!("{from} {both}")).unwrap();
    let probe = TcpListener::bind("127.0.0.1:0").unwrap();
    if keys.apply_to_listener(&probe, None).is_err() {
        return;
    }
    for listen in ["127.0.0.1:0", "[::]:0"] {
        let mut cache = Cache::listen(listen, keys.clone());
        let with = |key: &str| none().with_ao(&format!("{to} {key}")).unwrap();
        let (old, new) = (with("2 1 hmac-sha1-96 old"), with("4 3 aes-128-cmac-96 new"));
        let outside = [cache.begin(from, to, &with("2 1 hmac-sha1-96 other")), cache.begin(from, to, &none())];
        let mut first = cache.admit(from, to, &old);
        talk(&mut cache.admit(from, to, &new));
        cache.has_left_out(&outside);
        drop(outside);
        cache.reload(none().with_ao("127.0.0.0/24 3 4 aes-128-cmac-96 new\n").unwrap());
        let outside = [cache.begin(from, to, &old), cache.begin(from, to, &none())];
        talk(&mut cache.admit(from, to, &new));
        cache.has_left_out(&outside);
        talk(&mut first);
    }
}

#[test]
fn a_unix_socket_takes_no_keys() {
    let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
    let error = md5("192.0.2.1 k").apply_to_listener(&socket, None).unwrap_err();
    assert_eq!(error.to_string(), "the TCP-MD5 key of 192.0.2.1/32: the socket is none of TCP");
    none().apply_to_listener(&socket, None).unwrap();
}
