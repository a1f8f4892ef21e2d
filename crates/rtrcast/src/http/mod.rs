//! The HTTP server: metrics, liveness and readiness.

mod accept;
pub(crate) mod api;
mod eviction;
pub(crate) mod server;

use crate::hub::message::Health;
use crate::observe::metrics::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rtrcast_net::Published;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

#[derive(Clone)]
struct HttpState {
    metrics: Arc<Metrics>,
    /// Held while metrics are written: one request at a time.
    writing: Arc<Semaphore>,
    published: watch::Receiver<Published>,
    health: watch::Receiver<Health>,
}

/// Connections in the kernel's backlog while all slots are taken. With fewer, a flood of connections would have a
/// monitor's SYN dropped, and sent again a second later.
const BACKLOG: u32 = 1_024;

/// Paths, each with its answer in English.
const PATHS: &[(&str, &str)] = &[
    ("/metrics", "Prometheus metrics"),
    ("/healthz", "200 while the program runs"),
    ("/readyz", "200 while there are data to serve that are in effect, else 503 with the reason"),
];

/// Returns the paths, for the summary at the start.
pub(crate) fn paths() -> String {
    PATHS.iter().map(|(path, _)| *path).collect::<Vec<_>>().join(", ")
}

/// Returns the text of `/`.
fn index() -> String {
    let lines = PATHS.iter().map(|(path, answer)| format!("{path:<10} {answer}\n"));
    format!("rtrcast: an RPKI-to-Router cache\n\n{}", lines.collect::<String>())
}

/// Listens at an address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until the program ends.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    published: watch::Receiver<Published>,
    health: watch::Receiver<Health>,
) {
    let router = Router::new()
        .route("/", get(|| async { index() }))
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(HttpState { metrics, writing: Arc::new(Semaphore::new(1)), published, health });
    server::serve(listener, router, None).await;
}

async fn show_metrics(State(state): State<HttpState>, headers: HeaderMap) -> Response {
    let format = accept::format(&headers);
    let permit = state.writing.acquire_owned().await.expect("the semaphore is never closed");
    let written = spawn_blocking(move || {
        // Held to the end, even if the client is gone.
        let _permit = permit;
        state.metrics.text(format)
    });
    match written.await {
        Ok(Ok(text)) => {
            let headers = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "Accept")];
            (headers, text).into_response()
        }
        Ok(Err(_)) | Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n").into_response()
        }
    }
}

async fn ready(State(state): State<HttpState>) -> Response {
    let not_ready = |why: String| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response();
    if state.published.borrow().stop.is_some() {
        return not_ready("stopping".to_owned());
    }
    match &*state.health.borrow() {
        Health::Ready(serial) => format!("ready: serial {serial}\n").into_response(),
        Health::NoData => not_ready("no data yet".to_owned()),
        Health::NothingInEffect(why) => not_ready(format!("nothing of any source is in effect: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_each_path_and_no_other() {
        let document = include_str!("../../../../docs/METRICS.md");
        let rows = document.lines().filter_map(|line| line.strip_prefix("| `/")?.split('`').next());
        assert!(rows.eq(PATHS.iter().map(|(path, _)| &path[1..])), "{PATHS:?}");
        let code = include_str!("mod.rs");
        for (path, _) in PATHS {
            assert!(code.contains(&format!(".route(\"{path}\", ")), "{path} has no route");
        }
        assert_eq!(code.matches(".route(\"/").count(), PATHS.len() + 1, "all but /");
    }
}
