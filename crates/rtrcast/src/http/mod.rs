//! The HTTP side: metrics, and whether the cache lives and has data.

mod limits;

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
}

const INDEX: &str = "\
rtrcast: an RPKI-to-Router cache

/metrics   Prometheus metrics
/healthz   200 while the program runs
/readyz    200 once there are data to serve, else 503
";

/// Answers until the program ends.
pub(crate) async fn serve(listener: TcpListener, metrics: Arc<Metrics>, published: watch::Receiver<Published>) {
    let router = Router::new()
        .route("/", get(|| async { INDEX }))
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Shown { metrics, published });
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
    let published = shown.published.borrow().clone();
    match (published.stop, published.view.serial()) {
        (Some(_), _) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()).into_response(),
        (None, Some(serial)) => format!("ready: serial {serial}\n").into_response(),
        (None, None) => (StatusCode::SERVICE_UNAVAILABLE, "no data yet\n".to_owned()).into_response(),
    }
}
