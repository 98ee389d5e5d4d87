//! Servers killed over a database that goes on, and databases killed under a server that goes on.

use super::{Cluster, Database, look_again};
use crate::{
    crash::{Victim, what_was_acknowledged_survives},
    kit::*,
    process::Process,
};
use reqwest::StatusCode;
use tidelog::{sync::protocol::problem, version::ExpectedVersion::Any};

/// The server; the database finishes or undoes what it had begun for it.
struct Server {
    database: Database,
    server: Option<Process>,
}

impl Victim for Server {
    async fn start(&mut self) -> LogClient {
        if self.server.is_none() {
            self.server = Some(Process::start(&self.database.url, &[]).await);
        }
        self.server.as_ref().unwrap().client.clone()
    }

    async fn kill(&mut self) {
        self.server.take().unwrap().kill().await;
        // A connection whose server is gone ends once the database notices, and until then may still commit.
        let sql = self.database.sql().await;
        let left = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'tidelog-server'";
        while sql.query_one(left, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            look_again().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_of_the_server() {
    let database = Cluster::shared().database().await;
    what_was_acknowledged_survives(&mut Server { database, server: None }, 6).await;
}

/// The database; the server has to find its way back.
struct Whole {
    cluster: Cluster,
    database: Database,
    server: Option<Process>,
    runs: bool,
}

impl Whole {
    async fn new() -> Self {
        let cluster = Cluster::start();
        let database = cluster.database().await;
        Self { cluster, database, server: None, runs: true }
    }

    async fn ready(&self) -> StatusCode {
        let client = &self.server.as_ref().unwrap().client;
        client.http.get(format!("{}/readyz", client.server)).send().await.unwrap().status()
    }
}

impl Victim for Whole {
    async fn start(&mut self) -> LogClient {
        if !self.runs {
            self.cluster.resume();
            self.runs = true;
        }
        if self.server.is_none() {
            self.server = Some(Process::start(&self.database.url, &[]).await);
        }
        while self.ready().await != StatusCode::OK {
            look_again().await;
        }
        self.server.as_ref().unwrap().client.clone()
    }

    async fn kill(&mut self) {
        self.cluster.crash();
        self.runs = false;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_crash_of_the_database() {
    let mut whole = Whole::new().await;
    what_was_acknowledged_survives(&mut whole, 3).await;

    // While the database is away, the server says so and stays.
    let client = whole.start().await;
    whole.kill().await;
    assert_eq!(whole.ready().await, StatusCode::SERVICE_UNAVAILABLE);
    for request in [client.commits().json(&push(vec![commit("course-1", Any, 1)])), client.events("")] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "1");
        let said = problem(answer, (503, problem::UNAVAILABLE)).await;
        let detail = said.detail.unwrap();
        assert!(!detail.contains("host") && !detail.contains("socket"), "{detail}");
    }
    let before = whole.start().await.pull(1000).await.len();
    let pushed = client.push(&[commit("course-1", Any, 1)]).await;
    assert_eq!(statuses(&pushed), ["committed"]);
    assert_eq!(client.pull(1000).await.len(), before + 1);
}
