//! `GET /healthz`: whether the server can reach its database.

use crate::{app::Shared, deadline::Deadline, refusal::Refusal};
use axum::{
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};

pub(crate) async fn health(State(shared): State<Shared>) -> Result<Response, Refusal> {
    let deadline = Deadline::after(shared.limits.request_timeout);
    deadline.bound(shared.storage.ping()).await.map_err(|_| Refusal::busy())??;
    Ok(([(CACHE_CONTROL, "no-store")], "ok\n").into_response())
}
