//! Databases that are new, older, newer or somebody else's, and bringing them forward.

use super::{Cluster, Database, Shared, open};
use crate::{
    contract::{Asking, Place},
    kit::*,
    process::{Process, command, run},
};
use futures_util::future::join_all;
use tidelog::version::ExpectedVersion::Any;
use tidelog_server::{Postgres, storage::StorageError};

async fn refused(database: &Database) -> StorageError {
    match open(database).await {
        Ok(_) => panic!("{} was opened", database.url),
        Err(error) => error,
    }
}

#[tokio::test]
async fn migrating_says_what_it_does_and_does_it_once() {
    let database = Cluster::shared().database().await;
    let (code, out, error) = run(&["migrate", "--database", &database.url]).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("step 1: make the tables") && out.contains("up to date"), "{out}");
    let (code, out, _) = run(&["migrate", "--database", &database.url]).await;
    assert_eq!(code, Some(0));
    assert!(!out.contains("step") && out.contains("up to date"), "{out}");
    // An address with a password stands in the environment.
    let output = command(&["migrate"]).env("TIDELOG_DATABASE", &database.url).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let server = Process::start(&database.url, &[]).await;
    assert_eq!(statuses(&server.client.push(&[commit("course-1", Any, 1)]).await), ["committed"]);
}

#[tokio::test]
async fn of_several_at_once_one_makes_the_tables() {
    let database = Cluster::shared().database().await;
    let address = database.address();
    let steps: Vec<usize> = join_all((0..6).map(|_| Postgres::migrate(&address)))
        .await
        .into_iter()
        .map(|steps| steps.unwrap().len())
        .collect();
    assert_eq!(steps.iter().filter(|&&steps| steps > 0).count(), 1, "{steps:?}");
    let database = Cluster::shared().database().await;
    for opened in join_all((0..6).map(|_| open(&database))).await {
        opened.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_another_version_are_refused_and_left_alone() {
    let place = Shared::default();
    place.open().pushed(&[commit("course-1", Any, 1)]).await;
    let sql = place.0.sql().await;
    sql.execute("INSERT INTO tidelog.migrations (version, what) VALUES (1000, 'the future')", &[])
        .await
        .unwrap();
    assert!(matches!(refused(&place.0).await, StorageError::NewerSchema { found: 1000, .. }));
    let error = Postgres::migrate(&place.0.address()).await.unwrap_err();
    assert!(matches!(error, StorageError::NewerSchema { found: 1000, .. }), "{error}");
    let (code, _, error) = run(&["--no-auth", "--database", &place.0.url]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("schema version 1000") && error.contains("newer server"), "{error}");

    sql.batch_execute("UPDATE tidelog.migrations SET version = 0 WHERE version = 1; DELETE FROM tidelog.migrations WHERE version > 0")
        .await
        .unwrap();
    assert!(matches!(refused(&place.0).await, StorageError::OlderSchema { found: 0, .. }));
    let (code, _, error) = run(&["--no-auth", "--database", &place.0.url]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("tidelog-server migrate"), "{error}");
    let left: i64 = sql.query_one("SELECT count(*) FROM tidelog.commits", &[]).await.unwrap().get(0);
    assert_eq!(left, 1);
}

#[tokio::test]
async fn what_is_no_place_for_logs_is_refused_and_left_alone() {
    let database = Cluster::shared().database().await;
    database.sql().await.batch_execute("CREATE SCHEMA tidelog; CREATE TABLE tidelog.notes ()").await.unwrap();
    assert!(matches!(refused(&database).await, StorageError::Foreign));
    assert!(matches!(Postgres::migrate(&database.address()).await, Err(StorageError::Foreign)));
    let database = Cluster::shared().database_with("ENCODING 'SQL_ASCII'").await;
    let error = refused(&database).await.to_string();
    assert!(error.contains("SQL_ASCII") && error.contains("UTF8"), "{error}");
    // A schema that the operator made beforehand, and an app's own tables beside it, are fine.
    let database = Cluster::shared().database().await;
    database
        .sql()
        .await
        .batch_execute("CREATE SCHEMA tidelog; CREATE TABLE logs (notes text)")
        .await
        .unwrap();
    open(&database).await.unwrap();
}

#[tokio::test]
async fn a_database_out_of_reach_is_named_without_its_password() {
    for args in [&["--no-auth"][..], &["migrate"]] {
        let url = "postgres://me:secret@/logs?host=/nowhere/at/all";
        let (code, out, error) = run(&[args, &["--database", url]].concat()).await;
        assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
        assert!(error.contains("postgres:///nowhere/at/all/logs") && !error.contains("secret"), "{error}");
        let (code, _, error) =
            run(&[args, &["--database", "postgres://me:secret@host:port/logs"]].concat()).await;
        assert_eq!(code, Some(1));
        assert!(
            error.contains("port") && !error.contains("secret") && !error.contains("panicked"),
            "{error}"
        );
    }
}
