//! Streams that the server has archived: learning of them, and what is here of them.
//!
//! 1. A pull names the markers that are here. Whoever lacks some is not led past what is gone (410), or hears that there are others by the page.
//! 2. Markers are asked for, and durable, before any page with a gap is.
//! 3. What is here of such a stream stays. It takes no more commands; what was pending is pushed all the same, since the server may have it.

use super::{Engine, Inner};
use crate::{
    log::{AppendError, Learned, store::Store},
    stream::StreamName,
    streams::Streams,
    sync::{
        machine::Failure,
        protocol::{Archived, Cursor, MAX_PAGE_EVENTS, Page},
        transport::{self, Known, Transport},
    },
    version::Version,
};
use serde::Serialize;

/// A stream that the server has archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArchivedStream {
    /// What the server says of it.
    pub marker: Archived,
    /// The version up to which its events are on this device: 0 for none, less than the marker's if it was archived before they all came.
    pub here: Version,
}

impl<S: Store> Engine<S> {
    /// The streams that the server has archived, of those that are followed, by name. They take no more commands.
    #[must_use]
    pub fn archived(&self) -> Vec<ArchivedStream> {
        let log = &self.inner.log;
        let archive = log.archive();
        let here = |marker: &Archived| log.confirmed_version(&marker.stream);
        archive
            .markers()
            .map(|marker| ArchivedStream { here: here(marker), marker: marker.clone() })
            .collect()
    }
}

impl<S: Store> Inner<S> {
    /// Whether a stream takes commands.
    pub(super) fn check_not_archived(&self, stream: &StreamName) -> Result<(), AppendError> {
        match self.log.archive().marker(stream) {
            None => Ok(()),
            Some(marker) => Err(AppendError::Archived { stream: stream.clone(), version: marker.version }),
        }
    }

    /// A page of what comes after a cursor, past what is known here to be gone.
    pub(super) async fn pull_page(
        &self,
        transport: &impl Transport,
        cursor: &Cursor,
        streams: &Streams,
    ) -> Result<Page, Failure> {
        let held = self.log.archive().cursor_of(streams);
        transport::pull(transport, cursor, MAX_PAGE_EVENTS, streams, Known::Markers(&held)).await
    }

    /// Asks for the markers of these streams that are not here, or for all of them, as for streams that came to be read.
    pub(super) async fn learn_archived(
        &self,
        transport: &impl Transport,
        streams: &Streams,
        from_first: bool,
    ) -> Result<(), Failure> {
        let mut cursor = Cursor::default();
        if !from_first {
            cursor = self.log.archive().cursor_of(streams);
        }
        let (mut markers, mut all_of) = (Vec::new(), cursor.0.is_empty().then(|| streams.clone()));
        loop {
            let page = match transport::archived(transport, &cursor, streams).await {
                Err(failure) if failure.is_of_lost_history() && !cursor.0.is_empty() => {
                    // whatever was known of others may have changed too: it is asked for when they are followed
                    (cursor, all_of) = (Cursor::default(), Some(Streams::all()));
                    markers.clear();
                    continue;
                }
                page => page?,
            };
            self.check_log(&page.log_id)?;
            markers.extend(page.archived.into_iter().filter(|it| streams.includes(it.stream.as_str())));
            if !page.up_to_date && page.cursor == cursor {
                let message = "the server's markers of archived streams do not get on".to_owned();
                return Err(super::pulling::failure("bad-answer", message));
            }
            cursor = page.cursor;
            if page.up_to_date {
                break;
            }
        }
        if cursor.0.is_empty() {
            // the server has none at all
            all_of = Some(Streams::all());
        }
        let fresh = self.log.learn_archived(Learned { markers, cursor, of: streams.clone(), all_of }).await?;
        self.wrote(Some(fresh.iter().map(|stream| stream.as_str().to_owned()).collect()));
        Ok(())
    }
}
