//! Proxies: the one that is named, the environment's, or none.

use super::{one, served};
use crate::cache::{Cache, Folder, run};
use crate::web::{Reply, Web, ok};

/// A URL whose host nobody but a proxy could find.
const FAR: &str = "http://validator.example/rpki.json?of=all";

#[test]
fn a_proxy_gets_the_whole_url() {
    let (proxy, unused) = (Web::new(), Web::new());
    proxy.always(ok("", &one(1)));
    let (proxy_url, unused_url) = (format!("http://{}", proxy.address()), format!("http://{}", unused.address()));
    // The flag's proxy is for all URLs, whatever the environment says.
    let variables = [("HTTP_PROXY", &*unused_url), ("NO_PROXY", "validator.example")];
    let mut cache = Cache::start_with(&variables, FAR, &["--fetch-proxy", &proxy_url]);
    cache.wait_for("serial ");
    let request = proxy.request();
    assert!(request.starts_with(&format!("get {FAR} http/1.1\r\n")), "{request}");
    assert!(request.contains("\r\nhost: validator.example\r\n"), "{request}");
    assert_eq!(served(&cache), 1);
    assert_eq!(unused.more_requests(), [""; 0]);
}

#[test]
fn without_a_word_the_environment_counts() {
    let (proxy, web) = (Web::new(), Web::new());
    proxy.always(ok("", &one(1)));
    web.always(ok("", &one(2)));
    let proxy_url = format!("http://{}", proxy.address());
    for name in ["HTTP_PROXY", "http_proxy"] {
        let mut cache = Cache::start_with(&[(name, &proxy_url)], FAR, &[]);
        cache.wait_for("serial ");
        assert!(proxy.request().starts_with(&format!("get {FAR} ")));
        assert_eq!(served(&cache), 1);
    }

    let variables = [("HTTP_PROXY", &*proxy_url), ("NO_PROXY", "validator.example,127.0.0.1")];
    for (variables, arguments) in [(&variables[..], &[][..]), (&variables[..1], &["--fetch-proxy", "none"][..])] {
        let mut cache = Cache::start_with(variables, web.url(), arguments);
        cache.wait_for("serial ");
        assert!(web.request().starts_with("get /rpki.json http/1.1\r\n"));
        assert_eq!(served(&cache), 2);
    }
    assert_eq!(proxy.more_requests(), [""; 0]);
}

#[test]
fn https_goes_through_a_proxy_that_sees_nothing_of_it() {
    let (folder, proxy) = (Folder::new(), Web::new());
    let token = folder.put("token", b"secret");
    proxy.always(Reply::Answer { head: "HTTP/1.1 503 Service Unavailable\r\n".to_owned(), body: Vec::new() });
    let proxy_url = format!("http://{}", proxy.address());
    let arguments = ["--fetch-proxy", &proxy_url, "--fetch-token-file", token.to_str().unwrap()];
    let mut cache = Cache::start("https://validator.example/rpki.json?of=all", &arguments);
    let line = cache.wait_for("WARN");
    assert!(line.contains("https://validator.example/rpki.json?...: ") && line.contains("code 2"), "{line}");
    let request = proxy.request();
    assert!(request.starts_with("connect validator.example:443 http/1.1\r\n"), "{request}");
    assert!(!request.contains("secret") && !request.contains("rpki.json"), "{request}");
}

#[test]
fn a_proxy_that_is_no_url_is_refused_without_its_password() {
    let (code, _, error) = run(&["serve", FAR, "--fetch-proxy", "http://me:secret@:::/"]);
    assert_eq!(code, 2, "{error}");
    assert!(error.starts_with("rtrcast: --fetch-proxy: not the URL of a proxy: "), "{error}");
    assert!(!error.contains("secret"), "{error}");
}
