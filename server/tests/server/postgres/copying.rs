//! Logs copied from a file: clients go on as if nothing had happened, and nothing half copied is ever there.

use super::{Cluster, Database, Shared};
use crate::{
    contract::{Asking, File, Place, academy, candidates},
    kit::*,
    process::{Process, run},
};
use rusqlite::Connection;
use std::{path::Path, sync::Arc, time::Duration};
use tidelog::{
    commit::Commit,
    id::DeviceId,
    sync::protocol::{Cursor, Producer},
    version::ExpectedVersion::{Any, None},
};
use tidelog_server::{
    LogName, Storage,
    copy::{Copied, CopyError, Progress, copy},
    storage::{Offer, PageLimit, PushError, StorageError, Streams},
};
use tokio::sync::oneshot;
use uuid::Uuid;

fn school() -> LogName {
    LogName::parse("school").unwrap()
}

fn producer(sequence: u64) -> Option<Producer> {
    Some(Producer { id: DeviceId(Uuid::from_u128(9)), epoch: 2, sequence })
}

/// A commit of about a megabyte.
fn large() -> Commit {
    let text = format!("\"{}\"", "ä\\u0000".repeat(1 << 14));
    Commit { events: (0..8).map(|_| event(&text)).collect(), ..commit("course-3", Any, 1) }
}

/// Two logs and one that nobody has pushed to yet.
async fn filled(large_ones: usize) -> (File, Arc<dyn Storage>) {
    let file = File::default();
    let storage = file.open();
    storage.pushed(&[commit("course-1", None, 3), commit("course-2", None, 1)]).await;
    for _ in 0..large_ones {
        assert_eq!(statuses(&storage.pushed(&[large()]).await), ["committed"]);
    }
    let offer = Offer {
        commits: candidates(&[commit("course-1", Any, 2)]),
        producer: producer(5),
        ..Offer::default()
    };
    storage.push(&academy(), offer).await.unwrap();
    storage.push(&school(), candidates(&[commit("course-1", None, 2)]).into()).await.unwrap();
    storage
        .page(&LogName::parse("empty").unwrap(), &Cursor::default(), PageLimit::default(), &Streams::all())
        .await
        .unwrap();
    (file, storage)
}

async fn copied(file: &Path, database: &Database) -> (Option<i32>, String, String) {
    run(&["copy", "--from", file.to_str().unwrap(), "--to", &database.url]).await
}

