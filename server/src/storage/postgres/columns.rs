//! Commits as columns: however many there are, they are inserted by one statement, with one array for each column.

use super::{failure::Trouble, row::signed};
use crate::storage::{StorageError, stored::WholeRow};
use deadpool_postgres::GenericClient;
use tidelog::commit::Commit;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

const INSERT_COMMITS: &str = "
    INSERT INTO tidelog.commits (log, position, events, id, stream, first_version, recorded_at, body)
    SELECT $1, * FROM unnest($2::bigint[], $3::integer[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::text[])";
const INSERT_EVENTS: &str = "INSERT INTO tidelog.events (log, id) SELECT $1, unnest($2::uuid[])";

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

    /// Inserts all in one round trip.
    pub(super) async fn insert(&self, client: &impl GenericClient, log: i64) -> Result<(), Trouble> {
        let (commits, events) =
            (client.prepare_cached(INSERT_COMMITS).await?, client.prepare_cached(INSERT_EVENTS).await?);
        let Self { positions, counts, ids, streams, versions, recorded, bodies, event_ids } = self;
        let (commits, events) = tokio::join!(
            async {
                let columns: [&(dyn ToSql + Sync); 8] =
                    [&log, positions, counts, ids, streams, versions, recorded, bodies];
                client.execute(&commits, &columns).await
            },
            async { client.execute(&events, &[&log, event_ids]).await },
        );
        commits?;
        events?;
        Ok(())
    }
}
