//! In: text as an export wrote it, or CloudEvents, or rows of another database.

mod restore;

use super::{Engine, append::policy_of_append};
use crate::{
    command_id::derive,
    commit::{Commit, ConfirmedCommit, Policy, RejectedCommit},
    event::Event,
    id::{CommitId, EventId},
    log::{Draft, Followed, store::Store},
    metadata::Metadata,
    stream::StreamName,
    streams::Streams,
    sync::protocol::Cursor,
    transfer::{
        CHUNK, CloudEvent, End, FORMAT, Header, ImportError, ImportOptions, Line, Mode, Pending, Pieces,
        Progress, Row, seal,
    },
    version::ExpectedVersion,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

/// An import under way. What has been written stays if it is given up; beginning again passes over what is here already, known
/// by the ids of commits and events.
///
/// The ids of the streams that an import adds to are in memory while it goes on, some 32 bytes an event.
pub struct Import<S: Store> {
    engine: Engine<S>,
    options: ImportOptions,
    pieces: Pieces,
    kind: Kind,
    /// The ids of commits and events in the streams that were added to.
    known: HashMap<StreamName, HashSet<Uuid>>,
    progress: Progress,
}

/// What the text turned out to be.
enum Kind {
    /// Nothing has been read yet.
    Open,
    Log(Box<Lines>),
    /// The commits of the events that wait to be written.
    CloudEvents(Vec<Commit>),
}

/// An exported log, as far as it was read.
struct Lines {
    header: Header,
    /// The lines since the last check, as text and as what they say.
    text: String,
    items: Vec<Item>,
    lines: u64,
    commits: u64,
    events: u64,
    is_over: bool,
}

enum Item {
    Confirmed(ConfirmedCommit),
    Pending(Pending),
    Rejected(RejectedCommit),
    End(End),
}

impl Item {
    fn commit(&self) -> Option<&Commit> {
        match self {
            Self::Confirmed(confirmed) => Some(&confirmed.commit),
            Self::Pending(pending) => Some(&pending.commit),
            Self::Rejected(rejected) => Some(&rejected.commit),
            Self::End(_) => None,
        }
    }
}

impl<S: Store> Engine<S> {
    /// Begins an import of an exported log, of CloudEvents, or of rows.
    ///
    /// ```
    /// # use tidelog::{engine::Engine, log::MemoryStore, transfer::{ImportError, ImportOptions}};
    /// # async fn example(tidelog: &Engine<MemoryStore>, backup: &str) -> Result<(), ImportError> {
    /// let mut import = tidelog.import(ImportOptions::default());
    /// import.push(backup).await?; // as often as there is more text
    /// println!("{} events were imported", import.finish().await?.events);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn import(&self, options: ImportOptions) -> Import<S> {
        Import {
            engine: self.clone(),
            options,
            pieces: Pieces::default(),
            kind: Kind::Open,
            known: HashMap::new(),
            progress: Progress::default(),
        }
    }
}

impl<S: Store> Import<S> {
    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Takes more of the text, cut wherever it is. What is complete and proven by a checksum is durable when it resolves.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn push(&mut self, text: &str) -> Result<Progress, ImportError> {
        self.engine.inner.check_not_replaying()?;
        self.pieces.add(text);
        while let Some(piece) = self.pieces.next()? {
            self.take(&piece).await?;
        }
        Ok(self.progress)
    }

    /// The text is over.
    ///
    /// # Errors
    /// [`ImportError::CutShort`] if it is not whole, or as [`Import::push`].
    pub async fn finish(mut self) -> Result<Progress, ImportError> {
        let item = self.pieces.count;
        let is_whole = match &mut self.kind {
            Kind::Open => self.progress != Progress::default(),
            Kind::Log(log) => log.is_over,
            Kind::CloudEvents(commits) => {
                let commits = std::mem::take(commits);
                self.merge(commits, None).await?;
                true
            }
        };
        if !is_whole || self.pieces.is_open() {
            return Err(ImportError::CutShort { item });
        }
        Ok(self.progress)
    }

