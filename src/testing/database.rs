//! Databases for contract suites: the same test runs on every kind of storage.

use crate::log::{
    MemoryStore,
    store::{Batch, Key, Selection, Store, Table, Write, Written},
};

/// A database made for one test, which may have several holders (tabs).
#[allow(async_fn_in_trait)] // one thread: the browser's
pub trait Database {
    /// The storage under test.
    type Store: Store;

    /// Another holder of this database.
    async fn holder(&self) -> Self::Store;
}

impl Database for MemoryStore {
    type Store = Self;

    async fn holder(&self) -> Self {
        self.clone()
    }
}

/// The rows of a table.
pub async fn rows<S: Store>(store: &S, table: Table) -> Vec<(Key, Vec<u8>)> {
    let loaded = store.load(&[Selection::All(table)]).await.expect("a table that can be read");
    loaded.rows.into_iter().flatten().map(|(key, row)| (key, row.to_vec())).collect()
}

/// Writes a row behind the back of whoever holds the database.
pub async fn overwrite<S: Store>(store: &S, table: Table, key: &Key, row: Option<Vec<u8>>) {
    let epoch = store.load(&[]).await.expect("an epoch").epoch;
    let write = match row {
        Some(row) => Write::Put(table, key.clone(), row.into()),
        None => Write::Delete(table, key.clone()),
    };
    let batch = Batch { epoch: Some(epoch), writes: vec![write], ..Batch::default() };
    assert_eq!(store.write(batch).await, Ok(Written::Done));
}

/// Flips one bit in the middle of a row: `at` is a fraction of its length.
pub async fn flip_bit<S: Store>(store: &S, table: Table, key: &Key, at: f64) {
    let mut row = rows(store, table).await.into_iter().find(|(k, _)| k == key).expect("such a row").1;
    let at = ((row.len() as f64 * at) as usize).min(row.len() - 1);
    row[at] ^= 0x10;
    overwrite(store, table, key, Some(row)).await;
}
