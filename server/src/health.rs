//! `GET /healthz` and `GET /readyz`: whether the server lives, and whether it can serve.

use crate::{app::Shared, deadline::Deadline, live::Stopping, refusal::Refusal};
use axum::{
    Extension,
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use std::time::Duration;

/// How long the database has for a sign of life.
const SOON: Duration = Duration::from_secs(3);

/// Whether the server lives: not, if only starting it again helps. A database that is away is no reason to.
pub(crate) async fn health(State(shared): State<Shared>) -> Result<Response, Refusal> {
    if shared.storage.is_alive() { Ok(ok()) } else { Err(Refusal::not_ready(DEAD)) }
}

/// Whether clients may be sent here: the server does not stop, and reaches its database, whose tables are those it knows.
pub(crate) async fn ready(
    State(shared): State<Shared>,
    stopping: Option<Extension<Stopping>>,
) -> Result<Response, Refusal> {
    if stopping.is_some_and(|Extension(stopping)| stopping.has_begun()) {
        return Err(Refusal::not_ready("the server is stopping; trying again, at another one, is safe"));
    }
    if !shared.storage.is_alive() {
        return Err(Refusal::not_ready(DEAD));
    }
    let deadline = Deadline::after(SOON.min(shared.limits.request_timeout));
    match deadline.bound(shared.storage.ping()).await {
        Ok(Ok(())) => Ok(ok()),
        Ok(Err(error)) => {
            tracing::warn!("not ready: {error}");
            Err(Refusal::not_ready("the database can't serve at the moment; trying again is safe"))
        }
        Err(_) => Err(Refusal::not_ready("the database has not answered in time; trying again is safe")),
    }
}

const DEAD: &str = "a part of the server has failed, and it has to be started again";

fn ok() -> Response {
    ([(CACHE_CONTROL, "no-store")], "ok\n").into_response()
}
