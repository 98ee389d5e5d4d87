//! What a reader asks for, in the words of the protocol's query (section 5.5 to 5.7).

use crate::refusal::Refusal;
use serde::Deserialize;
use tidelog::{authority::Gaps, sync::protocol::Cursor};

/// The query, as it came. A name given twice is refused when it is read.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    offset: Option<String>,
    live: Option<String>,
    cursor: Option<String>,
    payload: Option<String>,
    archived: Option<String>,
}

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Offset {
    /// With the first event: `-1`, or no offset.
    Start,
    /// With what comes: `now`.
    Now,
    /// Behind what was read before.
    After(Cursor),
}

/// How to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Live {
    /// Not at all.
    No,
    /// Until there is something.
    LongPoll,
    /// As a stream of server-sent events.
    Sse,
}

/// What a message of the feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// An event with all that is known of it.
    Event,
    /// The data of an event alone.
    Data,
}

impl Asked {
    pub(super) fn offset(&self) -> Result<Offset, Refusal> {
        match self.offset.as_deref() {
            None | Some("-1") => Ok(Offset::Start),
            Some("now") => Ok(Offset::Now),
            Some("") => {
                Err(Refusal::invalid("offset is empty: leave it out, or give -1, to begin at the start"))
            }
            Some(offset) => Ok(Offset::After(Cursor(offset.to_owned()))),
        }
    }

    pub(super) fn live(&self) -> Result<Live, Refusal> {
        let live = match self.live.as_deref() {
            None => return Ok(Live::No),
            Some("long-poll") => Live::LongPoll,
            Some("sse") => Live::Sse,
            Some(_) => return Err(Refusal::invalid("live is neither long-poll nor sse")),
        };
        if self.offset.is_none() {
            return Err(Refusal::invalid("live wants an offset: -1 for the start, now for the end"));
        }
        Ok(live)
    }

    pub(super) fn payload(&self) -> Result<Payload, Refusal> {
        match self.payload.as_deref() {
            None | Some("event") => Ok(Payload::Event),
            Some("data") => Ok(Payload::Data),
            Some(_) => Err(Refusal::invalid("payload is neither event nor data")),
        }
    }

    /// Which archived events the reader knows to be gone.
    pub(super) fn gaps(&self) -> Gaps {
        self.archived.as_deref().map_or_else(Gaps::default, Gaps::asked)
    }

    /// The `Stream-Cursor` that the reader was given last.
    pub(super) fn cursor(&self) -> Result<Option<u64>, Refusal> {
        let read = |text: &String| {
            text.parse().map_err(|_| Refusal::invalid("cursor is none that this server gives out"))
        };
        self.cursor.as_ref().map(read).transpose()
    }
}

/// What a query says of waiting, for who only wants to know the kind of a request.
pub(crate) fn live(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|field| field.strip_prefix("live="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: [Option<&str>; 4]) -> Asked {
        let [offset, live, cursor, payload] = fields.map(|field| field.map(str::to_owned));
        Asked { offset, live, cursor, payload, archived: None }
    }

    #[test]
    fn words_are_those_of_the_protocol() {
        let offset = |text| asked([text, None, None, None]).offset().ok();
        assert_eq!(offset(None), Some(Offset::Start));
        assert_eq!(offset(Some("-1")), Some(Offset::Start));
        assert_eq!(offset(Some("now")), Some(Offset::Now));
        assert_eq!(offset(Some("0-1")), Some(Offset::After(Cursor("0-1".to_owned()))));
        assert_eq!(offset(Some("")), None);
        let live = |offset, live| asked([offset, live, None, None]).live().ok();
        assert_eq!(live(None, None), Some(Live::No));
        assert_eq!(live(Some("-1"), Some("sse")), Some(Live::Sse));
        assert_eq!(live(Some("now"), Some("long-poll")), Some(Live::LongPoll));
        assert_eq!(live(None, Some("sse")), None);
        assert_eq!(live(Some("-1"), Some("")), None);
        let payload = |text| asked([None, None, None, text]).payload().ok();
        assert_eq!(payload(None), Some(Payload::Event));
        assert_eq!(payload(Some("data")), Some(Payload::Data));
        assert_eq!(payload(Some("")), None);
        let cursor = |text| asked([None, None, text, None]).cursor().ok();
        assert_eq!(cursor(Some("17")), Some(Some(17)));
        assert_eq!(cursor(Some("-1")), None);
    }

    #[test]
    fn the_kind_of_a_request_is_seen_in_its_query() {
        assert_eq!(live(Some("offset=-1&live=sse")), Some("sse"));
        assert_eq!(live(Some("offset=live")), None);
        assert_eq!(live(None), None);
    }
}
