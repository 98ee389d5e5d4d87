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
use tidelog::{authority::request::page_events, sync::protocol::Cursor};

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
    let limit = PageLimit::events(page_events(limit)?);
    let page = shared.storage.page(&log, &after, limit);
    let page = deadline.bound(page).await.map_err(|_| Refusal::busy())??;
    // A restored server may have another page at the same address.
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
