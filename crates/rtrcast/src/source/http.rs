//! A URL: requested at intervals with a jitter, conditionally, and within limits of time and size.
//!
//! The conditions of a later request (ETag, Last-Modified) are kept only once the body that came with them was read
//! without error: a truncated body must not be answered by "not modified" for ever.

use super::content::{Read, Reading, SOURCE_OCTETS_MAX, SourceContent, SourceError};
use super::http_client::{CONNECT_TIME_MAX, SILENCE_MAX, client, innermost, request_headers};
use super::{SourceContext, SourceOptions};
use crate::blocking::{blocking, file_call};
use crate::clock::unix_of;
use crate::hub::message::News;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Client, Response, StatusCode, Url};
use rtrcast_feed::state::SourceRevision;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

/// Pause after a failure; doubled each time, up to the interval between refreshes.
const RETRY_MIN: Duration = Duration::from_secs(10);
/// Age from which on an attempt is given up when the operator asks for a refresh.
const STALLED_MIN: Duration = Duration::from_secs(5);
/// Bound of the channel of a body's chunks to the reader.
const CHUNKS_MAX: usize = 16;

pub(super) async fn follow(url: Url, mut context: SourceContext) {
    // Files (certificates, for instance) are read again after a failure.
    let mut client_in_use: Option<Client> = None;
    let mut conditions =
        context.resumed.take().as_deref().map_or_else(HeaderMap::new, |source| resumed(&source.revision));
    let mut failures = 0;
    loop {
        let started = Instant::now();
        let attempt = async {
            let client = match client_in_use.take() {
                Some(client) => client,
                None => prepared(&url, &context.options).await.map_err(|failure| (NO_STATUS.to_owned(), failure))?,
            };
            let answer = fetch(&client, &url, &mut conditions, &context).await?;
            client_in_use = Some(client);
            Ok(answer)
        };
        let outcome = tokio::select! {
            outcome = attempt => outcome,
            () = refresh_while_stalled(started, &context.refresh) => continue,
        };
        let (code, outcome) = match outcome {
            Ok((code, read)) => (code, Ok(read)),
            Err((code, failure)) => (code, Err(failure)),
        };
        failures = if context.send_outcome(started, &code, outcome).await { 0 } else { failures + 1 };
        tokio::select! {
            () = sleep(pause(context.options.refresh, failures)) => {}
            () = context.refresh.notified() => {}
        }
        context.send(News::Loading).await;
    }
}

/// Waits until the operator asks for a refresh while an attempt has been running for so long that its server may hang.
/// An attempt that has just begun is the refresh.
async fn refresh_while_stalled(started: Instant, refresh: &Notify) {
    loop {
        refresh.notified().await;
        if started.elapsed() >= STALLED_MIN {
            return;
        }
    }
}

/// Returns a client, for which certificates may have to be read.
async fn prepared(url: &Url, options: &SourceOptions) -> Result<Client, SourceError> {
    let (url, options) = (url.clone(), options.clone());
    file_call(move || client(&url, &options)).await
}

/// Returns the headers of a request, for which a token may have to be read.
async fn headers(options: &SourceOptions) -> Result<HeaderMap, SourceError> {
    let fetch = options.fetch.clone();
    file_call(move || request_headers(&fetch)).await
}

/// Fetches once.
pub(super) async fn read_once(url: &Url, options: &SourceOptions, reading: Reading) -> Result<Read, SourceError> {
    let client = prepared(url, options).await?;
    let headers = headers(options).await?;
    let request = client.get(url.clone()).header(ACCEPT_ENCODING, reading.encodings()).headers(headers);
    let response = request.send().await.map_err(|error| transfer_error(error, options))?;
    match response.status() {
        StatusCode::OK => read(response, reading, options).await,
        status => Err(SourceError::Status(status.as_u16())),
    }
}

/// The status in the metric where there was no response.
const NO_STATUS: &str = "none";

