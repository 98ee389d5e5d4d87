//! A line a request, with its id, and nothing that does not belong there.

use super::Operated;
use crate::kit::*;
use reqwest::header::ACCEPT;
use tidelog::version::ExpectedVersion::{Any, None};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_request_is_one_line_of_json() {
    let mut server = Operated::start(":memory:", &["--log-format", "json"]).await;
    let client = server.client.clone();
    let twice = commit("course-1", None, 2);
    let commits = vec![twice.clone(), twice, commit("course-1", None, 1), commit("course-2", Any, 3)];
    let answer = client.commits().header("x-request-id", "mine-1").json(&push(commits)).send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "mine-1");
    let length = answer.bytes().await.unwrap().len();
    let line = server.json().await;
    assert_eq!(line["span"]["id"], "mine-1", "{line}");
    for (field, value) in [("level", "INFO"), ("message", "answered"), ("method", "POST"), ("route", "push")]
    {
        assert_eq!(line[field], value, "{line}");
    }
    for (field, value) in [
        ("status", 200),
        ("bytes", length),
        ("events", 5),
        ("committed", 2),
        ("duplicate", 1),
        ("conflict", 1),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    assert!(line["seconds"].as_f64().unwrap() > 0.0, "{line}");
    assert!(line.get("rejected").is_none() && line.get("why").is_none(), "{line}");

    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let answer = client.events("").header("traceparent", traceparent).send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], TRACE);
    let line = server.json().await;
    assert_eq!((&line["span"]["id"], &line["route"]), (&TRACE.into(), &"pull".into()), "{line}");
    assert_eq!(line["events"], 5, "{line}");

    let answer = client.events("?after=nonsense").header("x-request-id", "not an id").send().await.unwrap();
    let made = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(made.len(), 36);
    let line = server.json().await;
    assert_eq!((&line["span"]["id"], &line["status"]), (&made.clone().into(), &400.into()), "{line}");
    assert!(line["problem"].as_str().unwrap().ends_with("invalid-cursor"), "{line}");
    assert!(line.get("why").is_none(), "{line}");
}

#[tokio::test]
async fn kinds_of_requests_have_names() {
    let mut server = Operated::start(":memory:", &["--log-format", "json", "--live-for", "1"]).await;
    let client = server.client.clone();
    let at = |path: &str| client.http.get(format!("{}{path}", client.server));
    let preflight = client.http.request(reqwest::Method::OPTIONS, format!("{}/events", client.log));
    let preflight = preflight.header("origin", "https://academy.example");
    let requests = [
        (client.events("?wait=1"), "wait", 200),
        (client.events("").header(ACCEPT, "text/event-stream"), "stream", 200),
        (preflight.header("access-control-request-method", "GET"), "preflight", 200),
        (at("/nothing/here"), "other", 404),
        (client.http.get(format!("{}/commits", client.log)), "push", 405),
        (client.http.get(format!("{}/events", client.log)), "pull", 401),
    ];
    for (request, route, status) in requests {
        request.send().await.unwrap().bytes().await.unwrap();
        let line = server.json().await;
        assert_eq!((&line["route"], &line["status"]), (&route.into(), &status.into()), "{line}");
    }
}

#[tokio::test]
async fn neither_names_nor_tokens_nor_data_are_written() {
    let options = ["--log", "trace", "--token", "known-secret", "--max-live", "0"];
    let mut server = Operated::start(":memory:", &options).await;
    let client = server.client.clone();
    client.push(&[commit("course-1", None, 1)]).await;
    let stream = client.events("").header(ACCEPT, "text/event-stream");
    let wrong =
        client.http.get(format!("{}/events?after=unreadable", client.log)).bearer_auth("wrong-secret");
    let missing = client.http.get(format!("{}/logs/academy/elsewhere", client.server));
    let broken = client.commits().body(r#"{"lesson":"#).header("content-type", "application/json");
    for request in [stream, wrong, missing, broken, client.events("?after=unreadable")] {
        request.send().await.unwrap().bytes().await.unwrap();
    }
    server.signal("TERM");
    let mut log = String::new();
    while let Some(line) = server.log.next_line().await.unwrap() {
        log += &line;
        log.push('\n');
    }
    assert_eq!(log.lines().filter(|line| line.contains("answered")).count(), 6, "{log}");
    assert!(log.contains(" WARN request{id=") && log.contains("status=503"), "{log}");
    assert!(log.contains("why=\"as many clients wait"), "{log}");
    for secret in ["secret", TOKEN, "academy", "course-1", "lesson", "learner-7", "unreadable", "elsewhere"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

mod postgres {
    use super::*;
    use crate::postgres::Cluster;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_failed_inside_is_written_under_the_id_of_the_request() {
        let database = Cluster::shared().database().await;
        let mut server = Operated::start(&database.url, &["--log", "error", "--log-format", "json"]).await;
        database.sql().await.batch_execute("DROP TABLE tidelog.commits").await.unwrap();
        for (id, request) in [
            ("failing-push", server.client.commits().json(&push(vec![commit("course-1", None, 1)]))),
            ("failing-pull", server.client.events("")),
        ] {
            let answer = request.header("x-request-id", id).send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["x-request-id"]),
                (500, &id.parse().unwrap())
            );
            assert!(!answer.text().await.unwrap().contains("tidelog.commits"));
            let line = server.json().await;
            assert_eq!((&line["level"], &line["span"]["id"]), (&"ERROR".into(), &id.into()), "{line}");
            assert!(line["message"].as_str().unwrap().contains("tidelog.commits"), "{line}");
        }
    }
}
