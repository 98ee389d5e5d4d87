//! Rows written into a new file as they are.

use super::{WholeFile, archive::insert_marker, failure, row::signed};
use crate::storage::{
    StorageError,
    leaving::StoredMarker,
    stored::{StoredLog, StoredProducer, WholeRow, Writing},
};
use rusqlite::Connection;
use tidelog::commit::Commit;

impl Writing for WholeFile {
    async fn make(&self, log: &StoredLog) -> Result<i64, StorageError> {
        let log = log.clone();
        self.workers
            .run(move |connection| {
                let make = || {
                    let row = (log.name.as_str(), log.id.as_bytes(), signed(log.position)?);
                    connection.execute("INSERT INTO logs (name, id, position) VALUES (?1, ?2, ?3)", row)?;
                    Ok(connection.last_insert_rowid())
                };
                make().map_err(failure)
            })
            .await
    }

    async fn write(&self, log: i64, rows: Vec<(Option<Commit>, WholeRow)>) -> Result<(), StorageError> {
        self.workers.run(move |connection| insert(connection, log, &rows).map_err(failure)).await
    }

    async fn write_producer(
        &self,
        log: i64,
        StoredProducer { id, last }: StoredProducer,
    ) -> Result<(), StorageError> {
        self.workers
            .run(move |connection| {
                let write = || {
                    let sql = "INSERT INTO producers (log, id, epoch, sequence, digest) VALUES (?1, ?2, ?3, ?4, ?5)";
                    let (epoch, sequence) = (signed(last.epoch)?, signed(last.sequence)?);
                    let row = (log, id.as_bytes(), epoch, sequence, last.digest.to_be_bytes());
                    connection.prepare_cached(sql)?.execute(row).map(drop)
                };
                write().map_err(failure)
            })
            .await
    }

    async fn write_marker(&self, log: i64, marker: StoredMarker) -> Result<(), StorageError> {
        self.workers.run(move |connection| insert_marker(connection, log, &marker).map_err(failure)).await
    }

    async fn commit(self) -> Result<(), StorageError> {
        self.workers.run(|connection| connection.execute_batch("COMMIT").map_err(failure)).await
    }
}

fn insert(connection: &Connection, log: i64, rows: &[(Option<Commit>, WholeRow)]) -> rusqlite::Result<()> {
    let mut commits = connection.prepare_cached(
        "INSERT INTO commits (log, position, events, id, stream, first_version, recorded_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let mut events = connection.prepare_cached("INSERT INTO events (log, id) VALUES (?1, ?2)")?;
    for (commit, WholeRow { stored, id, stream }) in rows {
        commits.execute((
            log,
            signed(stored.position)?,
            stored.events,
            id.as_bytes(),
            stream,
            signed(stored.first_version)?,
            stored.recorded_at,
            &stored.body,
        ))?;
        for event in commit.iter().flat_map(|commit| &commit.events) {
            events.execute((log, event.id.0.as_bytes()))?;
        }
    }
    Ok(())
}
