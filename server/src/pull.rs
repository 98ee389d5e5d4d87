//! `GET /logs/{log}/events?after=CURSOR&limit=N`: whole commits after a cursor, at once or as they come.

use crate::{
    app::{Admitted, Shared},
    deadline::Deadline,
    live::{self, Stopping, Tail, Wanted},
    refusal::Refusal,
    requests::Tally,
    storage::{Gaps, PageLimit},
};
use axum::{
    Extension, Json,
    extract::{Query, RawQuery, State, rejection::QueryRejection},
    http::{HeaderMap, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tidelog::{
    authority::request::{check_protocol, followed, page_events},
    sync::protocol::{Cursor, Page},
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    after: Cursor,
    limit: Option<usize>,
    wait: Option<u64>,
    protocol: Option<u32>,
    #[serde(default)]
    archived: String,
}

pub(crate) async fn pull(
    State(shared): State<Shared>,
    Admitted { log, pass, .. }: Admitted,
    stopping: Option<Extension<Stopping>>,
    tally: Tally,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    pass.check_read()?;
    let asked = asked.map_err(|error| Refusal::invalid(error.body_text()))?;
    let Query(Asked { after, limit, wait, protocol, archived }) = asked;
    check_protocol(protocol)?;
    let limit = PageLimit { gaps: Gaps::asked(&archived), ..PageLimit::events(page_events(limit)?) };
    let streams = followed(query.as_deref().unwrap_or_default())?.both(&pass.rights.read);
    let scope = pass.rights.read.fingerprint();
    let stopping = stopping.map(|Extension(stopping)| stopping).unwrap_or_default();
    match (live::is_wanted(&headers), wait) {
        (false, None) => {
            let time = shared.limits.request_timeout;
            let wanted = Wanted { log, after, limit, streams, scope, until: pass.until, time };
            page(&shared, wanted, &tally).await
        }
        (false, Some(seconds)) => {
            let time = live::check_wait(seconds)?;
            let wanted = Wanted { log, after, limit, streams, scope, until: pass.until, time };
            live::wait(Tail::begin(&shared, wanted, stopping, tally)?).await
        }
        (true, None) => {
            let after = live::last_id(&headers)?.unwrap_or(after);
            let time = shared.limits.live_for;
            let wanted = Wanted { log, after, limit, streams, scope, until: pass.until, time };
            live::stream(Tail::begin(&shared, wanted, stopping, tally)?).await
        }
        (true, Some(_)) => {
            Err(Refusal::invalid("wait belongs to an answer in JSON: a stream of events waits by itself"))
        }
    }
}

async fn page(shared: &Shared, wanted: Wanted, tally: &Tally) -> Result<Response, Refusal> {
    let Wanted { log, after, limit, streams, scope, time, .. } = wanted;
    let page = shared.storage.page(&log, &after, limit, &streams);
    let page = Deadline::after(time).bound(page).await.map_err(|_| Refusal::busy())??;
    let page = Page { scope, ..page };
    tally.pulled(&page);
    // A restored server may have another page at the same address.
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
