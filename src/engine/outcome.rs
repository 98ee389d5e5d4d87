//! What became of a commit.

use super::{Engine, ReadError};
use crate::{
    commit::Reason,
    event::RecordedEvent,
    id::CommitId,
    log::store::Store,
    stream::StreamName,
    version::{Position, Version},
};
use serde::Serialize;

/// How a commit ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// In the authority's log as it was decided.
    Confirmed {
        /// The stream's version with it.
        version: Version,
        /// The position of its last event.
        position: Position,
    },
    /// In the authority's log, after its stream had moved: at another version, perhaps with other events.
    Rebased {
        /// The stream's version with it.
        version: Version,
        /// The position of its last event.
        position: Position,
        /// How often it was rebased.
        generation: u32,
        /// Its events as they are confirmed.
        events: Vec<RecordedEvent>,
    },
    /// The same command came to the authority from elsewhere first, under the same id: what was decided there counts.
    Duplicate {
        /// The stream's version with it.
        version: Version,
        /// The position of its last event.
        position: Position,
        /// The events that count.
        events: Vec<RecordedEvent>,
    },
    /// Decided again, the command had nothing left to say: what it wanted is so already.
    Absorbed,
    /// It can't be confirmed any more; it is kept in the rejected list.
    Rejected {
        /// Why.
        reason: Reason,
    },
}

impl<S: Store> Engine<S> {
    /// Waits until a commit of a stream is settled, however long that takes.
    ///
    /// # Errors
    /// [`ReadError`] if the log can't be read, also because it was closed meanwhile; [`ReadError::UnknownCommit`] if it is
    /// neither pending nor in the log nor rejected: it was never there, or it was discarded, or absorbed by another opening of
    /// the database, before the call.
    pub async fn outcome(&self, stream: &StreamName, id: CommitId) -> Result<Outcome, ReadError> {
        let inner = &self.inner;
        let mut was_pending = false;
        loop {
            let changed = inner.signal.next();
            if inner.log.pending_sequence(id).is_none() {
                let epoch = inner.log.head().epoch;
                let rejected = inner.log.rejected().await?;
                if let Some(rejected) =
                    rejected.into_iter().find(|it| it.commit.id == id && it.commit.stream == *stream)
                {
                    return Ok(Outcome::Rejected { reason: rejected.reason });
                }
                if let Some(confirmed) = inner.log.confirmed_commit(stream, id).await? {
                    let version = confirmed.first_version + confirmed.commit.count() - 1;
                    let position = confirmed.last_position();
                    let generation = confirmed.commit.generation;
                    let is_foreign = !inner.log.is_own(confirmed.commit.metadata.device_id);
                    let is_duplicate = is_foreign && (was_pending || inner.superseded.borrow().contains(&id));
                    if generation == 0 && !is_duplicate {
                        return Ok(Outcome::Confirmed { version, position });
                    }
                    let recorded = (confirmed.first_position, confirmed.recorded_at);
                    let events =
                        RecordedEvent::of_commit(confirmed.commit, confirmed.first_version, Some(recorded));
                    let events = inner.decoder.show(events.collect())?;
                    return Ok(if is_duplicate {
                        Outcome::Duplicate { version, position, events }
                    } else {
                        Outcome::Rebased { version, position, generation, events }
                    });
                }
                if inner.log.head().epoch != epoch {
                    continue;
                }
                return if was_pending || inner.absorbed.borrow().contains(&id) {
                    Ok(Outcome::Absorbed)
                } else {
                    Err(ReadError::UnknownCommit(id.to_string()))
                };
            }
            was_pending = true;
            inner.check_open()?;
            changed.await;
        }
    }
}
