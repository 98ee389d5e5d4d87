//! What only a browser's own storage can do: be upgraded or deleted by another tab, lose its connection, hold other people's rows.
#![allow(clippy::unwrap_used, clippy::panic)] // a test
#![cfg(target_arch = "wasm32")]

use indexed_db_futures::{Build, prelude::*};
use tidelog::{
    log::{
        Authority, IndexedDbStore, Log, LogError,
        store::{Batch, Durability, Selection, Store, StoreError, Table, Write, Written},
    },
    testing::{BrowserDatabase, Database, NOW, Samples, stream},
};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

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
    match log.catch_up().await {
        Err(LogError::Store(StoreError::Closed { reason })) => {
            assert!(reason.contains("deleted"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(log.load(&stream("a-1"), 0).await.unwrap().len(), 1, "what is at hand stays readable");
    let again = Log::open(database.holder().await, Authority::Device).await.unwrap();
    assert_eq!(again.head().confirmed_events, 0);
    database.delete().await;
}

#[wasm_bindgen_test]
async fn a_tab_lets_go_of_a_database_that_another_upgrades() {
    let database = BrowserDatabase::new("upgraded");
    let store = database.holder().await;
    let request = indexed_db_futures::database::Database::open(database.name()).with_version(3_u32);
    indexed_db_futures::Build::build(request).unwrap().await.unwrap().close();
    match store.write(add(1)).await {
        Err(StoreError::Closed { reason }) => assert!(reason.contains("newer version"), "{reason}"),
        other => panic!("{other:?}"),
    }
    database.delete().await;
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
