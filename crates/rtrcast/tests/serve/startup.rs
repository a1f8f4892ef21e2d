//! What ends the program before it serves, with which words and exit codes, and how it is stopped.

use crate::cache::{Cache, run};
use crate::router::Router;
use std::net::TcpListener;

#[test]
fn a_port_in_use_is_exit_code_4() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, error) = run(&["serve", "x.json", "--listen", &address, "--http", "off"]);
    assert_eq!(code, 4);
    assert_eq!(
        error,
        format!(
            "rtrcast: --listen {address}: the address is in use; another program (perhaps another rtrcast) listens there\n"
        )
    );
    let (code, _, error) = run(&["serve", "x.json", "--listen", "127.0.0.1:0", "--http", &address]);
    assert_eq!(code, 4);
    assert!(error.starts_with(&format!("rtrcast: --http {address}: the address is in use")), "{error}");
}

#[test]
fn an_address_that_is_not_ours_is_exit_code_4() {
    let (code, _, error) = run(&["serve", "x.json", "--listen", "192.0.2.1:8282", "--http", "off"]);
    assert_eq!(code, 4);
    assert!(error.contains("--listen 192.0.2.1:8282: the address is not one of this machine's"), "{error}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_is_right() {
    for (arguments, words) in [
        (&["serve"][..], "there is no source: name a file or a URL, or a --config with one"),
        (&["serve", "x", "--listne", "127.0.0.1:1"], "--listen"),
        (&["serve", "x", "--listen", "8282"], "such as 127.0.0.1:8282"),
        (
            &["serve", "x", "--listen", "127.0.0.1:1", "--listen", "tcp://127.0.0.1:1"],
            "--listen: tcp://127.0.0.1:1 is given twice",
        ),
        (&["serve", "x", "--max-version", "3"], "possible values: 0, 1, 2"),
        (
            &["serve", "x", "--listen", "127.0.0.1:1", "--tls-cert", "x"],
            "--tls-cert: there is no listener that it applies to; one is named like --listen tls://[::]:324",
        ),
        (
            &["serve", "rsync://x/y"],
            "it reads files, http://, https://, and follows caches at tcp://, tls://, ssh:// and unix://",
        ),
        (&["serve", "x", "--rtr-refresh", "86401"], "refresh (86401 s) must be from 1 to 86400 seconds"),
        (&["serve", "x", "--rtr-expire", "3600"], "expire (3600 s) must be larger than refresh (3600 s)"),
    ] {
        let (code, _, error) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
}

#[test]
fn c_neg_07_a_lowest_version_above_the_highest_is_refused() {
    let (code, _, error) = run(&["serve", "x", "--min-version", "2", "--max-version", "1"]);
    assert_eq!(code, 2);
    assert_eq!(error, "rtrcast: --min-version, --max-version: 2 is above 1, so that no version is left\n");
}

#[test]
fn help_teaches() {
    let (code, help, _) = run(&["serve", "--help"]);
    assert_eq!(code, 0);
    for words in
        ["Examples:", "rtrcast serve /var/db/rpki-client/json", "SIGHUP reads the configuration again", "Exit codes:"]
    {
        assert!(help.contains(words), "{help}");
    }
}

#[test]
fn c_rst_01_sigterm_and_sigint_end_it_in_order() {
    for signal in ["TERM", "INT"] {
        let mut cache = Cache::small(&[]);
        let mut router = Router::connect(cache.rtr);
        router.reset_query(2);
        cache.signal(signal);
        router.end();
        drop(router);
        assert_eq!(cache.exit_code(), 0);
        assert!(cache.log().iter().any(|line| line.contains("all connections are closed")), "{:#?}", cache.seen);
    }
}

#[test]
fn several_addresses_and_no_http() {
    let taken: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = taken.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    drop(taken);
    let (first, second) = (format!("127.0.0.1:{}", ports[0]), format!("tcp://[::1]:{}", ports[1]));
    let cache = Cache::small(&["--listen", &first, "--listen", &second]);
    assert_eq!(cache.rtr.to_string(), first);
    for address in [first.parse().unwrap(), format!("[::1]:{}", ports[1]).parse().unwrap()] {
        assert_eq!(Router::connect(address).reset_query(1).payload.len(), 1);
    }
}

#[test]
fn a_log_that_cannot_be_written_or_is_not_read_stops_nothing() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    // /dev/full refuses every line; the pipe of the second has a reader that never reads.
    for stderr in [Some("/dev/full"), None] {
        let sink = match stderr {
            Some(path) => Stdio::from(std::fs::OpenOptions::new().write(true).open(path).unwrap()),
            None => Stdio::piped(),
        };
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/rpki.json");
        let mut child = Command::new(env!("CARGO_BIN_EXE_rtrcast"))
            .args(["serve", example, "--listen", "127.0.0.1:0", "--http", "off", "--log-level", "trace"])
            .stdout(Stdio::piped())
            .stderr(sink)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let line = stdout.lines().map_while(Result::ok).find(|line| line.contains("tcp://")).unwrap();
        let address = line.split_once("tcp://").unwrap().1.split(' ').next().unwrap().parse().unwrap();
        // More lines than a pipe holds.
        for _ in 0..1_000 {
            assert_eq!(Router::connect(address).reset_query(1).payload.len(), 13);
        }
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(child.wait().unwrap().success());
    }
}
