//! A URL: asked at intervals with a jitter, conditionally, and within limits of time and size.
//!
//! What a later request is conditional on (ETag, Last-Modified) counts only once the body that came with it has been
//! read well: a body that was cut short must not be answered with "not modified" for ever.

use super::content::{Content, Read, Reading, SOURCE_OCTETS_MAX, SourceError};
use super::http_client::{client, innermost, request_headers};
use super::{Context, SourceOptions};
use crate::blocking::blocking;
use crate::clock::unix_of;
use crate::hub::message::News;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::{Client, Response, StatusCode, Url};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

/// After a failure; doubled each time, up to the interval between refreshes.
const RETRY_MIN: Duration = Duration::from_secs(10);
/// An attempt that is younger goes on when the operator asks for a refresh.
const IMPATIENCE_MIN: Duration = Duration::from_secs(5);
/// Pieces of a body on their way to the reader.
const PIECES_MAX: usize = 16;

pub(super) async fn follow(url: Url, context: Context) {
    // What is renewed on disk (certificates, say) is looked at again after a failure.
    let mut kept: Option<Client> = None;
    let mut conditions = HeaderMap::new();
    let mut failures = 0;
    loop {
        let started = Instant::now();
        let attempt = async {
            let client = match kept.take() {
                Some(client) => client,
                None => prepared(&url, &context.options).await.map_err(|failure| (NO_STATUS.to_owned(), failure))?,
            };
            let answer = fetch(&client, &url, &mut conditions, &context).await?;
            kept = Some(client);
            Ok(answer)
        };
        let outcome = tokio::select! {
            outcome = attempt => outcome,
            () = impatience(started, &context.refresh) => continue,
        };
        let (code, outcome) = match outcome {
            Ok((code, read)) => (code, Ok(read)),
            Err((code, failure)) => (code, Err(failure)),
        };
        failures = if context.tell_outcome(started, &code, outcome).await { 0 } else { failures + 1 };
        tokio::select! {
            () = sleep(pause(context.options.refresh, failures)) => {}
            () = context.refresh.notified() => {}
        }
        context.tell(News::Loading).await;
    }
}

/// Waits until the operator asks for data while an attempt has been running for so long that its server may hang. One
/// that has just begun is what was asked for.
async fn impatience(started: Instant, refresh: &Notify) {
    loop {
        refresh.notified().await;
        if started.elapsed() >= IMPATIENCE_MIN {
            return;
        }
    }
}

/// A client, for which certificates may have to be read.
async fn prepared(url: &Url, options: &SourceOptions) -> Result<Client, SourceError> {
    let (url, options) = (url.clone(), options.clone());
    blocking(move || client(&url, &options)).await
}

/// The headers of a request, for which a token may have to be read.
async fn headers(options: &SourceOptions) -> Result<HeaderMap, SourceError> {
    let fetch = options.fetch.clone();
    blocking(move || request_headers(&fetch)).await
}

/// Fetches once.
pub(super) async fn read_once(url: &Url, options: &SourceOptions, reading: Reading) -> Result<Read, SourceError> {
    let client = prepared(url, options).await?;
    let headers = headers(options).await?;
    let request = client.get(url.clone()).header(ACCEPT_ENCODING, reading.encodings()).headers(headers);
    let response = request.send().await.map_err(broken)?;
    match response.status() {
        StatusCode::OK => read(response, reading).await,
        status => Err(SourceError::Status(status.as_u16())),
    }
}

/// The status for the metric where there was no answer.
const NO_STATUS: &str = "none";

/// How long to wait: the interval a tenth more or less, or after failures less than that. [C-LOC-01]
fn pause(refresh: Duration, failures: u32) -> Duration {
    let base = match failures {
        0 => refresh,
        _ => (RETRY_MIN * 2_u32.saturating_pow(failures.min(16) - 1)).min(refresh),
    };
    base.mul_f64(jitter(0.9, 1.1))
}

/// A random factor; the middle if the system has no randomness.
fn jitter(from: f64, to: f64) -> f64 {
    let random = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    from + (to - from) * random
}

/// Asks once. Beside what came of it stands the status for the metric; nothing is read if nothing is new.
async fn fetch(
    client: &Client,
    url: &Url,
    conditions: &mut HeaderMap,
    context: &Context,
) -> Result<(String, Option<Read>), (String, SourceError)> {
    let headers = headers(&context.options).await.map_err(|failure| (NO_STATUS.to_owned(), failure))?;
    let reading = context.reading();
    let request = client
        .get(url.clone())
        .header(ACCEPT, "application/json, text/csv;q=0.9, */*;q=0.8")
        .header(ACCEPT_ENCODING, reading.encodings())
        .headers(conditions.clone())
        .headers(headers);
    let response = request.send().await.map_err(|error| (NO_STATUS.to_owned(), broken(error)))?;
    let code = response.status().as_str().to_owned();
    match response.status() {
        StatusCode::NOT_MODIFIED if !conditions.is_empty() => Ok((code, None)),
        StatusCode::OK => {
            let fresh = conditions_of(response.headers());
            let outcome = read(response, reading).await;
            *conditions = if outcome.is_ok() { fresh } else { HeaderMap::new() };
            outcome.map(|read| (code.clone(), Some(read))).map_err(|failure| (code, failure))
        }
        status => Err((code, SourceError::Status(status.as_u16()))),
    }
}

fn broken(error: reqwest::Error) -> SourceError {
    let error = error.without_url();
    let innermost = innermost(&error);
    SourceError::Transfer(match (error.is_timeout(), error.is_connect(), error.is_body() || error.is_decode()) {
        (true, true, _) => "connecting takes too long".to_owned(),
        (true, _, true) => "the transfer takes too long".to_owned(),
        (true, ..) => "the server does not answer in time".to_owned(),
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

/// Whether the reader can undo what the transfer is compressed by: it sees that by the content.
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

/// Reads the body on a blocking thread while it comes in.
async fn read(mut response: Response, reading: Reading) -> Result<Read, SourceError> {
    check_encoding(&response, &reading)?;
    let written = response.headers().get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
    let written = written.and_then(|date| unix_of(httpdate::parse_http_date(date).ok()?));
    let (pieces, incoming) = mpsc::channel(PIECES_MAX);
    let reader = blocking(move || read_pieces(incoming, reading));
    let transfer = async move {
        let mut total = 0_u64;
        while let Some(octets) = response.chunk().await.map_err(broken)? {
            total += octets.len() as u64;
            if total > SOURCE_OCTETS_MAX {
                return Err(SourceError::TooLarge(SOURCE_OCTETS_MAX));
            }
            if pieces.send(Piece::Octets(octets)).await.is_err() {
                // The reader has seen enough to refuse it.
                return Ok(());
            }
        }
        let _ = pieces.send(Piece::End).await;
        Ok(())
    };
    let (transferred, outcome) = tokio::join!(transfer, reader);
    transferred?;
    outcome.map(|content| Read { content, written })
}

fn read_pieces<Octets: AsRef<[u8]>>(
    mut incoming: mpsc::Receiver<Piece<Octets>>,
    mut reading: Reading,
) -> Result<Content, SourceError> {
    loop {
        match incoming.blocking_recv() {
            Some(Piece::Octets(octets)) => reading.push(octets.as_ref())?,
            Some(Piece::End) => return reading.finish(),
            // Whoever noticed that says why.
            None => return Err(SourceError::Transfer("the transfer broke off".to_owned())),
        }
    }
}

/// What the transfer hands to the reader: that it ended well has to be said, or a break would look like an end.
enum Piece<Octets> {
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
