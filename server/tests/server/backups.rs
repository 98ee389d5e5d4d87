//! `backup` and `restore`: whole logs as they are, taken while servers go on, and never over anything that is there.

use crate::{
    contract::{Asking, File, Place, academy, candidates},
    kit::*,
    process::{Process, run},
};
use std::{fs, path::Path, pin::pin, sync::Arc};
use tidelog::{
    commit::Commit,
    id::DeviceId,
    sync::protocol::{Cursor, Page, Producer},
    version::ExpectedVersion::Any,
};
use tidelog_server::{
    LogName, Storage,
    backup::backup,
    copy::{CopyError, Progress},
    storage::{Offer, PageError, PageLimit, PushError, StorageError, Streams},
    verify::Place as Named,
};
use tokio::sync::oneshot;
use uuid::Uuid;

fn offer(sequence: u64) -> Offer {
    let producer = Some(Producer { id: DeviceId(Uuid::from_u128(9)), epoch: 2, sequence });
    Offer { commits: candidates(&[commit("course-1", Any, 2)]), producer, ..Offer::default() }
}

fn school() -> LogName {
    LogName::parse("school").unwrap()
}

/// Two logs and one that nobody has pushed to yet, with more than is on the way at once if `large` is not 0.
async fn fill(storage: &dyn Storage, large: usize) {
    storage.pushed(&[commit("course-1", Any, 3), commit("course-2", Any, 1)]).await;
    let text = format!("\"{}\"", "ä\\u0000".repeat(1 << 14));
    for _ in 0..large {
        let commit = Commit { events: (0..8).map(|_| event(&text)).collect(), ..commit("course-3", Any, 1) };
        assert_eq!(statuses(&storage.pushed(&[commit]).await), ["committed"]);
    }
    storage.push(&academy(), offer(5)).await.unwrap();
    storage.push(&school(), candidates(&[commit("course-1", Any, 2)]).into()).await.unwrap();
    storage.page(&log_of("empty"), &Cursor::default(), PageLimit::default(), &Streams::all()).await.unwrap();
}

fn log_of(name: &str) -> LogName {
    LogName::parse(name).unwrap()
}

async fn back_up(database: &str, file: &Path) -> (Option<i32>, String, String) {
    run(&["backup", "--database", database, "--to", file.to_str().unwrap()]).await
}

async fn put_back(file: &Path, database: &str) -> (Option<i32>, String, String) {
    run(&["restore", "--from", file.to_str().unwrap(), "--database", database]).await
}

/// Identity, cursors, positions, versions and recordedAt are all in a page.
async fn pages(storage: &dyn Storage) -> Vec<Page> {
    let mut pages = Vec::new();
    for log in ["academy", "school", "empty"].map(log_of) {
        let mut cursor = Cursor::default();
        loop {
            let page = storage.page(&log, &cursor, PageLimit::events(3), &Streams::all()).await.unwrap();
            let (next, end) = (page.cursor.clone(), page.up_to_date);
            pages.push(page);
            cursor = next;
            if end {
                break;
            }
        }
    }
    pages
}

/// What a backup of a database that is served holds, and what a server finds that is given it back in `again`.
async fn comes_back(place: &impl Place, database: &str, again: &impl Place, restored: &str) {
    let storage = place.open();
    fill(storage.as_ref(), 6).await;
    let expected = pages(storage.as_ref()).await;
    let backup = File::default();
    let (code, out, error) = back_up(database, &backup.path).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("all 3 logs with 56 events, compared and the same"), "{out}");
    assert_eq!(in_folder(&backup.path), ["logs.sqlite"]);

    // The server goes on; what it takes now is not in the backup.
    let later = storage.push(&academy(), offer(6)).await.unwrap();
    assert_eq!(statuses(&later), ["committed"]);
    let ahead = pages(storage.as_ref()).await.into_iter().rfind(|page| page.log_id == later.log_id);
    let ahead = ahead.unwrap().cursor;
    let (code, verified, _) = run(&["verify", "--database", backup.path.to_str().unwrap()]).await;
    assert_eq!((code, verified.matches("54 events in 9 commits of 3 streams: holds").count()), (Some(0), 1));

    let (code, again_out, error) = put_back(&backup.path, restored).await;
    assert_eq!(code, Some(0), "{error}");
    // Digests and all, but not how far it was now and then on the way, which is said on a slow machine.
    let logs = |out: &str| {
        let done: Vec<_> = out.lines().filter(|line| line.contains(": copied ")).map(str::to_owned).collect();
        assert_eq!(done.len(), 3, "{out}");
        done
    };
    assert_eq!(logs(&again_out), logs(&out));
    let after = again.open();
    assert_eq!(pages(after.as_ref()).await, expected);

    // A device that knows more than the backup is told so, and a producer is still fenced.
    let refused = after.page(&academy(), &ahead, PageLimit::default(), &Streams::all()).await.err();
    assert!(matches!(refused, Some(PageError::Cursor(_))));
    let fenced = after.push(&academy(), offer(5)).await.unwrap_err();
    assert!(matches!(fenced, PushError::Fenced(_)), "{fenced}");
    assert_eq!(committed(&after.push(&academy(), offer(6)).await.unwrap().outcomes[0]), (6, 55));
}

