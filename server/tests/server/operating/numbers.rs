//! `GET /metrics`: what is counted, on an address of its own.

use super::Operated;
use crate::kit::*;
use reqwest::header::ACCEPT;
use std::{sync::Arc, time::Duration};
use tidelog::version::ExpectedVersion::{Any, None};
use tidelog_server::{Config, Limits, Metrics};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// The address that the numbers are served at.
async fn address(server: &mut Operated) -> String {
    let line = server.out.next_line().await.unwrap().unwrap();
    line.strip_prefix("metrics on ").unwrap().to_owned()
}

async fn numbers(client: &LogClient, address: &str) -> String {
    let answer = client.http.get(address).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    answer.text().await.unwrap()
}

/// Waits until all of these lines are there: a request is counted when its answer has left, which its client may see before.
async fn shows(client: &LogClient, address: &str, lines: &[&str]) -> String {
    loop {
        let text = numbers(client, address).await;
        if lines.iter().all(|line| text.lines().any(|shown| shown == *line)) {
            return text;
        }
        tokio::task::yield_now().await;
    }
}

const LISTEN: [&str; 4] = ["--metrics-listen", "127.0.0.1:0", "--log", "off"];

#[tokio::test]
async fn what_the_server_does_is_counted() {
    let mut server = Operated::start(":memory:", &LISTEN).await;
    let address = address(&mut server).await;
    let client = server.client.clone();
    shows(&client, &address, &["tidelog_commits_total{outcome=\"rejected\"} 0"]).await;
    let twice = commit("course-1", None, 2);
    client.push(&[twice.clone(), twice, commit("course-1", None, 1)]).await;
    client.pull(1000).await;
    let unknown = client.http.get(format!("{}/logs/academy/elsewhere", client.server)).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let text = shows(
        &client,
        &address,
        &[
            "tidelog_requests_total{route=\"push\",status=\"200\"} 1",
            "tidelog_requests_total{route=\"pull\",status=\"200\"} 1",
            "tidelog_requests_total{route=\"other\",status=\"404\"} 1",
            "tidelog_request_duration_seconds_count{route=\"push\"} 1",
            "tidelog_commits_total{outcome=\"committed\"} 1",
            "tidelog_commits_total{outcome=\"duplicate\"} 1",
            "tidelog_commits_total{outcome=\"conflict\"} 1",
            "tidelog_pushed_events_total 2",
            "tidelog_pulled_events_total 2",
            "tidelog_pushes_waiting 0",
            "tidelog_live_clients 0",
            "tidelog_requests_under_way 0",
        ],
    )
    .await;
    assert!(text.contains("# TYPE tidelog_request_duration_seconds histogram"), "{text}");
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    for name in ["academy", "course-1", "elsewhere", TOKEN] {
        assert!(!text.contains(name), "{name}: {text}");
    }
}

#[tokio::test]
async fn clients_that_wait_for_news_are_seen() {
    let mut server = Operated::start(":memory:", &LISTEN).await;
    let address = address(&mut server).await;
    let client = server.client.clone();
    let mut stream = client.events("").header(ACCEPT, "text/event-stream").send().await.unwrap();
    stream.chunk().await.unwrap().unwrap();
    shows(&client, &address, &["tidelog_live_clients 1", "tidelog_requests_under_way 1"]).await;
    client.push(&[commit("course-1", Any, 3)]).await;
    stream.chunk().await.unwrap().unwrap();
    shows(&client, &address, &["tidelog_pulled_events_total 3"]).await;
    drop(stream);
    let gone = ["tidelog_live_clients 0", "tidelog_requests_total{route=\"stream\",status=\"200\"} 1"];
    let text = shows(&client, &address, &gone).await;
    assert!(!text.contains("tidelog_request_duration_seconds_count{route=\"stream\"}"), "{text}");
}

/// Sends the head of a push; its body never comes.
async fn push_without_a_body(server: &Running) -> TcpStream {
    let address = server.client.server.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /logs/academy/commits HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn comes_to(metrics: &Metrics, lines: &[&str]) {
    while !lines.iter().all(|line| metrics.text().unwrap().lines().any(|shown| shown == *line)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn pushes_that_wait_and_clients_that_go_away_are_counted() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let request_timeout = Duration::from_secs(600);
    let limits = Limits { max_pushes: 1, request_timeout, ..Limits::default() };
    let server = start(Config { limits, metrics: Some(Arc::clone(&metrics)), ..config() }).await;
    let first = push_without_a_body(&server).await;
    comes_to(&metrics, &["tidelog_requests_under_way 1", "tidelog_pushes_waiting 0"]).await;
    let second = push_without_a_body(&server).await;
    comes_to(&metrics, &["tidelog_requests_under_way 2", "tidelog_pushes_waiting 1"]).await;
    drop((first, second));
    comes_to(&metrics, &["tidelog_requests_under_way 0", "tidelog_pushes_waiting 0"]).await;
    // A client that ends within its body gets an answer that it does not read, or none.
    let text = metrics.text().unwrap();
    let ended = text.lines().filter_map(|line| line.strip_prefix("tidelog_requests_total{route=\"push\","));
    let ended: Vec<&str> = ended.collect();
    let sum = ended.iter().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap()).sum::<u32>();
    assert!(sum == 2 && !ended.iter().any(|line| line.contains("\"200\"")), "{text}");
}

#[tokio::test]
async fn numbers_are_nowhere_unless_they_are_asked_for() {
    let server = Operated::start(":memory:", &["--log", "off"]).await;
    let answer = server.client.http.get(format!("{}/metrics", server.client.server)).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let mut server = Operated::start(":memory:", &LISTEN).await;
    let address = address(&mut server).await;
    let public = server.client.http.get(format!("{}/metrics", server.client.server)).send().await.unwrap();
    assert_eq!(public.status(), 404);
    let log = address.replace("/metrics", "/logs/academy/events");
    let answer = server.client.http.get(log).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(answer.status(), 404, "the logs are not beside the numbers");
}

mod postgres {
    use super::*;
    use crate::postgres::Cluster;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn connections_to_a_database_are_seen() {
        let database = Cluster::shared().database().await;
        let mut server = Operated::start(&database.url, &LISTEN).await;
        let address = address(&mut server).await;
        let client = server.client.clone();
        client.push(&[commit("course-1", Any, 1)]).await;
        let rest = ["tidelog_database_connections{state=\"in_use\"} 0", "tidelog_database_waiting 0"];
        let text = shows(&client, &address, &rest).await;
        let idle =
            text.lines().find_map(|line| line.strip_prefix("tidelog_database_connections{state=\"idle\"} "));
        assert!(idle.unwrap().parse::<u32>().unwrap() >= 1, "{text}");
    }
}
