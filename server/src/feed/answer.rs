//! Answers of a feed: an array of messages, and in headers where the reader stands.

use super::{asked::Payload, collapsing::Collapsing, message::messages};
use crate::refusal::Refusal;
use axum::{
    Json,
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use tidelog::sync::protocol::{Cursor, Page};

/// Where to go on.
pub(crate) const STREAM_NEXT_OFFSET: HeaderName = HeaderName::from_static("stream-next-offset");
/// Whether there was nothing more.
pub(crate) const STREAM_UP_TO_DATE: HeaderName = HeaderName::from_static("stream-up-to-date");
/// What to put into the next address; see [`Collapsing`].
pub(crate) const STREAM_CURSOR: HeaderName = HeaderName::from_static("stream-cursor");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// A browser may keep it, but has to ask each time whether it is still so: the server may have been restored from a backup.
const REVALIDATED: HeaderValue = HeaderValue::from_static("private, no-cache");

/// What was read for a reader.
pub(super) struct Answer<'a> {
    pub(super) page: Page,
    pub(super) payload: Payload,
    pub(super) after: &'a Cursor,
    /// For readers that wait.
    pub(super) collapsing: Option<Collapsing>,
}

impl Answer<'_> {
    /// The answer to a request with these headers.
    pub(super) fn to(self, asked: &HeaderMap) -> Result<Response, Refusal> {
        let Self { page, payload, after, collapsing } = self;
        let mut headers = standing(&page.cursor, page.up_to_date);
        if let Some(collapsing) = collapsing {
            headers.insert(STREAM_CURSOR, value(&collapsing.cursor()));
            if page.commits.is_empty() && page.up_to_date {
                headers.insert(CACHE_CONTROL, NO_STORE);
                return Ok((StatusCode::NO_CONTENT, headers).into_response());
            }
        }
        let tag = tag(&page, after);
        headers.insert(ETAG, value(&tag));
        headers.insert(CACHE_CONTROL, REVALIDATED);
        if is_known(&tag, asked) {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        Ok((headers, Json(messages(page.commits, payload))).into_response())
    }

    /// The answer to who wants only what comes: nothing, and where the end is.
    pub(super) fn nothing_before(end: &Cursor) -> Response {
        let mut headers = standing(end, true);
        headers.insert(CACHE_CONTROL, NO_STORE);
        headers.insert(CONTENT_TYPE, JSON);
        (headers, "[]").into_response()
    }

    /// What there is to say of a feed without its events.
    pub(super) fn description(end: &Cursor) -> Response {
        let mut headers = standing(end, false);
        headers.insert(CACHE_CONTROL, NO_STORE);
        headers.insert(CONTENT_TYPE, JSON);
        (headers, Body::empty()).into_response()
    }
}

fn standing(cursor: &Cursor, up_to_date: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(STREAM_NEXT_OFFSET, value(&cursor.0));
    if up_to_date {
        headers.insert(STREAM_UP_TO_DATE, TRUE);
    }
    headers
}

/// What the server writes here is ASCII.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// Names what an address holds: from where to where, whether that is the end, and what the reader may see. A cursor names the history
/// that it belongs to, so another history has another tag.
fn tag(page: &Page, after: &Cursor) -> String {
    let Page { cursor, up_to_date, scope, .. } = page;
    let after = if after.0.is_empty() { "-1" } else { &after.0 };
    let (end, scope) = (if *up_to_date { "end" } else { "more" }, scope.as_deref().unwrap_or("all"));
    format!("\"{after}:{}:{end}:{scope}\"", cursor.0)
}

/// Whether the reader has it already (RFC 9110, section 13.1.2).
fn is_known(tag: &str, asked: &HeaderMap) -> bool {
    let values = asked.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
