//! Logs in a PostgreSQL database that several servers may share.

mod address;
mod among;
mod archive;
mod columns;
mod failure;
mod history;
mod known;
mod notices;
mod page;
mod producers;
mod push;
mod row;
mod schema;
mod sessions;
mod target;
mod transaction;
mod turns;
mod unwritten;

pub use address::PostgresAddress;
pub use schema::Step;
pub use sessions::PostgresLimits;
pub(crate) use target::Target;

use super::{
    Bell, Connections, History, Leaving, Offer, PageError, PageLimit, PushError, Storage, StorageError,
    Streams,
};
use crate::{
    clock::{Clock, SystemClock},
    log_name::LogName,
};
use failure::Trouble;
use futures_util::future::BoxFuture;
use notices::Notices;
use sessions::Sessions;
use std::{collections::HashSet, sync::Arc};
use tidelog::{
    id::CommitId,
    stream::StreamName,
    sync::protocol::{Archived, ArchivedPage, Cursor, Page, Pushed},
    version::Version,
};
use tokio::sync::oneshot;
use tracing::Instrument;
use turns::{Turn, Turns, Waiting};

/// How often a push or a page is tried that comes to nothing through no fault of its own.
const TRIES: usize = 5;

/// Logs in PostgreSQL, version 12 or later, or a database that speaks its protocol and has row locks and `LISTEN`.
///
/// Any number of servers may use one database. Pushes to one log wait for each other at the log's row; pushes to others go
/// on beside them. When the database can't be reached, what is asked ends in [`StorageError::Unavailable`]; connections are
/// made anew as soon as it can.
pub struct Postgres {
    inner: Arc<Inner>,
    notices: Arc<Notices>,
}

struct Inner {
    sessions: Arc<Sessions>,
    turns: Turns,
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
}

impl Postgres {
    /// Connects. An empty database gets its tables; one of an older version is refused, for other servers may be using it:
    /// see [`Postgres::migrate`].
    ///
    /// # Errors
    /// [`StorageError::OlderSchema`], [`StorageError::NewerSchema`], [`StorageError::Foreign`], [`StorageError::Address`], or
    /// what the database says.
    pub async fn open(address: &PostgresAddress, limits: PostgresLimits) -> Result<Self, StorageError> {
        let mut client = sessions::attend(sessions::single(address).await?);
        schema::prepare(&mut client).await?;
        let sessions = Arc::new(Sessions::new(address, limits)?);
        let bell = Arc::default();
        let notices = Notices::begin(Arc::clone(&sessions), Arc::clone(&bell)).await?;
        let inner = Inner { sessions, turns: Turns::default(), clock: Arc::new(SystemClock), bell };
        Ok(Self { inner: Arc::new(inner), notices: Arc::new(notices) })
    }

    /// Makes the tables, or brings those of an older version to this one, and says what it did: nothing if they were of this
    /// version. All of it is one transaction, under a lock that lets one process in at a time.
    ///
    /// # Errors
    /// As [`Postgres::open`].
    pub async fn migrate(address: &PostgresAddress) -> Result<Vec<Step>, StorageError> {
        let mut client = sessions::attend(sessions::single(address).await?);
        Ok(schema::bring_forward(&mut client, false).await?)
    }

    /// Takes `recordedAt` from another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        let Inner { sessions, bell, .. } = &*self.inner;
        let (sessions, bell) = (Arc::clone(sessions), Arc::clone(bell));
        let inner = Inner { sessions, turns: Turns::default(), clock: Arc::new(clock), bell };
        Self { inner: Arc::new(inner), notices: Arc::clone(&self.notices) }
    }
}

impl Inner {
    async fn try_page(
        &self,
        log: &LogName,
        after: &Cursor,
        limit: PageLimit,
        streams: &Streams,
    ) -> Result<Page, Trouble> {
        let client = self.sessions.get().await?;
        page::page(&client, log, after, limit, streams).await
    }

    async fn try_archived(
        &self,
        log: &LogName,
        after: &Cursor,
        limit: usize,
        streams: &Streams,
    ) -> Result<ArchivedPage, Trouble> {
        archive::archived(&self.sessions.get().await?, log, after, limit, streams).await
    }

    async fn try_archive(&self, log: &LogName, streams: &[Leaving]) -> Result<Vec<Archived>, Trouble> {
        archive::archive(&mut self.sessions.get().await?, log, streams, self.clock.now()).await
    }

    async fn try_end(&self, log: &LogName) -> Result<Option<Cursor>, Trouble> {
        let client = self.sessions.get().await?;
        page::end(&client, log).await
    }

    /// Pushes what waits for a log, until nothing does.
    async fn work_off(&self, log: &LogName, mut turn: Turn, notices: &Notices) {
        while let Some(mut group) = turn.next() {
            // Whoever has gone meanwhile wants nothing any more.
            group.retain(|waiting| !waiting.answer.is_closed());
            let offers: Vec<_> = group.iter().map(|waiting| waiting.offer.clone()).collect();
            let mut answers = Vec::new();
            if offers.len() > 1 {
                // What is wrong with one of them must not be that of the others: each is tried alone.
                answers = self.try_push(log, offers, notices).await.unwrap_or_default();
            }
            let mut answers = answers.into_iter();
            for Waiting { offer, answer } in group {
                let pushed = match answers.next() {
                    Some(pushed) => pushed.map_err(PushError::from),
                    None => self.push(log, offer, notices).await,
                };
                // Whoever goes now finds it done.
                let _ = answer.send(pushed);
            }
        }
    }

