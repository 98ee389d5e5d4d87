//! `GET /logs/{log}/events?after=CURSOR&limit=N`: whole commits after a cursor.

use crate::{
    app::{Log, Shared},
    deadline::Deadline,
    refusal::Refusal,
    storage::PageLimit,
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tidelog::sync::protocol::{Cursor, MAX_PAGE_EVENTS};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    after: Cursor,
    limit: Option<usize>,
}

pub(crate) async fn pull(
    State(shared): State<Shared>,
    Log(log): Log,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let deadline = Deadline::after(shared.limits.request_timeout);
    let Query(Asked { after, limit }) = asked.map_err(|error| Refusal::invalid(error.body_text()))?;
    let limit = limit.unwrap_or(MAX_PAGE_EVENTS);
    if !(1..=MAX_PAGE_EVENTS).contains(&limit) {
        return Err(Refusal::invalid(format!("limit is {limit}, not within 1 to {MAX_PAGE_EVENTS}")));
    }
    let page = shared.storage.page(&log, &after, PageLimit::events(limit));
    let page = deadline.bound(page).await.map_err(|_| Refusal::busy())??;
    // A restored server may have another page at the same address.
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
