//! How a URL is fetched: by which authorities, certificate, token and proxy, and within which limits.

use super::Habits;
use super::content::Failure;
use crate::cli::DialOptions;
use crate::config::address::Source;
use crate::config::options::{FetchOptions, NO_PROXY};
use crate::observe::describe::{plain, without_os_errors};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, ClientBuilder, Identity, Proxy, Url};
use rtrcast_feed::SlurmDialect;
use rtrcast_net::{HandshakeFailure, TlsClient, TlsIdentity};
use std::any::Any;
use std::error::Error;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::debug;

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Without a single octet, the headers included.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const REDIRECTS_MAX: usize = 5;

/// The most that is read of a certificate, key or token: the authorities of the world have 300 KB.
const OPTION_OCTETS_MAX: u64 = 4 * 1024 * 1024;

/// Whether what a fetch needs of the disk is there and can be used now.
pub(crate) fn try_fetching(options: &FetchOptions, place: &Source, timeout: Duration) -> Result<(), Failure> {
    let Source::Http(url) = place else { return Ok(()) };
    let dialect = SlurmDialect::Strict;
    let habits = Habits { refresh: timeout, timeout, fetch: options.clone(), dial: DialOptions::default(), dialect };
    request_headers(options)?;
    client(url, &habits).map(|_| ())
}

/// The headers of a request.
pub(super) fn request_headers(options: &FetchOptions) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    if let Some(path) = &options.token_file {
        let token = read("the token", path)?;
        let token = String::from_utf8_lossy(&token);
        let token = Some(token.trim()).filter(|token| !token.is_empty());
        let mut value = token
            .and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok())
            .ok_or_else(|| Failure::Options(format!("{}: not a token, which is one line", path.display())))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// A client that fetches from a URL as it is wanted.
pub(super) fn client(url: &Url, habits: &Habits) -> Result<Client, Failure> {
    let FetchOptions { ca, client_cert, client_key, .. } = &habits.fetch;
    let broken = |error: reqwest::Error| unusable(&[ca, client_cert, client_key], &error);
    match builder(url, habits)?.build() {
        Err(error) if url.scheme() != "https" && habits.fetch.ca.is_none() => {
            // A system without any authorities, as containers are, can fetch what needs none.
            debug!("{}; trusting no authority", innermost(&error));
            builder(url, habits)?.tls_certs_only([]).build().map_err(broken)
        }
        built => built.map_err(broken),
    }
}

fn builder(url: &Url, habits: &Habits) -> Result<ClientBuilder, Failure> {
    let FetchOptions { ca, client_cert, client_key, token_file: _, proxy } = &habits.fetch;
    let mut builder = Client::builder()
        .user_agent(concat!("rtrcast/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_MAX)
        .read_timeout(SILENCE_MAX)
        .timeout(habits.timeout)
        // The URL that redirects may have secrets, which are not for where it leads to.
        .referer(false)
        .redirect(Policy::custom(redirect));
    match (ca, client_cert, client_key) {
        // The library that fetches refuses a certificate that is itself the authority.
        (Some(path), ..) => builder = builder.tls_backend_preconfigured(tls(path, client_cert, client_key)?),
        (None, Some(cert), Some(key)) => {
            identity(cert, key)?;
            let mut pem = read("the client's certificate", cert)?;
            pem.push(b'\n');
            pem.extend(read("the client's key", key)?);
            let identity = Identity::from_pem(&pem).map_err(|error| unusable(&[client_cert, client_key], &error))?;
            builder = builder.identity(identity);
        }
        (None, ..) => {}
    }
    builder = match proxy.as_deref() {
        // The environment's proxy is not this machine itself.
        None if habits.fetch.has_open_token(url) => builder.no_proxy(),
        None => builder,
        Some(NO_PROXY) => builder.no_proxy(),
        Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(|error| Failure::Options(innermost(&error)))?),
    };
    Ok(builder)
}

/// TLS that trusts these authorities, as caches that are followed are trusted.
fn tls(ca: &Path, client_cert: &Option<PathBuf>, client_key: &Option<PathBuf>) -> Result<impl Any + use<>, Failure> {
    let trusted = read("the authorities' certificates", ca)?;
    let identity = match (client_cert, client_key) {
        (Some(cert), Some(key)) => Some(identity(cert, key)?),
        _ => None,
    };
    let client = TlsClient::new(Some(&trusted), identity, None);
    let client = client.map_err(|error| Failure::Options(format!("{}: {error}", ca.display())))?;
    Ok(client.config())
}

/// What is shown to servers; what is wrong with it is told by our own words.
fn identity(cert: &Path, key: &Path) -> Result<TlsIdentity, Failure> {
    let (chain, private) = (read("the client's certificate", cert)?, read("the client's key", key)?);
    let made = TlsIdentity::from_pem(&chain, &private);
    made.map_err(|error| Failure::Options(format!("{}, {}: {error}", cert.display(), key.display())))
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || {
        if !fs::metadata(path)?.is_file() {
            // Opening a FIFO would wait for a writer.
            return Err(io::Error::other("not a regular file"));
        }
        let mut octets = Vec::new();
        fs::File::open(path)?.take(OPTION_OCTETS_MAX).read_to_end(&mut octets)?;
        Ok(octets)
    };
    read().map_err(|error| Failure::Options(format!("can't read {what}: {}: {}", path.display(), plain(&error))))
}

/// What is wrong with what was read from one of these files.
fn unusable(files: &[&Option<PathBuf>], error: &reqwest::Error) -> Failure {
    let reason = innermost(error);
    let files: Vec<String> = files.iter().filter_map(|path| Some(path.as_ref()?.display().to_string())).collect();
    let place = if files.is_empty() { String::new() } else { format!("{}: ", files.join(", ")) };
    Failure::Options(format!("{place}{reason}"))
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

/// What is wrong in the end: the outer causes say where in the library.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).pop().unwrap_or_default()
}

/// The texts of an error and of all that caused it.
fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        next = error.source();
        if let Some(failure) = HandshakeFailure::of_fetch(error) {
            texts.push(match failure {
                HandshakeFailure::Untrusted(_) => format!("{failure}; --fetch-ca names the authority to trust"),
                HandshakeFailure::Refused(_) => {
                    format!("{failure}; --fetch-client-cert and --fetch-client-key say what it is shown")
                }
                HandshakeFailure::Protocol(_) | HandshakeFailure::Lost(_) | HandshakeFailure::Probed => {
                    failure.to_string()
                }
            });
            break;
        }
        // It says by the name of a variant where in the library it comes from.
        if next.is_some() && error.is::<hyper_util::client::legacy::Error>() {
            continue;
        }
        let text = without_os_errors(&error.to_string());
        if !texts.last().is_some_and(|outer| outer.ends_with(&text)) {
            texts.push(text);
        }
    }
    texts
}
