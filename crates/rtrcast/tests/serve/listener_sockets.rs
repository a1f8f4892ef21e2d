//! Changes of a listener while it is open, refused changes, and warnings.

use crate::cache::{Cache, Folder, document, run};
use crate::router::Router;
use crate::site::Site;
use crate::wire::{Wire, unix_socket};
use rustls::version::TLS13;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An address that is free, and stays so but for the strangest of accidents.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A folder with data and a configuration.
fn setting(text: &str) -> (Folder, Cache) {
    let folder = Folder::new();
    folder.put("rpki.json", &document(&[(64_496, "192.0.2.0/24", 24)]));
    let mut cache = Cache::configured_without_listener(&configure(&folder, text));
    cache.wait_for("serial ");
    (folder, cache)
}

fn configure(folder: &Folder, text: &str) -> String {
    let text = format!("source = \"{}\"\n{text}\n", folder.path("rpki.json").display());
    folder.put("rtrcast.toml", text.as_bytes()).to_str().unwrap().to_owned()
}

fn reload(folder: &Folder, cache: &mut Cache, text: &str) {
    configure(folder, text);
    cache.signal("HUP");
    cache.wait_for("SIGHUP: reading all sources again");
}

/// Why the last reload was refused.
fn refusal(cache: &mut Cache) -> String {
    let line = cache.log().iter().rfind(|line| line.contains("ERROR")).expect("a refusal");
    line.split_once("the configuration stays as it is: ").unwrap().1.to_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_reload_changes_the_permissions_of_a_unix_socket_or_leaves_them() {
    let folder = Folder::new();
    let path = folder.path("rtr.sock");
    let listen = |mode: &str| format!("listen = [\"127.0.0.1:0\", \"unix://{}{mode}\"]", path.display());
    let (own, mut cache) = setting(&listen(""));
    assert_eq!(mode(&path), 0o660);
    reload(&own, &mut cache, &listen(",unix-mode=600"));
    assert_eq!(mode(&path), 0o600);
    reload(&own, &mut cache, &listen(""));
    assert_eq!(mode(&path), 0o660);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let also =
        format!("listen = [\"127.0.0.1:0\", \"unix://{}\", \"{}\"]", path.display(), taken.local_addr().unwrap());
    reload(&own, &mut cache, &format!("unix-mode = \"666\"\n{also}"));
    assert!(refusal(&mut cache).contains("the address is in use"));
    assert_eq!(mode(&path), 0o660);
    let mut router = Router::on(Wire::Socket(unix_socket(&path).unwrap()));
    assert_eq!(router.reset_query(1).payload.len(), 1);
    // Somebody takes its place: that is nothing of ours.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "another's").unwrap();
    let before = mode(&path);
    reload(&own, &mut cache, &listen(",unix-mode=777"));
    assert!(cache.log().iter().any(|line| line.contains("somebody removed or replaced its name")));
    assert_eq!(mode(&path), before);
}

#[test]
fn permissions_that_were_changed_before_something_failed_are_changed_back() {
    let folder = Folder::new();
    let (path, address) = (folder.path("rtr.sock"), free());
    let keys = folder.put("ao", b"192.0.2.1 1 1 hmac-sha1-96 secret\n");
    let listen =
        |mode: &str, keys: &str| format!("listen = [\"unix://{}{mode}\", \"{address}{keys}\"]", path.display());
    let (own, mut cache) = setting(&listen("", ""));
    reload(&own, &mut cache, &listen(",unix-mode=600", &format!(",tcp-ao={}", keys.display())));
    // A kernel that has no TCP-AO says so only when the key is set.
    let is_refused = cache.metric("rtrcast_reloads_total{outcome=\"refused\"}") == Some(1);
    assert_eq!(mode(&path), if is_refused { 0o660 } else { 0o600 });
    if is_refused {
        let refused = refusal(&mut cache);
        assert!(refused.contains("the TCP-AO key of 192.0.2.1"), "{refused}");
    }
}

#[test]
fn the_transport_at_an_address_may_change() {
    let site = Site::new();
    let address = free();
    let plain = format!("listen = \"tcp://{address}\"");
    let tls = format!("listen = \"{}\"", site.tls_at(&address.to_string()));
    let (folder, mut cache) = setting(&plain);
    let mut session = Router::connect(address);
    session.reset_query(1);
    let in_force = format!("rtrcast_credentials_in_force{{listener=\"tls://{address}\"}}");
    for _ in 0..2 {
        reload(&folder, &mut cache, &tls);
        let mut router = Router::on(site.router(&TLS13).connect(address));
        assert_eq!(router.reset_query(1).payload.len(), 1);
        assert_eq!(cache.metric(&in_force), Some(1));
        reload(&folder, &mut cache, &plain);
        assert_eq!(Router::connect(address).reset_query(1).payload.len(), 1);
        assert_eq!(cache.metric(&in_force), None);
        assert_eq!(router.reset_query(1).payload.len(), 1);
    }
    assert_eq!(session.reset_query(1).payload.len(), 1);
    assert_eq!(cache.metric("rtrcast_reloads_total{outcome=\"applied\"}"), Some(4));
    let both = format!("listen = [\"tcp://{address}\", \"{}\"]", site.tls_at(&address.to_string()));
    reload(&folder, &mut cache, &both);
    let refused = refusal(&mut cache);
    assert!(refused.contains(&format!("tls://{address} has the same address as tcp://{address}")), "{refused}");
}

#[test]
fn which_socket_takes_ipv4_changes_at_a_restart_and_that_is_logged() {
    let Ok(wildcard) = TcpListener::bind("[::]:0") else { return };
    let port = wildcard.local_addr().unwrap().port();
    drop(wildcard);
    let local = SocketAddr::from(([127, 0, 0, 1], port));
    let one = format!("listen = \"[::]:{port}\"");
    let two = format!("listen = [\"0.0.0.0:{port}\", \"[::]:{port}\"]");
    let narrow = format!("listen = \"{local}\"");
    for (from, to, other) in [
        (&one, &two, format!("tcp://[::]:{port}")),
        (&two, &one, format!("tcp://0.0.0.0:{port}")),
        (&one, &narrow, format!("tcp://[::]:{port}")),
        (&narrow, &one, format!("tcp://{local}")),
    ] {
        let (folder, mut cache) = setting(from);
        reload(&folder, &mut cache, to);
        let refused = refusal(&mut cache);
        let said = format!("this cache itself has the address, for --listen {other}; ");
        assert!(refused.contains(&said) && refused.ends_with(": a restart does it"), "{refused}");
        assert_eq!(Router::connect(local).reset_query(1).payload.len(), 1);
        reload(&folder, &mut cache, from);
        assert_eq!(cache.metric("rtrcast_reloads_total{outcome=\"applied\"}"), Some(1));
    }
}

#[test]
fn an_address_that_is_given_twice_is_not_called_another_program_s() {
    let site = Site::new();
    let address = free();
    let (source, listen) = (site.name("rpki.json"), address.to_string());
    let (code, _, said) = run(&["serve", &source, "--listen", &listen, "--http", &listen]);
    assert_eq!(code, 4);
    assert_eq!(said, format!("rtrcast: --http {address}: --listen tcp://{address} takes what comes there already\n"));
    let wildcard = format!("0.0.0.0:{}", address.port());
    let (code, _, said) = run(&["serve", &source, "--listen", &wildcard, "--listen", &listen, "--http", "off"]);
    assert_eq!(code, 4);
    let expected = format!(
        "rtrcast: --listen {address}: --listen tcp://{wildcard} takes what comes there already; one of the two is enough\n"
    );
    assert_eq!(said, expected);
}

#[test]
fn a_full_cache_names_the_limit_that_a_reload_set() {
    let address = free();
    let listen = format!("listen = \"{address}\"");
    let (folder, mut cache) = setting(&format!("{listen}\nconnections-max = 1"));
    reload(&folder, &mut cache, &format!("{listen}\nconnections-max = 2"));
    let mut routers: Vec<Router> = (0..2).map(|_| Router::connect(address)).collect();
    routers.iter_mut().for_each(|router| _ = router.reset_query(1));
    let _waits = Router::connect(address);
    let line = cache.wait_for("as many routers are connected as may be");
    assert!(line.contains(": 2, by --connections-max"), "{line}");
}

#[test]
fn the_series_of_a_listener_goes_with_it_and_its_last_router() {
    let (first, second) = (free(), free());
    let series = |address: SocketAddr| format!("rtr_clients{{bind=\"{address}\"}}");
    let (folder, mut cache) = setting(&format!("listen = \"{first}\""));
    let mut session = Router::connect(first);
    session.reset_query(1);
    reload(&folder, &mut cache, &format!("listen = \"{second}\""));
    assert_eq!((cache.metric(&series(first)), cache.metric(&series(second))), (Some(1), Some(0)));
    drop(session);
    cache.wait_for(" ended ");
    assert_eq!((cache.metric(&series(first)), cache.metric(&series(second))), (None, Some(0)));
}

#[test]
fn secrets_that_others_may_read_are_warned_of() {
    let site = Site::new();
    let keys = site.folder.put("md5", b"192.0.2.1 key\n");
    let set = |path: &Path, mode: u32| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let key = site.folder.path("cache.key");
    set(&keys, 0o640);
    set(&key, 0o640);
    let address = free();
    let listen = format!("listen = \"{},tcp-md5={}\"", site.tls_at(&address.to_string()), keys.display());
    let (folder, mut cache) = setting(&listen);
    let warnings = |cache: &mut Cache| {
        let lines: Vec<String> =
            cache.log().iter().filter(|line| line.contains("it holds a secret")).cloned().collect();
        cache.seen.clear();
        lines
    };
    let said = warnings(&mut cache);
    assert_eq!(said.len(), 1, "a group may have the key of a certificate: {said:?}");
    let expected = "it holds a secret, and others may read or change it (mode 640): chmod 600";
    assert!(said[0].ends_with(&format!("{}: {expected}", keys.display())), "{said:?}");
    set(&keys, 0o600);
    set(&key, 0o644);
    reload(&folder, &mut cache, &listen);
    let said = warnings(&mut cache);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].ends_with("(mode 644): chmod 640"), "{said:?}");
}

