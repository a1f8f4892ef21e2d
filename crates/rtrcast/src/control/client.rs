//! Requests to a running cache's control socket.

use crate::exit::Failure;
use crate::http::api::ErrorResponse;
use crate::observe::describe::plain;
use reqwest::{Client, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Limit of the time for an answer: the cache answers at once unless it is merging sources.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A cache's control socket.
pub(crate) struct ControlClient {
    path: PathBuf,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl ControlClient {
    pub(crate) fn new(path: &Path) -> Result<ControlClient, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Internal(format!("can't start: {error}")))?;
        let client = Client::builder()
            .no_proxy()
            .unix_socket(path)
            .timeout(ANSWER_MAX)
            .build()
            .map_err(|error| Failure::Internal(error.to_string()))?;
        Ok(ControlClient { path: path.to_owned(), client, runtime })
    }

    /// Sends a GET request, and returns the answer's JSON.
    pub(crate) fn get(&self, path: &str) -> Result<String, Failure> {
        self.request(Method::GET, path, None)
    }

    /// Sends a POST request, and returns the answer's JSON.
    pub(crate) fn post(&self, path: &str, body: &impl Serialize) -> Result<String, Failure> {
        let body = serde_json::to_string(body).map_err(|error| Failure::Internal(error.to_string()))?;
        self.request(Method::POST, path, Some(body))
    }

    /// Parses an answer.
    pub(crate) fn read<Answer: DeserializeOwned>(&self, json: &str) -> Result<Answer, Failure> {
        serde_json::from_str(json)
            .map_err(|error| self.unreachable(&format!("the answer is not one of this version's: {error}")))
    }

    fn request(&self, method: Method, path: &str, body: Option<String>) -> Result<String, Failure> {
        let mut request = self.client.request(method, format!("http://rtrcast{path}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = self.runtime.block_on(async {
            let response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.text().await?))
        });
        let (status, text) = answer.map_err(|error| self.unreachable(&describe(&error)))?;
        if status == StatusCode::OK {
            return Ok(text);
        }
        let ErrorResponse { error, .. } = self.read(&text)?;
        Err(if status.is_client_error() { Failure::Usage(error) } else { self.unreachable(&error) })
    }

    fn unreachable(&self, why: &str) -> Failure {
        Failure::Unreachable(format!("{}: {why}", self.path.display()))
    }
}

/// Describes an error without an answer.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s; is it the socket of a cache's --control?", ANSWER_MAX.as_secs());
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                ErrorKind::NotFound => "there is no such socket; was the cache started with --control?".to_owned(),
                ErrorKind::ConnectionRefused => "no cache listens there any more".to_owned(),
                ErrorKind::PermissionDenied => "permission denied; the socket is for the cache's own user".to_owned(),
                _ => plain(error),
            };
        }
        cause = error.source();
    }
    "the answer is not HTTP; is it the socket of a cache's --control?".to_owned()
}
