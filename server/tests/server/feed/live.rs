//! What comes.

use super::*;
use crate::live::limited;
use std::time::Duration;
use tidelog::{sync::protocol::problem, version::ExpectedVersion::Any};
use tidelog_server::{Limits, Stopped};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(1_000);

/// The events of a stream of server-sent events, as they come: their names and data. Comments are passed over.
struct Events {
    answer: Response,
    text: String,
}

impl Events {
    async fn open(client: &LogClient, rest: &str) -> Self {
        let answer = feed(client, rest).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new() }
    }

    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if block.starts_with(':') {
                    continue;
                }
                let (name, data) = block.split_once('\n').unwrap();
                let data: Vec<_> = data.lines().map(|line| line.strip_prefix("data:").unwrap()).collect();
                let name = name.strip_prefix("event:").unwrap().trim().to_owned();
                return Some((name, serde_json::from_str(&data.join("\n")).unwrap()));
            }
            let Some(chunk) = self.answer.chunk().await.unwrap() else {
                assert_eq!(self.text, "", "a stream ends with a whole event");
                return None;
            };
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    async fn control(&mut self) -> Value {
        let (name, data) = self.next().await.unwrap();
        assert_eq!(name, "control", "{data}");
        data
    }

    /// The versions in a `data` event.
    async fn versions(&mut self) -> Vec<u64> {
        let (name, data) = self.next().await.unwrap();
        assert_eq!(name, "data", "{data}");
        data.as_array().unwrap().iter().map(|event| event["version"].as_u64().unwrap()).collect()
    }
}

#[tokio::test]
async fn an_answer_waits_for_the_stream_that_is_read() {
    let server = start(limited(Limits { feed_wait: NEVER, ..Limits::default() })).await;
    server.client.push(&[commit("course-1", Any, 1)]).await;
    let from = end(&server.client).await;
    let asked = feed(&server.client, &format!("/course-1?offset={from}&live=long-poll")).send();
    let pushes = async {
        // Of these it is not woken, or not for long.
        server.client.push(&[commit("exam-1", Any, 1)]).await;
        server.client.push(&[commit("course-1", Any, 1)]).await;
    };
    let (answer, ()) = tokio::join!(asked, pushes);
    let answer = answer.unwrap();
    assert!(answer.headers()["stream-cursor"].to_str().unwrap().parse::<u64>().is_ok());
    let told = told(answer).await;
    assert_eq!((told.status, told.up_to_date, told.events.len()), (200, true, 1));
    assert_eq!(told.events[0]["version"], 2);
    assert_eq!(told.next, end(&server.client).await);
}

#[tokio::test]
async fn a_wait_for_nothing_ends_with_no_content() {
    let server = start(limited(Limits { feed_wait: Duration::from_millis(50), ..Limits::default() })).await;
    server.client.push(&[commit("course-1", Any, 1)]).await;
    for rest in ["?offset=now&live=long-poll", "/course-2?offset=-1&live=long-poll"] {
        let answer = feed(&server.client, rest).send().await.unwrap();
        assert!(answer.headers().contains_key("stream-cursor"));
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let expected =
            Told { status: 204, next: end(&server.client).await, up_to_date: true, events: Vec::new() };
        assert_eq!(told(answer).await, expected);
    }
}

#[tokio::test]
async fn a_stream_pairs_what_is_there_and_what_comes_with_its_offset() {
    let server = start(limited(Limits { heartbeat: NEVER, ..Limits::default() })).await;
    server.client.push(&[commit("course-1", Any, 2)]).await;
    let mut events = Events::open(&server.client, "?offset=-1&live=sse").await;
    assert_eq!(events.versions().await, [1, 2]);
    let first = events.control().await;
    assert_eq!(
        (&first["upToDate"], first["streamNextOffset"].as_str().unwrap()),
        (&true.into(), &*end(&server.client).await)
    );
    for version in 3..6 {
        server.client.push(&[commit("course-1", Any, 1)]).await;
        assert_eq!(events.versions().await, [version]);
        assert_eq!(events.control().await["streamNextOffset"], end(&server.client).await);
    }
    let shown = first["streamCursor"].as_str().unwrap();
    let mut now = Events::open(&server.client, &format!("?offset=now&live=sse&cursor={shown}")).await;
    let control = now.control().await;
    assert_eq!(
        (&control["upToDate"], control["streamNextOffset"].as_str().unwrap()),
        (&true.into(), &*end(&server.client).await)
    );
    let number = |cursor: &str| cursor.parse::<u64>().unwrap();
    assert!(number(control["streamCursor"].as_str().unwrap()) > number(shown));
}

/// A reader that connects again need not pass over the same commits of other streams again.
#[tokio::test]
async fn a_stream_tells_how_far_it_has_looked_in_vain() {
    let server = start(limited(Limits { heartbeat: Duration::from_millis(20), ..Limits::default() })).await;
    server.client.push(&[commit("course-1", Any, 1)]).await;
    let mut events = Events::open(&server.client, "/course-1?offset=now&live=sse").await;
    events.control().await;
    server.client.push(&[commit("exam-1", Any, 1)]).await;
    let (control, end) = (events.control().await, end(&server.client).await);
    assert_eq!(control["streamNextOffset"], end);
}

#[tokio::test]
async fn a_stream_ends_in_time_and_goes_on_from_its_last_offset() {
    let server = start(limited(Limits { live_for: Duration::from_millis(10), ..Limits::default() })).await;
    let (mut offset, mut seen) = ("-1".to_owned(), Vec::new());
    for push in 0..5 {
        server.client.push(&[commit("course-1", Any, 2)]).await;
        while seen.len() < 2 * (push + 1) {
            let mut events = Events::open(&server.client, &format!("?offset={offset}&live=sse")).await;
            while let Some((name, data)) = events.next().await {
                match data.as_array() {
                    Some(data) => seen.extend(data.iter().map(|event| event["version"].as_u64().unwrap())),
                    None => {
                        assert_eq!(name, "control");
                        offset = data["streamNextOffset"].as_str().unwrap().to_owned();
                    }
                }
            }
        }
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_stops_ends_what_waits_for_a_feed() {
    let limits = Limits {
        heartbeat: NEVER,
        feed_wait: NEVER,
        shutdown_timeout: NEVER,
        max_live: 2,
        ..Limits::default()
    };
    let server = start(limited(limits)).await;
    server.client.push(&[commit("course-1", Any, 1)]).await;
    let mut events = Events::open(&server.client, "?offset=now&live=sse").await;
    events.control().await;
    let client = server.client.clone();
    let waiting = tokio::spawn(async move {
        loop {
            let answer = feed(&client, "?offset=now&live=long-poll").send().await.unwrap();
            // The questions below take up the last place for a moment.
            if answer.status() != 503 {
                return told(answer).await;
            }
        }
    });
    // It waits once it has taken up the last place.
    loop {
        let answer = feed(&server.client, "?offset=-1&live=long-poll").send().await.unwrap();
        if answer.status() == 503 {
            problem(answer, (503, problem::UNAVAILABLE)).await;
            break;
        }
    }
    server.stop.send(()).unwrap();
    assert!(events.next().await.is_none());
    assert_eq!(waiting.await.unwrap().status, 204);
    assert_eq!(server.stopped.await.unwrap(), Stopped::Clean);
}
