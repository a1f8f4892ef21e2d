//! The HTTP side: metrics, and whether the cache lives and has data.

mod limits;

use crate::hub::Health;
use crate::metrics::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use limits::Limited;
use rtrcast_net::Published;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

#[derive(Clone)]
struct Shown {
    metrics: Arc<Metrics>,
    published: watch::Receiver<Published>,
    health: watch::Receiver<Health>,
}

const INDEX: &str = "\
rtrcast: an RPKI-to-Router cache

/metrics   Prometheus metrics
/healthz   200 while the program runs
/readyz    200 while there are data to serve that are in effect, else 503 with the reason
";

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
        .with_state(Shown { metrics, published, health });
    if let Err(error) = axum::serve(Limited::new(listener), router).await {
        tracing::error!("the HTTP server ended: {error}");
    }
}

async fn show_metrics(State(shown): State<Shown>) -> Response {
    match shown.metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
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
        Health::NothingInEffect(why) => not_ready(format!("nothing that is served is in effect any more: {why}")),
    }
}
