//! The last push of each producer, kept with what it brought.

use super::{
    failure::Trouble,
    row::{Log, signed, unsigned},
};
use crate::storage::{BoxError, LastPush, Offer, StorageError};
use deadpool_postgres::Transaction;

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
    let Some(row) = transaction.query_opt(&statement, &[&log.key, &producer.id.0]).await? else {
        return Ok(None);
    };
    let digest: &[u8] = row.try_get(2)?;
    let digest = digest.try_into().map_err(|error| StorageError::Failed(BoxError::from(error)))?;
    Ok(Some(LastPush {
        epoch: unsigned(&row, 0)?,
        sequence: unsigned(&row, 1)?,
        digest: u64::from_be_bytes(digest),
    }))
}

/// Keeps the last push of the producer; nothing if the push names none.
pub(super) async fn remember(
    transaction: &Transaction<'_>,
    log: &Log,
    offer: &Offer,
    last: Option<LastPush>,
) -> Result<(), Trouble> {
    let (Some(producer), Some(LastPush { epoch, sequence, digest })) = (offer.producer, last) else {
        return Ok(());
    };
    let statement = transaction
        .prepare_cached(
            "INSERT INTO tidelog.producers (log, id, epoch, sequence, digest) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (log, id) DO UPDATE
             SET epoch = excluded.epoch, sequence = excluded.sequence, digest = excluded.digest",
        )
        .await?;
    let digest = digest.to_be_bytes();
    let (epoch, sequence) = (signed(epoch)?, signed(sequence)?);
    transaction.execute(&statement, &[&log.key, &producer.id.0, &epoch, &sequence, &&digest[..]]).await?;
    Ok(())
}
