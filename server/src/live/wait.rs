//! `GET /logs/{log}/events?after=CURSOR&wait=SECONDS`: a page as soon as there is something in it.

use super::tail::{Next, Tail};
use crate::refusal::Refusal;
use axum::{
    Json,
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use std::time::Duration;

/// The longest wait that may be asked for, in seconds: below what proxies cut.
pub(crate) const MAX_WAIT: u64 = 30;

/// How long to wait.
pub(crate) fn check_wait(seconds: u64) -> Result<Duration, Refusal> {
    if (1..=MAX_WAIT).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    Err(Refusal::invalid(format!("wait is {seconds}, not within 1 to {MAX_WAIT} seconds")))
}

/// The first page with commits, or an empty one when the time is over.
pub(crate) async fn wait(mut tail: Tail) -> Result<Response, Refusal> {
    let page = loop {
        match tail.next().await? {
            Next::News(page) => break page,
            Next::Quiet(page) if tail.is_over() => break page,
            Next::Quiet(_) => (),
            Next::Over => break tail.page().await?,
        }
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
