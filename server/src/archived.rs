//! `GET /logs/{log}/archived?after=CURSOR&limit=N`: the markers of archived streams.

use crate::{
    app::{Admitted, Shared},
    deadline::Deadline,
    refusal::Refusal,
};
use axum::{
    Json,
    extract::{Query, RawQuery, State, rejection::QueryRejection},
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tidelog::{
    authority::request::{check_protocol, followed, page_events},
    sync::protocol::Cursor,
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    after: Cursor,
    limit: Option<usize>,
    protocol: Option<u32>,
}

pub(crate) async fn archived(
    State(shared): State<Shared>,
    Admitted { log, pass, .. }: Admitted,
    asked: Result<Query<Asked>, QueryRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    pass.check_read()?;
    let Query(Asked { after, limit, protocol }) =
        asked.map_err(|error| Refusal::invalid(error.body_text()))?;
    check_protocol(protocol)?;
    let limit = page_events(limit)?;
    let streams = followed(query.as_deref().unwrap_or_default())?.both(&pass.rights.read);
    let page = shared.storage.archived(&log, &after, limit, &streams);
    let deadline = Deadline::after(shared.limits.request_timeout);
    let page = deadline.bound(page).await.map_err(|_| Refusal::busy())??;
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
