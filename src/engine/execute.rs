//! Writing: commands, and what appends have in common with them.

use super::{CommandContext, Engine, Inner, WriteError, error::ReadError, states::Kept};
use crate::{
    aggregate::{Context, Decider},
    command_id::CommandId,
    commit::{Command, Commit, Policy, RejectedCommit},
    event::{Event, NewEvent, RecordedEvent},
    id::{CommitId, EventId},
    log::{AppendError, Appended, Draft, Head, Seen, store::Store},
    metadata::Metadata,
    metrics::{Counter, Timing},
    stream::StreamName,
    time::Timestamp,
    version::{ExpectedVersion, Version},
};
use std::{rc::Rc, sync::Arc};
use uuid::Uuid;

/// How often a command is decided again when another tab was faster, before the conflict is the caller's.
pub(super) const MAX_ATTEMPTS: usize = 64;

/// What may be said with a command or an append.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WriteOptions {
    /// What the stream's version must be. For a command: what the caller has seen; a miss is a conflict, not a new decision.
    pub expected_version: Option<ExpectedVersion>,
    /// What becomes of the pending commit when its stream moves; else what the aggregate says for the command, and for an
    /// append `keep` where any version will do and `reject` where not.
    pub policy: Option<Policy>,
    /// Its name: given twice, it is carried out once, and both receipts are the same. A command that had nothing to say left no
    /// trace and is decided again.
    pub command_id: Option<CommandId>,
    /// Another stream in which a commit of the same id may stand instead: then this one is refused ([`WriteError::CommandIdTaken`]).
    #[serde(skip)]
    pub instead: Option<StreamName>,
    /// On whose behalf.
    pub actor: Option<String>,
    /// The chain that this belongs to; else a new one.
    pub correlation_id: Option<Uuid>,
    /// The event or command that caused this.
    pub causation_id: Option<Uuid>,
    /// The W3C trace context.
    pub traceparent: Option<String>,
}

impl WriteOptions {
    pub(super) fn seen(&self, head: &Head) -> Seen {
        if self.instead.is_some() { Seen::all_of(head) } else { Seen::Revision(head.revision) }
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The commit; also the command's identity. There is one even if the command led to no events.
    pub commit_id: CommitId,
    /// The stream.
    pub stream: StreamName,
    /// The stream's version with these events, provisional while they are pending.
    pub version: Version,
    /// The events, in order; none if the command had nothing to say.
    pub events: Vec<RecordedEvent>,
    /// Whether they are confirmed already: without a server, or without events, they are.
    pub confirmed: bool,
}

impl<S: Store> Engine<S> {
    /// Runs a command: loads the state, decides, appends with the version it decided on. If another tab was faster it decides
    /// again. When it resolves, the events are durable.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is written then.
    pub async fn execute(
        &self,
        aggregate: &str,
        id: &str,
        command: Command,
        options: WriteOptions,
    ) -> Result<Receipt, WriteError> {
        let (aggregate, id) = (aggregate.to_owned(), id.to_owned());
        self.inner.command(CommandContext { aggregate, id, command, options }, None).await
    }

    /// Gives the command of a rejected commit again, on today's state. If it is accepted, the commit leaves the rejected list in
    /// the same transaction; if it is refused again, it stays.
    ///
    /// # Errors
    /// [`WriteError`]; nothing has changed then.
    pub async fn retry(&self, id: CommitId) -> Result<Receipt, WriteError> {
        self.retry_as(id, None, WriteOptions::default()).await
    }

    /// As [`Engine::retry`], with another command of the same aggregate in place of the recorded one, and with what `options` say in
    /// place of what was recorded.
    ///
    /// # Errors
    /// As [`Engine::retry`].
    pub async fn retry_as(
        &self,
        id: CommitId,
        command: Option<Command>,
        options: WriteOptions,
    ) -> Result<Receipt, WriteError> {
        let RejectedCommit { commit, .. } = self.inner.rejected(id).await?;
        let options = WriteOptions {
            actor: options.actor.or_else(|| commit.metadata.actor.clone()),
            correlation_id: options.correlation_id.or(Some(commit.metadata.correlation_id)),
            // caused by the one before it, so that the chain tells the whole story
            causation_id: options.causation_id.or(Some(commit.id.0)),
            traceparent: options.traceparent.or_else(|| commit.metadata.traceparent.clone()),
            ..options
        };
        let stream = commit.stream;
        match command.or(commit.command) {
            Some(command) => {
                let (aggregate, key) = (stream.aggregate().to_owned(), stream.id().to_owned());
                let context = CommandContext { aggregate, id: key, command, options };
                self.inner.command(context, Some(id)).await
            }
            None => {
                let again = commit.events.into_iter().map(|event| NewEvent {
                    event_type: event.event_type,
                    schema_version: Some(event.schema_version),
                    data: event.data,
                    id: None,
                    occurred_at: Some(event.occurred_at.unwrap_or(commit.metadata.occurred_at)),
                    custom: event.custom,
                });
                self.inner.append_as_asked(stream, again.collect(), options, Some(id)).await
            }
        }
    }

