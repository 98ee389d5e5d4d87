//! Alive and ready: what a supervisor and a balancer ask.

use super::Operated;
use crate::kit::*;
use tidelog::{sync::protocol::problem, version::ExpectedVersion::Any};

async fn status(client: &LogClient, path: &str) -> u16 {
    client.http.get(format!("{}{path}", client.server)).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_server_that_leaves_is_alive_but_not_ready_and_still_serves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.sqlite");
    // It would take this long; what is to be seen is seen before, and then it is killed.
    let server = Operated::start(file.to_str().unwrap(), &["--shutdown-delay", "600"]).await;
    let client = &server.client;
    assert_eq!((status(client, "/healthz").await, status(client, "/readyz").await), (200, 200));
    server.signal("TERM");
    while status(client, "/readyz").await == 200 {
        tokio::task::yield_now().await;
    }
    let answer = client.http.get(format!("{}/readyz", client.server)).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    let said = problem(answer, (503, problem::UNAVAILABLE)).await;
    assert!(said.detail.unwrap().contains("stopping"));
    assert_eq!(status(client, "/healthz").await, 200);
    assert_eq!(statuses(&client.push(&[commit("course-1", Any, 1)]).await), ["committed"]);
}

#[tokio::test]
async fn the_delay_ends() {
    let mut server = Operated::start(":memory:", &["--shutdown-delay", "1"]).await;
    server.signal("TERM");
    assert_eq!(server.child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_file_of_a_newer_server_makes_this_one_unready() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.sqlite");
    let mut server = Operated::start(file.to_str().unwrap(), &["--log-format", "json"]).await;
    assert_eq!(status(&server.client, "/readyz").await, 200);
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(
        (status(&server.client, "/readyz").await, status(&server.client, "/healthz").await),
        (503, 200)
    );
    let line = server.json().await;
    assert!(line["message"].as_str().unwrap().contains("schema version 99"), "{line}");
}

mod postgres {
    use super::*;
    use crate::postgres::Cluster;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_database_that_was_brought_forward_makes_an_older_server_unready() {
        let database = Cluster::shared().database().await;
        let server = Operated::start(&database.url, &["--log", "off"]).await;
        assert_eq!(status(&server.client, "/readyz").await, 200);
        let forward = "INSERT INTO tidelog.migrations (version, what) VALUES (99, 'of a newer server')";
        database.sql().await.batch_execute(forward).await.unwrap();
        assert_eq!(
            (status(&server.client, "/readyz").await, status(&server.client, "/healthz").await),
            (503, 200)
        );
    }
}