/// Returns the pause before the next request: the interval a tenth more or less, or less than that after failures.
/// [C-LOC-01]
fn pause(refresh: Duration, failures: u32) -> Duration {
    let base = match failures {
        0 => refresh,
        _ => (RETRY_MIN * 2_u32.saturating_pow(failures.min(16) - 1)).min(refresh),
    };
    base.mul_f64(jitter(0.9, 1.1))
}

/// Returns a random factor; the middle if the system has no randomness.
fn jitter(from: f64, to: f64) -> f64 {
    let random = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    from + (to - from) * random
}

/// Sends one request. Returns the status for the metric beside the outcome; no content if it is not modified.
async fn fetch(
    client: &Client,
    url: &Url,
    conditions: &mut HeaderMap,
    context: &SourceContext,
) -> Result<(String, Option<Read>), (String, SourceError)> {
    let headers = headers(&context.options).await.map_err(|failure| (NO_STATUS.to_owned(), failure))?;
    let reading = context.reading();
    let request = client
        .get(url.clone())
        .header(ACCEPT, "application/json, text/csv;q=0.9, */*;q=0.8")
        .header(ACCEPT_ENCODING, reading.encodings())
        .headers(conditions.clone())
        .headers(headers);
    let response =
        request.send().await.map_err(|error| (NO_STATUS.to_owned(), transfer_error(error, &context.options)))?;
    let code = response.status().as_str().to_owned();
    match response.status() {
        StatusCode::NOT_MODIFIED if !conditions.is_empty() => Ok((code, None)),
        StatusCode::OK => {
            let fresh = conditions_of(response.headers());
            let outcome = read(response, reading, &context.options).await;
            *conditions = if outcome.is_ok() { fresh } else { HeaderMap::new() };
            let with_revision = |read| Read { revision: revision(conditions), ..read };
            outcome.map(|read| (code.clone(), Some(with_revision(read)))).map_err(|failure| (code, failure))
        }
        status => Err((code, SourceError::Status(status.as_u16()))),
    }
}

fn transfer_error(error: reqwest::Error, options: &SourceOptions) -> SourceError {
    let (connect, silence, timeout) = (CONNECT_TIME_MAX.as_secs(), SILENCE_MAX.as_secs(), options.timeout.as_secs());
    let error = error.without_url();
    let innermost = innermost(&error);
    SourceError::Transfer(match (error.is_timeout(), error.is_connect(), error.is_body() || error.is_decode()) {
        (true, true, _) => format!("no connection within {connect} s"),
        (true, _, true) if timeout <= silence => {
            format!("the transfer was not complete within {timeout} s (--fetch-timeout)")
        }
        (true, _, true) => {
            format!("the transfer paused for {silence} s, or was not complete within {timeout} s (--fetch-timeout)")
        }
        (true, ..) => format!(
            "no answer within {} s{}",
            silence.min(timeout),
            if timeout < silence { " (--fetch-timeout)" } else { "" }
        ),
        (false, true, _) => format!("can't connect: {innermost}"),
        (false, false, true) => format!("the transfer broke off: {innermost}"),
        (false, false, false) if error.is_redirect() || error.is_builder() => innermost,
        (false, false, false) => format!("no answer: {innermost}"),
    })
}

fn conditions_of(headers: &HeaderMap) -> HeaderMap {
    let pairs = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
    pairs
        .into_iter()
        .filter_map(|(from, to)| headers.get(from).map(|value: &HeaderValue| (to, value.clone())))
        .collect()
}

/// Returns the conditions as they are kept.
fn revision(conditions: &HeaderMap) -> SourceRevision {
    let value = |name| conditions.get(name).map(|value: &HeaderValue| value.as_bytes().to_vec());
    match (value(IF_NONE_MATCH), value(IF_MODIFIED_SINCE)) {
        (None, None) => SourceRevision::Unknown,
        (etag, last_modified) => SourceRevision::Http { etag, last_modified },
    }
}

