//! What log lines say of versions and of Error Reports that peers send.

use crate::cache::{Cache, run};
use crate::fake::{Fake, Played, script};
use crate::router::Router;
use std::io::Write;

const RESET_V1: &str = "01 02 0000 00000008";
const RESET_V2: &str = "02 02 0000 00000008";

#[test]
fn a_router_that_steps_down_is_no_warning() {
    let mut cache = Cache::small(&["--max-version", "1"]);
    let mut router = Router::connect(cache.rtr);
    router.send(RESET_V2);
    assert_eq!(router.next()[..4], [1, 10, 0, 4]);
    router.send(RESET_V1);
    assert_eq!(router.response().payload.len(), 1);
    let line = cache.wait_for("asks in version 2");
    assert!(line.contains(" INFO router 127.0.0.1:"), "{line}");
    let wanted = "asks in version 2, and is told to ask in version 0-1: error 4 (Unsupported Protocol Version)";
    assert!(line.ends_with(wanted), "{line}");
    cache.wait_for("speaks version 1");
    assert!(!cache.log().iter().any(|line| line.contains(" WARN ")));
    assert_eq!(cache.metric("rtrcast_error_reports_sent_total{code=\"4\"}"), Some(1));
}

#[test]
fn a_router_that_never_steps_down_and_what_is_no_router_are_warnings() {
    let mut cache = Cache::small(&["--max-version", "1"]);
    let mut router = Router::connect(cache.rtr);
    for _ in 0..3 {
        router.send(RESET_V2);
        assert_eq!(router.next()[..4], [1, 10, 0, 4]);
    }
    router.send(RESET_V2);
    assert_eq!(router.pdu(), None);
    let line = cache.wait_for("is cut off");
    assert!(line.contains(" WARN ") && line.ends_with("too many queries of unsupported versions"), "{line}");

    for (first, expected) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "it looks like HTTP (--http)"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", "it looks like TLS (--listen tls://...)"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "it looks like SSH (--listen ssh://...)"),
        (b"\xff\x02\x00\x00\x00\x00\x00\x08", "supported versions 0-1"),
    ] {
        let mut other = crate::wire::socket(cache.rtr);
        other.write_all(first).unwrap();
        let line = cache.wait_for("gets error 4 (Unsupported Protocol Version): ");
        assert!(line.contains(" WARN ") && line.ends_with(expected), "{line}");
    }
}

#[test]
fn many_steps_down_hide_no_warning() {
    let mut cache = Cache::small(&["--max-version", "1"]);
    for _ in 0..40 {
        let mut router = Router::connect(cache.rtr);
        router.send(RESET_V2);
        router.next();
        router.send(RESET_V1);
        router.response();
    }
    let mut router = Router::connect(cache.rtr);
    router.send("01 0A 0007 00000010 00000000 00000000");
    cache.wait_for("reports error 7 (Duplicate Announcement Received)");
    let steps = cache.log().iter().filter(|line| line.contains("asks in version 2")).count();
    assert!(steps >= 10, "{steps} lines");
}

/// An Error Report of version 2 with this code, copy and text, as octets in hexadecimal.
fn report(code: u16, copy: &str, text: &str) -> String {
    let octets = |hex: &str| hex.split_whitespace().collect::<String>().len() / 2;
    let text: String = text.bytes().map(|octet| format!("{octet:02x}")).collect();
    let length = 16 + octets(copy) + octets(&text);
    format!("02 0A {code:04x} {length:08x} {:08x} {copy} {:08x} {text}", octets(copy), octets(&text))
}

#[test]
fn a_routers_report_names_the_error_and_the_record() {
    let aspa = "02 0B 0100 00000014 0000FBF0 0000FBF1 0000FBF2";
    for (sent, wanted) in [
        (report(9, aspa, ""), "reports error 9 (ASPA Provider List Error) about \"v2 aspa + AS64496 AS64497,AS64498\""),
        (
            report(7, "02 04 0000 00000014 01 18 18 00 C0000200 0000FBF0", "two\nlines"),
            "reports error 7 (Duplicate Announcement Received) about \"v2 ipv4 + 192.0.2.0/24-24 AS64496\": \
             \"two\\nlines\"",
        ),
        (
            report(9, "02 0B 0100 00000014 0000FBF0", ""),
            "reports error 9 (ASPA Provider List Error) about \"octets 020b0100000000140000fbf0 (length 20 is wrong \
             for ASPA)\"",
        ),
        (report(77, "", ""), "reports error 77, which no text defines"),
    ] {
        let mut cache = Cache::small(&[]);
        let mut router = Router::connect(cache.rtr);
        router.reset_query(2);
        router.send(&sent);
        assert_eq!(router.pdu(), None);
        let line = cache.wait_for("reports error");
        assert!(line.contains(" WARN router 127.0.0.1:") && line.ends_with(wanted), "{line}");
    }
}

#[test]
fn a_caches_report_names_the_error_and_the_query() {
    let played = Played::new();
    let mut cache = Cache::start(played.url(), &[]);
    let mut upstream = played.accept();
    upstream.expect(RESET_V2);
    upstream.send(&report(3, RESET_V2, "not \u{e9}"));
    upstream.wait();
    let line = cache.wait_for("WARN");
    let wanted = "the cache reports error 3 (Invalid Request) about \"v2 reset-query\": \"not \\xc3\\xa9\"";
    assert!(line.contains(&format!("{}: {wanted}; it is asked again in ", played.url())), "{line}");
}

#[test]
fn a_dump_says_what_a_caches_report_is_about() {
    let fake = Fake::new(vec![script(|mut router| {
        router.expect(RESET_V2);
        router.send(&report(3, RESET_V2, "no"));
        router.end();
    })]);
    let url = format!("tcp://{}", fake.address);
    let (code, _, said) = run(&["dump", &url]);
    let wanted = "the cache reported error 3 (Invalid Request), about \"v2 reset-query\", saying \"no\"; --pdus shows what \
                  led to it";
    assert_eq!((code, said), (12, format!("rtrcast: {url}: {wanted}\n")));
    fake.finish();
}