    /// Takes a commit off the rejected list for good: whether it was there.
    ///
    /// # Errors
    /// [`WriteError`] if the log can't be written.
    pub async fn discard(&self, id: CommitId) -> Result<bool, WriteError> {
        self.inner.check_not_replaying()?;
        let found = self.inner.log.discard(id).await?;
        if found {
            self.inner.wrote(Some(vec![]));
        }
        Ok(found)
    }
}

/// Whether somebody else was faster, so that deciding again may help.
pub(super) fn is_overtaken(error: &AppendError, options: &WriteOptions) -> bool {
    match error {
        AppendError::Conflict { .. } | AppendError::Moved => true,
        // only an id that was given can be there already: then the next attempt finds its receipt
        AppendError::AlreadyPending { .. } => options.command_id.is_some(),
        _ => false,
    }
}

impl<S: Store> Inner<S> {
    async fn rejected(&self, id: CommitId) -> Result<RejectedCommit, ReadError> {
        let rejected = self.log.rejected().await?;
        rejected
            .into_iter()
            .find(|rejected| rejected.commit.id == id)
            .ok_or_else(|| ReadError::UnknownCommit(id.to_string()))
    }

    pub(super) async fn execute(
        &self,
        aggregate: &str,
        id: &str,
        command: Command,
        options: WriteOptions,
        resolves: Option<CommitId>,
    ) -> Result<Receipt, WriteError> {
        self.check_not_replaying()?;
        let stream = StreamName::of(aggregate, id)?;
        let decider = self.decider(aggregate)?;
        // one at a time per stream: two decisions on one version would only make each other decide again
        let turn = Rc::clone(self.turns.borrow_mut().entry(stream.as_str().to_owned()).or_default());
        let receipt = {
            let _turn = turn.lock().await;
            let began = self.meter.begin();
            let receipt = self.decide(&decider, &stream, command, options, resolves).await;
            if receipt.is_ok() {
                self.meter.end(Timing::Execute, began);
            }
            receipt
        };
        if Rc::strong_count(&turn) == 2 {
            self.turns.borrow_mut().remove(stream.as_str());
        }
        if receipt.is_ok() {
            self.project_at_once().await;
        }
        receipt
    }

    async fn decide(
        &self,
        decider: &Rc<dyn Decider>,
        stream: &StreamName,
        command: Command,
        options: WriteOptions,
        resolves: Option<CommitId>,
    ) -> Result<Receipt, WriteError> {
        let actor = options.actor.clone().or_else(|| self.actor.clone());
        let policy = options.policy.unwrap_or_else(|| decider.policy(&command.command_type));
        let mut attempts = 0;
        loop {
            let kept = self.current(decider, stream).await?;
            let seen = options.seen(&Head { revision: kept.revision, ..self.log.head() });
            if let Some(id) = &options.command_id
                && let Some(receipt) =
                    self.given(stream, id.commit_id(stream), resolves, options.instead.as_ref()).await?
            {
                return Ok(receipt);
            }
            // what is here of it may be less than what it was
            self.check_not_archived(stream)?;
            if let Some(expected) = options.expected_version.filter(|it| !it.is_met_by(kept.version)) {
                return Err(self.refusal(self.conflict(stream, expected, kept.version).await?));
            }
            let context = Context {
                stream: stream.clone(),
                version: kept.version,
                now: self.surroundings.now()?,
                actor: actor.clone(),
                replay: false,
                arrived: vec![],
            };
            let began = self.meter.begin();
            let events = decider.decide(&command, &kept.state, &context);
            self.meter.end(Timing::Decide, began);
            let events = events?;
            if events.is_empty() {
                if let Some(id) = resolves {
                    self.log.discard(id).await?;
                    self.wrote(Some(vec![]));
                }
                let commit_id = CommitId(self.surroundings.id()?);
                let (stream, version) = (stream.clone(), kept.version);
                return Ok(Receipt { commit_id, stream, version, events: vec![], confirmed: true });
            }
            let expected = ExpectedVersion::Exact(kept.version);
            let said = (Some(command.clone()), events, context.now);
            let commit = self.commit(stream.clone(), expected, said, &options)?;
            match self.write(commit, policy, resolves, seen).await {
                Ok(receipt) => {
                    self.remember(decider, kept, &receipt);
                    self.wrote(Some(vec![stream.as_str().to_owned()]));
                    return Ok(self.shown(receipt));
                }
                Err(error) if attempts < MAX_ATTEMPTS && is_overtaken(&error, &options) => {
                    attempts += 1;
                    self.meter.count(Counter::Redecided, 1);
                }
                Err(error) => return Err(self.refusal(error)),
            }
        }
    }

    /// A receipt with its events in today's shape: an append may say an older one.
    pub(super) fn shown(&self, receipt: Receipt) -> Receipt {
        match self.decoder.show(receipt.events.clone()) {
            Ok(events) => Receipt { events, ..receipt },
            // it is durable: an upcaster that breaks must not make it look as if it were not
            Err(_) => receipt,
        }
    }

