//! The HTTP side: metrics, and whether the cache lives and has data.

mod accept;
pub(crate) mod api;
mod room;
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
struct Shown {
    metrics: Arc<Metrics>,
    /// For whoever has metrics written: one does at a time.
    writing: Arc<Semaphore>,
    published: watch::Receiver<Published>,
    health: watch::Receiver<Health>,
}

/// Connections that the kernel holds while others make room for them. With fewer, a crowd would have a monitor's attempt to
/// connect dropped, and repeated a second later.
const BACKLOG: u32 = 1_024;

const INDEX: &str = "\
rtrcast: an RPKI-to-Router cache

/metrics   Prometheus metrics
/healthz   200 while the program runs
/readyz    200 while there are data to serve that are in effect, else 503 with the reason
";

/// Listens at an address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Answers until the program ends.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    published: watch::Receiver<Published>,
    health: watch::Receiver<Health>,
) {
    let router = Router::new()
        .route("/", get(|| async { INDEX }))
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Shown { metrics, writing: Arc::new(Semaphore::new(1)), published, health });
    server::serve(listener, router, None).await;
}

async fn show_metrics(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let format = accept::format(&headers);
    let permit = shown.writing.acquire_owned().await.expect("the semaphore is never closed");
    let written = spawn_blocking(move || {
        // Kept to the end, even if whoever asked has gone meanwhile.
        let _permit = permit;
        shown.metrics.text(format)
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

async fn ready(State(shown): State<Shown>) -> Response {
    let not_ready = |why: String| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response();
    if shown.published.borrow().stop.is_some() {
        return not_ready("stopping".to_owned());
    }
    match &*shown.health.borrow() {
        Health::Ready(serial) => format!("ready: serial {serial}\n").into_response(),
        Health::NoData => not_ready("no data yet".to_owned()),
        Health::NothingInEffect(why) => not_ready(format!("nothing of any source is in effect: {why}")),
    }
}
