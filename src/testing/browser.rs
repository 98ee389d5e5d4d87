//! Databases in the browser's own storage.

use super::Database;
use crate::log::{IndexedDbStore, store::Durability};

/// A database in IndexedDB with a name of its own.
#[derive(Debug)]
pub struct BrowserDatabase {
    name: String,
}

impl BrowserDatabase {
    /// A name that no other test has.
    #[must_use]
    pub fn new(test: &str) -> Self {
        Self { name: format!("tidelog test {test} {}", js_sys::Math::random()) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deletes it. Whoever still holds it has to let go.
    pub async fn delete(self) {
        IndexedDbStore::delete(&self.name).await.unwrap();
    }
}

impl Database for BrowserDatabase {
    type Store = IndexedDbStore;

    async fn holder(&self) -> IndexedDbStore {
        IndexedDbStore::open(&self.name, Durability::Relaxed).await.unwrap()
    }
}