    /// A refused append as the app sees it: the events that were missing in today's shape.
    pub(super) fn refusal(&self, error: AppendError) -> WriteError {
        let AppendError::Conflict { stream, expected, actual, missing } = error else { return error.into() };
        match self.decoder.show(missing) {
            Ok(missing) => AppendError::Conflict { stream, expected, actual, missing }.into(),
            Err(error) => ReadError::from(error).into(),
        }
    }

    pub(super) async fn write(
        &self,
        commit: Commit,
        policy: Policy,
        resolves: Option<CommitId>,
        seen: Seen,
    ) -> Result<Receipt, AppendError> {
        let now = commit.metadata.occurred_at;
        let drafts = vec![Draft { commit: commit.clone(), policy }];
        let appended = self.add(seen, drafts, resolves.into_iter().collect(), now).await?;
        let (first_version, first_position) =
            appended.first().map_or((1, None), |appended| (appended.first_version, appended.first_position));
        let (commit_id, stream, version) =
            (commit.id, commit.stream.clone(), first_version + commit.count() - 1);
        let events = RecordedEvent::of_commit(commit, first_version, first_position.map(|it| (it, now)));
        Ok(Receipt {
            commit_id,
            stream,
            version,
            events: events.collect(),
            confirmed: first_position.is_some(),
        })
    }

    /// Appends to the log, and notes what it took.
    pub(super) async fn add(
        &self,
        seen: Seen,
        drafts: Vec<Draft>,
        resolves: Vec<CommitId>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, AppendError> {
        let (commits, events) = (drafts.len(), drafts.iter().map(|draft| draft.commit.count()).sum());
        let began = self.meter.begin();
        let appended = self.log.append_on(seen, drafts, resolves, now).await?;
        self.meter.end(Timing::Append, began);
        self.meter.count(Counter::Commits, commits as u64);
        self.meter.count(Counter::Events, events);
        if self.log.head().pending_commits == commits as u64 {
            self.oldest.set(Some(now));
        }
        Ok(appended)
    }

    /// Keeps the state after what was just written. If `evolve` breaks, the next load says so.
    fn remember(&self, decider: &Rc<dyn Decider>, kept: Kept, receipt: &Receipt) {
        let revision = self.log.head().revision;
        let first = receipt.events.first().map(|event| event.version);
        if revision != kept.revision || first != Some(kept.version + 1) {
            return;
        }
        let events = self.decoder.decode(receipt.events.clone()).ok();
        let state = events.and_then(|events| decider.evolve(kept.state, &events).ok());
        if let Some(state) = state {
            let mut tally = kept.tally;
            tally.add(&receipt.events);
            self.consider(decider, &receipt.stream, &tally, 0);
            let kept = Kept { version: receipt.version, revision, state, tally };
            self.states.borrow_mut().put(receipt.stream.clone(), kept);
        }
    }

    async fn conflict(
        &self,
        stream: &StreamName,
        expected: ExpectedVersion,
        actual: Version,
    ) -> Result<AppendError, ReadError> {
        let missing = match expected {
            ExpectedVersion::Exact(version) => self.log.load(stream, version).await?,
            _ => vec![],
        };
        Ok(AppendError::Conflict { stream: stream.clone(), expected, actual, missing })
    }

    /// A commit of a command, or none, and the events that it says at a moment: that of the decision, so that deciding again can give the same.
    pub(super) fn commit(
        &self,
        stream: StreamName,
        expected_version: ExpectedVersion,
        (command, events, occurred_at): (Option<Command>, Vec<NewEvent>, Timestamp),
        options: &WriteOptions,
    ) -> Result<Commit, WriteError> {
        let id = match &options.command_id {
            Some(id) => id.commit_id(&stream).0,
            None => self.surroundings.id()?,
        };
        let commit = Commit {
            id: CommitId(id),
            stream,
            expected_version,
            generation: 0,
            since: None,
            metadata: Arc::new(Metadata {
                correlation_id: options.correlation_id.unwrap_or(id),
                causation_id: options.causation_id,
                actor: options.actor.clone().or_else(|| self.actor.clone()),
                device_id: self.log.device(),
                session_id: self.session,
                occurred_at,
                traceparent: options.traceparent.clone(),
            }),
            command,
            events: events.into_iter().map(|new| self.event(new)).collect::<Result<_, _>>()?,
        };
        commit.check()?;
        Ok(commit)
    }

    pub(super) fn event(&self, new: NewEvent) -> Result<Event, WriteError> {
        let NewEvent { event_type, schema_version, data, id, occurred_at, custom } = new;
        let id = match id {
            Some(id) => id,
            None => EventId(self.surroundings.id()?),
        };
        let schema_version = schema_version.unwrap_or_else(|| self.decoder.newest(&event_type).unwrap_or(1));
        Ok(Event { id, event_type, schema_version, data, occurred_at, custom })
    }
}
