//! A URL: asked at intervals with a jitter, conditionally, and within limits of time and size.
//!
//! What a later request is conditional on (ETag, Last-Modified) counts only once the body that came with it has been
//! read well: a body that was cut short must not be answered with "not modified" for ever.

use super::{Context, Failure, SOURCE_OCTETS_MAX, into_table};
use crate::hub::Input;
use reqwest::header::{ACCEPT, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, Response, StatusCode, Url};
use rtrcast_feed::{Reader, Table, Tally};
use rtrcast_proto::Version;
use std::error::Error;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::warn;

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Without a single octet, the headers included.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const TOTAL_MAX: Duration = Duration::from_secs(300);
/// After a failure; doubled each time, up to the interval between refreshes.
const RETRY_MIN: Duration = Duration::from_secs(10);
const REDIRECTS_MAX: usize = 5;
/// Pieces of a body on their way to the reader.
const PIECES_MAX: usize = 16;

pub(super) async fn follow(url: Url, context: Context) {
    let mut client = None;
    let mut conditions = HeaderMap::new();
    let mut failures = 0;
    loop {
        let started = Instant::now();
        let (code, outcome) = match client.take().map_or_else(new_client, Ok) {
            Ok(fresh) => tokio::select! {
                answer = fetch(client.insert(fresh), &url, &mut conditions, &context) => answer,
                // The operator does not want to wait for a server that hangs.
                () = context.bell.notified() => continue,
            },
            // Without certificates of authorities, for instance.
            Err(error) => ("none".to_owned(), Err(Failure::Transfer(with_causes(&error)))),
        };
        failures = if context.tell_outcome(started, &code, outcome).await { 0 } else { failures + 1 };
        tokio::select! {
            () = sleep(pause(context.refresh, failures)) => {}
            () = context.bell.notified() => {}
        }
        context.tell(Input::Loading).await;
    }
}

fn new_client() -> reqwest::Result<Client> {
    Client::builder()
        .user_agent(concat!("rtrcast/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_MAX)
        .read_timeout(SILENCE_MAX)
        .timeout(TOTAL_MAX)
        .redirect(Policy::custom(redirect))
        .build()
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

type Outcome = Result<Option<(Table, Tally)>, Failure>;

/// Asks once. The first part of what comes back is the status for the metric.
async fn fetch(client: &Client, url: &Url, conditions: &mut HeaderMap, context: &Context) -> (String, Outcome) {
    let request = client
        .get(url.clone())
        .header(ACCEPT, "application/json, text/csv;q=0.9, */*;q=0.8")
        .headers(conditions.clone());
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return ("none".to_owned(), Err(Failure::Transfer(with_causes(&error.without_url())))),
    };
    let code = response.status().as_str().to_owned();
    let outcome = match response.status() {
        StatusCode::NOT_MODIFIED if !conditions.is_empty() => Ok(None),
        StatusCode::OK => {
            let fresh = conditions_of(response.headers());
            let outcome = read(response, context).await;
            *conditions = if outcome.is_ok() { fresh } else { HeaderMap::new() };
            outcome.map(Some)
        }
        status => Err(Failure::Status(status.as_u16())),
    };
    (code, outcome)
}

fn conditions_of(headers: &HeaderMap) -> HeaderMap {
    let pairs = [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)];
    pairs
        .into_iter()
        .filter_map(|(from, to)| headers.get(from).map(|value: &HeaderValue| (to, value.clone())))
        .collect()
}

/// Reads the body on a blocking thread while it comes in.
async fn read(mut response: Response, context: &Context) -> Result<(Table, Tally), Failure> {
    let version = context.version();
    let (pieces, incoming) = mpsc::channel(PIECES_MAX);
    let reading = spawn_blocking(move || read_pieces(incoming, version));
    let transfer = async {
        let mut total = 0_u64;
        while let Some(octets) =
            response.chunk().await.map_err(|error| Failure::Transfer(with_causes(&error.without_url())))?
        {
            total += octets.len() as u64;
            if total > SOURCE_OCTETS_MAX {
                return Err(Failure::TooLarge);
            }
            if pieces.send(Piece::Octets(octets)).await.is_err() {
                // The reader has seen enough to refuse it.
                return Ok(());
            }
        }
        let _ = pieces.send(Piece::End).await;
        Ok(())
    };
    let transferred = transfer.await;
    drop(pieces);
    let outcome = match reading.await {
        Ok(outcome) => outcome,
        Err(error) => {
            warn!("{}: reading failed: {error}", context.name);
            std::panic::resume_unwind(error.into_panic())
        }
    };
    transferred.and(outcome)
}

fn read_pieces<Octets: AsRef<[u8]>>(
    mut incoming: mpsc::Receiver<Piece<Octets>>,
    version: Version,
) -> Result<(Table, Tally), Failure> {
    let mut reader = Reader::new();
    loop {
        match incoming.blocking_recv() {
            Some(Piece::Octets(octets)) => reader.push(octets.as_ref()).map_err(Failure::Content)?,
            Some(Piece::End) => return into_table(reader, version),
            // Whoever noticed that says why.
            None => return Err(Failure::Transfer("the transfer broke off".to_owned())),
        }
    }
}

/// What the transfer hands to the reader: that it ended well has to be said, or a break would look like an end.
enum Piece<Octets> {
    Octets(Octets),
    End,
}

/// An error with all that caused it: the outermost says little.
fn with_causes(error: &dyn Error) -> String {
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
