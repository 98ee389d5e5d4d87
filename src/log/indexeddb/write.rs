//! Writing: a batch is one transaction, with its guards in it.

use super::{bytes, connection::Connection, ended, epoch_of, fault::Fault, js_key, read::of_prefix, scope};
use crate::log::store::{Batch, Durability, EPOCH, Table, Write, Written};
use indexed_db_futures::{
    internals::SystemRepr,
    prelude::*,
    transaction::{Transaction, TransactionDurability, TransactionMode, TransactionOptions},
};
use wasm_bindgen::{JsCast, JsValue};

/// Writes a batch.
pub(super) async fn write(
    connection: &Connection,
    batch: &Batch,
    durability: Durability,
) -> Result<Written, Fault> {
    let durability = match durability {
        Durability::Relaxed => TransactionDurability::Relaxed,
        Durability::Strict => TransactionDurability::Strict,
    };
    let names = tables(batch);
    let transaction = connection
        .database()
        .transaction(&names[..])
        .with_mode(TransactionMode::Readwrite)
        .with_options(TransactionOptions::new().with_durability(durability))
        .build()?;
    let raw: web_sys::IdbTransaction = transaction.as_sys().clone().unchecked_into();
    let written = write_all(transaction, batch).await;
    match (written, raw.error()) {
        (Ok(written), _) => Ok(written),
        // What the transaction itself names is nearer to the cause than what was noticed of it.
        (Err(_), Some(cause)) => match Fault::of_exception(&cause) {
            cause if cause.is("ConstraintError") => Ok(Written::Collision),
            cause => Err(cause),
        },
        (Err(fault), None) if fault.is("ConstraintError") => Ok(Written::Collision),
        (Err(fault), None) => Err(fault),
    }
}

/// The tables that a batch holds, and always the one that all batches hold: the browser then lets no two writes run side by side.
///
/// Chromium keeps the locks of a running write on disk, those of the whole database too, which writes to different tables share. If it is
/// killed while two run, it takes the two for a contradiction ("Invalid locks on disk") and deletes every database of the origin.
fn tables(batch: &Batch) -> Vec<&'static str> {
    let written = batch.writes.iter().map(|write| match write {
        Write::Add(table, ..)
        | Write::Put(table, ..)
        | Write::Delete(table, _)
        | Write::DeletePrefix(table, _) => *table,
    });
    let absent = batch.absent.iter().map(|(table, _)| *table);
    let unchanged = batch.unchanged.iter().map(|(table, ..)| *table);
    scope([Table::Meta].into_iter().chain(written).chain(absent).chain(unchanged))
}

/// Issues every request at once, reads the guards, then commits or takes everything back.
async fn write_all(transaction: Transaction<'_>, batch: &Batch) -> Result<Written, Fault> {
    let is_guarded = batch.epoch.is_some() || batch.new_epoch.is_some();
    let meta = is_guarded.then(|| transaction.object_store(Table::Meta.name())).transpose()?;
    let epoch = match &meta {
        Some(meta) => Some(meta.get::<JsValue, _, _>(JsValue::from_str(EPOCH)).primitive()?),
        None => None,
    };
    let mut guards = Vec::with_capacity(batch.absent.len());
    for (table, key) in &batch.absent {
        let store = transaction.object_store(table.name())?;
        guards.push(store.get_key::<JsValue, _>(js_key(key)).primitive()?);
    }
    let mut before = Vec::with_capacity(batch.unchanged.len());
    for (table, key, _) in &batch.unchanged {
        let store = transaction.object_store(table.name())?;
        before.push(store.get::<JsValue, _, _>(js_key(key)).primitive()?);
    }
    let mut last = None;
    for write in &batch.writes {
        let store = |table: &Table| transaction.object_store(table.name());
        last = Some(match write {
            Write::Add(table, key, row) => {
                store(table)?.add(js_row(row)).with_key(js_key(key)).without_key_type().primitive()?
            }
            Write::Put(table, key, row) => {
                store(table)?.put(js_row(row)).with_key(js_key(key)).without_key_type().primitive()?
            }
            Write::Delete(table, key) => store(table)?.delete::<JsValue, _>(js_key(key)).primitive()?,
            Write::DeletePrefix(table, prefix) => {
                store(table)?.delete::<JsValue, _>(of_prefix(prefix)).primitive()?
            }
        });
    }
    if let (Some(meta), Some(epoch)) = (&meta, batch.new_epoch) {
        let row = js_row(&epoch.to_le_bytes());
        last = Some(meta.put(row).with_key(JsValue::from_str(EPOCH)).without_key_type().primitive()?);
    }
    drop(meta);
    // Requests end in order, and a failed one takes the later ones with it: what the last one says holds for all. (To commit
    // before they have ended would be quicker by nothing, and Firefox then commits what stands around an `add` that fails.)
    match last {
        Some(last) => last.await?,
        None => return Ok(Written::Done),
    }
    let mut is_free = true;
    if let Some(epoch) = epoch {
        let epoch = epoch_of(ended(epoch)?)?;
        is_free = batch.epoch.is_none_or(|expected| expected == epoch);
    }
    for guard in guards {
        is_free &= ended(guard)?.is_none();
    }
    for (row, (_, _, expected)) in before.into_iter().zip(&batch.unchanged) {
        is_free &= ended(row)?.map(|row| bytes(&row)) == *expected;
    }
    if !is_free {
        transaction.abort().await?;
        return Ok(Written::Collision);
    }
    transaction.commit().await?;
    Ok(Written::Done)
}

fn js_row(row: &[u8]) -> JsValue {
    js_sys::Uint8Array::from(row).into()
}
