//! `GET /api/v1/changes`: the record of changes.

use super::rejected;
use super::state::ApiState;
use crate::blocking::file_call;
use crate::changes::{ChangeQuery, SinceArgument, SubjectArgument};
use crate::observe::describe::plain;
use crate::observe::status::Timestamp;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use rtrcast_feed::state::ChangeFilter;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(crate) const CHANGES: &str = "/api/v1/changes";

/// The most changes of a response, and how many it has if nothing else is asked for.
const LIMIT_MAX: usize = 100_000;
const LIMIT: usize = 1_000;

/// Parameters of the request.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ChangesParameters {
    /// A time, or a time span before now.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
}

impl ChangesParameters {
    fn query(&self) -> Result<ChangeQuery, String> {
        let since = self.since.as_deref().map(str::parse::<SinceArgument>).transpose();
        let since = since.map_err(|error| format!("since: {error}"))?;
        let subject = |value: &Option<String>| value.as_deref().map(str::parse::<SubjectArgument>).transpose();
        let prefix = match subject(&self.prefix).map_err(|error| format!("prefix: {error}"))? {
            Some(SubjectArgument::Prefix(prefix)) => Some(prefix),
            Some(SubjectArgument::Asn(_)) => {
                return Err("prefix: it is a number; an AS is asked for by asn=".to_owned());
            }
            None => None,
        };
        let asn = match subject(&self.asn).map_err(|error| format!("asn: {error}"))? {
            Some(SubjectArgument::Asn(asn)) => Some(asn),
            Some(SubjectArgument::Prefix(_)) => {
                return Err("asn: it is a prefix, which is asked for by prefix=".to_owned());
            }
            None => None,
        };
        let filter = ChangeFilter { since: since.map(|since| since.0.0), prefix, asn };
        Ok(ChangeQuery { filter, limit: self.limit.unwrap_or(LIMIT).min(LIMIT_MAX) })
    }
}

/// Returns the path of a request for changes.
pub(crate) fn changes_path(query: &ChangeQuery) -> String {
    let ChangeQuery { filter: ChangeFilter { since, prefix, asn }, limit } = query;
    let parameters = [
        ("since", since.map(|since| Timestamp(since).to_string())),
        ("prefix", prefix.map(|prefix| prefix.to_string())),
        ("asn", asn.map(|asn| asn.to_string())),
        ("limit", Some(limit.to_string())),
    ];
    let given = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    // None of the values has a character that a query can't have.
    format!("{CHANGES}?{}", given.collect::<Vec<String>>().join("&"))
}

pub(super) async fn changes(
    State(state): State<ApiState>,
    parameters: Result<Query<ChangesParameters>, QueryRejection>,
) -> Response {
    let query = parameters.map_err(|error| error.body_text()).and_then(|Query(parameters)| parameters.query());
    let query = match query {
        Ok(query) => query,
        Err(error) => return rejected(StatusCode::BAD_REQUEST, error),
    };
    // One at a time, and not with other long answers: the disk may hang.
    let permit = Arc::clone(&state.changes_permit).acquire_owned().await;
    let listed = file_call(move || {
        let _permit = permit;
        let list = state.changes.list(&query);
        let list = list.map_err(|error| format!("the record of changes can't be read: {}", plain(&error)))?;
        serde_json::to_vec(&list).map_err(|error| error.to_string())
    });
    match listed.await {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => rejected(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