/// The names of the logs in a database, in order.
async fn logs(database: &Database) -> Vec<String> {
    let rows = database.sql().await.query("SELECT name FROM tidelog.logs ORDER BY name", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_go_on_as_if_nothing_had_happened() {
    // More than is on the way at once.
    let (file, before) = filled(6).await;
    let place = Shared::default();
    let (code, out, error) = copied(&file.path, &place.0).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(
        out.contains("academy: copied 54 events in 9 commits") && out.contains("all 3 logs with 56 events"),
        "{out}"
    );
    let after = place.open();
    for log in ["academy", "school", "empty"].map(|name| LogName::parse(name).unwrap()) {
        let mut cursor = Cursor::default();
        loop {
            // Identity, cursors, positions, versions and recordedAt are all in a page.
            let page = before.page(&log, &cursor, PageLimit::events(2), &Streams::all()).await.unwrap();
            assert_eq!(after.page(&log, &cursor, PageLimit::events(2), &Streams::all()).await.unwrap(), page);
            cursor = page.cursor;
            if page.up_to_date {
                break;
            }
        }
    }
    let everything = before.pulled(PageLimit::default()).await;
    let again: Vec<Commit> = everything.iter().take(2).map(|confirmed| confirmed.commit.clone()).collect();
    assert_eq!(statuses(&after.pushed(&again).await), ["duplicate"; 2]);
    let mut same_event = commit("course-9", Any, 1);
    same_event.events[0].id = again[0].events[1].id;
    assert_eq!(statuses(&after.pushed(&[same_event]).await), ["rejected"]);
    let offer = |sequence| {
        let commits = candidates(&[commit("course-1", Any, 1)]);
        Offer { commits, producer: producer(sequence), ..Offer::default() }
    };
    let fenced = after.push(&academy(), offer(5)).await.unwrap_err();
    assert!(matches!(fenced, PushError::Fenced(_)), "{fenced}");
    let next = after.push(&academy(), offer(6)).await.unwrap();
    assert_eq!(committed(&next.outcomes[0]), (6, 55));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doing_it_again_changes_nothing_and_never_overwrites() {
    let (file, storage) = filled(0).await;
    let database = Cluster::shared().database().await;
    assert_eq!(copied(&file.path, &database).await.0, Some(0));
    let (code, out, error) = copied(&file.path, &database).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("academy: is there already, 6 events") && !out.contains("copied"), "{out}");

    // Either of them goes on, and they are not the same any more.
    let server = Process::start(&database.url, &[]).await;
    server.client.push(&[commit("course-1", Any, 1)]).await;
    storage
        .push(&LogName::parse("another").unwrap(), candidates(&[commit("course-1", Any, 1)]).into())
        .await
        .unwrap();
    let (code, out, error) = copied(&file.path, &database).await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    assert!(error.contains("academy") && error.contains("nothing was written"), "{error}");
    assert_eq!(logs(&database).await, ["academy", "empty", "school"]);
    assert_eq!(server.client.pull(1000).await.len(), 4);

    // A log that only has the same name; and one that has the same length, too.
    for events in [1, 6] {
        let database = Cluster::shared().database().await;
        let server = Process::start(&database.url, &[]).await;
        server.client.push(&[commit("course-1", Any, events)]).await;
        let (code, _, error) = copied(&file.path, &database).await;
        assert_eq!(code, Some(1));
        assert!(error.contains("academy") && error.contains("identity"), "{error}");
        assert_eq!(logs(&database).await, ["academy"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_with_the_same_identity_and_other_contents_is_told_apart() {
    let (file, _storage) = filled(0).await;
    let database = Cluster::shared().database().await;
    assert_eq!(copied(&file.path, &database).await.0, Some(0));
    let spoil = "UPDATE tidelog.commits SET recorded_at = recorded_at + 1 WHERE stream = 'course-2'";
    assert_eq!(database.sql().await.execute(spoil, &[]).await.unwrap(), 1);
    let (code, _, error) = copied(&file.path, &database).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("academy"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_broken_off_leaves_whole_logs_and_goes_on() {
    let (file, _storage) = filled(0).await;
    let database = Cluster::shared().database().await;
    let address = database.address();
    let (reach, mut reached) = oneshot::channel();
    let mut reach = Some(reach);
    let copying = copy(&file.path, &address, |progress| {
        if matches!(&progress, Progress::Written { log, .. } if *log == school()) {
            let _ = reach.take().unwrap().send(());
        }
    });
    tokio::select! {
        biased;
        _ = &mut reached => (),
        ended = copying => panic!("{ended:?}"),
    }
    assert_eq!(logs(&database).await, ["academy", "empty"]);
    let told = |all: &mut Vec<Progress>| {
        all.retain(|progress| !matches!(progress, Progress::Written { .. }));
        let mut names = |progress: &Progress| match progress {
            Progress::Copied(Copied { log, .. }) => format!("{log} copied"),
            Progress::AlreadyThere(Copied { log, .. }) => format!("{log} there"),
            other => panic!("{other:?}"),
        };
        all.iter().map(&mut names).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    copy(&file.path, &address, |progress| all.push(progress)).await.unwrap();
    assert_eq!(told(&mut all), ["academy there", "empty there", "school copied"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_writes_to_the_file_meanwhile() {
    let (file, storage) = filled(0).await;
    let database = Cluster::shared().database().await;
    let other = Connection::open(&file.path).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    let mut looks = 0;
    let address = database.address();
    let copying = copy(&file.path, &address, |_| {
        looks += 1;
        assert!(other.execute_batch("BEGIN IMMEDIATE").is_err(), "it could be written to");
    });
    copying.await.unwrap();
    assert!(looks > 3);
    // And afterwards the file is as free as before.
    storage.pushed(&[commit("course-1", Any, 1)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cant_be_read_is_named_and_not_carried_on() {
    let (file, _storage) = filled(0).await;
    let database = Cluster::shared().database().await;
    let spoil = Connection::open(&file.path).unwrap();
    let log = "(SELECT key FROM logs WHERE name = 'school')";
    spoil.execute(&format!("UPDATE commits SET stream = 'course-7' WHERE log = {log}"), []).unwrap();
    match copy(&file.path, &database.address(), drop).await {
        Err(CopyError::Source(StorageError::Corrupt { log, position: 1, .. })) if log == school() => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(logs(&database).await, ["academy", "empty"]);
    // A position that the log claims and has no commit for.
    spoil.execute(&format!("UPDATE commits SET stream = 'course-1' WHERE log = {log}"), []).unwrap();
    spoil.execute("UPDATE logs SET position = 3 WHERE name = 'school'", []).unwrap();
    match copy(&file.path, &database.address(), drop).await {
        Err(CopyError::Differs { log, .. }) if log == school() => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(logs(&database).await, ["academy", "empty"]);
}

#[tokio::test]
async fn what_is_no_way_to_copy_is_said() {
    let database = Cluster::shared().database().await;
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.sqlite");
    let (code, _, error) = copied(&missing, &database).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("missing.sqlite") && !missing.exists(), "{error}");
    let (code, _, error) = run(&["copy", "--from", "a.sqlite", "--to", "b.sqlite"]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("postgres://"), "{error}");
    let (code, _, error) = run(&["copy", "--from", "a.sqlite", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(code, Some(2), "{error}");
}
