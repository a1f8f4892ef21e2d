//! A URL as a source: asked conditionally, and believed only when the whole body made sense.

use crate::cache::{Cache, document};
use crate::router::Router;
use crate::web::{Reply, Web, not_modified, ok};

fn one(asn: u32) -> Vec<u8> {
    document(&[(asn, "10.0.0.0/8", 8)])
}

fn served(cache: &Cache) -> u8 {
    Router::connect(cache.rtr).reset_query(1).payload[0][19]
}

#[test]
fn conditions_count_only_after_a_body_that_was_read_well() {
    let web = Web::new();
    web.reply(ok("ETag: \"one\"\r\nLast-Modified: Wed, 16 Sep 2026 00:00:00 GMT\r\n", &one(1)));
    let mut cache = Cache::start(web.url(), &[]);
    cache.wait_for("serial ");
    let first = web.request();
    assert!(first.starts_with("get /rpki.json "), "{first}");
    assert!(!first.contains("if-none-match") && first.contains("user-agent: rtrcast/"), "{first}");

    web.reply(not_modified());
    cache.signal("HUP");
    cache.wait_for("unchanged");
    let second = web.request();
    assert!(
        second.contains("if-none-match: \"one\"") && second.contains("if-modified-since: wed, 16 sep 2026"),
        "{second}"
    );

    // The body breaks off: nothing changes, and the next request is unconditional.
    let body = one(2);
    let head = "HTTP/1.1 200 OK\r\nETag: \"two\"\r\n".to_owned();
    web.reply(Reply::CutShort { head, announced: body.len(), body: body[..body.len() / 2].to_vec() });
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains("stays served"), "{line}");
    assert_eq!(served(&cache), 1);
    web.request();

    web.reply(ok("ETag: \"two\"\r\n", &body));
    cache.signal("HUP");
    cache.wait_for("+1 -1 VRPs");
    assert!(!web.request().contains("if-none-match"));
    assert_eq!(served(&cache), 2);

    // Nonsense with an ETag: likewise.
    web.reply(ok("ETag: \"three\"\r\n", b"{ \"roas\": [ {} ] }"));
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains("all of its 1 entries, or all VRPs, are invalid"), "{line}");
    web.request();
    web.reply(ok("ETag: \"three\"\r\n", &one(3)));
    cache.signal("HUP");
    cache.wait_for("+1 -1 VRPs");
    assert!(!web.request().contains("\"three\""));
}

#[test]
fn a_server_that_fails_is_logged_and_asked_again() {
    let web = Web::new();
    web.reply(Reply::Answer { head: "HTTP/1.1 503 Service Unavailable\r\n".to_owned(), body: b"later".to_vec() });
    let mut cache = Cache::start(web.url(), &["--refresh", "1"]);
    let line = cache.wait_for("WARN");
    assert!(line.contains("status 503") && line.contains("waiting for it"), "{line}");
    web.reply(Reply::HangUp);
    cache.wait_for("WARN");
    // An answer that is no answer to what was asked: there is nothing that it could be unchanged from.
    web.reply(not_modified());
    assert!(cache.wait_for("WARN").contains("\"not modified\" (304)"));
    web.reply(ok("", &one(8)));
    cache.wait_for("INFO");
    assert_eq!(served(&cache), 8);
    let path = web.url();
    assert_eq!(cache.metric(&format!("refresh_requests_total{{path=\"{path}\",code=\"503\"}}")), Some(1));
    assert_eq!(cache.metric(&format!("refresh_requests_total{{path=\"{path}\",code=\"200\"}}")), Some(1));
}

#[test]
fn a_server_that_is_not_there_is_logged() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut cache = Cache::start(format!("http://{address}/"), &[]);
    let line = cache.wait_for("WARN");
    assert!(line.contains("Connection refused") && line.contains("code 2"), "{line}");
}
