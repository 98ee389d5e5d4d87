//! Several servers on one database hear of each other's pushes.

use super::{Cluster, Shared};
use crate::{
    contract::{Asking, Place, academy},
    kit::*,
    process::Process,
};
use std::time::Duration;
use tidelog::{
    sync::protocol::Cursor,
    version::{ExpectedVersion::Any, Position},
};
use tidelog_server::storage::PageLimit;
use tokio::{sync::watch, time::timeout};

/// Longer than anything here takes; shorter than the storages ring by themselves.
const SOON: Duration = Duration::from_secs(25);

async fn rung(heard: &mut watch::Receiver<Position>) -> Position {
    timeout(SOON, heard.changed()).await.expect("nobody rang").unwrap();
    *heard.borrow_and_update()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_one_rings_at_the_other() {
    let place = Shared::default();
    let (one, other) = (place.open(), place.open());
    let mut heard = other.bell().listen(&academy());
    let mut elsewhere = other.bell().listen(&tidelog_server::LogName::parse("school").unwrap());
    one.pushed(&[commit("course-1", Any, 2), commit("course-2", Any, 1)]).await;
    assert_eq!(rung(&mut heard).await, 3);
    assert_eq!(other.pulled(PageLimit::default()).await.len(), 2);
    one.pushed(&[commit("course-1", Any, 1)]).await;
    assert_eq!(rung(&mut heard).await, 4);
    assert!(!elsewhere.has_changed().unwrap());
    // And the other way round.
    let mut heard = one.bell().listen(&academy());
    other.pushed(&[commit("course-1", Any, 1)]).await;
    // The notice of the push before may come late: it is heard by whoever listens by then.
    while rung(&mut heard).await < 5 {}
    elsewhere.mark_unchanged();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_are_made_up_for() {
    let place = Shared::default();
    let (one, other) = (place.open(), place.open());
    let mut heard = other.bell().listen(&academy());
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(place.0.sql().await.query(cut, &[]).await.unwrap().len(), 2, "both listen");
    // Whether it was told in time or not: somebody rings, and then it is there.
    one.pushed(&[commit("course-1", Any, 1)]).await;
    let mut cursor = Cursor::default();
    loop {
        rung(&mut heard).await;
        let page = other.page_after(&cursor, PageLimit::default()).await;
        cursor = page.cursor;
        if !page.commits.is_empty() {
            break;
        }
    }
    // From then on they hear each other as before. What the new connections rang for is behind us once a push was heard.
    for number in 0..3 {
        one.pushed(&[commit("course-1", Any, 1)]).await;
        while rung(&mut heard).await < 2 + number {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_waits_at_one_process_is_answered_by_a_push_to_another() {
    let database = Cluster::shared().database().await;
    let (one, other) = (Process::start(&database.url, &[]).await, Process::start(&database.url, &[]).await);
    let start = other.client.page(&Cursor::default(), 10).await;
    assert_eq!(start.commits, []);
    let waiting = other.client.events(&format!("?after={}&wait=20", start.cursor.0)).send();
    let waiting = tokio::spawn(waiting);
    let pushed = commit("course-1", Any, 1);
    one.client.push(std::slice::from_ref(&pushed)).await;
    let answer = waiting.await.unwrap().unwrap().text().await.unwrap();
    let page: tidelog::sync::protocol::Page = serde_json::from_str(&answer).unwrap();
    assert_eq!(page.commits.iter().map(|seen| &seen.commit).collect::<Vec<_>>(), [&pushed]);
    assert_eq!(one.client.pull(10).await, other.client.pull(10).await);
}
