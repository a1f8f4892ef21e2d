//! The API below `/api/v1/`: JSON requests and responses, each response with the number of its schema. The control
//! socket serves it.
//!
//! GET requests change nothing; actions are POST requests. The response to an action has a `message` for people, and an
//! error response has an `error` beside its status code.

mod changes;
mod requests;
mod state;
mod upgrades;

pub(crate) use changes::changes_path;
pub(crate) use requests::{ProgramRequest, ProgramRequests};
pub(crate) use state::ApiState;
pub(crate) use upgrades::{UpgradeState, UpgradeStatus, Upgrades};

use crate::observe::log::Log;
use crate::observe::log::event::control::ControlEvent;
use crate::observe::status::{CacheStatus, SCHEMA};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use rtrcast_proto::Stop;
use serde::{Deserialize, Serialize};

/// The most octets of a request's body: the name of a router or a source.
const BODY_OCTETS_MAX: usize = 64 * 1024;

/// The outcome of an action, for people.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActionResponse {
    pub(crate) schema: u32,
    pub(crate) message: String,
}

/// The reason of an error response, for people.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorResponse {
    pub(crate) schema: u32,
    pub(crate) error: String,
}

/// The router whose connections are closed: by its name, its address, or its address and port.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseRequest {
    pub(crate) router: String,
}

/// The source whose held data are accepted; all sources without one.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReleaseRequest {
    pub(crate) source: Option<String>,
}

/// A refresh has no options yet.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RefreshRequest {}

/// An upgrade has no options yet.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UpgradeRequest {}

/// Options of a stop.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StopRequest {
    /// True if routers of version 2 are told to discard the data.
    pub(crate) flush: bool,
}

pub(crate) const STATUS: &str = "/api/v1/status";
pub(crate) const ROUTERS: &str = "/api/v1/routers";
pub(crate) const CLOSE: &str = "/api/v1/close";
pub(crate) const RELEASE: &str = "/api/v1/release";
pub(crate) const REFRESH: &str = "/api/v1/refresh";
pub(crate) const STOP: &str = "/api/v1/stop";
pub(crate) const UPGRADE: &str = "/api/v1/upgrade";

/// Returns all paths with their handlers.
pub(crate) fn routes(state: ApiState) -> Router {
    let queries = Router::new()
        .route(STATUS, get(status))
        .route(ROUTERS, get(routers))
        .route(UPGRADE, get(upgrade_status).post(upgrade))
        .route(changes::CHANGES, get(changes::changes));
    // Each of them wants JSON, which no form of a web page sends.
    let actions = Router::new()
        .route(CLOSE, post(close))
        .route(RELEASE, post(release))
        .route(REFRESH, post(refresh))
        .route(STOP, post(stop));
    queries
        .merge(actions)
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
        .with_state(state)
}

fn done(message: impl Into<String>) -> Response {
    Json(ActionResponse { schema: SCHEMA, message: message.into() }).into_response()
}

fn rejected(status: StatusCode, error: impl Into<String>) -> Response {
    (status, Json(ErrorResponse { schema: SCHEMA, error: error.into() })).into_response()
}

/// Returns the response to a request to the whole program, which begins when the response has been sent: a program that
/// stops may end before.
fn done_before(request: ProgramRequest, message: &str) -> Response {
    let mut response = done(message);
    response.extensions_mut().insert(request);
    response
}

async fn unknown_path(uri: Uri) -> Response {
    rejected(StatusCode::NOT_FOUND, format!("there is no {}", uri.path()))
}

async fn unknown_method(method: Method, uri: Uri) -> Response {
    rejected(StatusCode::METHOD_NOT_ALLOWED, format!("{} can't be asked by {method}", uri.path()))
}

async fn status(State(state): State<ApiState>) -> Result<Json<CacheStatus>, Response> {
    state.status().await.map(Json).ok_or_else(ending)
}

