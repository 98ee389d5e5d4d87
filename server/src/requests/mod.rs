//! What an operator sees of requests: an id for each, a line in the log, numbers.
//!
//! A line says which kind of request it was, never its address: names of logs are often those of schools or people, and logs of a
//! server travel further than its database. Neither tokens nor what is in commits is ever written.

mod ending;
mod id;
mod route;
mod tally;

pub(crate) use id::X_REQUEST_ID;
pub(crate) use route::Route;
pub(crate) use tally::{Outcome, Tally};

use crate::metrics::Metrics;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use ending::Ending;
use id::RequestId;
use std::sync::Arc;
use tracing::Instrument;

/// Gives the request an id, which every line of the log written for it carries, and tells of it when its answer has ended.
pub(crate) async fn watch(
    State(metrics): State<Option<Arc<Metrics>>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::of(request.headers());
    // At the level of errors, so that it is there whatever is written.
    let span = tracing::error_span!("request", %id);
    let tally = Tally::new(metrics);
    request.extensions_mut().insert(tally.clone());
    let ending = Ending::new(&request, tally, span.clone());
    let mut response = next.run(request).instrument(span).await;
    if let Some(value) = id.header() {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    ending.after(response)
}
