//! Conflicts that a person is asked about: what is asked, and what becomes of the answer.

use super::{Engine, Inner, ReadError, WriteError, news::News};
use crate::{
    aggregate::DecideError,
    commit::{Command, PendingCommit},
    conflict::{Choice, Parked},
    event::RecordedEvent,
    id::CommitId,
    log::{
        Change, LogError,
        store::{Store, StoreError},
    },
    stream::StreamName,
    sync::{machine::Failure, rebase::Held},
    time::Timestamp,
    version::Version,
};
use serde::Serialize;
use std::{collections::HashMap, sync::Arc};

/// A commit that a person is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedConflict {
    /// Its identity.
    pub commit_id: CommitId,
    /// Its stream.
    pub stream: StreamName,
    /// Its command, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// The stream's version that it was decided on.
    pub since: Version,
    /// Its events, in today's shape.
    pub mine: Vec<RecordedEvent>,
    /// What others confirmed in the stream since, in today's shape.
    pub theirs: Vec<RecordedEvent>,
    /// The answers that are possible, as [`Choice`] names them.
    pub choices: Vec<&'static str>,
    /// How many later commits of this device wait for the answer.
    pub waiting: usize,
    /// When this device found the conflict.
    pub asked_at: Timestamp,
}

impl<S: Store> Engine<S> {
    /// The commits that a person is asked about, the oldest question first.
    ///
    /// # Errors
    /// [`ReadError`] if the log can't be read or an upcaster fails.
    pub async fn conflicts(&self) -> Result<Vec<ListedConflict>, ReadError> {
        let inner = &self.inner;
        let parked = inner.log.parked();
        if parked.is_empty() {
            return Ok(vec![]);
        }
        let pending = inner.log.pending(0, usize::MAX, usize::MAX).await?;
        let mut listed = Vec::new();
        for question in &parked {
            if let Some(commit) = pending.iter().find(|it| it.commit.id == question.id) {
                listed.push(inner.question(question, commit, &pending).await?);
            }
        }
        Ok(listed)
    }

    /// Answers: what becomes of a parked commit, and of what waited for it, is durable when this resolves.
    ///
    /// # Errors
    /// [`ReadError::UnknownCommit`] if nothing is asked about this commit, or no longer: another tab may have answered.
    /// [`WriteError::Decide`] if the rules refuse the answer, [`WriteError::Append`] if its events are not valid: the question stays.
    pub async fn resolve(&self, id: CommitId, choice: Choice) -> Result<(), WriteError> {
        let inner = &self.inner;
        inner.check_open()?;
        inner.check_not_replaying()?;
        inner.log.catch_up().await?;
        let parked = inner.log.parked();
        let news = News { answers: HashMap::from([(id, choice)]), ..News::default() };
        if !parked.iter().any(|it| it.id == id) || !inner.answer(&news).await? {
            return Err(ReadError::UnknownCommit(id.to_string()).into());
        }
        inner.project_at_once().await;
        Ok(())
    }
}

impl<S: Store> Inner<S> {
    async fn question(
        &self,
        parked: &Parked,
        asked: &PendingCommit,
        pending: &[PendingCommit],
    ) -> Result<ListedConflict, ReadError> {
        let commit = asked.commit.clone();
        let (stream, command) = (commit.stream.clone(), commit.command.clone());
        let mut choices = vec!["keep", "discard", "events"];
        if command.is_some() && self.registry.get(stream.aggregate()).is_some() {
            choices.extend(["redecide", "command"]);
        }
        let alone = [parked.clone()];
        let mut held = Held::new(&alone);
        let waiting = pending.iter().filter(|it| held.holds(&it.commit)).count().saturating_sub(1);
        let theirs = self.theirs(&stream, parked.since).await?;
        let mine = RecordedEvent::of_commit(commit, asked.first_version, None).collect();
        Ok(ListedConflict {
            commit_id: parked.id,
            stream,
            command,
            since: parked.since,
            mine: self.decoder.show(mine)?,
            theirs,
            choices,
            waiting,
            asked_at: parked.asked_at,
        })
    }

    /// The first pending commits that may be pushed, within both bounds: those that wait for no answer.
    pub(super) async fn sendable(&self, limit: usize, bytes: usize) -> Result<Vec<PendingCommit>, LogError> {
        let parked = self.log.parked();
        if parked.is_empty() {
            return self.log.pending(0, limit, bytes).await;
        }
        let (mut held, mut after) = (Held::new(&parked), 0);
        loop {
            let mut page = self.log.pending(after, limit, bytes).await?;
            let Some(last) = page.last() else { return Ok(page) };
            after = last.sequence;
            page.retain(|it| !held.holds(&it.commit));
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    /// How many commits wait for the server, at least; none if all that is pending waits for answers.
    pub(super) async fn waiting(&self) -> Result<u64, LogError> {
        let head = self.log.head();
        if head.parked == 0 {
            return Ok(head.pending_commits);
        }
        Ok(self.sendable(1, usize::MAX).await?.len() as u64)
    }

    /// Settles what was answered; false if it is not asked any more. An answer that is refused changes nothing.
    async fn answer(&self, news: &News) -> Result<bool, WriteError> {
        loop {
            let seen = self.log.head();
            let outcome = self.change(news, seen).await.map_err(unreadable)?;
            let Some(outcome) = outcome else { return Ok(false) };
            if let Some(error) = refused(news, &outcome.change) {
                return Err(error);
            }
            if self.apply(outcome).await? {
                return Ok(true);
            }
        }
    }
}

fn unreadable(failure: Failure) -> WriteError {
    LogError::from(StoreError::Failed { reason: failure.message }).into()
}

/// Why an answer is refused.
fn refused(news: &News, change: &Change) -> Option<WriteError> {
    let (_, rejected) =
        change.rejected.iter().find(|(_, rejected)| news.answers.contains_key(&rejected.commit.id))?;
    let reason = &rejected.reason;
    let command = rejected.commit.command.as_ref();
    let error = match &*reason.code {
        "discarded" => return None,
        "domain" => DecideError::Refused { code: reason.detail.clone(), message: reason.message.clone() },
        _ => DecideError::Failed {
            aggregate: rejected.commit.stream.aggregate().into(),
            command_type: command.map_or_else(|| Arc::from(""), |it| Arc::clone(&it.command_type)),
            reason: reason.message.clone(),
        },
    };
    Some(error.into())
}
