//! Where redirects may lead.

use super::{assert_nothing_is_served, one, served};
use crate::authority::Authority;
use crate::cache::{Cache, Folder};
use crate::web::{Web, ok, redirect};

#[test]
fn redirects_never_lead_from_https_to_http() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let ca = folder.put("ca.pem", authority.pem().as_bytes());
    let ca = ["--fetch-ca", ca.to_str().unwrap()];
    let (protected, open) = (Web::with_tls(authority.server()), Web::new());
    protected.reply(redirect(&open.url()));
    let mut cache = Cache::start(protected.url(), &ca);
    let line = cache.wait_for("WARN");
    assert!(line.contains("the server redirects from https to http; waiting for it"), "{line}");
    assert_nothing_is_served(&cache);
    assert_eq!(open.more_requests(), [""; 0]);

    // The other way is a gain, but there is none back.
    open.reply(redirect(&protected.url()));
    protected.reply(ok("", &one(1)));
    let mut cache = Cache::start(open.url(), &ca);
    cache.wait_for("serial ");
    assert_eq!(served(&cache), 1);
    open.reply(redirect(&protected.url()));
    protected.reply(redirect(&open.url()));
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains("the server redirects from https to http; serial"), "{line}");
}

#[test]
fn at_most_five_redirects_are_followed() {
    let web = Web::new();
    let redirects = |count: u32| (1..=count).for_each(|n| web.reply(redirect(&format!("/{n}"))));
    redirects(5);
    web.reply(ok("", &one(1)));
    let mut cache = Cache::start(web.url(), &[]);
    cache.wait_for("serial ");
    assert_eq!(served(&cache), 1);
    assert_eq!(web.more_requests().len(), 6);

    redirects(6);
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains("the server redirects too often; serial"), "{line}");
    assert_eq!(web.more_requests().len(), 6);
    assert_eq!(served(&cache), 1);
}

#[test]
fn the_target_of_a_redirect_does_not_get_the_first_url() {
    let (web, other) = (Web::new(), Web::new());
    web.reply(redirect(&other.url()));
    other.reply(ok("", &one(1)));
    let mut cache =
        Cache::start(format!("http://me:pass-Word@{}/?key=secret-Key", web.address()), &["--log-level", "trace"]);
    cache.wait_for("serial ");
    let request = web.request();
    assert!(request.contains("get /?key=secret-key ") && request.contains("authorization: basic"), "{request}");
    let request = other.request();
    assert!(!request.contains("secret") && !request.contains("authorization"), "{request}");
    let shown = |line: &&String| line.contains("pass-Word") || line.contains("secret-Key");
    assert_eq!(cache.log().iter().find(shown), None);
}