    /// Takes rows of another database as the first events of their streams, all or none.
    ///
    /// # Errors
    /// [`ImportError`]; a version conflict if a stream is here already that did not begin with this row.
    pub async fn rows(&mut self, rows: Vec<Row>) -> Result<Progress, ImportError> {
        let inner = self.engine.inner.clone();
        inner.check_not_replaying()?;
        let Some(source) = self.options.source.clone() else {
            let reason = "rows need the name of their source, so that each is imported once".into();
            return Err(ImportError::Unreadable { item: 0, reason });
        };
        let unknown = self.unknown()?;
        let mut commits = Vec::with_capacity(rows.len());
        for Row { key, stream, events } in rows {
            self.pieces.count += 1;
            if key.is_empty() || key.len() > 512 || key.chars().chain(source.chars()).any(char::is_control) {
                let reason = "the key of a row is 1 to 512 bytes, without control characters".into();
                return Err(ImportError::Unreadable { item: self.pieces.count, reason });
            }
            let id = derive(&[&source, &key]);
            let mut made = Vec::with_capacity(events.len());
            for (index, event) in events.into_iter().enumerate() {
                let own = event.id.unwrap_or_else(|| EventId(derive(&[&source, &key, &index.to_string()])));
                made.push(Event { id: own, ..inner.event(event)? });
            }
            commits.push(Commit {
                id: CommitId(id),
                stream,
                expected_version: ExpectedVersion::None,
                generation: 0,
                since: None,
                metadata: Arc::new(Metadata { correlation_id: id, ..unknown.clone() }),
                command: None,
                events: made,
            });
        }
        self.merge(commits, Some(ExpectedVersion::None)).await?;
        Ok(self.progress)
    }

    /// What an event of another system lacks.
    fn unknown(&self) -> Result<Metadata, ImportError> {
        let inner = &self.engine.inner;
        let now = inner.surroundings.now().map_err(super::WriteError::from)?;
        Ok(Metadata {
            correlation_id: Uuid::nil(),
            causation_id: None,
            actor: inner.actor.clone(),
            device_id: inner.log.device(),
            session_id: inner.session,
            occurred_at: now,
            traceparent: None,
        })
    }

