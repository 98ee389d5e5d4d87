//! Commands that were given before: found by their id, answered with the receipt they had.

use super::{Inner, Receipt, WriteError};
use crate::{
    commit::Commit,
    event::RecordedEvent,
    id::CommitId,
    log::store::Store,
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};

impl<S: Store> Inner<S> {
    /// The receipt of a command of this stream that was given before, here or, if its commit has come down, elsewhere; none if
    /// it is new.
    ///
    /// Pending and rejected commits are known by their ids in memory. Confirmed ones are looked for in the blocks of their
    /// stream, the latest first: an index of the ids of all commits would grow with the log, for a question that is seldom asked.
    pub(super) async fn given(
        &self,
        stream: &StreamName,
        id: CommitId,
        resolves: Option<CommitId>,
        instead: Option<&StreamName>,
    ) -> Result<Option<Receipt>, WriteError> {
        loop {
            let epoch = self.log.head().epoch;
            if let Some(sequence) = self.log.pending_sequence(id) {
                let pending = self.log.pending(sequence.saturating_sub(1), 1, usize::MAX).await?;
                match pending.into_iter().find(|pending| pending.commit.id == id) {
                    Some(found) => return self.receipt(stream, found.commit, found.first_version, None),
                    None => continue, // it was settled meanwhile
                }
            }
            if self.log.is_rejected(id) && resolves != Some(id) {
                let rejected = self.log.rejected().await?;
                match rejected.into_iter().find(|rejected| rejected.commit.id == id) {
                    Some(found) if found.commit.stream == *stream => {
                        return Err(WriteError::Rejected { id, reason: Box::new(found.reason) });
                    }
                    Some(found) => {
                        return Err(WriteError::CommandIdTaken { id, stream: found.commit.stream });
                    }
                    // another tab resolved it, or its row can't be read: that is told elsewhere
                    None => {
                        self.log.catch_up().await?;
                    }
                }
            }
            if let Some(found) = self.log.confirmed_commit(stream, id).await? {
                let recorded = (found.first_position, found.recorded_at);
                return self.receipt(stream, found.commit, found.first_version, Some(recorded));
            }
            if let Some(instead) = instead
                && self.log.confirmed_commit(instead, id).await?.is_some()
            {
                return Err(WriteError::CommandIdTaken { id, stream: instead.clone() });
            }
            if self.log.head().epoch == epoch {
                return Ok(None);
            }
        }
    }

    fn receipt(
        &self,
        stream: &StreamName,
        commit: Commit,
        first_version: Version,
        recorded: Option<(Position, Timestamp)>,
    ) -> Result<Option<Receipt>, WriteError> {
        let commit_id = commit.id;
        if commit.stream != *stream {
            return Err(WriteError::CommandIdTaken { id: commit_id, stream: commit.stream });
        }
        let version = first_version + commit.count().saturating_sub(1);
        let events = RecordedEvent::of_commit(commit, first_version, recorded).collect();
        let events = self.decoder.show(events).map_err(|error| WriteError::Read(error.into()))?;
        let confirmed = recorded.is_some();
        Ok(Some(Receipt { commit_id, stream: stream.clone(), version, events, confirmed }))
    }
}
