//! What only a browser's own storage can do: be upgraded or deleted by another tab, lose its connection, hold other people's rows.
#![allow(clippy::unwrap_used, clippy::panic)] // a test
#![cfg(target_arch = "wasm32")]

use futures_util::future::LocalBoxFuture;
use indexed_db_futures::{Build, database::Database as Connection, prelude::*};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use tidelog::{
    log::{
        Authority, Holder, IndexedDbStore, Log, LogError,
        store::{Batch, Closing, Durability, Selection, Store, StoreError, Table, Write, Written},
    },
    testing::{BrowserDatabase, Database, NOW, Samples, stream},
};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// A holder that writes down what it is told, and waits if it is to: for a connection that it closes when it hears of it.
#[derive(Default)]
struct Diary {
    waits: bool,
    frees: RefCell<Option<Connection>>,
    blocked: Cell<u32>,
    taken_away: RefCell<Vec<Closing>>,
}

impl Holder for Diary {
    fn blocked(&self) -> LocalBoxFuture<'static, ()> {
        self.blocked.set(self.blocked.get() + 1);
        if let Some(connection) = self.frees.take() {
            connection.close();
        }
        if self.waits { Box::pin(std::future::pending()) } else { Box::pin(std::future::ready(())) }
    }

    fn taken_away(&self, why: Closing) {
        self.taken_away.borrow_mut().push(why);
    }
}

async fn open_for(database: &BrowserDatabase, diary: &Rc<Diary>) -> Result<IndexedDbStore, StoreError> {
    let diary: Rc<Diary> = Rc::clone(diary);
    IndexedDbStore::open_for(database.name(), Durability::Relaxed, diary).await
}

/// A connection of somebody who does not let go.
async fn raw_connection(name: &str, version: u32) -> Connection {
    let request = Connection::open(name).with_version(version);
    Build::build(request).unwrap().await.unwrap()
}

fn add(key: u64) -> Batch {
    Batch { writes: vec![Write::Add(Table::Pending, key.into(), (*b"row").into())], ..Batch::default() }
}

#[wasm_bindgen_test]
async fn a_database_of_a_newer_format_is_not_opened() {
    let database = BrowserDatabase::new("newer");
    let request = indexed_db_futures::database::Database::open(database.name()).with_version(7_u32);
    let newer = indexed_db_futures::Build::build(request).unwrap().await.unwrap();
    newer.close();
    let opened = IndexedDbStore::open(database.name(), Durability::Relaxed).await;
    let name = database.name().to_owned();
    assert_eq!(opened.err(), Some(StoreError::NewerFormat { name, found: 7, supported: 2 }));
    database.delete().await;
}

#[wasm_bindgen_test]
async fn a_database_of_the_first_format_gets_the_tables_it_lacks() {
    let database = BrowserDatabase::new("first-format");
    let request = indexed_db_futures::database::Database::open(database.name())
        .with_version(1_u32)
        .with_on_upgrade_needed(|_, database| {
            for table in &Table::ALL[..6] {
                let rows = database.create_object_store(table.name()).build()?;
                rows.put(wasm_bindgen::JsValue::from(js_sys::Uint8Array::from(&b"kept"[..])))
                    .with_key(wasm_bindgen::JsValue::from(1))
                    .without_key_type()
                    .primitive()?;
            }
            Ok(())
        });
    indexed_db_futures::Build::build(request).unwrap().await.unwrap().close();
    let store = IndexedDbStore::open(database.name(), Durability::Relaxed).await.unwrap();
    let loaded = store.load(&Table::ALL.map(Selection::All)).await.unwrap();
    let counts: Vec<usize> = loaded.rows.iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    drop(store);
    database.delete().await;
}

#[wasm_bindgen_test]
async fn a_tab_lets_go_of_a_database_that_another_deletes() {
    let samples = Samples::default();
    let database = BrowserDatabase::new("deleted");
    let log = Log::open(database.holder().await, Authority::Device).await.unwrap();
    log.append(vec![samples.any("a-1")], vec![], NOW).await.unwrap();
    IndexedDbStore::delete(database.name()).await.unwrap();
    let closed = LogError::Store(StoreError::Closed { why: Closing::Deleted });
    assert_eq!(log.catch_up().await, Err(closed));
    assert_eq!(log.load(&stream("a-1"), 0).await.unwrap().len(), 1, "what is at hand stays readable");
    let again = Log::open(database.holder().await, Authority::Device).await.unwrap();
    assert_eq!(again.head().confirmed_events, 0);
    database.delete().await;
}

#[wasm_bindgen_test]
async fn a_tab_lets_go_of_a_database_that_another_upgrades() {
    let database = BrowserDatabase::new("upgraded");
    let diary = Rc::new(Diary::default());
    let store = open_for(&database, &diary).await.unwrap();
    // not awaited before the other one asks: what is on its way is written or not, but not lost between the two
    let (written, upgraded) =
        futures_util::future::join(store.write(add(1)), raw_connection(database.name(), 3)).await;
    let row = upgraded.transaction(Table::Pending.name()).build().unwrap();
    let rows = row.object_store(Table::Pending.name()).unwrap().count().await.unwrap();
    assert_eq!(rows, u32::from(written == Ok(Written::Done)));
    drop(row);
    assert_eq!(store.write(add(2)).await, Err(StoreError::Closed { why: Closing::Outdated }));
    assert_eq!(*diary.taken_away.borrow(), [Closing::Outdated], "told once, and without asking");
    store.close();
    assert_eq!(
        store.load(&[]).await.err(),
        Some(StoreError::Closed { why: Closing::Outdated }),
        "still the better reason"
    );
    upgraded.close();
    database.delete().await;
}

