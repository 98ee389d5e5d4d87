//! `GET /logs/{log}/events?after=CURSOR` with `Accept: text/event-stream`: pages as they come
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use super::{
    control::{Control, milliseconds},
    tail::{Next, Tail},
};
use crate::refusal::Refusal;
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures_util::stream::unfold;
use std::collections::VecDeque;
use tidelog::{
    authority::{self, InvalidCursor},
    sync::protocol::{Cursor, Page},
};

/// Asks nginx, and others that heed it, not to collect the answer.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Whether the client wants a stream rather than a page.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut essences = accepts.flat_map(|accept| accept.split(',')).map(|range| range.split(';').next());
    essences.any(|essence| {
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}

/// The id of the last event that the client saw before, from a client that connects again by itself.
pub(crate) fn last_id(headers: &HeaderMap) -> Result<Option<Cursor>, Refusal> {
    let Some(id) = headers.get("Last-Event-ID") else { return Ok(None) };
    let id = id.to_str().map_err(|_| Refusal::from(authority::Refusal::from(InvalidCursor::Unreadable)))?;
    Ok(Some(Cursor(id.to_owned())))
}

/// A stream from the first page on. That page is read before anything is answered, so that a bad cursor is refused as everywhere.
pub(crate) async fn stream(mut tail: Tail) -> Result<Response, Refusal> {
    let sent = tail.cursor.clone();
    let first = tail.page().await?;
    let mut feed = Feed {
        log_id: first.log_id.clone(),
        up_to_date: first.up_to_date,
        sent,
        tail,
        ready: VecDeque::new(),
        ended: false,
    };
    feed.ready.push_back(feed.opening(&first));
    if !first.commits.is_empty() {
        let first = feed.data(&first);
        feed.ready.push_back(first);
    }
    let mut response = Sse::new(unfold(feed, Feed::next)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    Ok(response)
}

/// An event, unless it could not be written as JSON.
type Written = Result<Event, axum::Error>;

/// What a stream still has to say.
struct Feed {
    tail: Tail,
    ready: VecDeque<Written>,
    log_id: String,
    up_to_date: bool,
    /// The cursor that the client has.
    sent: Cursor,
    ended: bool,
}

impl Feed {
    /// The next event; none at the end. Asked only when the connection can take one.
    async fn next(mut self) -> Option<(Written, Self)> {
        if self.ready.is_empty() && !self.ended {
            let event = self.follow().await?;
            self.ready.push_back(event);
        }
        let event = self.ready.pop_front()?;
        Some((event, self))
    }

    /// Waits for what comes; none if the storage failed: who connects again is told so.
    async fn follow(&mut self) -> Option<Written> {
        // A log that never rests must not keep a stream open.
        if self.tail.is_over() {
            return Some(self.closing());
        }
        match self.tail.next().await.ok()? {
            Next::News(page) => {
                self.up_to_date = page.up_to_date;
                Some(self.data(&page))
            }
            Next::Quiet(page) => {
                self.up_to_date = page.up_to_date;
                // What was passed over need not be passed over again by who connects again.
                if self.tail.leaves_out() && page.cursor != self.sent {
                    return Some(self.data(&page));
                }
                Some(Ok(Event::default().comment("")))
            }
            Next::Over => Some(self.closing()),
        }
    }

    fn opening(&self, first: &Page) -> Written {
        let up_to_date = first.up_to_date && first.commits.is_empty();
        let heartbeat = Some(milliseconds(self.tail.heartbeat));
        control(&Control { log_id: &self.log_id, up_to_date, heartbeat, closing: false })
    }

    /// Commits as a page, with the cursor behind them as the event's id.
    fn data(&mut self, page: &Page) -> Written {
        self.sent.clone_from(&page.cursor);
        Event::default().event("data").id(page.cursor.0.as_str()).json_data(page)
    }

    fn closing(&mut self) -> Written {
        self.ended = true;
        let Self { log_id, up_to_date, .. } = self;
        control(&Control { log_id, up_to_date: *up_to_date, heartbeat: None, closing: true })
    }
}

fn control(control: &Control<'_>) -> Written {
    Event::default().event("control").json_data(control)
}
