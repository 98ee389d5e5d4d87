//! `POST /logs/{log}/commits`: an outcome for each commit.

use crate::{
    app::{Admitted, Shared},
    deadline::Deadline,
    refusal::Refusal,
    requests::Tally,
};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap,
        header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tidelog::authority::request::read_push;

pub(crate) async fn push(
    State(shared): State<Shared>,
    Admitted { log, pass, .. }: Admitted,
    tally: Tally,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let deadline = Deadline::after(shared.limits.request_timeout);
    check_media_type(&headers)?;
    let waiting = tally.waiting();
    let permit = deadline.bound(shared.pushes.acquire()).await.map_err(|_| Refusal::busy())?;
    drop(waiting);
    let bytes = deadline
        .bound(read(&headers, body, shared.limits.max_body))
        .await
        .map_err(|_| Refusal::body_too_slow())??;
    shared.rates.bytes(pass.holder, bytes.len())?;
    let offer = pass.sign(read_push(&bytes)?)?;
    drop(bytes);
    let sizes: Vec<_> = offer.commits.iter().map(|commit| commit.event_ids().count()).collect();
    let pushed = deadline.bound(shared.take(&log, offer)).await.map_err(|_| Refusal::busy())??;
    drop(permit);
    tally.pushed(&pushed, &sizes);
    Ok(([(CACHE_CONTROL, "no-store")], Json(pushed)).into_response())
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(encoding) = headers.get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Refusal::unsupported_media_type("the server reads no Content-Encoding"));
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::unsupported_media_type(format!(
        "Content-Type is {media_type:?} instead of application/json"
    )))
}

async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::too_large(format!("the body is over the limit of {limit} bytes"));
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|declared| declared > limit as u64) {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Refusal::invalid("the body ended before it was whole")),
    }
}
