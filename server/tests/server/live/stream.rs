//! Streams of server-sent events: what they bring, and going on where one ended.

use super::*;
use tidelog::{
    sync::protocol::{Cursor, problem},
    version::ExpectedVersion::Any,
};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_stream_brings_what_is_there_and_what_comes() {
    let server = start(limited(Limits { heartbeat: NEVER, ..Limits::default() })).await;
    server.client.push(&[commit("course-1", Any, 2)]).await;
    let mut stream = Stream::open(&server.client, "").await;
    let opening = stream.control().await;
    assert_eq!(opening["heartbeat"], 1_000_000);
    assert_eq!(opening["upToDate"], false);
    let first = stream.page().await;
    assert_eq!((first.commits.len(), first.up_to_date), (1, true));
    assert_eq!(opening["logId"], *first.log_id);
    for _ in 0..3 {
        let pushed = commit("course-1", Any, 1);
        server.client.push(std::slice::from_ref(&pushed)).await;
        let page = stream.page().await;
        assert_eq!(page.commits[0].commit.id, pushed.id);
        assert_eq!(page.commits.len(), 1);
    }
    let end = server.client.page(&Cursor::default(), 1000).await.cursor;
    let mut late = Stream::open(&server.client, &format!("?after={}", end.0)).await;
    assert_eq!(late.control().await["upToDate"], true);
}

#[tokio::test]
async fn pages_of_a_stream_are_bounded_as_pulled_ones() {
    let server = start(config()).await;
    let commits: Vec<_> = (0..7).map(|_| commit("course-1", Any, 1)).collect();
    server.client.push(&commits).await;
    let mut stream = Stream::open(&server.client, "?limit=3").await;
    stream.control().await;
    let mut seen = Vec::new();
    for (count, up_to_date) in [(3, false), (3, false), (1, true)] {
        let page = stream.page().await;
        assert_eq!((page.commits.len(), page.up_to_date), (count, up_to_date));
        seen.extend(page.commits);
    }
    check_log(&seen);
}

#[tokio::test]
async fn silence_is_broken_by_heartbeats() {
    let heartbeat = Duration::from_millis(20);
    let server = start(limited(Limits { heartbeat, ..Limits::default() })).await;
    let mut stream = Stream::open(&server.client, "").await;
    stream.control().await;
    for _ in 0..3 {
        assert!(matches!(stream.next().await, Some(Part::Beat)));
    }
}

/// Streams that end every few milliseconds, while others push: whoever goes on with the last id sees every commit once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resuming_loses_nothing_and_brings_nothing_twice() {
    const WRITERS: usize = 4;
    const PUSHES: usize = 25;
    let live_for = Duration::from_millis(10);
    let server = start(limited(Limits { live_for, ..Limits::default() })).await;
    let (close, closes) = tokio::sync::watch::channel(0);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let client = server.client.clone();
        let mut closes = closes.clone();
        writers.spawn(async move {
            for push in 0..PUSHES {
                // However fast it all goes: some come only after the third stream has ended.
                let streams = if push < PUSHES / 2 { 0 } else { 3 };
                closes.wait_for(|&closed| closed >= streams).await.unwrap();
                client
                    .push(&[commit(&format!("course-{writer}"), Any, 2), commit("course-all", Any, 1)])
                    .await;
            }
        });
    }
    let (mut seen, mut last, mut streams) = (Vec::new(), None::<String>, 0);
    while seen.len() < WRITERS * PUSHES * 2 {
        let mut request = asking(&server.client, "?after=");
        if let Some(last) = &last {
            request = request.header("Last-Event-ID", last);
        }
        let mut stream = Stream::of(request.send().await.unwrap()).await;
        let mut closed = false;
        while let Some(part) = stream.next().await {
            assert!(!closed, "nothing follows the closing");
            match part {
                Part::Data { id, page } => {
                    last = Some(id);
                    seen.extend(page.commits);
                }
                Part::Control(control) => closed = control["closing"] == true,
                Part::Beat => (),
            }
        }
        assert!(closed, "a stream says that it ends");
        streams += 1;
        close.send_replace(streams);
    }
    writers.join_all().await;
    check_log(&seen);
    assert_eq!(server.client.pull(1000).await, seen);
    assert!(streams > 3);
}

/// SQLite can't tell one process of another's pushes: the heartbeat finds them.
#[tokio::test]
async fn what_another_process_pushed_is_found_at_the_next_heartbeat() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs.sqlite");
    let open = || std::sync::Arc::new(tidelog_server::Sqlite::open(&file).unwrap());
    let heartbeat = Duration::from_millis(20);
    let limits = Limits { heartbeat, ..Limits::default() };
    let here = start(Config { storage: open(), ..limited(limits) }).await;
    let there = start(Config { storage: open(), ..config() }).await;
    let mut stream = Stream::open(&here.client, "").await;
    stream.control().await;
    there.client.push(&[commit("course-1", Any, 1)]).await;
    assert_eq!(stream.page().await.commits.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_is_said_before_the_stream_begins() {
    let server = start(config()).await;
    let other = LogClient::new(&server.client.server, "other");
    other.push(&[commit("course-1", Any, 1)]).await;
    let foreign = other.page(&Cursor::default(), 10).await.cursor;
    let foreign = format!("?after={}", foreign.0);
    for (query, expected) in [
        ("?after=nonsense", problem::INVALID_CURSOR),
        (&foreign, problem::INVALID_CURSOR),
        ("?limit=0", problem::INVALID_REQUEST),
        ("?wait=5", problem::INVALID_REQUEST),
    ] {
        problem(asking(&server.client, query).send().await.unwrap(), (400, expected)).await;
    }
    let request = asking(&server.client, "").header("Last-Event-ID", "nonsense");
    problem(request.send().await.unwrap(), (400, problem::INVALID_CURSOR)).await;
    let stranger = server.client.http.get(format!("{}/events", server.client.log));
    let answer = stranger.header(ACCEPT, "text/event-stream").send().await.unwrap();
    problem(answer, (401, problem::UNAUTHORIZED)).await;
}
