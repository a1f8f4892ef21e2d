//! Servers that fail: what was read well stays served, and routers notice nothing.

use super::{healthy, one, served};
use crate::cache::Cache;
use crate::router::{Response, Router};
use crate::web::{Reply, Web, not_modified, ok, redirect};

/// A router asks, and there is nothing new.
fn assert_nothing_is_new(router: &mut Router, known: &Response) {
    router.serial_query(1, known.session, known.serial);
    let response = router.response();
    assert_eq!((response.session, response.serial, response.payload.len()), (known.session, known.serial, 0));
}

/// The next that a router hears is that there is something new, and then it gets the one in place of the other.
fn assert_one_for_the_other(router: &mut Router, known: &Response) {
    assert_eq!(router.notify(), (known.session, known.serial.wrapping_add(1)));
    router.serial_query(1, known.session, known.serial);
    assert_eq!(router.response().payload.len(), 2);
}

#[test]
fn a_server_that_hangs_or_breaks_off_withdraws_nothing() {
    let web = Web::new();
    web.always(ok("ETag: \"one\"\r\n", &one(1)));
    let mut cache = Cache::start(web.url(), &["--refresh", "1", "--fetch-timeout", "1"]);
    cache.wait_for("serial ");
    let mut router = Router::connect(cache.rtr);
    let first = router.reset_query(1);

    web.always(Reply::Hang { after: Vec::new() });
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains("no answer within 1 s (--fetch-timeout)"), "{line}");
    assert!(line.contains("stays served"), "{line}");
    assert_nothing_is_new(&mut router, &first);

    let (body, head) = (one(2), "HTTP/1.1 200 OK\r\nETag: \"two\"\r\n");
    let half = &body[..body.len() / 2];
    let octets = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    web.always(Reply::Hang { after: [&octets, half].concat() });
    cache.signal("HUP");
    cache.wait_for("the transfer was not complete within 1 s (--fetch-timeout)");
    assert_nothing_is_new(&mut router, &first);

    web.always(Reply::CutShort { head: head.to_owned(), announced: body.len(), body: half.to_vec() });
    cache.signal("HUP");
    cache.wait_for("end of file before message length reached");

    // Not modified since what? The last answer was no good.
    web.always(not_modified());
    cache.signal("HUP");
    cache.wait_for("\"not modified\" (304)");
    assert_nothing_is_new(&mut router, &first);
    assert_eq!(cache.metric(&healthy(&web.url())), Some(0));
    assert!(!web.more_requests().iter().any(|request| request.contains("two")));

    web.always(ok("ETag: \"two\"\r\n", &body));
    cache.signal("HUP");
    cache.wait_for("+1 -1 VRPs");
    assert_one_for_the_other(&mut router, &first);
    assert_eq!(served(&cache), 2);
}

#[test]
fn the_operator_does_not_wait_for_a_server_that_hangs() {
    let web = Web::new();
    web.reply(Reply::Hang { after: Vec::new() });
    let mut cache = Cache::start(web.url(), &[]);
    web.request();
    web.reply(ok("", &one(1)));
    cache.signal("HUP");
    cache.wait_for("serial ");
    assert_eq!(served(&cache), 1);
}

#[test]
fn errors_do_not_name_layers_of_a_library() {
    let web = Web::new();
    web.always(Reply::HangUp);
    let mut cache = Cache::start(web.url(), &[]);
    let line = cache.wait_for("WARN");
    let wanted = format!("WARN {}: no answer: connection closed before message completed; waiting for it", web.url());
    assert!(line.contains(&wanted), "{line}");
    web.always(redirect("nonsense://x"));
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains(&format!("WARN {}: URL scheme is not allowed; ", web.url())), "{line}");
}

#[test]
fn a_server_that_goes_and_comes_back() {
    let web = Web::new();
    let url = web.url();
    web.always(ok("", &one(1)));
    let mut cache = Cache::start(&url, &["--refresh", "1"]);
    cache.wait_for("serial ");
    assert_eq!(cache.metric(&healthy(&url)), Some(1));
    let mut router = Router::connect(cache.rtr);
    let first = router.reset_query(1);

    let port = web.stop();
    let line = cache.wait_for("Connection refused");
    assert!(line.contains("WARN") && line.contains("stays served"), "{line}");
    assert_eq!(cache.metric(&healthy(&url)), Some(0));
    assert_eq!(cache.get("/readyz").0, 200);
    assert_nothing_is_new(&mut router, &first);
    assert_eq!(served(&cache), 1);

    let web = Web::at(port);
    web.always(ok("", &one(2)));
    cache.wait_for("+1 -1 VRPs");
    assert_eq!(cache.metric(&healthy(&url)), Some(1));
    assert_one_for_the_other(&mut router, &first);
}
