//! A feed as server-sent events: a `data` event with messages, and after each a `control` event with where the reader stands
//! (section 5.7 of the protocol).

use super::{asked::Payload, collapsing::Collapsing, message::messages};
use crate::{
    live::{Next, Tail},
    refusal::Refusal,
};
use axum::{
    body::{Body, Bytes},
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::Response,
};
use futures_util::stream::unfold;
use serde::Serialize;
use std::{collections::VecDeque, ops::Not};
use tidelog::sync::protocol::{Cursor, Page};

/// Asks nginx, and others that heed it, not to collect the answer.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The data of a `control` event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Control<'a> {
    stream_next_offset: &'a str,
    stream_cursor: String,
    #[serde(skip_serializing_if = "Not::not")]
    up_to_date: bool,
}

/// The text of an event, unless it could not be written as JSON.
type Written = serde_json::Result<Bytes>;

/// What a stream still has to say.
struct Telling {
    tail: Tail,
    payload: Payload,
    collapsing: Collapsing,
    ready: VecDeque<Written>,
    /// The offset that the reader has.
    sent: Cursor,
}

/// A stream from the first page on. That page is read before anything is answered, so that a bad offset is refused as everywhere.
pub(super) async fn stream(
    mut tail: Tail,
    payload: Payload,
    collapsing: Collapsing,
) -> Result<Response, Refusal> {
    let first = tail.page().await?;
    let sent = first.cursor.clone();
    let mut telling = Telling { tail, payload, collapsing, ready: VecDeque::new(), sent };
    telling.tell(first);
    let mut response = Response::new(Body::from_stream(unfold(telling, Telling::next)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, no-transform"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    Ok(response)
}

impl Telling {
    /// The next event; none at the end. Asked only when the connection can take one.
    async fn next(mut self) -> Option<(Written, Self)> {
        if self.ready.is_empty() {
            // A log that never rests must not keep a stream open.
            if self.tail.is_over() {
                return None;
            }
            // Where the storage failed the stream ends: who connects again is told so.
            match self.tail.next().await.ok()? {
                Next::News(page) => self.tell(page),
                // What was passed over need not be passed over again by who connects again.
                Next::Quiet(page) if page.cursor != self.sent => self.tell(page),
                Next::Quiet(_) => self.ready.push_back(Ok(Bytes::from_static(b":\n\n"))),
                Next::Over => return None,
            }
        }
        let event = self.ready.pop_front()?;
        Some((event, self))
    }

    /// The events of a page as one `data` event, if there are any, and where they end.
    fn tell(&mut self, page: Page) {
        let Page { commits, cursor, up_to_date, .. } = page;
        if !commits.is_empty() {
            self.ready.push_back(event("data", &messages(commits, self.payload)));
        }
        let stream_cursor = self.collapsing.cursor();
        let control = Control { stream_next_offset: &cursor.0, stream_cursor, up_to_date };
        self.ready.push_back(event("control", &control));
        self.sent = cursor;
    }
}

/// Writes an event. JSON that came with line breaks in it goes over several lines of data. There is no space behind `data:`, for readers that
/// look for what comes right after it.
fn event(name: &str, data: &impl Serialize) -> Written {
    let json = serde_json::to_vec(data)?;
    let mut text = format!("event: {name}").into_bytes();
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        text.extend_from_slice(b"\ndata:");
        text.extend_from_slice(line);
    }
    text.extend_from_slice(b"\n\n");
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidelog::json::Json;

    #[test]
    fn line_breaks_within_json_stay_within_the_event() {
        let data = Json::parse("{\"a\":\r\n 1,\n\n\"b\":\"\\n\"}").unwrap();
        let written = event("data", &[data]).unwrap();
        assert_eq!(written, "event: data\ndata:[{\"a\":\ndata:\ndata: 1,\ndata:\ndata:\"b\":\"\\n\"}]\n\n");
    }
}
