//! `POST /logs/{log}/commits`: an outcome for each commit.

use crate::{
    app::{Log, Shared},
    candidate::Candidate,
    deadline::Deadline,
    refusal::Refusal,
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
use serde::Deserialize;
use serde_json::value::RawValue;
use tidelog::{
    id::DeviceId,
    sync::protocol::{MAX_PUSH_COMMITS, PROTOCOL},
};

pub(crate) async fn push(
    State(shared): State<Shared>,
    Log(log): Log,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let deadline = Deadline::after(shared.limits.request_timeout);
    check_media_type(&headers)?;
    let permit = deadline.bound(shared.pushes.acquire()).await.map_err(|_| Refusal::busy())?;
    let bytes = deadline
        .bound(read(&headers, body, shared.limits.max_body))
        .await
        .map_err(|_| Refusal::body_too_slow())??;
    let candidates = decode(&bytes)?;
    drop(bytes);
    let pushed =
        deadline.bound(shared.storage.push(&log, candidates)).await.map_err(|_| Refusal::busy())??;
    drop(permit);
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

/// The push with its commits still unread, so that a malformed one is refused alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    protocol: u32,
    #[serde(rename = "deviceId")]
    _device_id: DeviceId,
    #[serde(borrow)]
    commits: Vec<&'a RawValue>,
}

/// All that is expected of a push of another protocol.
#[derive(Deserialize)]
struct Spoken {
    protocol: u32,
}

fn decode(bytes: &[u8]) -> Result<Vec<Candidate>, Refusal> {
    let other = |protocol| {
        Refusal::unsupported_protocol(format!(
            "the push is of protocol {protocol}; this server speaks {PROTOCOL}"
        ))
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let envelope: Envelope<'_> = match serde_path_to_error::deserialize(&mut deserializer) {
        Ok(envelope) => envelope,
        Err(error) => {
            return Err(match serde_json::from_slice(bytes) {
                Ok(Spoken { protocol }) if protocol != PROTOCOL => other(protocol),
                _ => Refusal::invalid(format!("{}: {}", error.path(), error.inner())),
            });
        }
    };
    deserializer.end().map_err(|error| Refusal::invalid(error.to_string()))?;
    if envelope.protocol != PROTOCOL {
        return Err(other(envelope.protocol));
    }
    match envelope.commits.len() {
        0 => Err(Refusal::invalid("commits: a push needs at least one commit")),
        count if count > MAX_PUSH_COMMITS => {
            Err(Refusal::too_large(format!("{count} commits are over the limit of {MAX_PUSH_COMMITS}")))
        }
        _ => {
            let commits = envelope.commits.into_iter().enumerate();
            commits
                .map(|(index, commit)| Candidate::read(commit, index))
                .collect::<Result<_, _>>()
                .map_err(|error| Refusal::invalid(error.to_string()))
        }
    }
}
