//! Storage as the page has it: IndexedDB, or memory where there is none.

use crate::log::{
    Holder, IndexedDbStore, MemoryStore,
    store::{Batch, Durability, Loaded, Selection, Store, StoreError, Written},
};
use serde::Deserialize;
use std::rc::Rc;

/// Where the app wants the log to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wanted {
    /// In IndexedDB, or in memory where there is none.
    Auto,
    /// In IndexedDB or not at all.
    IndexedDb,
    /// In memory.
    Memory,
}

/// Where the log is kept.
pub(super) enum PageStore {
    /// In IndexedDB.
    IndexedDb(IndexedDbStore),
    /// In memory; nothing outlives the page.
    Memory(MemoryStore),
}

/// The database of the log of this name.
fn database(name: &str) -> String {
    format!("tidelog:{name}")
}

impl PageStore {
    /// Opens the storage, and says why it is memory if that is not what was wanted.
    pub(super) async fn open(
        name: &str,
        wanted: Wanted,
        durability: Durability,
        holder: Rc<dyn Holder>,
    ) -> Result<(Self, Option<String>), StoreError> {
        if wanted == Wanted::Memory {
            return Ok((Self::Memory(MemoryStore::new()), None));
        }
        match IndexedDbStore::open_for(&database(name), durability, holder).await {
            Ok(store) => Ok((Self::IndexedDb(store), None)),
            Err(error @ StoreError::Unavailable { .. }) if wanted == Wanted::Auto => {
                Ok((Self::Memory(MemoryStore::new()), Some(error.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// Its kind, in the words of `CoreStatus` in `pkg/src/core.ts`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::IndexedDb(_) => "indexeddb",
            Self::Memory(_) => "memory",
        }
    }
}

impl Store for PageStore {
    async fn load(&self, selections: &[Selection]) -> Result<Loaded, StoreError> {
        match self {
            Self::IndexedDb(store) => store.load(selections).await,
            Self::Memory(store) => store.load(selections).await,
        }
    }

    async fn write(&self, batch: Batch) -> Result<Written, StoreError> {
        match self {
            Self::IndexedDb(store) => store.write(batch).await,
            Self::Memory(store) => store.write(batch).await,
        }
    }

    fn close(&self) {
        match self {
            Self::IndexedDb(store) => store.close(),
            Self::Memory(store) => store.close(),
        }
    }
}
