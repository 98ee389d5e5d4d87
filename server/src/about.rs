//! `GET /logs/{log}`: what the server speaks and offers, before anything is sent.

use crate::{
    app::{Admitted, Shared},
    live::MAX_WAIT,
};
use axum::{
    Json,
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use tidelog::authority::request;

/// The same for every log that the client may ask for: whether there is such a log is not looked up.
pub(crate) async fn about(State(shared): State<Shared>, _: Admitted) -> Response {
    let limits = &shared.limits;
    let (wait, features): (_, &[&str]) = if limits.max_live > 0 {
        (Some(MAX_WAIT), &["stream", "wait", "feed", "archive"])
    } else {
        (None, &["feed", "archive"])
    };
    ([(CACHE_CONTROL, "no-store")], Json(request::about(limits.max_body, wait, features))).into_response()
}
