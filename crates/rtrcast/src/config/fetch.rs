//! Rules for the options of a fetch: no token without encryption, and a valid proxy.

use super::access::certificate_and_key;
use crate::cli::FetchOptions;
use crate::cli::given::InvalidOptions;
use crate::config::address::Source;
use reqwest::{Proxy, Url};
use std::error::Error;

/// The value instead of a proxy's URL.
pub(crate) const NO_PROXY: &str = "none";

/// Schemes of proxies.
const PROXY_SCHEMES: [&str; 2] = ["http", "https"];

impl FetchOptions {
    /// Refuses options that are invalid for a URL.
    pub(super) fn validate_for(&self, url: &Url, source: &Source) -> Result<(), InvalidOptions> {
        certificate_and_key(self.client_cert.as_deref(), self.client_key.as_deref())?;
        let proxy = self.proxy.as_deref().filter(|proxy| *proxy != NO_PROXY);
        // The URL is not part of the message: it may have a password.
        if let Some(Err(error)) = proxy.map(Proxy::all) {
            let reason = format!("not the URL of a proxy: {}", innermost(&error));
            return Err(InvalidOptions::new(&["proxy"], reason));
        }
        let scheme = proxy.and_then(|proxy| proxy.split_once("://")).map(|(scheme, _)| scheme);
        if proxy.is_some()
            && !scheme.is_some_and(|scheme| PROXY_SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
        {
            let known = PROXY_SCHEMES.join("://, ");
            let reason = format!("not the URL of a proxy, which begins with {known}://");
            return Err(InvalidOptions::new(&["proxy"], reason));
        }
        if self.token_file.is_some() && !is_protected(url) {
            let reason = format!("a token for {source} would travel in the open; use https");
            return Err(InvalidOptions::new(&["token-file"], reason));
        }
        if self.has_open_token(url) && proxy.is_some() {
            let reason = format!("a token for {source} would travel to the proxy in the open; use https");
            return Err(InvalidOptions::new(&["token-file", "proxy"], reason));
        }
        Ok(())
    }

    /// Returns true if a token is sent without encryption.
    pub(crate) fn has_open_token(&self, url: &Url) -> bool {
        self.token_file.is_some() && url.scheme() != "https"
    }
}

/// Returns true if requests are encrypted, or stay on this machine.
fn is_protected(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse().is_ok_and(|addr: std::net::IpAddr| addr.is_loopback());
    url.scheme() == "https" || is_here
}

/// Returns the innermost cause of an error: the outer ones are less specific.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_travel_protected() {
        let options = FetchOptions { token_file: Some("token".into()), ..FetchOptions::default() };
        let check = |url: &str| options.validate_for(&url.parse().unwrap(), &Source::parse(url.into()).unwrap());
        assert!(check("https://validator.example/").is_ok());
        assert!(check("http://127.0.0.1:8080/").is_ok());
        assert!(check("http://[::1]:8080/").is_ok());
        assert!(check("http://localhost/").is_ok());
        assert_eq!(
            check("http://validator.example/x").unwrap_err().reason,
            "a token for http://validator.example/x would travel in the open; use https"
        );
    }
}
