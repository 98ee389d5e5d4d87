//! What the database refuses, undoes or breaks off: nothing half written, and a typed error unless trying again helps.

use super::{Shared, look_again, now};
use crate::{
    contract::{Asking, Place, Still},
    kit::*,
    process::Process,
};
use std::time::Duration;
use tidelog::version::ExpectedVersion::{Any, None};
use tidelog_server::{
    Postgres, Storage,
    storage::{PageLimit, PushError, StorageError, postgres::PostgresLimits},
};

/// Makes each of the first `times` inserts of commits do something, however their transactions end.
async fn spoil(place: &Shared, times: u32, what: &str) {
    let sql = format!(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('tries') <= {times} THEN {what}; END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER spoil AFTER INSERT ON tidelog.commits FOR EACH STATEMENT EXECUTE FUNCTION spoil()"
    );
    place.0.sql().await.batch_execute(&sql).await.unwrap();
}

async fn tries(place: &Shared) -> i64 {
    place.0.sql().await.query_one("SELECT last_value FROM tries", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_undone_because_of_others_is_tried_again() {
    for code in ["serialization_failure", "deadlock_detected"] {
        let place = Shared::default();
        let storage = place.open();
        spoil(&place, 3, &format!("RAISE {code}")).await;
        let commits = [commit("course-1", None, 2), commit("course-2", None, 1)];
        assert_eq!(statuses(&storage.pushed(&commits).await), ["committed"; 2], "{code}");
        assert_eq!(tries(&place).await, 4);
        let pulled = storage.pulled(PageLimit::default()).await;
        check_log(&pulled);
        assert_eq!(pulled.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_not_tried_for_ever() {
    let place = Shared::default();
    let storage = place.open();
    spoil(&place, 1_000, "RAISE serialization_failure").await;
    let error = storage.try_push(&[commit("course-1", Any, 1)]).await.unwrap_err();
    assert!(matches!(&error, PushError::Storage(StorageError::Unavailable(_))), "{error}");
    assert_eq!(tries(&place).await, 5);
    assert_eq!(storage.pulled(PageLimit::default()).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lost_within_a_push_leaves_nothing_of_it() {
    let place = Shared::default();
    let storage = place.open();
    spoil(&place, 1, "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60)").await;
    let commits = [commit("course-1", None, 2), commit("course-2", None, 1)];
    let error = storage.try_push(&commits).await.unwrap_err();
    assert!(matches!(&error, PushError::Storage(StorageError::Unavailable(_))), "{error}");
    assert_eq!(storage.pulled(PageLimit::default()).await, []);
    // The same storage goes on over another connection.
    assert_eq!(statuses(&storage.pushed(&commits).await), ["committed"; 2]);
    check_log(&storage.pulled(PageLimit::default()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_later_try_can_mend_is_a_failure() {
    let place = Shared::default();
    let storage = place.open();
    spoil(&place, 1, "RAISE division_by_zero USING MESSAGE = 'as a bug would'").await;
    let error = storage.try_push(&[commit("course-1", Any, 1)]).await.unwrap_err();
    assert!(matches!(&error, PushError::Storage(StorageError::Failed(_))), "{error}");
    assert!(error.to_string().contains("as a bug would"), "the operator reads why: {error}");
    assert_eq!(tries(&place).await, 1);
    assert_eq!(storage.pulled(PageLimit::default()).await, []);
}

fn limited(place: &Shared, limits: PostgresLimits) -> Postgres {
    now(Postgres::open(&place.0.address(), limits)).unwrap().with_clock(Still(NOW))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_and_a_wait_for_a_lock_have_an_end() {
    let short = Duration::from_millis(50);
    let place = Shared::default();
    let impatient: &dyn Storage =
        &limited(&place, PostgresLimits { lock_timeout: short, ..PostgresLimits::default() });
    impatient.pushed(&[commit("course-0", Any, 1)]).await;
    let other = place.0.sql().await;
    other.batch_execute("BEGIN; SELECT * FROM tidelog.logs WHERE name = 'academy' FOR UPDATE").await.unwrap();
    let error = impatient.try_push(&[commit("course-1", Any, 1)]).await.unwrap_err();
    assert!(matches!(&error, PushError::Storage(StorageError::Unavailable(_))), "{error}");
    other.batch_execute("ROLLBACK").await.unwrap();

    spoil(&place, 1, "PERFORM pg_sleep(600)").await;
    let hurried: &dyn Storage =
        &limited(&place, PostgresLimits { statement_timeout: 20 * short, ..PostgresLimits::default() });
    let error = hurried.try_push(&[commit("course-2", Any, 1)]).await.unwrap_err();
    assert!(matches!(&error, PushError::Storage(StorageError::Unavailable(_))), "{error}");
    assert_eq!(place.open().pulled(PageLimit::default()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connection_is_set_up_to_be_durable_and_to_let_go() {
    let place = Shared::default();
    let relax = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
    place.0.sql().await.batch_execute(relax).await.unwrap();
    let storage = place.open();
    // What the connection of a push says of itself.
    let note = "CREATE TABLE said (name text, value text);
         CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             INSERT INTO said SELECT name, current_setting(name) FROM unnest(ARRAY['synchronous_commit',
                 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) AS name;
             RETURN NULL;
         END $$;
         CREATE TRIGGER say AFTER INSERT ON tidelog.commits FOR EACH STATEMENT EXECUTE FUNCTION say()";
    let sql = place.0.sql().await;
    sql.batch_execute(note).await.unwrap();
    storage.pushed(&[commit("course-1", Any, 1)]).await;
    let said = sql.query("SELECT value FROM said", &[]).await.unwrap();
    let said: Vec<String> = said.iter().map(|row| row.get(0)).collect();
    assert_eq!(said, ["on", "20s", "10s", "10s"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_share_few_connections() {
    let place = Shared::default();
    let limits = PostgresLimits { connections: 2, ..PostgresLimits::default() };
    let storage = std::sync::Arc::new(limited(&place, limits));
    let pushes = (0..24).map(|number| {
        let storage = std::sync::Arc::clone(&storage);
        tokio::spawn(async move {
            let storage: &dyn Storage = storage.as_ref();
            storage.pushed(&[commit(&format!("course-{}", number % 7), Any, 1)]).await;
            storage.page_after(&tidelog::sync::protocol::Cursor::default(), PageLimit::events(3)).await;
        })
    });
    for ended in futures_util::future::join_all(pushes).await {
        ended.unwrap();
    }
    let count = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'tidelog-server'";
    let open: i64 = place.0.sql().await.query_one(count, &[]).await.unwrap().get(0);
    assert!(open <= 3, "{open} connections: two, and one that listens");
    let storage: &dyn Storage = storage.as_ref();
    check_log(&storage.pulled(PageLimit::default()).await);
}

/// A process that froze within a push, with the lock on its log: the database undoes what it had begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_froze_within_a_push_does_not_hold_up_the_others() {
    let place = Shared::default();
    let (frozen, other) = (Process::start(&place.0.url, &[]).await, Process::start(&place.0.url, &[]).await);
    let (sql, gate) = (place.0.sql().await, place.0.sql().await);
    other.client.push(&[commit("course-0", None, 1)]).await;
    // It waits for the lock, so that it can be frozen there; then it is given the lock, and does nothing with it.
    gate.batch_execute("BEGIN; SELECT * FROM tidelog.logs FOR UPDATE").await.unwrap();
    let commits = [commit("course-1", None, 2), commit("course-2", None, 1)];
    let pushing = {
        let (client, push) = (frozen.client.clone(), push(commits.to_vec()));
        tokio::spawn(async move { client.commits().json(&push).send().await.unwrap() })
    };
    let count = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sql.query_one(count, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        look_again().await;
    }
    frozen.signal("STOP").await;
    gate.batch_execute("COMMIT").await.unwrap();

    // The other may say that it can't at the moment, and then it can.
    let mine = push(vec![commit("course-1", Any, 1)]);
    let pushed = loop {
        match other.client.try_push(&mine).await {
            Ok(pushed) => break pushed,
            Err(error) => assert_eq!(error.status().unwrap(), 503, "{error}"),
        }
    };
    assert_eq!(committed(&pushed.outcomes[0]), (1, 2));
    frozen.signal("CONT").await;
    // It says that it can't, or has tried again by itself.
    let status = pushing.await.unwrap().status();
    assert!([200, 503].contains(&status.as_u16()), "{status}");
    let again = statuses(&frozen.client.push(&commits).await);
    assert_eq!(again, ["conflict", if status == 200 { "duplicate" } else { "committed" }]);
    let pulled = frozen.client.pull(10).await;
    check_log(&pulled);
    assert_eq!(pulled.len(), 3, "nothing of what it had begun is there");
}
