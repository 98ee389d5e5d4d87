//! Out: the log as text, chunk by chunk.

use super::{Engine, ReadError};
use crate::{
    commit::{PendingCommit, RejectedCommit},
    event::RecordedEvent,
    json::{Json, NotJson},
    log::{Authority, store::Store},
    streams::Streams,
    transfer::{CHUNK, End, ExportOptions, FORMAT, Form, Header, Pending, Progress, of_recorded, seal},
    version::Position,
};
use futures_util::{Stream, stream};
use serde::Serialize;
use std::{collections::VecDeque, fmt::Write as _};

/// An export under way. It reads only as fast as it is asked, and the log may go on meanwhile: what is confirmed later comes too,
/// and queue and rejected list are from one moment at its end.
///
/// A queue is in memory as a whole while it is exported, the rest of the log never.
pub struct Export<S: Store> {
    engine: Engine<S>,
    options: ExportOptions,
    stage: Stage,
    lines: u64,
    progress: Progress,
    /// The streams that were here up to the cursor at the beginning.
    here: Streams,
}

enum Stage {
    Begin,
    Confirmed(Position),
    Queue(Queue),
    Over,
}

/// What is not confirmed, as of one moment.
struct Queue {
    pending: VecDeque<PendingCommit>,
    rejected: VecDeque<RejectedCommit>,
    cursor: crate::sync::protocol::Cursor,
    here: Streams,
}

impl<S: Store> Engine<S> {
    /// Begins an export.
    ///
    /// ```
    /// # use tidelog::{engine::{Engine, ReadError}, log::MemoryStore, transfer::ExportOptions};
    /// # async fn example(tidelog: &Engine<MemoryStore>) -> Result<(), ReadError> {
    /// let mut export = tidelog.export(ExportOptions::default());
    /// let mut backup = String::new();
    /// while let Some(chunk) = export.next().await? {
    ///     backup.push_str(&chunk);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn export(&self, options: ExportOptions) -> Export<S> {
        let head = self.inner.log.head();
        let total = Some(head.confirmed_events + head.pending_events);
        Export {
            engine: self.clone(),
            options,
            stage: Stage::Begin,
            lines: 0,
            progress: Progress { total, ..Progress::default() },
            here: self.inner.log.followed().here,
        }
    }
}

impl<S: Store> Export<S> {
    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The chunks, one after the other. After an error there is nothing more.
    pub fn into_stream(self) -> impl Stream<Item = Result<String, ReadError>> {
        stream::try_unfold(self, async |mut export| Ok(export.next().await?.map(|chunk| (chunk, export))))
    }

    /// The next chunk of text; none at the end.
    ///
    /// # Errors
    /// [`ReadError`]: a log or upcaster that fails.
    pub async fn next(&mut self) -> Result<Option<String>, ReadError> {
        let mut text = String::new();
        loop {
            let next = match &mut self.stage {
                Stage::Over => return Ok(None),
                Stage::Begin => {
                    self.begin(&mut text)?;
                    Stage::Confirmed(0)
                }
                Stage::Confirmed(reached) => {
                    let reached = *reached;
                    self.confirmed(reached, &mut text).await?
                }
                Stage::Queue(queue) => {
                    let mut queue = std::mem::replace(
                        queue,
                        Queue {
                            pending: VecDeque::new(),
                            rejected: VecDeque::new(),
                            cursor: Default::default(),
                            here: Streams::default(),
                        },
                    );
                    self.queue(&mut queue, &mut text)?
                }
            };
            self.stage = next;
            if !text.is_empty() {
                if self.options.form == Form::Log {
                    let check = seal(self.lines, &text);
                    self.line(&mut text, "check", &check)?;
                }
                return Ok(Some(text));
            }
        }
    }

    fn begin(&mut self, text: &mut String) -> Result<(), ReadError> {
        let inner = &self.engine.inner;
        let head = inner.log.head();
        match self.options.form {
            Form::Log => {
                let header = Header {
                    format: FORMAT,
                    exported_at: inner.surroundings.now()?,
                    device_id: inner.log.device(),
                    server: inner.log.authority() == Authority::Server,
                    log_id: head.log_id,
                    cursor: head.cursor,
                    whole: self.options.selection.is_whole(),
                };
                self.line(text, "tidelog", &header)
            }
            Form::CloudEvents => Ok(()),
            Form::CloudEventsBatch => {
                text.push('[');
                Ok(())
            }
        }
    }