/// Makes the list and its JSON on a thread that may block: there may be ten thousand routers.
async fn routers(State(state): State<ApiState>) -> Response {
    let listed = state.blocking(|state| serde_json::to_vec(&state.routers())).await;
    match listed {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => rejected(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn close(
    State(state): State<ApiState>,
    body: Result<Json<CloseRequest>, JsonRejection>,
) -> Result<Response, Response> {
    let Json(CloseRequest { router }) = body.map_err(invalid_body)?;
    ControlEvent::Close { router: &router }.log();
    state.close(&router).map(done).map_err(|error| rejected(StatusCode::NOT_FOUND, error))
}

async fn release(
    State(state): State<ApiState>,
    body: Result<Json<ReleaseRequest>, JsonRejection>,
) -> Result<Response, Response> {
    let Json(ReleaseRequest { source }) = body.map_err(invalid_body)?;
    ControlEvent::Release { source: source.as_deref() }.log();
    let released = state.release(source).await.ok_or_else(ending)?;
    released.map(done).map_err(|error| rejected(StatusCode::NOT_FOUND, error))
}

async fn refresh(
    State(state): State<ApiState>,
    body: Result<Json<RefreshRequest>, JsonRejection>,
) -> Result<Response, Response> {
    let Json(RefreshRequest {}) = body.map_err(invalid_body)?;
    if state.is_stopping() {
        return Err(stopping());
    }
    ControlEvent::Refresh {}.log();
    Ok(done_before(ProgramRequest::Refresh, "reading all sources again"))
}

async fn upgrade_status(State(state): State<ApiState>) -> Json<UpgradeStatus> {
    Json(UpgradeStatus { schema: SCHEMA, ..state.upgrades.status() })
}

async fn upgrade(
    State(state): State<ApiState>,
    body: Result<Json<UpgradeRequest>, JsonRejection>,
) -> Result<Response, Response> {
    let Json(UpgradeRequest {}) = body.map_err(invalid_body)?;
    if state.is_stopping() {
        return Err(stopping());
    }
    if state.upgrades.is_running() {
        return Err(rejected(StatusCode::CONFLICT, "an upgrade is running already"));
    }
    let number = state.upgrades.begin();
    ControlEvent::Upgrade {}.log();
    let status = UpgradeStatus { number, ..state.upgrades.status() };
    let mut response = Json(status).into_response();
    response.extensions_mut().insert(ProgramRequest::Upgrade);
    Ok(response)
}

async fn stop(
    State(state): State<ApiState>,
    body: Result<Json<StopRequest>, JsonRejection>,
) -> Result<Response, Response> {
    let Json(StopRequest { flush }) = body.map_err(invalid_body)?;
    if !state.claim_stop() {
        return Err(stopping());
    }
    ControlEvent::Stop { flush }.log();
    Ok(match flush {
        false => done_before(ProgramRequest::Stop(Stop::Restart), "stopping"),
        true => done_before(ProgramRequest::Stop(Stop::Shutdown), "stopping; routers of version 2 forget the data"),
    })
}

/// Returns the response to a body that is not the JSON of the request.
fn invalid_body(error: JsonRejection) -> Response {
    let status = error.status();
    let text = match &error {
        JsonRejection::MissingJsonContentType(_) => "the request needs Content-Type: application/json".to_owned(),
        error => {
            let text = error.body_text();
            // What the library puts before the reason names its own types.
            text.split_once("target type: ")
                .map_or(text.clone(), |(_, reason)| format!("the body is invalid: {reason}"))
        }
    };
    rejected(status, text)
}

/// Returns the response to an action that a stop does not leave time for.
fn stopping() -> Response {
    rejected(StatusCode::CONFLICT, "the cache is stopping already; SIGTERM ends it at once")
}

fn ending() -> Response {
    rejected(StatusCode::SERVICE_UNAVAILABLE, "the cache is ending")
}
