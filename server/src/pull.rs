//! `GET /logs/{log}/events?after=CURSOR&limit=N`: whole commits after a cursor, at once or as they come.

use crate::{
    app::{Log, Shared},
    deadline::Deadline,
    live::{self, Stopping, Tail},
    log_name::LogName,
    refusal::Refusal,
    storage::PageLimit,
};
use axum::{
    Extension, Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tidelog::{authority::request::page_events, sync::protocol::Cursor};
use tokio::time::Instant;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    after: Cursor,
    limit: Option<usize>,
    wait: Option<u64>,
}

pub(crate) async fn pull(
    State(shared): State<Shared>,
    Log(log): Log,
    stopping: Option<Extension<Stopping>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(Asked { after, limit, wait }) = asked.map_err(|error| Refusal::invalid(error.body_text()))?;
    let limit = PageLimit::events(page_events(limit)?);
    let stopping = stopping.map(|Extension(stopping)| stopping).unwrap_or_default();
    match (live::is_wanted(&headers), wait) {
        (false, None) => page(&shared, &log, &after, limit).await,
        (false, Some(seconds)) => {
            let time = live::check_wait(seconds)?;
            live::wait(tail(&shared, log, after, limit, stopping, time)?).await
        }
        (true, None) => {
            let after = live::last_id(&headers)?.unwrap_or(after);
            live::stream(tail(&shared, log, after, limit, stopping, shared.limits.live_for)?).await
        }
        (true, Some(_)) => {
            Err(Refusal::invalid("wait belongs to an answer in JSON: a stream of events waits by itself"))
        }
    }
}

async fn page(shared: &Shared, log: &LogName, after: &Cursor, limit: PageLimit) -> Result<Response, Refusal> {
    let deadline = Deadline::after(shared.limits.request_timeout);
    let page = shared.storage.page(log, after, limit);
    let page = deadline.bound(page).await.map_err(|_| Refusal::busy())??;
    // A restored server may have another page at the same address.
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}

fn tail(
    shared: &Shared,
    log: LogName,
    cursor: Cursor,
    limit: PageLimit,
    stopping: Stopping,
    time: Duration,
) -> Result<Tail, Refusal> {
    Ok(Tail {
        place: shared.places.take()?,
        // Listened to before the first look: what comes between is not missed.
        rung: shared.storage.bell().listen(&log),
        storage: Arc::clone(&shared.storage),
        log,
        cursor,
        limit,
        stopping,
        until: Instant::now() + time,
        heartbeat: shared.limits.heartbeat,
        request_timeout: shared.limits.request_timeout,
    })
}
