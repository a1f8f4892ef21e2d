//! How URLs are fetched, as it is given on the command line and in the file.

use crate::config::address::Source;
use reqwest::{Proxy, Url};
use std::error::Error;
use std::path::PathBuf;

/// Instead of a proxy's URL.
pub(crate) const NO_PROXY: &str = "none";

/// What the URL of a proxy begins with.
const PROXY_SCHEMES: [&str; 2] = ["http", "https"];

/// The options of a fetch. Files are read when they are used, so that they may be renewed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FetchOptions {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) token_file: Option<PathBuf>,
    /// A URL, or `none`; without it the environment says.
    pub(crate) proxy: Option<String>,
}

/// Options that make no sense, or not for a place.
#[derive(Debug)]
pub(crate) struct InvalidOptions {
    /// The options, as they are called for one place or for all.
    pub(crate) flags: Vec<&'static str>,
    pub(crate) reason: String,
}

impl FetchOptions {
    /// The names of all.
    pub(crate) const NAMES: [&str; 5] = ["ca", "client-cert", "client-key", "token-file", "proxy"];

    /// Sets one by its name, if there is one.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> bool {
        let path = || Some(PathBuf::from(value));
        match name {
            "ca" => self.ca = path(),
            "client-cert" => self.client_cert = path(),
            "client-key" => self.client_key = path(),
            "token-file" => self.token_file = path(),
            "proxy" => self.proxy = Some(value.to_owned()),
            _ => return false,
        }
        true
    }

    /// Whether these options make sense for a place.
    pub(crate) fn check(&self, place: &Source) -> Result<(), InvalidOptions> {
        let invalid = |flags: &'static [&'static str], reason: &str| {
            Err(InvalidOptions { flags: flags.to_vec(), reason: reason.to_owned() })
        };
        match (&self.client_cert, &self.client_key) {
            (Some(_), None) => return invalid(&["client-cert"], "a client certificate needs its key"),
            (None, Some(_)) => return invalid(&["client-key"], "a client key needs its certificate"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let proxy = self.proxy.as_deref().filter(|proxy| *proxy != NO_PROXY);
        // It is not repeated: it may have a password.
        if let Some(Err(error)) = proxy.map(Proxy::all) {
            return invalid(&["proxy"], &format!("not the URL of a proxy: {}", innermost(&error)));
        }
        let scheme = proxy.and_then(|proxy| proxy.split_once("://")).map(|(scheme, _)| scheme);
        if proxy.is_some()
            && !scheme.is_some_and(|scheme| PROXY_SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
        {
            let known = PROXY_SCHEMES.join("://, ");
            return invalid(&["proxy"], &format!("not the URL of a proxy, which begins with {known}://"));
        }
        match place {
            Source::File(_) | Source::Directory(_) | Source::Rtr(_) if *self != FetchOptions::default() => {
                invalid(&[], "only URLs and caches have such options")
            }
            Source::Http(url) if self.token_file.is_some() && !is_protected(url) => {
                let reason = format!("a token for {place} would travel in the open; use https");
                invalid(&["token-file"], &reason)
            }
            Source::Http(url) if self.has_open_token(url) && proxy.is_some() => {
                let reason = format!("a token for {place} would travel to the proxy in the open; use https");
                invalid(&["token-file", "proxy"], &reason)
            }
            Source::File(_) | Source::Directory(_) | Source::Http(_) | Source::Rtr(_) => Ok(()),
        }
    }

    /// Whether a token goes with requests that everybody on their way can read.
    pub(crate) fn has_open_token(&self, url: &Url) -> bool {
        self.token_file.is_some() && url.scheme() != "https"
    }

    /// Those of them that concern a place: what is said for all URLs does not concern files.
    pub(crate) fn of_all_for(&self, place: &Source) -> FetchOptions {
        match place {
            Source::File(_) | Source::Directory(_) | Source::Rtr(_) => FetchOptions::default(),
            Source::Http(_) => self.clone(),
        }
    }
}

/// Whether nobody on the way can read what is sent.
fn is_protected(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse().is_ok_and(|addr: std::net::IpAddr| addr.is_loopback());
    url.scheme() == "https" || is_here
}

/// What caused an error in the end: the outermost says little.
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
        let check = |place: &str| options.check(&Source::parse(place.into()).unwrap());
        assert!(check("https://validator.example/").is_ok());
        assert!(check("http://127.0.0.1:8080/").is_ok());
        assert!(check("http://[::1]:8080/").is_ok());
        assert!(check("http://localhost/").is_ok());
        assert_eq!(
            check("http://validator.example/x").unwrap_err().reason,
            "a token for http://validator.example/x would travel in the open; use https"
        );
        assert_eq!(check("x.json").unwrap_err().reason, "only URLs and caches have such options");
    }
}
