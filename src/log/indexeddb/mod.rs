//! Storage in IndexedDB: one object store for each table, keys out of line, rows as `Uint8Array`.
//!
//! A transaction commits as soon as control returns to the browser without a request pending. So nothing is awaited here
//! between two requests of a transaction but requests of the same transaction, and the first ones are issued in the same task
//! as the transaction is opened (Safari insists).

mod connection;
mod fault;
mod holder;
mod read;
mod write;

use super::store::{
    Batch, Bytes, Closing, Durability, Key, Loaded, Selection, Store, StoreError, Table, Written,
    epoch_from_row,
};
use connection::Connection;
use fault::Fault;
use futures_util::FutureExt;
pub use holder::Holder;
use holder::Nobody;
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, JsValue};

/// The version of the database: the format of its tables, not of the blocks in them.
/// 1: the log. 2: tables for what is derived from it.
const FORMAT: u32 = 2;

/// A database in IndexedDB, as one holder (one tab) sees it.
pub struct IndexedDbStore {
    name: Rc<str>,
    durability: Durability,
    holder: Rc<dyn Holder>,
    state: RefCell<State>,
}

enum State {
    Open(Rc<Connection>),
    Closed(Closing),
}

impl std::fmt::Debug for IndexedDbStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexedDbStore").field("name", &self.name).finish_non_exhaustive()
    }
}

impl IndexedDbStore {
    /// Opens the database of this name, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where there is no IndexedDB or it is denied (a private window, a page without an origin),
    /// [`StoreError::NewerFormat`], [`StoreError::Blocked`], [`StoreError::QuotaExceeded`], or [`StoreError::Failed`].
    pub async fn open(name: &str, durability: Durability) -> Result<Self, StoreError> {
        Self::open_for(name, durability, Rc::new(Nobody)).await
    }

    /// Opens the database as [`IndexedDbStore::open`] does, for somebody who is told what others want of it.
    ///
    /// # Errors
    /// As [`IndexedDbStore::open`]; [`StoreError::Blocked`] when the holder no longer wants to wait.
    pub async fn open_for(
        name: &str,
        durability: Durability,
        holder: Rc<dyn Holder>,
    ) -> Result<Self, StoreError> {
        let name: Rc<str> = name.into();
        let connection = connection::open(&name, &holder).await?;
        Ok(Self { name, durability, holder, state: RefCell::new(State::Open(Rc::new(connection))) })
    }

    /// Deletes the database of this name with everything in it. Holders in this and other tabs let go of it.
    ///
    /// # Errors
    /// As [`IndexedDbStore::open`].
    pub async fn delete(name: &str) -> Result<(), StoreError> {
        connection::delete(name).await
    }

    /// Closes the connection behind the back of the store, as browsers do.
    #[cfg(any(test, feature = "testing"))]
    pub fn lose_connection(&self) {
        if let State::Open(connection) = &*self.state.borrow() {
            connection.database().clone().close();
        }
    }

    /// The connection, or why there is none any more.
    fn held(&self) -> Result<Rc<Connection>, Closing> {
        match &*self.state.borrow() {
            State::Open(connection) => match connection.taken_away() {
                Some(why) => Err(why),
                None => Ok(Rc::clone(connection)),
            },
            State::Closed(why) => Err(*why),
        }
    }

    fn connection(&self) -> Result<Rc<Connection>, StoreError> {
        self.held().map_err(|why| StoreError::Closed { why })
    }

    /// Opens the connection again in place of one that was lost; another call may have done so already.
    async fn connect_again(&self, lost: &Rc<Connection>) -> Result<Rc<Connection>, StoreError> {
        let now = self.connection()?;
        if !Rc::ptr_eq(&now, lost) {
            return Ok(now);
        }
        let fresh = Rc::new(connection::open(&self.name, &self.holder).await?);
        let now = self.connection()?;
        if !Rc::ptr_eq(&now, lost) {
            return Ok(now);
        }
        if !fresh.leads_where(lost) {
            // Lost because the site's data was deleted. What is there now has nothing to do with what this holder knows.
            let why = Closing::Deleted;
            self.state.replace(State::Closed(why));
            self.holder.taken_away(why);
            return Err(StoreError::Closed { why });
        }
        self.state.replace(State::Open(Rc::clone(&fresh)));
        Ok(fresh)
    }

    /// Does something with the connection and, if it turns out to be lost, once more with a new one.
    ///
    /// A write may be done twice so: once by a transaction whose end nobody saw. The log notices (it finds its own commit
    /// under the key it wanted), and everything that is no append changes the epoch, so that a second time collides.
    async fn with_connection<T>(
        &self,
        action: impl AsyncFn(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let connection = self.connection()?;
        match action(&connection).await {
            Ok(done) => Ok(done),
            Err(fault) if fault.is_lost_connection() => {
                let again = self.connect_again(&connection).await?;
                action(&again).await.map_err(|fault| self.explain(&again, &fault))
            }
            Err(fault) => Err(self.explain(&connection, &fault)),
        }
    }

    /// The error for a fault; a connection that was taken away is the better reason.
    fn explain(&self, connection: &Connection, fault: &Fault) -> StoreError {
        match connection.taken_away() {
            Some(why) => StoreError::Closed { why },
            None => fault.error(),
        }
    }
}

impl Store for IndexedDbStore {
    async fn load(&self, selections: &[Selection]) -> Result<Loaded, StoreError> {
        self.with_connection(async |connection| read::load(connection, selections).await).await
    }

    async fn write(&self, batch: Batch) -> Result<Written, StoreError> {
        self.with_connection(async |connection| write::write(connection, &batch, self.durability).await).await
    }

    fn close(&self) {
        let why = self.held().err().unwrap_or(Closing::Here);
        self.state.replace(State::Closed(why));
    }
}

/// A key as IndexedDB has it. Numbers are exact up to 2^53.
fn js_key(key: &Key) -> JsValue {
    match key {
        Key::Number(number) => JsValue::from_f64(*number as f64),
        Key::Text(text) => JsValue::from_str(text),
    }
}

/// The names of some tables, each once.
fn scope(tables: impl Iterator<Item = Table>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for table in tables {
        if !names.contains(&table.name()) {
            names.push(table.name());
        }
    }
    names
}

/// The result of a request that has ended.
fn ended<T>(request: impl Future<Output = indexed_db_futures::Result<T>>) -> Result<T, Fault> {
    match request.now_or_never() {
        Some(result) => Ok(result?),
        None => Err(Fault::new("AbortError", "a request has not ended with those after it")),
    }
}

fn epoch_of(row: Option<JsValue>) -> Result<u64, Fault> {
    let row = row.map(|row| bytes(&row));
    epoch_from_row(row.as_deref()).map_err(|error| Fault::new("DataError", error.to_string()))
}

/// The bytes of a row. What is no array of bytes was not written by this library, and is no block either.
fn bytes(row: &JsValue) -> Bytes {
    row.dyn_ref::<js_sys::Uint8Array>().map(js_sys::Uint8Array::to_vec).unwrap_or_default().into()
}
