//! How a URL is fetched: by which authorities, certificate, token and proxy, and within which limits.

use super::{Failure, Habits, Source};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Certificate, Client, Identity, Proxy, Url};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Without a single octet, the headers included.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const REDIRECTS_MAX: usize = 5;

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

impl FetchOptions {
    /// Whether these options make sense for a place.
    pub(crate) fn check(&self, place: &Source) -> Result<(), String> {
        match (&self.client_cert, &self.client_key) {
            (Some(_), None) => return Err("a client certificate needs its key".to_owned()),
            (None, Some(_)) => return Err("a client key needs its certificate".to_owned()),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if let Some(proxy) = self.proxy.as_deref().filter(|proxy| *proxy != "none") {
            Proxy::all(proxy).map_err(|error| format!("proxy {proxy}: {}", with_causes(&error)))?;
        }
        match place {
            Source::File(_) if *self != FetchOptions::default() => Err("only URLs have such options".to_owned()),
            Source::Http(url) if self.token_file.is_some() && !is_protected(url) => {
                Err(format!("a token for {place} would travel in the open; use https"))
            }
            Source::File(_) | Source::Http(_) => Ok(()),
        }
    }

    /// Those of them that concern a place: what is said for all URLs does not concern files.
    pub(crate) fn of_all_for(&self, place: &Source) -> FetchOptions {
        match place {
            Source::File(_) => FetchOptions::default(),
            Source::Http(_) => self.clone(),
        }
    }

    /// The headers of a request.
    pub(super) fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(path) = &self.token_file {
            let token = read("the token", path)?;
            let token = String::from_utf8_lossy(&token);
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
                .map_err(|_| Failure::Options(format!("{}: not a token, which is one line", path.display())))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

/// Whether nobody on the way can read what is sent.
fn is_protected(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse().is_ok_and(|addr: std::net::IpAddr| addr.is_loopback());
    url.scheme() == "https" || is_here
}

/// A client that fetches as it is wanted.
pub(super) fn client(habits: &Habits) -> Result<Client, Failure> {
    let FetchOptions { ca, client_cert, client_key, token_file: _, proxy } = &habits.fetch;
    let mut builder = Client::builder()
        .user_agent(concat!("rtrcast/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_MAX)
        .read_timeout(SILENCE_MAX)
        .timeout(habits.timeout)
        .redirect(Policy::custom(redirect));
    if let Some(path) = ca {
        let pem = read("the authorities' certificates", path)?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(path, &error))?;
        if certificates.is_empty() {
            return Err(Failure::Options(format!("{}: there is no certificate in it", path.display())));
        }
        builder = builder.tls_certs_only(certificates);
    }
    if let (Some(cert), Some(key)) = (client_cert, client_key) {
        let mut pem = read("the client's certificate", cert)?;
        pem.push(b'\n');
        pem.extend(read("the client's key", key)?);
        builder = builder.identity(Identity::from_pem(&pem).map_err(|error| unusable(cert, &error))?);
    }
    builder = match proxy.as_deref() {
        None => builder,
        Some("none") => builder.no_proxy(),
        Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(|error| Failure::Options(with_causes(&error)))?),
    };
    builder.build().map_err(|error| Failure::Transfer(with_causes(&error)))
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::Options(format!("can't read {what}: {}: {error}", path.display())))
}

fn unusable(path: &Path, error: &reqwest::Error) -> Failure {
    Failure::Options(format!("{}: {}", path.display(), with_causes(error)))
}

/// Follows redirects, but never from a protected channel to an unprotected one.
fn redirect(attempt: Attempt<'_>) -> Action {
    let was_protected = attempt.previous().iter().any(|url| url.scheme() == "https");
    if was_protected && attempt.url().scheme() != "https" {
        attempt.error("the server redirects from https to http")
    } else if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error("the server redirects too often")
    } else {
        attempt.follow()
    }
}

/// An error with all that caused it: the outermost says little.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.ends_with(&inner) {
            text = format!("{text}: {inner}");
        }
        cause = error.source();
    }
    text
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
            check("http://validator.example/x").unwrap_err(),
            "a token for http://validator.example/x would travel in the open; use https"
        );
        assert_eq!(check("x.json").unwrap_err(), "only URLs have such options");
    }
}
