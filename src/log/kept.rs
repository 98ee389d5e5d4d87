//! Commits that are kept although the server does not have them: those that were rejected, and the orphans, which other devices decided.

use super::{
    Log, LogError,
    event_log::Inner,
    rows::{orphan_key, orphan_of_key, rejected_of_row},
    sorted::sort_short,
    store::{Batch, Bytes, Key, Selection, Store, Table, Write, Written},
};
use crate::{commit::RejectedCommit, id::CommitId};
use std::rc::Rc;

impl<S: Store> Log<S> {
    /// The rejected commits, the oldest rejection first. Rows that can't be read are left out and listed by
    /// [`Log::corrupt`].
    ///
    /// # Errors
    /// [`LogError`] if storage fails.
    pub async fn rejected(&self) -> Result<Vec<RejectedCommit>, LogError> {
        self.kept_commits(false).await
    }

    /// Commits of other devices that the server has lost and that can't be brought back from here (see [`Log::rewind`]), the oldest
    /// first. Their own devices may still bring them: then they are no longer listed.
    ///
    /// # Errors
    /// As [`Log::rejected`].
    pub async fn orphans(&self) -> Result<Vec<RejectedCommit>, LogError> {
        self.kept_commits(true).await
    }

    async fn kept_commits(&self, orphans: bool) -> Result<Vec<RejectedCommit>, LogError> {
        let loaded = self.inner.store.load(&[Selection::All(Table::Rejected)]).await?;
        let mut commits: Vec<RejectedCommit> = Vec::new();
        let wanted = |(key, _): &(Key, Bytes)| orphan_of_key(key).is_some() == orphans;
        for (key, row) in loaded.rows.into_iter().flatten().filter(wanted) {
            match rejected_of_row(&key, &row) {
                Ok(commit) => commits.push(commit),
                Err(damage) => {
                    self.inner.view.borrow_mut().note_bad_row(Table::Rejected, key, &damage.to_string())
                }
            }
        }
        sort_short(&mut commits, |a, b| (a.rejected_at, a.commit.id) < (b.rejected_at, b.commit.id));
        Ok(commits)
    }

    /// Takes an orphan off the list for good, on this device; whether it was there.
    ///
    /// # Errors
    /// [`LogError`] if storage fails.
    pub async fn forget_orphan(&self, id: CommitId) -> Result<bool, LogError> {
        let inner = Rc::clone(&self.inner);
        self.inner.take_turn(async move { inner.forget_orphan(id).await }).await
    }
}

impl<S: Store> Inner<S> {
    async fn forget_orphan(&self, id: CommitId) -> Result<bool, LogError> {
        loop {
            self.refresh().await?;
            let epoch = {
                let view = self.view.borrow();
                if !view.orphans.contains(&id) {
                    return Ok(false);
                }
                view.epoch
            };
            let batch = Batch {
                epoch: Some(epoch),
                new_epoch: Some(epoch + 1),
                writes: vec![Write::Delete(Table::Rejected, orphan_key(id))],
                ..Batch::default()
            };
            if self.store.write(batch).await? == Written::Done {
                self.reload().await?;
                return Ok(true);
            }
        }
    }
}
