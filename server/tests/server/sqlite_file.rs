//! Files that are not what they should be, and files from a backup.

use crate::{
    contract::{Asking, File, Place, academy, candidates},
    kit::*,
    process::run,
};
use rusqlite::Connection;
use std::{fs, path::Path};
use tidelog::{
    id::DeviceId,
    sync::protocol::{Cursor, Producer},
    version::ExpectedVersion::Any,
};
use tidelog_server::{
    Sqlite,
    storage::{InvalidCursor, Offer, PageError, PageLimit, StorageError, Streams},
};

fn refused(path: &Path) -> StorageError {
    match Sqlite::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_file_of_a_newer_schema_is_refused_and_left_alone() {
    let place = File::default();
    place.open().pushed(&[commit("course-1", Any, 1)]).await;
    Connection::open(&place.path).unwrap().pragma_update(None, "user_version", 4).unwrap();
    let before = fs::read(&place.path).unwrap();
    assert!(matches!(refused(&place.path), StorageError::NewerSchema { found: 4, known: 3 }));
    let path = place.path.to_str().unwrap();
    let (code, _, error) = run(&["--no-auth", "--database", path]).await;
    assert_eq!(code, Some(1));
    assert!(
        error.contains(path) && error.contains("schema version 4") && error.contains("newer server"),
        "{error}"
    );
    assert_eq!(fs::read(&place.path).unwrap(), before);
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let place = File::default();
    Connection::open(&place.path).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
    let before = fs::read(&place.path).unwrap();
    assert!(matches!(refused(&place.path), StorageError::Foreign));
    assert_eq!(fs::read(&place.path).unwrap(), before);

    let text = File::default();
    fs::write(&text.path, "not a database, but long enough to be looked at as if it were one".repeat(20))
        .unwrap();
    assert!(matches!(refused(&text.path), StorageError::Failed(_)));
}

#[tokio::test]
async fn a_corrupt_commit_is_named_and_the_others_stay_readable() {
    let place = File::default();
    let storage = place.open();
    storage
        .pushed(&[commit("course-1", Any, 2), commit("course-1", Any, 1), commit("course-1", Any, 1)])
        .await;
    let other = Connection::open(&place.path).unwrap();
    other.execute("UPDATE commits SET body = substr(body, 2) WHERE position = 3", []).unwrap();
    let first = storage.page_after(&Cursor::default(), PageLimit::events(2)).await;
    assert_eq!(first.commits.len(), 1);
    match storage.page(&academy(), &first.cursor, PageLimit::default(), &Streams::all()).await {
        Err(PageError::Storage(StorageError::Corrupt { position: 3, .. })) => {}
        other => panic!("{other:?}"),
    }
}

/// A file from before producers were kept is brought up to date when it is opened.
#[tokio::test]
async fn a_file_of_the_first_schema_is_brought_up_to_date() {
    let place = File::default();
    place.open().pushed(&[commit("course-1", Any, 2)]).await;
    let old = Connection::open(&place.path).unwrap();
    old.execute_batch("DROP TABLE producers; DROP TABLE archived; ALTER TABLE logs DROP COLUMN archived; PRAGMA user_version = 1;").unwrap();
    drop(old);
    let storage = place.open();
    assert_eq!(storage.pulled(PageLimit::default()).await.len(), 1);
    let producer = Producer { id: DeviceId(id()), epoch: 0, sequence: 1 };
    let mut offer = Offer::from(candidates(&[commit("course-1", Any, 1)]));
    offer.producer = Some(producer);
    storage.push(&academy(), offer).await.unwrap();
    assert_eq!(storage.pulled(PageLimit::default()).await.len(), 2);
}

/// A server restored from a backup gives positions anew. A client that had pulled beyond the backup must not go on as if
/// nothing had happened: it would lack what took those positions.
#[tokio::test]
async fn cursors_from_after_a_backup_are_refused_once_it_is_restored() {
    let place = File::default();
    place.open().pushed(&[commit("course-1", Any, 2)]).await;
    let backup = File::default();
    fs::copy(&place.path, &backup.path).unwrap();
    let (lost, restored) = (place.open(), backup.open());
    let common = restored.page_after(&Cursor::default(), PageLimit::default()).await;
    lost.pushed(&[commit("course-1", Any, 2)]).await;
    let beyond = lost.page_after(&common.cursor, PageLimit::default()).await;
    assert_eq!((&beyond.log_id, beyond.commits.len()), (&common.log_id, 1));
    let refusal =
        async || match restored.page(&academy(), &beyond.cursor, PageLimit::default(), &Streams::all()).await
        {
            Err(PageError::Cursor(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
    assert_eq!(refusal().await, InvalidCursor::Ahead { position: 4, end: 2 });
    restored.pushed(&[commit("course-1", Any, 1)]).await;
    assert_eq!(refusal().await, InvalidCursor::Ahead { position: 4, end: 3 });
    restored.pushed(&[commit("course-1", Any, 1), commit("course-1", Any, 9)]).await;
    assert_eq!(refusal().await, InvalidCursor::OtherHistory { position: 4 });
    // What both have in common is still good.
    assert_eq!(restored.page_after(&common.cursor, PageLimit::default()).await.commits.len(), 3);
}