    async fn take(&mut self, piece: &str) -> Result<(), ImportError> {
        let item = self.pieces.count;
        let unreadable = |reason: String| ImportError::Unreadable { item, reason };
        let is_line = match &self.kind {
            Kind::Open => piece.starts_with("{\"tidelog\""),
            Kind::Log(_) => true,
            Kind::CloudEvents(_) => false,
        };
        if !is_line {
            let event: CloudEvent<'_> = serde_json::from_str(piece).map_err(|error| {
                unreadable(format!("it is neither a line of an export nor a CloudEvents event: {error}"))
            })?;
            return self.cloud_event(event.into_commit(item, &self.unknown()?)?).await;
        }
        let line: Line = serde_json::from_str(piece).map_err(|error| unreadable(error.to_string()))?;
        let log = match (&mut self.kind, line) {
            (Kind::Log(log), _) if log.is_over => {
                return Err(unreadable("the export has ended before".into()));
            }
            (Kind::Log(log), Line::Check(check)) => {
                let found = seal(log.lines, &log.text);
                if (check.lines, &check.crc32) != (found.lines, &found.crc32) {
                    let reason = format!(
                        "checksum {} of {} lines, {} of {} expected",
                        found.crc32, found.lines, check.crc32, check.lines
                    );
                    return Err(ImportError::Damaged { item, reason });
                }
                log.lines += 1;
                log.text.clear();
                let items = std::mem::take(&mut log.items);
                return self.take_in(items).await;
            }
            (Kind::Log(log), line) => {
                let item = match line {
                    Line::Confirmed(confirmed) => Item::Confirmed(*confirmed),
                    Line::Pending(pending) => Item::Pending(*pending),
                    Line::Rejected(rejected) => Item::Rejected(*rejected),
                    Line::End(end) => Item::End(end),
                    Line::Tidelog(_) | Line::Check(_) => return Err(unreadable("a second header".into())),
                };
                if let Some(commit) = item.commit() {
                    commit.check().map_err(|error| unreadable(error.to_string()))?;
                    log.commits += 1;
                    log.events += commit.count();
                }
                if let Item::End(end) = &item
                    && (end.lines, end.commits, end.events) != (log.lines, log.commits, log.events)
                {
                    let reason = format!(
                        "{} commits with {} events, {} with {} expected",
                        log.commits, log.events, end.commits, end.events
                    );
                    return Err(ImportError::Damaged { item: self.pieces.count, reason });
                }
                log.items.push(item);
                log
            }
            (kind, Line::Tidelog(header)) => {
                if header.format > FORMAT {
                    return Err(ImportError::NewerFormat { found: header.format });
                }
                let lines = Lines {
                    header,
                    text: String::new(),
                    items: vec![],
                    lines: 0,
                    commits: 0,
                    events: 0,
                    is_over: false,
                };
                *kind = Kind::Log(Box::new(lines));
                let Kind::Log(log) = kind else { return Ok(()) };
                log
            }
            _ => return Err(unreadable("an export begins with its header".into())),
        };
        log.text.push_str(piece);
        log.text.push('\n');
        log.lines += 1;
        Ok(())
    }

    /// One event: of the commit before it, if it says so, or the first of a new one.
    async fn cloud_event(&mut self, mut commit: Commit) -> Result<(), ImportError> {
        if let Kind::Open = self.kind {
            self.kind = Kind::CloudEvents(Vec::new());
        }
        let Kind::CloudEvents(waiting) = &mut self.kind else { return Ok(()) };
        if let Some(last) = waiting.last_mut()
            && (last.id, &last.stream) == (commit.id, &commit.stream)
        {
            for mut event in commit.events.drain(..) {
                if commit.metadata.occurred_at != last.metadata.occurred_at {
                    event.occurred_at = Some(commit.metadata.occurred_at);
                }
                last.events.push(event);
            }
            return Ok(());
        }
        let is_full = waiting.iter().map(|commit| commit.events.len()).sum::<usize>() >= CHUNK;
        let full = if is_full { std::mem::take(waiting) } else { vec![] };
        waiting.push(commit);
        self.merge(full, None).await
    }

    /// Takes in lines whose checksum holds.
    async fn take_in(&mut self, items: Vec<Item>) -> Result<(), ImportError> {
        let Kind::Log(log) = &self.kind else { return Ok(()) };
        let header = log.header.clone();
        let Some(first) = items.first() else { return Ok(()) };
        let mode = match self.progress.mode {
            Some(mode) => mode,
            None => self.mode(&header, first).await?,
        };
        self.progress.mode = Some(mode);
        let (mut confirmed, mut pending, mut rejected, mut end) = (vec![], vec![], vec![], None);
        for item in items {
            match item {
                Item::Confirmed(commit) => confirmed.push(commit),
                Item::Pending(commit) => pending.push(commit),
                Item::Rejected(commit) => rejected.push(commit),
                Item::End(last) => end = Some(last),
            }
        }
        match mode {
            Mode::Restore => {
                self.restore_confirmed(&header, confirmed).await?;
                for commit in pending {
                    self.restore_pending(commit).await?;
                }
            }
            Mode::Merge => {
                let commits =
                    confirmed.into_iter().map(|it| it.commit).chain(pending.into_iter().map(|it| it.commit));
                self.merge(commits.collect(), None).await?;
            }
        }
        for commit in rejected {
            self.restore_rejected(commit).await?;
        }
        if let Some(end) = end {
            if mode == Mode::Restore && self.engine.inner.log.head().cursor == Cursor::default() {
                let rules = end.follow.iter().flatten().map(String::as_str);
                // what can't be read is fetched again
                let here =
                    end.follow.as_ref().map(|_| Streams::of(rules).unwrap_or_else(|_| Streams::none()));
                let followed = self.engine.inner.log.followed();
                self.change(|change| {
                    change.cursor = Some(end.cursor.clone());
                    change.followed = here.clone().map(|here| Followed { here, ..followed.clone() });
                })
                .await?;
            }
            if let Kind::Log(log) = &mut self.kind {
                log.is_over = true;
            }
        }
        Ok(())
    }

    /// Appends what is not here yet, as new commits.
    async fn merge(
        &mut self,
        commits: Vec<Commit>,
        expected: Option<ExpectedVersion>,
    ) -> Result<(), ImportError> {
        let inner = self.engine.inner.clone();
        let mut drafts = Vec::with_capacity(commits.len());
        for mut commit in commits {
            commit.check().map_err(super::WriteError::from)?;
            if !self.known.contains_key(&commit.stream) {
                let here = inner.log.load(&commit.stream, 0).await?;
                let ids = here.iter().flat_map(|event| [event.commit_id.0, event.event.id.0]);
                self.known.insert(commit.stream.clone(), ids.collect());
            }
            let known = self.known.entry(commit.stream.clone()).or_default();
            let mut ids = commit.events.iter().map(|event| event.id.0).chain([commit.id.0]);
            if inner.log.is_rejected(commit.id) || ids.any(|id| known.contains(&id)) {
                self.progress.duplicates += 1;
                continue;
            }
            known.extend(commit.events.iter().map(|event| event.id.0).chain([commit.id.0]));
            commit.expected_version = expected.unwrap_or(ExpectedVersion::Any);
            commit.generation = 0;
            commit.since = None;
            let policy = if expected.is_some() {
                policy_of_append(commit.expected_version, None)
            } else {
                Policy::Keep
            };
            drafts.push(Draft { commit, policy });
        }
        if drafts.is_empty() {
            return Ok(());
        }
        let written: Vec<Commit> = drafts.iter().map(|draft| draft.commit.clone()).collect();
        let now = inner.surroundings.now().map_err(super::WriteError::from)?;
        if let Err(error) = inner.log.append(drafts, vec![], now).await {
            // nothing of them is here
            self.known.clear();
            return Err(inner.refusal(error).into());
        }
        inner.wrote(None);
        written.iter().for_each(|commit| self.note(commit));
        Ok(())
    }

    fn note(&mut self, commit: &Commit) {
        self.progress.commits += 1;
        self.progress.events += commit.count();
    }
}
