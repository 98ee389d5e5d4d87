//! `GET /metrics`, on an address of its own.

use super::Metrics;
use axum::{
    Router,
    extract::State,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus::TEXT_FORMAT;
use std::sync::Arc;

/// The numbers as a router with the one resource `/metrics`. It asks for no token: serve it where only those get who may see it,
/// not beside [`app`](crate::app).
pub fn metrics_app(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(page)).with_state(metrics)
}

async fn page(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT), (CACHE_CONTROL, "no-store")], text).into_response(),
        Err(error) => {
            tracing::error!("{error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
