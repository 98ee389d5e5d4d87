//! The hazard of a position that is taken before its commit can be seen (marten#1629, #2370, #3503): a reader passes the
//! higher one first and never comes back for the lower one. Here with a transaction that is held open by hand, over the
//! tables of the server, and over a table that gives positions by a sequence, as one would at first.

use super::{Cluster, Shared, look_again};
use crate::{
    contract::{Asking, Place, academy},
    kit::*,
};
use std::sync::Arc;
use tidelog::{
    sync::protocol::Cursor,
    version::ExpectedVersion::{Any, None},
};
use tidelog_server::storage::PageLimit;
use tokio_postgres::Client;

/// Waits until somebody waits for a lock in this database.
async fn somebody_waits(sql: &Client) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sql.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        look_again().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_waits_for_one_that_has_its_positions_and_is_not_committed() {
    let place = Shared::default();
    let storage = place.open();
    storage.pushed(&[commit("course-0", None, 1)]).await;
    let start = storage.page_after(&Cursor::default(), PageLimit::default()).await.cursor;

    // Another server, in the middle of a push: it has the position 2.
    let other = place.0.sql().await;
    let first = commit("course-1", None, 1);
    other.batch_execute("BEGIN; SELECT * FROM tidelog.logs WHERE name = 'academy' FOR UPDATE").await.unwrap();
    let insert =
        "INSERT INTO tidelog.commits (log, position, events, id, stream, first_version, recorded_at, body)
                  SELECT key, 2, 1, $1, 'course-1', 1, 0, $2 FROM tidelog.logs WHERE name = 'academy'";
    let body = serde_json::to_string(&first).unwrap();
    assert_eq!(other.execute(insert, &[&first.id.0, &body]).await.unwrap(), 1);
    other.batch_execute("UPDATE tidelog.logs SET position = 2 WHERE name = 'academy'").await.unwrap();

    let second = commit("course-2", None, 1);
    let pushed = {
        let (storage, second) = (Arc::clone(&storage), second.clone());
        tokio::spawn(async move { storage.pushed(&[second]).await })
    };
    somebody_waits(&place.0.sql().await).await;
    let between = storage.page_after(&start, PageLimit::default()).await;
    assert_eq!((between.commits.len(), between.up_to_date), (0, true));
    assert!(!pushed.is_finished());

    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(committed(&pushed.await.unwrap().outcomes[0]), (1, 3));
    let after = storage.page_after(&between.cursor, PageLimit::default()).await;
    assert_eq!(after.commits.iter().map(|seen| seen.commit.id).collect::<Vec<_>>(), [first.id, second.id]);
    check_log(&storage.pulled(PageLimit::default()).await);
}

#[tokio::test]
async fn with_a_sequence_a_reader_would_skip_one() {
    let database = Cluster::shared().database().await;
    let (first, second) = (database.sql().await, database.sql().await);
    first.batch_execute("CREATE TABLE hasty (position bigserial PRIMARY KEY, body text)").await.unwrap();
    let page = async |after: i64| -> Vec<(i64, String)> {
        let page = "SELECT position, body FROM hasty WHERE position > $1 ORDER BY position";
        let rows = second.query(page, &[&after]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    first.batch_execute("BEGIN; INSERT INTO hasty (body) VALUES ('first')").await.unwrap();
    second.execute("INSERT INTO hasty (body) VALUES ('second')", &[]).await.unwrap();
    let seen = page(0).await;
    assert_eq!(seen, [(2, "second".to_owned())]);
    first.batch_execute("COMMIT").await.unwrap();
    // It goes on after 2, and 1 is there now and never read.
    assert_eq!(page(2).await, []);
    assert_eq!(page(0).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_to_another_log_do_not_wait() {
    let place = Shared::default();
    let storage = place.open();
    storage.pushed(&[commit("course-0", Any, 1)]).await;
    let other = place.0.sql().await;
    other.batch_execute("BEGIN; SELECT * FROM tidelog.logs WHERE name = 'academy' FOR UPDATE").await.unwrap();
    let school = tidelog_server::LogName::parse("school").unwrap();
    let commits = crate::contract::candidates(&[commit("course-1", Any, 1)]);
    let pushed = storage.push(&school, commits.into()).await.unwrap();
    assert_eq!(statuses(&pushed), ["committed"]);
    // Nor do readers of the log itself.
    assert_eq!(storage.pulled_from(&academy(), PageLimit::default()).await.len(), 1);
    other.batch_execute("ROLLBACK").await.unwrap();
}
