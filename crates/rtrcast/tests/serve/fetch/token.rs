//! A bearer token: sent to whom it is for, and to nobody else.

use super::{one, served};
use crate::cache::{Cache, Folder, run};
use crate::web::{Web, ok, redirect};

#[test]
fn a_token_is_sent_and_a_new_one_is_noticed() {
    let (folder, web) = (Folder::new(), Web::new());
    let path = folder.put("token", b"first-Secret\n");
    let token = path.to_str().unwrap();
    web.reply(ok("", &one(1)));
    let mut cache = Cache::start(web.url(), &["--fetch-token-file", token, "--log-level", "trace"]);
    cache.wait_for("serial ");
    let request = web.request();
    assert!(request.contains("\r\nauthorization: bearer first-secret\r\n"), "{request}");

    folder.put("token", b"second-Secret");
    web.reply(ok("", &one(2)));
    cache.signal("HUP");
    cache.wait_for("+1 -1 VRPs");
    let request = web.request();
    assert!(request.contains("\r\nauthorization: bearer second-secret\r\n"), "{request}");

    // What can't be a token is not sent, and not shown either.
    for content in ["", "\n", "third-Secret\nfourth-Secret\n"] {
        folder.put("token", content.as_bytes());
        cache.signal("HUP");
        let line = cache.wait_for("WARN");
        assert!(line.contains(&format!("{token}: not a token, which is one line; serial")), "{line}");
    }
    std::fs::remove_file(&path).unwrap();
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains(&format!("can't read the token: {token}: there is no such file")), "{line}");
    assert_eq!(web.more_requests(), [""; 0]);
    assert_eq!(served(&cache), 2);

    let shown = |line: &&String| line.contains("-Secret");
    assert_eq!(cache.log().iter().find(shown), None);
}

#[test]
fn a_token_stays_with_its_server() {
    let (folder, web, other) = (Folder::new(), Web::new(), Web::new());
    let token = folder.put("token", b"secret");
    // Within the server, and then to another one, which differs by its port.
    web.reply(redirect("/elsewhere"));
    web.reply(redirect(&other.url()));
    other.reply(ok("", &one(1)));
    let mut cache = Cache::start(web.url(), &["--fetch-token-file", token.to_str().unwrap()]);
    cache.wait_for("serial ");
    assert!(web.request().contains("bearer secret"));
    assert!(web.request().contains("bearer secret"));
    let request = other.request();
    assert!(!request.contains("secret") && !request.contains("authorization"), "{request}");
    assert_eq!(served(&cache), 1);
}

#[test]
fn a_token_that_would_travel_in_the_open_is_refused_at_the_start() {
    let url = "http://validator.example/rpki.json";
    let (code, _, error) = run(&["serve", url, "--fetch-token-file", "token"]);
    assert_eq!(code, 2, "{error}");
    assert_eq!(error, format!("rtrcast: --fetch-token-file: a token for {url} would travel in the open; use https\n"));

    let folder = Folder::new();
    for (text, line, prefix) in [
        (format!("refresh = 60\nsource = [{{ at = \"{url}\", token-file = \"token\" }}]\n"), 2, ""),
        (format!("source = \"{url}\"\n\nfetch-token-file = \"token\"\n"), 3, "fetch-token-file: "),
    ] {
        let path = folder.put("rtrcast.toml", text.as_bytes());
        let path = path.to_str().unwrap();
        let (code, _, error) = run(&["serve", "--config", path]);
        assert_eq!(code, 3, "{error}");
        let reason = format!("{prefix}a token for {url} would travel in the open; use https");
        assert_eq!(error, format!("rtrcast: {path}:{line}: {reason}\n"));
    }
}

#[test]
fn a_token_without_tls_does_not_take_a_proxy() {
    let (folder, web, proxy) = (Folder::new(), Web::new(), Web::new());
    let token = folder.put("token", b"secret");
    let token = ["--fetch-token-file", token.to_str().unwrap()];
    let proxy_url = format!("http://{}", proxy.address());
    web.always(ok("", &one(1)));
    let mut cache = Cache::start_with(&[("HTTP_PROXY", &proxy_url)], web.url(), &token);
    cache.wait_for("serial ");
    assert!(web.request().contains("bearer secret"));
    assert_eq!(proxy.more_requests(), [""; 0]);

    let url = web.url();
    let (code, _, error) = run(&[&["serve", &url, "--fetch-proxy", &proxy_url][..], &token].concat());
    assert_eq!(code, 2, "{error}");
    assert!(error.contains(&format!("a token for {url} would travel to the proxy in the open; use https")), "{error}");
}
