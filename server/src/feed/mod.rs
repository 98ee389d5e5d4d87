//! `GET /logs/{log}/feed` and `GET /logs/{log}/feed/{stream}`: confirmed events for readers that are no devices, by the protocol of
//! Durable Streams (<https://github.com/durable-streams/durable-streams/blob/main/PROTOCOL.md>), whose reading half this is.
//!
//! Offsets are the cursors of pulls. What is read, what may be read and how news are waited for is the same code as for pulls; this
//! folder knows the words of the other protocol. `docs/durable-streams.md` says what is offered.

mod answer;
mod asked;
mod collapsing;
mod message;
mod sse;

pub(crate) use answer::{STREAM_CURSOR, STREAM_NEXT_OFFSET, STREAM_UP_TO_DATE};
pub(crate) use asked::live;
pub(crate) use message::FeedEvent;

use crate::{
    access::Pass,
    app::{Admitted, Shared},
    deadline::Deadline,
    live::{Next, Stopping, Tail, Wanted},
    log_name::LogName,
    refusal::Refusal,
    requests::Tally,
    storage::{PageLimit, Streams},
};
use answer::Answer;
use asked::{Asked, Live, Offset};
use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use collapsing::Collapsing;
use tidelog::{stream::StreamName, sync::protocol::Cursor};

/// `GET`: events after an offset, at once, when there are some, or as a stream.
pub(crate) async fn read(
    State(shared): State<Shared>,
    Admitted { log, stream, pass }: Admitted,
    stopping: Option<Extension<Stopping>>,
    tally: Tally,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let streams = readable(&pass, stream.as_ref())?;
    let Query(asked) = asked.map_err(|error| Refusal::invalid(error.body_text()))?;
    let (offset, live, payload) = (asked.offset()?, asked.live()?, asked.payload()?);
    let client = asked.cursor()?;
    let end = end(&shared, &log).await?;
    let (after, is_now) = match offset {
        Offset::Start => (Cursor::default(), false),
        Offset::Now => (end.clone(), true),
        Offset::After(cursor) => (cursor, false),
    };
    let limit = PageLimit { gaps: asked.gaps(), ..PageLimit::default() };
    let stopping = stopping.map(|Extension(stopping)| stopping).unwrap_or_default();
    let wanted = |time| Wanted {
        log: log.clone(),
        after: after.clone(),
        limit,
        streams: streams.clone(),
        scope: streams.fingerprint(),
        until: pass.until,
        time,
    };
    match live {
        Live::No if is_now => Ok(Answer::nothing_before(&end)),
        Live::No => {
            let page = shared.storage.page(&log, &after, limit, &streams);
            let deadline = Deadline::after(shared.limits.request_timeout);
            let page = deadline.bound(page).await.map_err(|_| Refusal::busy())??;
            tally.pulled(&page);
            Answer { page, payload, after: &after, collapsing: None }.to(&headers)
        }
        Live::LongPoll => {
            let mut tail = Tail::begin(&shared, wanted(shared.limits.feed_wait), stopping, tally)?;
            let page = loop {
                match tail.next().await? {
                    Next::News(page) => break page,
                    Next::Quiet(page) if tail.is_over() => break page,
                    Next::Quiet(_) => (),
                    Next::Over => break tail.page().await?,
                }
            };
            let collapsing = Some(Collapsing::after(client));
            Answer { page, payload, after: &after, collapsing }.to(&headers)
        }
        Live::Sse => {
            let tail = Tail::begin(&shared, wanted(shared.limits.live_for), stopping, tally)?;
            sse::stream(tail, payload, Collapsing::after(client)).await
        }
    }
}

/// `HEAD`: where the feed ends.
pub(crate) async fn describe(
    State(shared): State<Shared>,
    Admitted { log, stream, pass }: Admitted,
) -> Result<Response, Refusal> {
    readable(&pass, stream.as_ref())?;
    Ok(Answer::description(&end(&shared, &log).await?))
}

/// The streams that the feed is made of. What may not be read is refused without a look at whether there is such a stream.
fn readable(pass: &Pass, stream: Option<&StreamName>) -> Result<Streams, Refusal> {
    pass.check_read()?;
    match stream {
        None => Ok(pass.rights.read.clone()),
        Some(stream) if pass.rights.read.includes(stream.as_str()) => Ok(Streams::only(stream)),
        Some(_) => Err(Refusal::forbidden("the token does not allow reading this stream")),
    }
}

/// The offset behind the last event. To read a feed makes no log.
async fn end(shared: &Shared, log: &LogName) -> Result<Cursor, Refusal> {
    let end = Deadline::after(shared.limits.request_timeout).bound(shared.storage.end(log));
    let end = end.await.map_err(|_| Refusal::busy())??;
    end.ok_or_else(|| Refusal::not_found(format!("there is no log {log}: nobody has pushed to it yet")))
}