    async fn standing(&self, log: &LogName, commits: &[CommitId]) -> Result<HashSet<CommitId>, Trouble> {
        history::standing(&self.sessions.get().await?, log, commits).await
    }

    async fn history(
        &self,
        log: &LogName,
        stream: &StreamName,
        after: Version,
        bytes: usize,
    ) -> Result<History, Trouble> {
        history::history(&self.sessions.get().await?, log, stream, after, bytes).await
    }

    /// Pushes in a transaction of its own, once more for each that came to nothing through no fault of the push.
    async fn push(&self, log: &LogName, offer: Offer, notices: &Notices) -> Result<Pushed, PushError> {
        let mut left = TRIES;
        loop {
            left -= 1;
            match self.try_push(log, vec![offer.clone()], notices).await.map(|mut answers| answers.pop()) {
                Err(trouble) if trouble.passes_at_once() && left > 0 => {}
                Ok(Some(answer)) => return Ok(answer?),
                Ok(None) => return Err(StorageError::Failed("a push was not answered".into()).into()),
                Err(trouble) => return Err(trouble.into()),
            }
        }
    }

    /// Pushes in one transaction; an answer for each.
    async fn try_push(
        &self,
        log: &LogName,
        offers: Vec<Offer>,
        notices: &Notices,
    ) -> Result<Vec<Result<Pushed, Trouble>>, Trouble> {
        let client = self.sessions.get().await?;
        let ready = push::prepare(client, log, offers, self.clock.as_ref()).await?;
        match ready.commit().await {
            Ok(written) => {
                if let Some(position) = written.reached {
                    self.bell.ring(log, position);
                    notices.send(log, position);
                }
                Ok(written.answers)
            }
            Err(trouble) => {
                // Perhaps it was committed and only the answer got lost.
                self.bell.ring_all();
                Err(trouble)
            }
        }
    }
}

/// Asks once more where that may well help.
async fn again<'a, T>(ask: impl Fn() -> BoxFuture<'a, Result<T, Trouble>>) -> Result<T, Trouble> {
    let mut left = TRIES;
    loop {
        left -= 1;
        match ask().await {
            Err(trouble) if trouble.passes_at_once() && left > 0 => {}
            result => return result,
        }
    }
}

impl Storage for Postgres {
    /// Whatever has begun goes on when the future is dropped: the bell has to ring for what can be seen.
    fn push<'a>(&'a self, log: &'a LogName, offer: Offer) -> BoxFuture<'a, Result<Pushed, PushError>> {
        let (answer, answered) = oneshot::channel();
        Box::pin(async move {
            if let Some(turn) = self.inner.turns.wait(log, Waiting { offer, answer }) {
                let (inner, notices, log) = (Arc::clone(&self.inner), Arc::clone(&self.notices), log.clone());
                let work = async move { inner.work_off(&log, turn, &notices).await };
                tokio::spawn(work.in_current_span());
            }
            answered.await.map_err(|_| StorageError::Failed("the work on a push broke off".into()))?
        })
    }

    fn page<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: PageLimit,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<Page, PageError>> {
        Box::pin(
            async move { Ok(again(|| Box::pin(self.inner.try_page(log, after, limit, streams))).await?) },
        )
    }

    fn standing<'a>(
        &'a self,
        log: &'a LogName,
        commits: &'a [CommitId],
    ) -> BoxFuture<'a, Result<HashSet<CommitId>, StorageError>> {
        Box::pin(async move { Ok(again(|| Box::pin(self.inner.standing(log, commits))).await?) })
    }

    fn history<'a>(
        &'a self,
        log: &'a LogName,
        stream: &'a StreamName,
        after: Version,
        bytes: usize,
    ) -> BoxFuture<'a, Result<History, StorageError>> {
        Box::pin(async move { Ok(again(|| Box::pin(self.inner.history(log, stream, after, bytes))).await?) })
    }

    fn end<'a>(&'a self, log: &'a LogName) -> BoxFuture<'a, Result<Option<Cursor>, StorageError>> {
        Box::pin(async move { Ok(again(|| Box::pin(self.inner.try_end(log))).await?) })
    }

    fn archived<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: usize,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<ArchivedPage, PageError>> {
        let ask =
            move || -> BoxFuture<'a, _> { Box::pin(self.inner.try_archived(log, after, limit, streams)) };
        Box::pin(async move { Ok(again(ask).await?) })
    }

    /// Tried once more where that may help: streams that were archived by a transaction whose answer got lost are not among the markers then.
    fn archive<'a>(
        &'a self,
        log: &'a LogName,
        streams: Vec<Leaving>,
    ) -> BoxFuture<'a, Result<Vec<Archived>, StorageError>> {
        Box::pin(async move {
            let mut left = TRIES;
            loop {
                left -= 1;
                match self.inner.try_archive(log, &streams).await {
                    Err(trouble) if trouble.passes_at_once() && left > 0 => {}
                    result => return Ok(result?),
                }
            }
        })
    }

    fn bell(&self) -> &Bell {
        &self.inner.bell
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let ask = async || -> Result<(), Trouble> {
                let client = self.inner.sessions.get().await?;
                let statement = client.prepare_cached("SELECT 1 FROM tidelog.logs LIMIT 1").await?;
                client.query_opt(&statement, &[]).await?;
                schema::check(&**client).await
            };
            Ok(ask().await?)
        })
    }

    fn connections(&self) -> Option<Connections> {
        Some(self.inner.sessions.connections())
    }
}
