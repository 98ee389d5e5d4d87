//! The last push of each producer.

use super::{
    failure,
    row::{Log, signed, unsigned},
};
use crate::storage::{LastPush, Offer, PushError};
use rusqlite::{Connection, OptionalExtension};

/// Admits a push, and remembers it as its producer's last.
pub(super) fn admit(connection: &Connection, log: &Log, offer: &Offer) -> Result<(), PushError> {
    let Some(producer) = offer.producer else { return Ok(()) };
    let id = producer.id.0.as_bytes();
    let known = || {
        connection
            .prepare_cached("SELECT epoch, sequence, digest FROM producers WHERE log = ?1 AND id = ?2")?
            .query_row((log.key, id), |row| {
                let digest = u64::from_be_bytes(row.get(2)?);
                Ok(LastPush { epoch: unsigned(row, 0)?, sequence: unsigned(row, 1)?, digest })
            })
            .optional()
    };
    let Some(last) = offer.admit(known().map_err(failure)?)? else { return Ok(()) };
    let remember = || {
        connection
            .prepare_cached(
                "INSERT INTO producers (log, id, epoch, sequence, digest) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (log, id) DO UPDATE
                 SET epoch = excluded.epoch, sequence = excluded.sequence, digest = excluded.digest",
            )?
            .execute((log.key, id, signed(last.epoch)?, signed(last.sequence)?, last.digest.to_be_bytes()))
    };
    remember().map_err(failure)?;
    Ok(())
}