/// Sockets that systemd passes.
#[cfg(target_os = "linux")]
mod passed {
    use super::*;
    use std::io::Read;
    use std::net::TcpStream;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;
    use std::process::{Command, Stdio};

    /// Becomes the program, with its standard input as the socket that is passed.
    const MANAGER: &str =
        r#"exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=rtr; exec "$0" "$@""#;

    fn manager(socket: impl Into<OwnedFd>) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", MANAGER, env!("CARGO_BIN_EXE_rtrcast")]).stdin(Stdio::from(socket.into()));
        shell
    }

    #[test]
    fn t_md5_01_keys_hold_for_a_socket_of_systemd_from_its_first_connection_on() {
        let site = Site::new();
        let keys = site.folder.put("md5", b"127.0.0.0/8 secret\n");
        let keys = keys.to_str().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let mut early = TcpStream::connect(address).unwrap();
        let listen = format!("tcp://fd:rtr,tcp-md5={keys}");
        let mut cache = Cache::run(manager(socket), site.name("rpki.json"), &["--listen", &listen]);
        cache.wait_for("1 connection closed, from before the socket had its keys");
        assert_eq!(early.read(&mut [0]).unwrap_or(0), 0);
        cache.wait_for("serial ");
        let url = format!("tcp://{address}");
        let (code, _, said) = run(&["dump", &url, "--timeout", "30", "--tcp-md5", keys]);
        assert_eq!(code, 0, "{said}");
        let (code, ..) = run(&["dump", &url, "--timeout", "1"]);
        assert_eq!(code, 13);
    }

    #[test]
    fn keys_of_a_unix_socket_of_systemd_are_an_error() {
        let site = Site::new();
        site.folder.put("md5", b"127.0.0.0/8 secret\n");
        let socket = UnixListener::bind(site.folder.path("rtr.sock")).unwrap();
        let listen = format!("tcp://fd:rtr,tcp-md5={}", site.name("md5"));
        let output = manager(socket).args(["serve", &site.name("rpki.json"), "--listen", &listen]).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let said = String::from_utf8(output.stderr).unwrap();
        let expected =
            "--listen tcp://fd:rtr: it is a Unix socket, which has no keys of TCP: no --tcp-md5 and no --tcp-ao\n";
        assert!(said.ends_with(expected), "{said}");
    }

    #[test]
    fn a_socket_that_nobody_wants_is_named() {
        let site = Site::new();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut cache = Cache::run(manager(socket), site.name("rpki.json"), &["--listen", "127.0.0.1:0"]);
        let line = cache.wait_for("WARN");
        assert!(
            line.contains("systemd passes the socket \"rtr\", and no --listen says what is spoken there"),
            "{line}"
        );
    }
}
