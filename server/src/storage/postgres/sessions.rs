//! Connections: a bounded pool, and how each is set up.

use super::{
    address::PostgresAddress,
    failure::{Trouble, failure},
};
use crate::storage::{Connections, StorageError};
use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Pool, PoolConfig, RecyclingMethod, Runtime, Timeouts,
};
use std::time::Duration;
use tokio_postgres::{AsyncMessage, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a caller waits until another gives its connection back.
const WAIT: Duration = Duration::from_secs(10);

/// How a server uses its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostgresLimits {
    /// The most connections for pushes and pages; callers beyond it wait. One more listens for other processes. At least
    /// 1. Default 10.
    pub connections: usize,
    /// How long one statement may run. Default 20 s, within the 30 s of a request.
    pub statement_timeout: Duration,
    /// How long a push waits for one of another process to the same log. Default 10 s.
    pub lock_timeout: Duration,
    /// How long a transaction may lie idle, because the process or the network froze, until the database undoes it and lets
    /// others go on. Default 10 s.
    pub idle_timeout: Duration,
}

impl Default for PostgresLimits {
    fn default() -> Self {
        Self {
            connections: 10,
            statement_timeout: Duration::from_secs(20),
            lock_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
        }
    }
}

/// Makes connections and keeps those that nobody uses.
pub(super) struct Sessions {
    address: PostgresAddress,
    pool: Pool,
}

/// A connection outside the pool, for as long as its owner wants; the second part has to be polled.
pub(super) type Single = (
    tokio_postgres::Client,
    Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>,
);

impl Sessions {
    /// Makes no connection yet.
    pub(super) fn new(address: &PostgresAddress, limits: PostgresLimits) -> Result<Self, StorageError> {
        // A connection that broke is left out when the next caller asks for one; no round trip is spent on asking it.
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config(), address.tls()?, manager);
        let timeouts = Timeouts { wait: Some(WAIT), ..Timeouts::default() };
        let set_up = settings(limits);
        let pool = Pool::builder(manager)
            .config(PoolConfig { timeouts, ..PoolConfig::new(limits.connections.max(1)) })
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let set_up = set_up.clone();
                Box::pin(async move { client.batch_execute(&set_up).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| StorageError::Failed(error.into()))?;
        Ok(Self { address: address.clone(), pool })
    }

    /// A connection that nobody else uses until it is dropped.
    pub(super) async fn get(&self) -> Result<Client, Trouble> {
        Ok(self.pool.get().await?)
    }

    pub(super) fn connections(&self) -> Connections {
        let status = self.pool.status();
        // Of a moment, each for itself.
        Connections {
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            waiting: status.waiting,
        }
    }

    /// A connection of one's own, without time-outs.
    pub(super) async fn single(&self) -> Result<Single, StorageError> {
        single(&self.address).await
    }
}

/// A connection without pool and time-outs.
pub(super) async fn single(address: &PostgresAddress) -> Result<Single, StorageError> {
    address.config().connect(address.tls()?).await.map_err(|error| failure(&error))
}

/// Polls a connection in the background until it ends.
pub(super) fn attend((client, connection): Single) -> tokio_postgres::Client {
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection to the database ended: {}", failure(&error));
        }
    });
    client
}

/// Notices of the server and the like are for nobody.
pub(super) fn is_notification(message: AsyncMessage) -> Option<tokio_postgres::Notification> {
    match message {
        AsyncMessage::Notification(notification) => Some(notification),
        _ => None,
    }
}

/// What each connection of the pool begins with. An operator may have relaxed durability for the whole database; an
/// answered push has to be on the disk.
///
/// The planner keeps the plan of a prepared statement, and one that it made when a table was small reads the whole table, or
/// all of a log by the wrong index, once it is large. Every question of the server has an index that answers it, so it is
/// told to use those, and not to compile what it then takes for costly. Nor is it to plan anew for each array, which it takes for worth
/// its while, and which costs more than the question.
fn settings(limits: PostgresLimits) -> String {
    let PostgresLimits { statement_timeout, lock_timeout, idle_timeout, .. } = limits;
    format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};
         SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off;
         SET plan_cache_mode = force_generic_plan;
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        statement_timeout.as_millis(),
        lock_timeout.as_millis(),
        idle_timeout.as_millis(),
    )
}
