//! Restoring: an exported log comes back as it was, at its positions; what was begun is gone on with.

use super::{Import, Item};
use crate::{
    commit::{Commit, ConfirmedCommit, Reason, RejectedCommit},
    engine::WriteError,
    log::{AppendError, Applied, Change, Draft, store::Store},
    transfer::{Header, ImportError, Mode, Pending},
};

impl<S: Store> Import<S> {
    /// How to take in a log that begins with this item.
    pub(super) async fn mode(&self, header: &Header, first: &Item) -> Result<Mode, ImportError> {
        if self.options.mode == Some(Mode::Merge) {
            return Ok(Mode::Merge);
        }
        let log = &self.engine.inner.log;
        let head = log.head();
        let is_empty = (head.position, head.pending_commits, head.rejected) == (0, 0, 0);
        let is_begun = match first {
            _ if is_empty => true,
            Item::Confirmed(it) => {
                let here = log.confirmed_commits(it.first_position - 1, 1).await?;
                here.first().is_some_and(|here| here.commit.id == it.commit.id)
            }
            Item::Pending(Pending { commit, .. }) => self.is_here(commit).await?,
            Item::Rejected(_) | Item::End(_) => false,
        };
        let is_other = matches!((&head.log_id, &header.log_id), (Some(here), Some(there)) if here != there);
        let obstacle = if !header.whole {
            Some("it is a part of a log: merge it")
        } else if header.authority() != log.authority() {
            Some(
                "one of the two has a server and the other has none: open this log as that one was, or merge it",
            )
        } else if is_other {
            Some("this log belongs to another log of the server: merge it")
        } else if !is_begun {
            Some(
                "this log is not empty, and was not begun by an import of the same: restore into a new one, or merge it",
            )
        } else {
            None
        };
        match (obstacle, self.options.mode) {
            (None, _) => Ok(Mode::Restore),
            (Some(reason), Some(_)) => Err(ImportError::NotRestorable { reason: reason.into() }),
            (Some(_), None) => Ok(Mode::Merge),
        }
    }

    /// Whether a commit of this id is here, whatever became of it.
    async fn is_here(&self, commit: &Commit) -> Result<bool, ImportError> {
        let log = &self.engine.inner.log;
        Ok(log.pending_sequence(commit.id).is_some()
            || log.is_rejected(commit.id)
            || log.confirmed_commit(&commit.stream, commit.id).await?.is_some())
    }

    /// Applies a change to the log as it is, again if another tab was faster.
    pub(super) async fn change(&self, fill: impl Fn(&mut Change)) -> Result<(), ImportError> {
        let inner = &self.engine.inner;
        loop {
            let mut change = Change { seen: inner.log.head(), ..Change::default() };
            fill(&mut change);
            if inner.log.apply(change).await? == Applied::Done {
                inner.wrote(None);
                return Ok(());
            }
        }
    }

    pub(super) async fn restore_confirmed(
        &mut self,
        header: &Header,
        commits: Vec<ConfirmedCommit>,
    ) -> Result<(), ImportError> {
        let inner = self.engine.inner.clone();
        while let Some(first) = commits.first() {
            let head = inner.log.head();
            let count = commits.iter().take_while(|it| it.first_position <= head.position).count();
            let (old, new) = commits.split_at(count);
            let mut here = if old.is_empty() {
                vec![]
            } else {
                let events = old.iter().map(|it| it.commit.events.len()).sum();
                inner.log.confirmed_commits(first.first_position - 1, events).await?
            };
            here.truncate(old.len());
            let differs = |(here, it): &(&ConfirmedCommit, &ConfirmedCommit)| {
                (here.first_position, here.commit.id) != (it.first_position, it.commit.id)
            };
            let stranger = here.iter().zip(old).find(differs).map(|(_, it)| it).or(old.get(here.len()));
            if let Some(it) = stranger {
                return Err(ImportError::Diverged { commit: it.commit.id, position: it.first_position });
            }
            if !new.is_empty() {
                let log_id = header.log_id.clone().filter(|_| head.log_id.is_none());
                let change = Change { seen: head, confirmed: new.to_vec(), log_id, ..Change::default() };
                if inner.log.apply(change).await? == Applied::Stale {
                    continue;
                }
                inner.wrote(None);
            }
            self.progress.duplicates += old.len() as u64;
            self.progress.commits += new.len() as u64;
            self.progress.events += new.iter().map(|it| it.commit.count()).sum::<u64>();
            break;
        }
        Ok(())
    }

    pub(super) async fn restore_pending(
        &mut self,
        Pending { policy, commit }: Pending,
    ) -> Result<(), ImportError> {
        if self.is_here(&commit).await? {
            self.progress.duplicates += 1;
            return Ok(());
        }
        let inner = self.engine.inner.clone();
        let now = inner.surroundings.now().map_err(WriteError::from)?;
        let drafts = vec![Draft { commit: commit.clone(), policy }];
        match inner.log.append(drafts, vec![], now).await {
            Ok(_) => inner.wrote(None),
            Err(error @ AppendError::Conflict { .. }) => {
                let message =
                    format!("{error}: the stream has moved since it was exported; give the command again");
                let reason = Reason { code: "policy".into(), message, detail: None, builds_on: None };
                let rejected = RejectedCommit { commit, reason, rejected_at: now };
                return self.restore_rejected(rejected).await;
            }
            Err(error) => return Err(inner.refusal(error).into()),
        }
        self.note(&commit);
        Ok(())
    }

    pub(super) async fn restore_rejected(&mut self, rejected: RejectedCommit) -> Result<(), ImportError> {
        if self.is_here(&rejected.commit).await? {
            self.progress.duplicates += 1;
            return Ok(());
        }
        // it is in no queue: no pending commit has the sequence 0
        self.change(|change| change.rejected = vec![(0, rejected.clone())]).await?;
        self.note(&rejected.commit);
        Ok(())
    }
}
