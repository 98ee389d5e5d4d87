//! A server that was restored from a backup: back to where both sides agree, and on from there.

use super::{Inner, status::Rewound};
use crate::{
    commit::{Commit, PendingCommit, Policy},
    log::{
        Checkpoint, Head, Rewind,
        store::{Store, Table, Write},
    },
    snapshot::row::prefix,
    stream::StreamName,
    sync::{
        machine::{Failure, Input},
        protocol::Cursor,
        transport::{self, Known, Transport},
    },
};
use std::{rc::Rc, sync::Arc};

impl<S: Store> Inner<S> {
    /// The server does not know the cursor: goes back to the newest checkpoint that it knows. What lies beyond is offered again.
    pub(super) async fn go_back(&self, transport: &impl Transport) -> Result<Input, Failure> {
        let seen = self.log.head();
        let to = self.agreed(transport).await?;
        let now = self.surroundings.stated();
        let position = to.position;
        if let Some(commits) = self.log.rewind(self.rewind_to(seen, to, None)).await? {
            self.driver.note_rewound(Rewound { at: now.millis(), position, commits });
            self.look_for_oldest().await;
            self.wrote(None);
        }
        Ok(Input::Pulled { up_to_date: false, pending: self.log.head().pending_commits, news: true })
    }

    /// What going back means here.
    pub(super) fn rewind_to(&self, seen: Head, to: Checkpoint, log_id: Option<Arc<str>>) -> Rewind {
        let (registry, log) = (self.registry.clone(), self.log.clone());
        let policy = move |commit: &Commit| {
            let decider = registry.get(commit.stream.aggregate());
            // a fact without a command, or of an aggregate that nobody here knows, can't be decided again
            let Some((decider, command)) = decider.zip(commit.command.as_ref()) else { return Policy::Keep };
            match decider.policy(&command.command_type) {
                // a question about what somebody else did is not for the person here: the other device asks it
                Policy::Ask if !log.is_own(commit.metadata.device_id) => Policy::Reject,
                policy => policy,
            }
        };
        let now = self.surroundings.stated();
        Rewind { seen, to, log_id, policy: Rc::new(policy), derived: without_snapshots, now }
    }

    /// The newest checkpoint that the server knows: it knows all before one that it knows, so half of them need no question.
    async fn agreed(&self, transport: &impl Transport) -> Result<Checkpoint, Failure> {
        let checkpoints = self.log.checkpoints();
        let start = Checkpoint::beginning();
        let (mut known, mut unknown) = (None, checkpoints.len());
        while known.map_or(0, |at| at + 1) < unknown {
            let from = known.map_or(0, |at: usize| at + 1);
            let middle = from + (unknown - from) / 2;
            if self.is_known(transport, &checkpoints[middle].cursor).await? {
                known = Some(middle);
            } else {
                unknown = middle;
            }
        }
        match known {
            Some(at) => Ok(checkpoints[at].clone()),
            None => {
                // the beginning is known to every log: is it the same one?
                self.is_known(transport, &start.cursor).await?;
                Ok(start)
            }
        }
    }

    /// Whether the server knows a cursor.
    pub(super) async fn is_known(
        &self,
        transport: &impl Transport,
        cursor: &Cursor,
    ) -> Result<bool, Failure> {
        match transport::pull(transport, cursor, 1, &self.log.followed().here, Known::Any).await {
            Ok(page) => self.check_log(&page.log_id).map(|()| true),
            Err(failure) if failure.is_of_lost_history() && !cursor.0.is_empty() => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Whether a pending commit is another device's, offered again from here.
    pub(super) fn is_foreign(&self, pending: &PendingCommit) -> bool {
        pending.reoffered && !self.log.is_own(pending.commit.metadata.device_id)
    }
}

/// A snapshot proves its place by its last event alone, which may come back with others before it.
fn without_snapshots(stream: &StreamName) -> Write {
    Write::DeletePrefix(Table::Snapshots, prefix(stream))
}
