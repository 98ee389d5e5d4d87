//! Appends: events that no command of ours decided.

use super::{
    Engine, Inner, Receipt, WriteError, WriteOptions,
    execute::{MAX_ATTEMPTS, is_overtaken},
};
use crate::{
    commit::Policy,
    event::NewEvent,
    id::CommitId,
    log::{Draft, Seen, store::Store},
    stream::StreamName,
    version::ExpectedVersion,
};

/// One commit of a bulk append.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// The stream.
    pub stream: StreamName,
    /// What its version must be; any if it isn't said.
    #[serde(default)]
    pub expected_version: Option<ExpectedVersion>,
    /// The events.
    pub events: Vec<NewEvent>,
}

impl<S: Store> Engine<S> {
    /// Appends events that no command of ours decided.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is written then.
    pub async fn append(
        &self,
        stream: &str,
        events: Vec<NewEvent>,
        options: WriteOptions,
    ) -> Result<Receipt, WriteError> {
        self.inner.append_as_asked(StreamName::parse(stream)?, events, options, None).await
    }

    /// Appends many commits in one transaction, all or none; one chain (correlation id) for all. Answers with the number of
    /// events.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is written then.
    pub async fn append_many(&self, commits: Vec<Imported>) -> Result<u64, WriteError> {
        let asked = if self.inner.middleware.is_empty() { vec![] } else { commits.clone() };
        self.inner.appended(asked, None, self.inner.append_whole(commits)).await
    }
}

pub(super) fn policy_of_append(expected: ExpectedVersion, said: Option<Policy>) -> Policy {
    said.unwrap_or(match expected {
        ExpectedVersion::Any | ExpectedVersion::Exists => Policy::Keep,
        ExpectedVersion::None | ExpectedVersion::Exact(_) => Policy::Reject,
    })
}

impl<S: Store> Inner<S> {
    async fn append_whole(&self, commits: Vec<Imported>) -> Result<u64, WriteError> {
        self.check_not_replaying()?;
        let mut options = WriteOptions::default();
        let mut drafts = Vec::with_capacity(commits.len());
        let mut count = 0;
        for Imported { stream, expected_version, events } in commits {
            let expected = expected_version.unwrap_or(ExpectedVersion::Any);
            let commit = self.commit(stream, expected, (None, events, self.surroundings.now()?), &options)?;
            options.correlation_id = Some(commit.metadata.correlation_id);
            count += commit.count();
            drafts.push(Draft { commit, policy: policy_of_append(expected, None) });
        }
        let now = self.surroundings.now()?;
        self.add(Seen::Versions, drafts, vec![], now).await.map_err(|error| self.refusal(error))?;
        self.wrote(None);
        self.project_at_once().await;
        Ok(count)
    }

    /// An append of the app.
    pub(super) async fn append_as_asked(
        &self,
        stream: StreamName,
        events: Vec<NewEvent>,
        options: WriteOptions,
        resolves: Option<CommitId>,
    ) -> Result<Receipt, WriteError> {
        let mut asked = vec![];
        if !self.middleware.is_empty() {
            let (stream, events) = (stream.clone(), events.clone());
            asked.push(Imported { stream, expected_version: options.expected_version, events });
        }
        let actor = options.actor.clone();
        self.appended(asked, actor, self.append(stream, events, options, resolves)).await
    }

    pub(super) async fn append(
        &self,
        stream: StreamName,
        events: Vec<NewEvent>,
        options: WriteOptions,
        resolves: Option<CommitId>,
    ) -> Result<Receipt, WriteError> {
        self.check_not_replaying()?;
        let expected = options.expected_version.unwrap_or(ExpectedVersion::Any);
        let policy = policy_of_append(expected, options.policy);
        let mut attempts = 0;
        loop {
            let mut precisely = expected;
            let mut seen = Seen::Versions;
            if let Some(id) = &options.command_id {
                let head = self.log.head();
                seen = options.seen(&head);
                let version = self.log.version(&stream);
                if let Some(receipt) =
                    self.given(&stream, id.commit_id(&stream), resolves, options.instead.as_ref()).await?
                {
                    return Ok(receipt);
                }
                // that it was not given yet holds for this version only
                if expected.is_met_by(version) {
                    precisely = ExpectedVersion::Exact(version);
                }
            }
            let commit = self.commit(
                stream.clone(),
                precisely,
                (None, events.clone(), self.surroundings.now()?),
                &options,
            )?;
            match self.write(commit, policy, resolves, seen).await {
                Ok(receipt) => {
                    self.wrote(Some(vec![stream.as_str().to_owned()]));
                    self.project_at_once().await;
                    return Ok(self.shown(receipt));
                }
                Err(error)
                    if options.command_id.is_some()
                        && attempts < MAX_ATTEMPTS
                        && expected.is_met_by(self.log.version(&stream))
                        && is_overtaken(&error, &options) =>
                {
                    attempts += 1;
                }
                Err(error) => return Err(self.refusal(error)),
            }
        }
    }
}
