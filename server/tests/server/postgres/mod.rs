//! What only PostgreSQL can do, and do wrong. The contract of the storages is tested with the others, in `contract`.

mod cluster;
mod copying;
mod encryption;
mod failures;
mod grouping;
mod notices;
mod outages;
mod positions;
mod tables;

use crate::{
    contract::{Place, Still},
    kit::NOW,
};
pub(crate) use cluster::{Cluster, Database};
use std::sync::Arc;
use tidelog_server::{
    Postgres, Storage,
    storage::{StorageError, postgres::PostgresLimits},
};
use tokio::{runtime::Handle, task::block_in_place};

/// A database of its own.
pub(crate) struct Shared(pub(crate) Database);

impl Default for Shared {
    fn default() -> Self {
        Self(now(Cluster::shared().database()))
    }
}

impl Place for Shared {
    fn open(&self) -> Arc<dyn Storage> {
        Arc::new(now(open(&self.0)).unwrap())
    }

    fn reopen(&self) -> Option<Arc<dyn Storage>> {
        Some(self.open())
    }
}

pub(crate) async fn open(database: &Database) -> Result<Postgres, StorageError> {
    let limits = PostgresLimits { connections: 3, ..PostgresLimits::default() };
    Ok(Postgres::open(&database.address(), limits).await?.with_clock(Still(NOW)))
}

/// A storage over a database of its own, with the machine's clock.
pub(crate) async fn storage() -> Arc<dyn Storage> {
    let address = Cluster::shared().database().await.address();
    Arc::new(Postgres::open(&address, PostgresLimits::default()).await.unwrap())
}

/// Waits for a future where one may not.
fn now<T>(future: impl Future<Output = T>) -> T {
    block_in_place(|| Handle::current().block_on(future))
}

/// Between two looks at what has to come about; long enough for the database to get on with it.
async fn look_again() {
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
}
