//! The last push of each producer, kept with what it brought.

use super::{
    failure::Trouble,
    row::{signed, unsigned},
};
use crate::storage::{BoxError, LastPush, StorageError};
use deadpool_postgres::GenericClient;
use std::collections::HashMap;
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

/// Reads `epoch, sequence, digest`, which begin at column `from`.
pub(super) fn last(row: &Row, from: usize) -> Result<LastPush, Trouble> {
    let digest: &[u8] = row.try_get(from + 2)?;
    let digest = digest.try_into().map_err(|error| StorageError::Failed(BoxError::from(error)))?;
    Ok(LastPush {
        epoch: unsigned(row, from)?,
        sequence: unsigned(row, from + 1)?,
        digest: u64::from_be_bytes(digest),
    })
}

/// The statement of [`write`].
pub(super) async fn writing(client: &impl GenericClient) -> Result<Statement, Trouble> {
    let sql = "INSERT INTO tidelog.producers (log, id, epoch, sequence, digest)
               SELECT $1::bigint, * FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[])
               ON CONFLICT (log, id) DO UPDATE
               SET epoch = excluded.epoch, sequence = excluded.sequence, digest = excluded.digest";
    Ok(client.prepare_cached(sql).await?)
}

/// Writes the last push of each producer, over the one before it.
pub(super) async fn write(
    client: &impl GenericClient,
    statement: &Statement,
    log: i64,
    producers: &HashMap<Uuid, LastPush>,
) -> Result<(), Trouble> {
    let (mut ids, mut epochs, mut sequences, mut digests) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (&id, &LastPush { epoch, sequence, digest }) in producers {
        ids.push(id);
        epochs.push(signed(epoch)?);
        sequences.push(signed(sequence)?);
        digests.push(digest.to_be_bytes().to_vec());
    }
    client.execute(statement, &[&log, &ids, &epochs, &sequences, &digests]).await?;
    Ok(())
}
