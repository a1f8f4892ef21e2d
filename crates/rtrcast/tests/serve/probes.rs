//! Connections that are opened and ended without an octet, as load balancers and monitors do: no router is refused.

use crate::cache::Cache;
use crate::router::hex;
use crate::site::Site;
use crate::wire::socket;
use socket2::{SockRef, Socket};
use std::io::Write;
use std::time::Duration;

/// A header of PROXY version 2 by which a balancer comes for itself.
const LOCAL: &str = "0D0A0D0A 000D0A51 5549540A 20 00 0000";

/// How a probe ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    InOrder,
    ByReset,
}

const BOTH: [Ending; 2] = [Ending::InOrder, Ending::ByReset];

fn end(socket: Socket, ending: Ending) {
    if let Ending::ByReset = ending {
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

fn assert_nothing_was_refused(cache: &mut Cache) {
    let (_, metrics) = cache.get("/metrics");
    assert!(!metrics.contains("rtrcast_refused_connections_total{"), "{metrics}");
    assert!(metrics.contains("rtrcast_unclean_ends_total 0\n"), "{metrics}");
    let is_about_peers = |line: &&String| line.contains(" WARN connection") || line.contains(" WARN router");
    let warnings: Vec<&String> = cache.log().iter().filter(is_about_peers).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_probe_of_tls_or_ssh_is_no_failed_handshake() {
    let site = Site::new();
    site.folder.put("authorized_keys", b"# nobody\n");
    for listen in [site.tls(), site.ssh()] {
        let mut cache = site.start(&["--listen", &listen]);
        for ending in BOTH {
            end(socket(cache.rtr), ending);
            let line = cache.wait_for(": it ended before anything was received");
            assert!(line.contains(" DEBUG connection 127.0.0.1:"), "{ending:?}: {line}");
        }
        assert_nothing_was_refused(&mut cache);
        // An octet makes it a handshake that failed.
        let mut spoke = socket(cache.rtr);
        spoke.write_all(&[0x16]).unwrap();
        drop(spoke);
        let line = cache.wait_for("is refused");
        assert!(line.contains(" WARN "), "{line}");
        assert_eq!(cache.metric("rtrcast_refused_connections_total{reason=\"handshake\"}"), Some(1));
    }
}

#[test]
fn a_probe_where_a_header_is_expected_or_behind_one_is_no_failed_handshake() {
    let site = Site::new();
    for listen in ["127.0.0.1:0,proxy-from=127.0.0.1/32".to_owned(), site.tls() + ",proxy-from=127.0.0.1/32"] {
        let mut cache = site.start(&["--listen", &listen]);
        for ending in BOTH {
            end(socket(cache.rtr), ending);
            cache.wait_for(": it ended before anything was received");
        }
        assert_nothing_was_refused(&mut cache);
    }
    let mut cache = site.start(&["--listen", &(site.tls() + ",proxy-from=127.0.0.1/32")]);
    let mut balancer = socket(cache.rtr);
    balancer.write_all(&hex(LOCAL)).unwrap();
    drop(balancer);
    cache.wait_for(": it ended before anything was received");
    assert_nothing_was_refused(&mut cache);
}

#[test]
fn a_probe_of_plain_tcp_is_no_broken_connection() {
    let mut cache = Cache::small(&[]);
    for ending in BOTH {
        end(socket(cache.rtr), ending);
        let line = cache.wait_for("before it asked anything that is served");
        assert!(line.contains(" DEBUG connection 127.0.0.1:"), "{ending:?}: {line}");
    }
    assert_nothing_was_refused(&mut cache);
    // Half a query makes it a connection that broke.
    let mut spoke = socket(cache.rtr);
    spoke.write_all(&hex("01 02 0000")).unwrap();
    // It is read before the reset, which would discard it.
    cache.wait_for("connected to");
    end(spoke, Ending::ByReset);
    cache.wait_for_metric("rtrcast_unclean_ends_total", 1);
}