/// Returns the conditions of a set that an earlier run of the program read.
fn resumed(revision: &SourceRevision) -> HeaderMap {
    let SourceRevision::Http { etag, last_modified } = revision else { return HeaderMap::new() };
    let pairs = [(IF_NONE_MATCH, etag), (IF_MODIFIED_SINCE, last_modified)];
    let header =
        |(name, value): (HeaderName, &Option<Vec<u8>>)| Some((name, HeaderValue::from_bytes(value.as_deref()?).ok()?));
    pairs.into_iter().filter_map(header).collect()
}

/// Refuses an encoding that the reader does not recognise by the content.
fn check_encoding(response: &Response, reading: &Reading) -> Result<(), SourceError> {
    let Some(encoding) = response.headers().get(CONTENT_ENCODING) else { return Ok(()) };
    let encoding = encoding.to_str().unwrap_or("something unreadable").trim().to_ascii_lowercase();
    // RFC 9110 section 8.4.1.3 has an old name for gzip.
    let encoding = encoding.trim_start_matches("x-");
    let mut known = ["identity", ""].into_iter().chain(reading.encodings().split(", "));
    if known.any(|known| known == encoding) {
        Ok(())
    } else {
        Err(SourceError::Transfer(format!("the server compresses by {encoding}, which it was not asked to")))
    }
}

/// Reads the body on a blocking thread while it arrives.
async fn read(mut response: Response, reading: Reading, options: &SourceOptions) -> Result<Read, SourceError> {
    check_encoding(&response, &reading)?;
    let written = response.headers().get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
    let written = written.and_then(|date| unix_of(httpdate::parse_http_date(date).ok()?));
    let (chunks, incoming) = mpsc::channel(CHUNKS_MAX);
    let reader = blocking(move || read_chunks(incoming, reading));
    let transfer = async move {
        let mut total = 0_u64;
        while let Some(octets) = response.chunk().await.map_err(|error| transfer_error(error, options))? {
            total += octets.len() as u64;
            if total > SOURCE_OCTETS_MAX {
                return Err(SourceError::TooLarge(SOURCE_OCTETS_MAX));
            }
            if chunks.send(BodyChunk::Octets(octets)).await.is_err() {
                // The reader has refused it already.
                return Ok(());
            }
        }
        let _ = chunks.send(BodyChunk::End).await;
        Ok(())
    };
    let (transferred, outcome) = tokio::join!(transfer, reader);
    transferred?;
    outcome.map(|content| Read { content, written, revision: SourceRevision::Unknown })
}

fn read_chunks<Octets: AsRef<[u8]>>(
    mut incoming: mpsc::Receiver<BodyChunk<Octets>>,
    mut reading: Reading,
) -> Result<SourceContent, SourceError> {
    loop {
        match incoming.blocking_recv() {
            Some(BodyChunk::Octets(octets)) => reading.push(octets.as_ref())?,
            Some(BodyChunk::End) => return reading.finish(),
            // The transfer returns the reason.
            None => return Err(SourceError::Transfer("the transfer broke off".to_owned())),
        }
    }
}

/// A message from the transfer to the reader: the end is explicit, since a transfer that broke off would look like one.
enum BodyChunk<Octets> {
    Octets(Octets),
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_loc_01_requests_are_jittered_and_failures_back_off() {
        let refresh = Duration::from_secs(600);
        let pauses: Vec<Duration> = (0..50).map(|_| pause(refresh, 0)).collect();
        assert!(pauses.iter().all(|pause| (540..=660).contains(&pause.as_secs())), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "no two caches fetch in step");
        assert!((9..=11).contains(&pause(refresh, 1).as_secs()));
        assert!((18..=22).contains(&pause(refresh, 2).as_secs()));
        assert!((540..=660).contains(&pause(refresh, 30).as_secs()));
        assert!(pause(Duration::from_secs(1), 5) < Duration::from_secs(2));
    }
}