    async fn confirmed(&mut self, reached: Position, text: &mut String) -> Result<Stage, ReadError> {
        let engine = self.engine.clone();
        let log = &engine.inner.log;
        let commits = log.confirmed_commits(reached, CHUNK).await?;
        let Some(last) = commits.last() else {
            loop {
                let head = log.head();
                let (pending, rejected) =
                    (log.pending(0, usize::MAX, usize::MAX).await?, log.rejected().await?);
                let now = log.head();
                if now.position > reached && !log.confirmed_commits(reached, 1).await?.is_empty() {
                    return Ok(Stage::Confirmed(reached));
                }
                if (now.epoch, now.next_sequence) == (head.epoch, head.next_sequence) {
                    let cursor = now.cursor;
                    // what came to be followed, or no longer is, may have passed by
                    let here = self.here.both(&log.followed().here);
                    return Ok(Stage::Queue(Queue {
                        pending: pending.into(),
                        rejected: rejected.into(),
                        cursor,
                        here,
                    }));
                }
            }
        };
        let reached = last.last_position();
        for confirmed in commits {
            if !self.options.selection.has(&confirmed.commit) {
                continue;
            }
            self.note(confirmed.commit.count());
            if self.options.form == Form::Log {
                self.line(text, "confirmed", &confirmed)?;
            } else {
                let recorded = Some((confirmed.first_position, confirmed.recorded_at));
                let events = RecordedEvent::of_commit(confirmed.commit, confirmed.first_version, recorded);
                self.cloud_events(text, events.collect())?;
            }
        }
        Ok(Stage::Confirmed(reached))
    }

    fn queue(&mut self, queue: &mut Queue, text: &mut String) -> Result<Stage, ReadError> {
        let selection = &self.options.selection;
        if selection.confirmed_only {
            queue.pending.clear();
            queue.rejected.clear();
        }
        let mut events = 0;
        while events < CHUNK
            && let Some(PendingCommit { first_version, policy, commit, .. }) = queue.pending.pop_front()
        {
            if !self.options.selection.has(&commit) {
                continue;
            }
            events += commit.events.len();
            self.note(commit.count());
            if self.options.form == Form::Log {
                self.line(text, "pending", &Pending { policy, commit })?;
            } else {
                self.cloud_events(text, RecordedEvent::of_commit(commit, first_version, None).collect())?;
            }
        }
        // rejected commits are no facts: nobody else has a use for them
        while events < CHUNK
            && self.options.form == Form::Log
            && let Some(rejected) = queue.rejected.pop_front()
        {
            if self.options.selection.has(&rejected.commit) {
                events += rejected.commit.events.len();
                self.note(rejected.commit.count());
                self.line(text, "rejected", &rejected)?;
            }
        }
        if events >= CHUNK {
            let pending = std::mem::take(&mut queue.pending);
            let rejected = std::mem::take(&mut queue.rejected);
            let (cursor, here) = (queue.cursor.clone(), queue.here.clone());
            return Ok(Stage::Queue(Queue { pending, rejected, cursor, here }));
        }
        match self.options.form {
            Form::Log => {
                let Progress { commits, events, .. } = self.progress;
                let follow = queue.here.rules().map(Iterator::collect);
                let end = End { lines: self.lines, commits, events, cursor: queue.cursor.clone(), follow };
                self.line(text, "end", &end)?;
            }
            Form::CloudEvents => {}
            Form::CloudEventsBatch => text.push_str("\n]\n"),
        }
        Ok(Stage::Over)
    }

    fn note(&mut self, events: u64) {
        self.progress.commits += 1;
        self.progress.events += events;
    }

    fn line<T: Serialize>(&mut self, text: &mut String, kind: &str, of: &T) -> Result<(), ReadError> {
        let json = Json::of(of)?;
        self.lines += 1;
        // writing to a string does not fail
        let _ = writeln!(text, "{{\"{kind}\":{}}}", json.as_str());
        Ok(())
    }

    fn cloud_events(&mut self, text: &mut String, stored: Vec<RecordedEvent>) -> Result<(), ReadError> {
        let inner = &self.engine.inner;
        let events = inner.decoder.show_as(stored, &self.options.versions)?;
        let origin = || match inner.log.head().log_id {
            Some(log) => format!("urn:tidelog:{log}"),
            None => format!("urn:tidelog:{}", inner.log.device()),
        };
        let source = self.options.source.as_deref().map_or_else(origin, str::to_owned);
        let mut part = 0;
        for (index, event) in events.iter().enumerate() {
            let is_split = index > 0 && events[index - 1].event.id == event.event.id;
            part = if is_split { part + 1 } else { 0 };
            if self.options.form == Form::CloudEventsBatch {
                text.push_str(if self.lines > 0 { ",\n" } else { "\n" });
            }
            let json = Json::of(&of_recorded(event, part, &source))?;
            text.push_str(json.as_str());
            if self.options.form == Form::CloudEvents {
                text.push('\n');
            }
            self.lines += 1;
        }
        Ok(())
    }
}

impl From<NotJson> for ReadError {
    fn from(error: NotJson) -> Self {
        Self::NotJson(error)
    }
}