/// Makes a database of the first format, and holds it open as a tab does that is frozen and hears nothing.
async fn frozen_tab(database: &BrowserDatabase) -> indexed_db_futures::database::Database {
    raw_connection(database.name(), 1).await
}

#[wasm_bindgen_test]
async fn opening_gives_up_when_its_holder_does() {
    let database = BrowserDatabase::new("blocked");
    let frozen = frozen_tab(&database).await;
    let name = database.name().to_owned();
    assert_eq!(
        IndexedDbStore::open(database.name(), Durability::Relaxed).await.err(),
        Some(StoreError::Blocked { name: name.clone() })
    );
    let diary = Rc::new(Diary::default());
    assert_eq!(open_for(&database, &diary).await.err(), Some(StoreError::Blocked { name }));
    assert_eq!(diary.blocked.get(), 1);
    // The requests could not be taken back: they open the database now, and nobody may hold it then.
    frozen.close();
    database.delete().await;
}

#[wasm_bindgen_test]
async fn opening_waits_for_as_long_as_its_holder_does() {
    let database = BrowserDatabase::new("waiting");
    let frozen = frozen_tab(&database).await;
    let diary = Rc::new(Diary { waits: true, frees: RefCell::new(Some(frozen)), ..Diary::default() });
    let store = open_for(&database, &diary).await.unwrap();
    assert_eq!((diary.blocked.get(), store.write(add(1)).await), (1, Ok(Written::Done)));
    drop(store);
    database.delete().await;
}

#[wasm_bindgen_test]
async fn a_lost_connection_is_not_opened_again_to_another_database() {
    for made_again in [false, true] {
        let database = BrowserDatabase::new("replaced");
        let diary = Rc::new(Diary::default());
        let store = open_for(&database, &diary).await.unwrap();
        assert_eq!(store.write(add(1)).await, Ok(Written::Done));
        // The person deletes the site's data: the browser closes what is open, and tells nobody.
        store.lose_connection();
        IndexedDbStore::delete(database.name()).await.unwrap();
        let other = if made_again { Some(database.holder().await) } else { None };
        if let Some(other) = &other {
            assert_eq!(other.write(add(7)).await, Ok(Written::Done));
        }
        let closed = StoreError::Closed { why: Closing::Deleted };
        let both =
            futures_util::future::join(store.write(add(2)), store.load(&[Selection::All(Table::Pending)]));
        let (written, loaded) = both.await;
        assert_eq!((written, loaded.err()), (Err(closed.clone()), Some(closed.clone())));
        assert_eq!(store.write(add(3)).await, Err(closed));
        assert_eq!(*diary.taken_away.borrow(), [Closing::Deleted]);
        if let Some(other) = other {
            let rows = other.load(&[Selection::All(Table::Pending)]).await.unwrap().rows;
            let keys: Vec<_> = rows[0].iter().map(|(key, _)| key.clone()).collect();
            assert_eq!(keys, [7.into()]);
        }
        database.delete().await;
    }
}

#[wasm_bindgen_test]
async fn a_lost_connection_is_opened_again() {
    let samples = Samples::default();
    let database = BrowserDatabase::new("lost");
    let store = database.holder().await;
    store.lose_connection();
    assert_eq!(store.write(add(1)).await, Ok(Written::Done));
    store.lose_connection();
    let both =
        futures_util::future::join(store.load(&[Selection::All(Table::Pending)]), store.write(add(2))).await;
    assert_eq!((both.0.unwrap().rows[0].len(), both.1), (1, Ok(Written::Done)));
    store.lose_connection();
    store.close();
    assert!(matches!(store.write(add(3)).await, Err(StoreError::Closed { .. })));
    drop(store);
    database.delete().await;

    let database = BrowserDatabase::new("lost under a log");
    let store = std::rc::Rc::new(database.holder().await);
    let log = Log::open(std::rc::Rc::clone(&store), Authority::Device).await.unwrap();
    for _ in 0..3 {
        store.lose_connection();
        log.append(vec![samples.any("a-1")], vec![], NOW).await.unwrap();
    }
    assert_eq!(log.load(&stream("a-1"), 0).await.unwrap().len(), 3);
    database.delete().await;
}

#[wasm_bindgen_test]
async fn both_durabilities_write() {
    let database = BrowserDatabase::new("durability");
    let strict = IndexedDbStore::open(database.name(), Durability::Strict).await.unwrap();
    assert_eq!(strict.write(add(1)).await, Ok(Written::Done));
    let relaxed = IndexedDbStore::open(database.name(), Durability::Relaxed).await.unwrap();
    assert_eq!(relaxed.write(add(2)).await, Ok(Written::Done));
    database.delete().await;
}

#[wasm_bindgen_test]
async fn names_of_databases_may_be_anything() {
    for name in ["", "ümläut/\u{1f30a}", "a:b"] {
        let database = BrowserDatabase::new(name);
        assert_eq!(database.holder().await.write(add(1)).await, Ok(Written::Done));
        database.delete().await;
    }
}
