//! The last push of each producer, kept with what it brought.

use super::{
    failure::Trouble,
    row::{Log, signed, unsigned},
};
use crate::storage::{BoxError, LastPush, Offer, StorageError};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

/// What the log knows of the producer of a push.
pub(super) async fn last_push(
    transaction: &Transaction<'_>,
    log: &Log,
    offer: &Offer,
) -> Result<Option<LastPush>, Trouble> {
    let Some(producer) = offer.producer else { return Ok(None) };
    let statement = transaction
        .prepare_cached("SELECT epoch, sequence, digest FROM tidelog.producers WHERE log = $1 AND id = $2")
        .await?;
    let row = transaction.query_opt(&statement, &[&log.key, &producer.id.0]).await?;
    row.map(|row| last(&row, 0)).transpose()
}

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

/// Keeps the last push of the producer; nothing if the push names none.
pub(super) async fn remember(
    transaction: &Transaction<'_>,
    log: &Log,
    offer: &Offer,
    last: Option<LastPush>,
) -> Result<(), Trouble> {
    match (offer.producer, last) {
        (Some(producer), Some(last)) => write(transaction, log.key, producer.id.0, last).await,
        _ => Ok(()),
    }
}

/// Writes the last push of a producer, over the one before it.
pub(super) async fn write(
    transaction: &Transaction<'_>,
    log: i64,
    producer: Uuid,
    last: LastPush,
) -> Result<(), Trouble> {
    let LastPush { epoch, sequence, digest } = last;
    let statement = transaction
        .prepare_cached(
            "INSERT INTO tidelog.producers (log, id, epoch, sequence, digest) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (log, id) DO UPDATE
             SET epoch = excluded.epoch, sequence = excluded.sequence, digest = excluded.digest",
        )
        .await?;
    let digest = digest.to_be_bytes();
    let (epoch, sequence) = (signed(epoch)?, signed(sequence)?);
    transaction.execute(&statement, &[&log, &producer, &epoch, &sequence, &&digest[..]]).await?;
    Ok(())
}
