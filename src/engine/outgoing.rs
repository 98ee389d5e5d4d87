//! What goes out to the server: pending commits, their events in the shapes that an older server takes.

use super::Inner;
use crate::{
    commit::{Commit, PendingCommit, Reason},
    event::RecordedEvent,
    id::CommitId,
    log::store::Store,
    mistake::{Mistake, made},
};
use std::collections::HashMap;

impl<S: Store> Inner<S> {
    /// A commit as the server takes it. It keeps its ids and the number of its events: each event that is newer than the server
    /// knows goes back along the upcasters that lead to it; the others go as they are.
    fn outgoing(&self, mut commit: Commit) -> Result<Commit, Reason> {
        if made(Mistake::PushedAsRead)
            && let Ok(read) = self.decoder.show(RecordedEvent::of_commit(commit.clone(), 1, None).collect())
        {
            commit.events = read.into_iter().map(|it| it.event).collect();
        }
        if self.push_as.is_empty() {
            return Ok(commit);
        }
        let mut older = commit.clone();
        let no_way = |message: String| Reason {
            code: "no-downcast".into(),
            message: format!("the server takes an older shape only: {message}"),
            detail: None,
            builds_on: None,
        };
        for (stored, event) in RecordedEvent::of_commit(commit, 1, None).zip(&mut older.events) {
            let shape = self.decoder.stored_as(&stored, &self.push_as);
            let shape = shape.map_err(|error| no_way(error.to_string()))?;
            (event.event_type, event.schema_version, event.data) =
                (shape.event_type, shape.schema_version, shape.data);
        }
        older.check().map_err(|error| no_way(error.to_string()))?;
        Ok(older)
    }

    /// The commits as the server takes them, and why others can't be brought into the shapes that it takes.
    pub(super) fn to_send(&self, pending: Vec<PendingCommit>) -> (Vec<Commit>, HashMap<CommitId, Reason>) {
        let (mut commits, mut refused) = (Vec::with_capacity(pending.len()), HashMap::new());
        for PendingCommit { commit, .. } in pending {
            let id = commit.id;
            match self.outgoing(commit) {
                Ok(commit) => commits.push(commit),
                Err(reason) => {
                    refused.insert(id, reason);
                }
            }
        }
        (commits, refused)
    }

    /// Whether the events of a pending commit read otherwise once they have been with the server, because the older shape can't hold
    /// all that they say. Then what was decided after them stands on something else.
    pub(super) fn changes_on_the_way(&self, pending: &PendingCommit) -> bool {
        if self.push_as.is_empty() {
            return false;
        }
        let read = |commit: Commit| {
            let events = RecordedEvent::of_commit(commit, pending.first_version, None).collect();
            let events = self.decoder.decode(events).ok()?.into_iter().map(|it| it.event);
            Some(events.map(|it| (it.event_type, it.schema_version, it.data)).collect::<Vec<_>>())
        };
        let there = self.outgoing(pending.commit.clone()).ok().and_then(read);
        there != read(pending.commit.clone())
    }
}
