//! Where routers connect: IPv4 and IPv6, Unix sockets, and sockets that systemd passes.

use crate::cache::{Cache, document, run};
use crate::router::Router;
use crate::site::Site;
use crate::wire::{Wire, unix_socket};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn over_unix(path: &Path) -> Router {
    Router::on(Wire::Socket(unix_socket(path).unwrap()))
}

#[test]
fn a_unix_socket_has_its_mode_and_its_name_goes_at_the_end() {
    for (option, expected) in [("", 0o660), (",unix-mode=600", 0o600)] {
        let site = Site::new();
        let path = site.folder.path("rtr.sock");
        // Left behind by a program that is gone.
        drop(UnixListener::bind(&path).unwrap());
        let listen = format!("unix://{}{option}", path.display());
        let mut cache = site.start(&["--listen", &listen, "--listen", "127.0.0.1:0"]);
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, expected);
        let mut router = over_unix(&path);
        assert_eq!(router.reset_query(1).payload.len(), 1);
        cache.wait_for(&format!("router {}#", path.display()));
        cache.signal("TERM");
        router.end();
        drop(router);
        assert_eq!(cache.exit_code(), 0);
        assert!(!path.exists());
    }
}

#[test]
fn a_unix_socket_in_use_or_something_else_there_is_exit_code_4() {
    let site = Site::new();
    let (taken, file) = (site.folder.path("taken.sock"), site.folder.put("file", b"precious"));
    let _other = UnixListener::bind(&taken).unwrap();
    for (path, complaint) in [
        (&taken, "another program (perhaps another rtrcast) listens there"),
        (&file, "there is a file that is no socket, which is left alone; name another path"),
    ] {
        let listen = format!("unix://{}", path.display());
        let (code, _, said) = run(&["serve", &site.name("rpki.json"), "--http", "off", "--listen", &listen]);
        assert_eq!(code, 4, "{said}");
        assert_eq!(said, format!("rtrcast: --listen {}: {complaint}\n", path.display()));
    }
    assert!(taken.exists());
    assert_eq!(std::fs::read(file).unwrap(), b"precious");
}

#[test]
fn ipv6_and_ipv4_are_served_by_one_wildcard_or_by_two() {
    let [v4, v6]: [std::net::IpAddr; 2] = ["127.0.0.1", "::1"].map(|address| address.parse().unwrap());
    let mut cache = Cache::small(&["--listen", "[::]:0", "--deny", "127.0.0.9", "--peer", "127.0.0.1,max-version=0"]);
    let port = cache.rtr.port();
    // An IPv4 address is one, also at a socket of IPv6.
    let mut router = Router::connect(SocketAddr::new(v4, port));
    router.send("02 02 0000 00000008");
    assert_eq!(router.next()[..4], [0, 10, 0, 4]);
    router.reset_query(0);
    cache.wait_for("router 127.0.0.1:");
    assert!(Router::from([127, 0, 0, 9], SocketAddr::new(v4, port)).is_gone());
    Router::connect(SocketAddr::new(v6, port)).reset_query(2);
    cache.wait_for("router [::1]:");

    drop(cache);
    let (first, second) = (format!("0.0.0.0:{port}"), format!("[::]:{port}"));
    let cache = Cache::small(&["--listen", &second, "--listen", &first]);
    for address in [v4, v6] {
        assert_eq!(Router::connect(SocketAddr::new(address, port)).reset_query(1).payload.len(), 1);
    }
    assert_eq!(cache.places, [format!("tcp://{second}"), format!("tcp://{first}")]);
}

/// Makes its descriptors 0 and 2 the ones that are passed, and becomes the program.
const MANAGER: &str = r#"
exec 3<&0 4<&2 </dev/null 2>&1
export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=rtr:local
exec "$0" "$@"
"#;

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn sockets_that_systemd_passes_are_served() {
    let site = Site::new();
    site.folder.put("rpki.json", &document(&[(7, "10.0.0.0/8", 8)]));
    let path = site.folder.path("passed.sock");
    let (tcp, unix) = (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(&path).unwrap());
    let address = tcp.local_addr().unwrap();
    // Whoever connects before the program runs is served as soon as it does.
    let mut early = Router::connect(address);
    early.send("01 02 0000 00000008");
    let mut shell = Command::new("sh");
    shell.args(["-c", MANAGER, env!("CARGO_BIN_EXE_rtrcast"), "serve", &site.name("rpki.json"), "--http", "off"]);
    shell.args(["--listen", "tcp://fd:rtr", "--listen", "tcp://fd:local"]);
    shell.stdin(Stdio::from(OwnedFd::from(tcp))).stderr(Stdio::from(OwnedFd::from(unix)));
    let mut child = Running(shell.stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = lines.take_while(|line| !line.contains("serial ")).collect();
    assert!(said.iter().any(|line| line.contains(&format!("tcp://{address} "))), "{said:?}");
    assert!(said.iter().any(|line| line.contains(&format!("unix://{} ", path.display()))), "{said:?}");
    assert_eq!(early.response().payload.len(), 1);
    assert_eq!(Router::connect(address).reset_query(1).payload.len(), 1);
    assert_eq!(over_unix(&path).reset_query(1).payload.len(), 1);
    drop(child);
    assert!(path.exists(), "the name is systemd's");
}

#[test]
fn a_socket_that_systemd_does_not_pass_is_reported() {
    let site = Site::new();
    let (code, _, said) = run(&["serve", &site.name("rpki.json"), "--http", "off", "--listen", "tcp://fd:rtr"]);
    assert_eq!(code, 3, "{said}");
    assert_eq!(said, "rtrcast: --listen tcp://fd:rtr: systemd passes no such socket; it passes none\n");
}
