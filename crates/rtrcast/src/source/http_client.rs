//! The client that fetches a URL: its authorities, certificate, token, proxy and limits.

use super::SourceOptions;
use super::content::SourceError;
use crate::cli::{DialOptions, FetchOptions};
use crate::config::address::Source;
use crate::config::fetch::NO_PROXY;
use crate::observe::describe::{plain, without_os_errors};
use crate::observe::log::Log;
use crate::observe::log::event::sources::SourceEvent;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, ClientBuilder, Identity, Proxy, Url};
use rtrcast_feed::SlurmDialect;
use rtrcast_net::{TlsClient, TlsFailure, TlsIdentity};
use std::any::Any;
use std::error::Error;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Limit of the time without a single octet, the headers included.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(30);
const REDIRECTS_MAX: usize = 5;

/// The largest certificate, key or token file: the authorities of the world have 300 KB.
const OPTION_OCTETS_MAX: u64 = 4 * 1024 * 1024;

/// Reads the files of a fetch, and refuses what is missing or invalid.
pub(crate) fn try_fetching(options: &FetchOptions, source: &Source, timeout: Duration) -> Result<(), SourceError> {
    let Source::Http(url) = source else { return Ok(()) };
    let dialect = SlurmDialect::Strict;
    let source_options =
        SourceOptions { refresh: timeout, timeout, fetch: options.clone(), dial: DialOptions::default(), dialect };
    request_headers(options)?;
    client(url, &source_options).map(|_| ())
}

/// Returns the headers of a request.
pub(super) fn request_headers(options: &FetchOptions) -> Result<HeaderMap, SourceError> {
    let mut headers = HeaderMap::new();
    if let Some(path) = &options.token_file {
        let token = read("the token", path)?;
        let token = String::from_utf8_lossy(&token);
        let token = Some(token.trim()).filter(|token| !token.is_empty());
        let mut value = token
            .and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok())
            .ok_or_else(|| SourceError::Options(format!("{}: not a token, which is one line", path.display())))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Returns a client with the options of a URL.
pub(super) fn client(url: &Url, options: &SourceOptions) -> Result<Client, SourceError> {
    let FetchOptions { ca, client_cert, client_key, .. } = &options.fetch;
    let option_error = |error: reqwest::Error| unusable(&[ca, client_cert, client_key], &error);
    match builder(url, options)?.build() {
        Err(error) if url.scheme() != "https" && options.fetch.ca.is_none() => {
            // A system without any authorities, as containers are, can fetch http:// URLs.
            SourceEvent::AuthoritiesUnusable { error: &innermost(&error) }.log();
            builder(url, options)?.tls_certs_only([]).build().map_err(option_error)
        }
        built => built.map_err(option_error),
    }
}

fn builder(url: &Url, options: &SourceOptions) -> Result<ClientBuilder, SourceError> {
    let FetchOptions { ca, client_cert, client_key, token_file: _, proxy } = &options.fetch;
    let mut builder = Client::builder()
        .user_agent(concat!("rtrcast/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIME_MAX)
        .read_timeout(SILENCE_MAX)
        .timeout(options.timeout)
        // The URL that redirects may have secrets, which the target must not get.
        .referer(false)
        .redirect(Policy::custom(redirect));
    match (ca, client_cert, client_key) {
        // reqwest refuses a certificate that is itself the authority.
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
        // A proxy of the environment is another machine.
        None if options.fetch.has_open_token(url) => builder.no_proxy(),
        None => builder,
        Some(NO_PROXY) => builder.no_proxy(),
        Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(|error| SourceError::Options(innermost(&error)))?),
    };
    Ok(builder)
}

/// Returns TLS that trusts these authorities, as for caches that are followed.
fn tls(
    ca: &Path,
    client_cert: &Option<PathBuf>,
    client_key: &Option<PathBuf>,
) -> Result<impl Any + use<>, SourceError> {
    let trusted = read("the authorities' certificates", ca)?;
    let identity = match (client_cert, client_key) {
        (Some(cert), Some(key)) => Some(identity(cert, key)?),
        _ => None,
    };
    let client = TlsClient::new(Some(&trusted), identity, None);
    let client = client.map_err(|error| SourceError::Options(format!("{}: {error}", ca.display())))?;
    Ok(client.config())
}

/// Returns the client's certificate and key; mistakes in them get our own messages.
fn identity(cert: &Path, key: &Path) -> Result<TlsIdentity, SourceError> {
    let (chain, private) = (read("the client's certificate", cert)?, read("the client's key", key)?);
    let made = TlsIdentity::from_pem(&chain, &private);
    made.map_err(|error| SourceError::Options(format!("{}, {}: {error}", cert.display(), key.display())))
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>, SourceError> {
    let read = || {
        if !fs::metadata(path)?.is_file() {
            // Opening a FIFO would wait for a writer.
            return Err(io::Error::other("not a regular file"));
        }
        let mut octets = Vec::new();
        fs::File::open(path)?.take(OPTION_OCTETS_MAX).read_to_end(&mut octets)?;
        Ok(octets)
    };
    read().map_err(|error| SourceError::Options(format!("can't read {what}: {}: {}", path.display(), plain(&error))))
}

/// Returns a library's error with the names of these files.
fn unusable(files: &[&Option<PathBuf>], error: &reqwest::Error) -> SourceError {
    let reason = innermost(error);
    let files: Vec<String> = files.iter().filter_map(|path| Some(path.as_ref()?.display().to_string())).collect();
    let names = if files.is_empty() { String::new() } else { format!("{}: ", files.join(", ")) };
    SourceError::Options(format!("{names}{reason}"))
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

/// Returns the innermost cause: the outer ones name layers of the library.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).pop().unwrap_or_default()
}

/// Returns the texts of an error and of its causes.
fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        next = error.source();
        if let Some(failure) = TlsFailure::of_fetch(error) {
            texts.push(match failure {
                TlsFailure::Untrusted(_) => format!("{failure}; --fetch-ca names the authority to trust"),
                TlsFailure::Refused(_) => {
                    format!("{failure}; --fetch-client-cert and --fetch-client-key are the certificate to show")
                }
                TlsFailure::Protocol(_) | TlsFailure::Lost(_) | TlsFailure::Probed => failure.to_string(),
            });
            break;
        }
        // Its text is the name of a variant in the library.
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
