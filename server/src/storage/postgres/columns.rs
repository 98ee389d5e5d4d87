//! Commits as columns: however many there are, they are inserted by one statement, with one array for each column.

use super::{
    failure::Trouble,
    row::{Log, signed},
};
use crate::storage::{StorageError, stored::WholeRow};
use deadpool_postgres::GenericClient;
use tidelog::commit::Commit;
use tokio_postgres::{Statement, types::ToSql};
use uuid::Uuid;

const COMMITS: &str = "
    INSERT INTO tidelog.commits (log, position, events, id, stream, first_version, recorded_at, body)
    SELECT $1::bigint, * FROM unnest($2::bigint[], $3::integer[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::text[])";
const EVENTS: &str = "INSERT INTO tidelog.events (log, id) SELECT $1::bigint, unnest($9::uuid[])";

/// Commits and the ids of their events, waiting to be inserted.
#[derive(Default)]
pub(super) struct Columns {
    positions: Vec<i64>,
    counts: Vec<i32>,
    ids: Vec<Uuid>,
    streams: Vec<String>,
    versions: Vec<i64>,
    recorded: Vec<i64>,
    bodies: Vec<String>,
    event_ids: Vec<Uuid>,
}

impl Columns {
    pub(super) fn add_commit(&mut self, row: WholeRow) -> Result<(), StorageError> {
        let WholeRow { stored, id, stream } = row;
        self.positions.push(signed(stored.position)?);
        self.counts.push(i32::try_from(stored.events).map_err(|error| StorageError::Failed(error.into()))?);
        self.ids.push(id);
        self.streams.push(stream);
        self.versions.push(signed(stored.first_version)?);
        self.recorded.push(stored.recorded_at);
        self.bodies.push(stored.body);
        Ok(())
    }

    pub(super) fn add_events(&mut self, commit: &Commit) {
        self.event_ids.extend(commit.events.iter().map(|event| event.id.0));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Inserts all.
    pub(super) async fn insert(&self, client: &impl GenericClient, log: i64) -> Result<(), Trouble> {
        let sql = format!("WITH commits AS ({COMMITS}) {EVENTS}");
        let statement = client.prepare_cached(&sql).await?;
        client.execute(&statement, &self.parameters(&log)).await?;
        Ok(())
    }

    /// The statement of [`Columns::write`].
    pub(super) async fn append(client: &impl GenericClient) -> Result<Statement, Trouble> {
        let sql = format!(
            "WITH commits AS ({COMMITS}), events AS ({EVENTS})
             UPDATE tidelog.logs SET position = $10 WHERE key = $1::bigint"
        );
        Ok(client.prepare_cached(&sql).await?)
    }

    /// Inserts all, and makes the log end with them.
    pub(super) async fn write(
        &self,
        client: &impl GenericClient,
        statement: &Statement,
        log: &Log,
    ) -> Result<(), Trouble> {
        let position = signed(log.position)?;
        let mut parameters = self.parameters(&log.key).to_vec();
        parameters.push(&position);
        client.execute(statement, &parameters).await?;
        Ok(())
    }

    fn parameters<'a>(&'a self, log: &'a i64) -> [&'a (dyn ToSql + Sync); 9] {
        let Self { positions, counts, ids, streams, versions, recorded, bodies, event_ids } = self;
        [log, positions, counts, ids, streams, versions, recorded, bodies, event_ids]
    }
}
