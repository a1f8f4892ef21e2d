//! Requests to a running cache's control socket.

use crate::exit::Failure;
use crate::http::api::ErrorResponse;
use crate::observe::describe::{plain, printable_lines};
use crate::observe::status::SCHEMA;
use reqwest::{Client, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Limit of the time for an answer: the cache answers at once unless it is merging sources.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Pause before connecting again to a socket whose backlog is full.
const RETRY: Duration = Duration::from_millis(20);

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

    /// Parses an answer of a schema that this version knows.
    pub(crate) fn read<Answer: DeserializeOwned>(&self, json: &str) -> Result<Answer, Failure> {
        let read = |error| self.unreachable(&format!("the answer is not one of this version's: {error}"));
        let Schema { schema } = serde_json::from_str(json).map_err(read)?;
        if schema > SCHEMA {
            return Err(self.unreachable(&format!(
                "the cache answers in schema {schema}, and this rtrcast reads {SCHEMA}; use the cache's own `rtrcast ctl`, or --json"
            )));
        }
        serde_json::from_str(json).map_err(read)
    }

    fn request(&self, method: Method, path: &str, body: Option<String>) -> Result<String, Failure> {
        let mut request = self.client.request(method, format!("http://rtrcast{path}"));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let started = Instant::now();
        let answer = loop {
            let request =
                request.try_clone().ok_or_else(|| Failure::Internal("a request without a body".to_owned()))?;
            let answer = self.runtime.block_on(async {
                let response = request.send().await?;
                Ok::<_, reqwest::Error>((response.status(), response.text().await?))
            });
            match answer {
                // The backlog of a Unix socket is full: connecting fails at once where TCP would wait.
                Err(error) if is_busy(&error) && started.elapsed() < ANSWER_MAX => std::thread::sleep(RETRY),
                answer => break answer,
            }
        };
        let (status, text) = answer.map_err(|error| self.unreachable(&self.describe(&error)))?;
        if status == StatusCode::OK {
            return Ok(text);
        }
        let ErrorResponse { error, .. } = self.read(&text)?;
        let error = printable_lines(&error);
        Err(if status.is_client_error() { Failure::Usage(error) } else { self.unreachable(&error) })
    }

    /// Describes an error without an answer.
    fn describe(&self, error: &reqwest::Error) -> String {
        let is_socket = fs::metadata(&self.path).is_ok_and(|file| file.file_type().is_socket());
        if error.is_timeout() {
            return format!("no answer within {} s; is it the socket of a cache's --control?", ANSWER_MAX.as_secs());
        }
        let Some(error) = io_error(error) else {
            return "the answer is not HTTP; is it the socket of a cache's --control?".to_owned();
        };
        match error.kind() {
            ErrorKind::NotFound => "there is no such socket; was the cache started with --control?".to_owned(),
            ErrorKind::ConnectionRefused if !is_socket => "it is not a socket".to_owned(),
            ErrorKind::ConnectionRefused => "no cache listens there any more".to_owned(),
            ErrorKind::PermissionDenied => "permission denied; the socket is for the cache's own user".to_owned(),
            ErrorKind::WouldBlock => "too many clients connect to it".to_owned(),
            _ => plain(error),
        }
    }

    fn unreachable(&self, why: &str) -> Failure {
        Failure::Unreachable(format!("{}: {why}", self.path.display()))
    }
}

/// The number of an answer's schema.
#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

fn is_busy(error: &reqwest::Error) -> bool {
    io_error(error).is_some_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn io_error(error: &reqwest::Error) -> Option<&io::Error> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}
