//! Logs in a PostgreSQL database that several servers may share.

mod address;
mod among;
mod columns;
mod failure;
mod notices;
mod page;
mod producers;
mod push;
mod row;
mod schema;
mod sessions;
mod target;
mod turns;

pub use address::PostgresAddress;
pub use schema::Step;
pub use sessions::PostgresLimits;
pub(crate) use target::Target;

use super::{Bell, Connections, Offer, PageError, PageLimit, PushError, Storage, StorageError, Streams};
use crate::{
    clock::{Clock, SystemClock},
    log_name::LogName,
};
use failure::Trouble;
use futures_util::future::BoxFuture;
use notices::Notices;
use sessions::Sessions;
use std::sync::Arc;
use tidelog::sync::protocol::{Cursor, Page, Pushed};
use tracing::Instrument;
use turns::Turns;

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

    async fn try_end(&self, log: &LogName) -> Result<Option<Cursor>, Trouble> {
        let client = self.sessions.get().await?;
        page::end(&client, log).await
    }

    /// Pushes in a transaction of its own, once more for each that came to nothing through no fault of the push.
    async fn push(&self, log: &LogName, offer: Offer, notices: &Notices) -> Result<Pushed, PushError> {
        let mut left = TRIES;
        loop {
            left -= 1;
            match self.try_push(log, offer.clone(), notices).await {
                Err(trouble) if trouble.passes_at_once() && left > 0 => {}
                result => return Ok(result?),
            }
        }
    }

    async fn try_push(&self, log: &LogName, offer: Offer, notices: &Notices) -> Result<Pushed, Trouble> {
        let mut client = self.sessions.get().await?;
        let ready = push::prepare(&mut client, log, offer, self.clock.as_ref()).await?;
        match ready.commit().await {
            Ok((pushed, Some(position))) => {
                self.bell.ring(log, position);
                notices.send(log, position);
                Ok(pushed)
            }
            Ok((pushed, None)) => Ok(pushed),
            Err(trouble) => {
                // Perhaps it was committed and only the answer got lost.
                self.bell.ring_all();
                Err(trouble)
            }
        }
    }
}

impl Storage for Postgres {
    /// Whatever has begun goes on when the future is dropped: the bell has to ring for what can be seen.
    fn push<'a>(&'a self, log: &'a LogName, offer: Offer) -> BoxFuture<'a, Result<Pushed, PushError>> {
        Box::pin(async move {
            let turn = self.inner.turns.take(log).await;
            let (inner, notices, log) = (Arc::clone(&self.inner), Arc::clone(&self.notices), log.clone());
            let work = async move {
                let pushed = inner.push(&log, offer, &notices).await;
                drop(turn);
                pushed
            };
            tokio::spawn(work.in_current_span()).await.map_err(|error| StorageError::Failed(error.into()))?
        })
    }

    fn page<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: PageLimit,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<Page, PageError>> {
        Box::pin(async move {
            let mut left = TRIES;
            loop {
                left -= 1;
                match self.inner.try_page(log, after, limit, streams).await {
                    Err(trouble) if trouble.passes_at_once() && left > 0 => {}
                    result => return Ok(result?),
                }
            }
        })
    }

    fn end<'a>(&'a self, log: &'a LogName) -> BoxFuture<'a, Result<Option<Cursor>, StorageError>> {
        Box::pin(async move {
            let mut left = TRIES;
            loop {
                left -= 1;
                match self.inner.try_end(log).await {
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