fn in_folder(file: &Path) -> Vec<String> {
    let names = fs::read_dir(file.parent().unwrap()).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_comes_back_as_it_was() {
    let (place, again) = (File::default(), File::default());
    comes_back(&place, place.path.to_str().unwrap(), &again, again.path.to_str().unwrap()).await;
}

#[tokio::test]
async fn a_backup_can_be_served_as_it_is() {
    let (place, backup) = (File::default(), File::default());
    fill(place.open().as_ref(), 0).await;
    assert_eq!(back_up(place.path.to_str().unwrap(), &backup.path).await.0, Some(0));
    let server = Process::start(&backup.path, &[]).await;
    assert_eq!(server.client.pull(1000).await, place.open().pulled(PageLimit::default()).await);
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let (place, backup) = (File::default(), File::default());
    let database = place.path.to_str().unwrap();
    fill(place.open().as_ref(), 0).await;
    fs::write(&backup.path, "precious").unwrap();
    for (code, _, error) in
        [back_up(database, &backup.path).await, put_back(&place.path, backup.path.to_str().unwrap()).await]
    {
        assert_eq!(code, Some(1));
        assert!(error.contains("logs.sqlite exists") && error.contains("move it away"), "{error}");
    }
    assert_eq!(fs::read(&backup.path).unwrap(), b"precious");
    assert_eq!(in_folder(&backup.path), ["logs.sqlite"]);

    // What another command writes, or left behind.
    fs::remove_file(&backup.path).unwrap();
    let part = backup.path.with_extension("sqlite.part");
    fs::write(&part, "precious").unwrap();
    let (code, _, error) = back_up(database, &backup.path).await;
    assert_eq!(code, Some(1));
    assert!(error.contains(".part exists") && error.contains("remove it"), "{error}");
    assert_eq!(fs::read(&part).unwrap(), b"precious");
}

#[tokio::test]
async fn a_file_that_appears_meanwhile_stays() {
    let (place, backup_file) = (File::default(), File::default());
    fill(place.open().as_ref(), 0).await;
    let made = backup(Named::File(&place.path), &backup_file.path, |_| {
        fs::write(&backup_file.path, "precious").unwrap();
    });
    assert!(matches!(made.await, Err(CopyError::Exists { file, .. }) if file == backup_file.path));
    assert_eq!(fs::read(&backup_file.path).unwrap(), b"precious");
    assert_eq!(in_folder(&backup_file.path), ["logs.sqlite"]);
}

#[tokio::test]
async fn what_cant_be_read_is_named_and_makes_no_backup() {
    let (place, to) = (File::default(), File::default());
    fill(place.open().as_ref(), 0).await;
    let spoil = rusqlite::Connection::open(&place.path).unwrap();
    spoil.execute("UPDATE commits SET body = substr(body, 2) WHERE position = 4", []).unwrap();
    match backup(Named::File(&place.path), &to.path, drop).await {
        Err(CopyError::Source(StorageError::Corrupt { log, position: 4, .. })) if log == academy() => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(in_folder(&to.path), [""; 0]);
    // Nor does what is not there.
    let missing = to.path.with_file_name("missing.sqlite");
    let (code, _, error) = back_up(missing.to_str().unwrap(), &to.path).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("missing.sqlite"), "{error}");
    assert_eq!(in_folder(&to.path), [""; 0]);
}

#[tokio::test]
async fn a_backup_that_is_broken_off_leaves_nothing() {
    let (place, to) = (File::default(), File::default());
    fill(place.open().as_ref(), 0).await;
    {
        let (reach, mut reached) = oneshot::channel();
        let mut reach = Some(reach);
        let mut making = pin!(backup(Named::File(&place.path), &to.path, |progress| {
            if let (Progress::Written { .. }, Some(reach)) = (progress, reach.take()) {
                reach.send(()).unwrap();
            }
        }));
        tokio::select! {
            biased;
            _ = &mut reached => (),
            ended = making.as_mut() => panic!("{ended:?}"),
        }
        assert!(in_folder(&to.path).contains(&"logs.sqlite.part".to_owned()));
    }
    assert_eq!(in_folder(&to.path), [""; 0]);
    assert_eq!(back_up(place.path.to_str().unwrap(), &to.path).await.0, Some(0));
}

mod postgres {
    use super::*;
    use crate::postgres::Shared;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_database_comes_back_as_it_was() {
        let (place, again) = (Shared::default(), Shared::default());
        comes_back(&place, &place.0.url, &again, &again.0.url).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_database_becomes_a_file_and_is_not_written_over() {
        let (place, again) = (Shared::default(), File::default());
        comes_back(&place, &place.0.url, &again, again.path.to_str().unwrap()).await;
        let other: Arc<dyn Storage> = place.open();
        let (code, _, error) = put_back(&again.path, &place.0.url).await;
        assert_eq!(code, Some(1));
        assert!(error.contains("academy") && error.contains("nothing was written"), "{error}");
        assert_eq!(other.pulled(PageLimit::default()).await.len(), 10);
    }
}
