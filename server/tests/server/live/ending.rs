//! How other ends: the server stops, the client takes nothing, there is no place.

use super::*;
use crate::process::Process;
use tidelog::{json::Json, sync::protocol::problem, version::ExpectedVersion::Any};
use tidelog_server::Stopped;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

#[tokio::test]
async fn a_server_that_stops_ends_what_waits() {
    let server = start(limited(Limits { shutdown_timeout: NEVER, ..Limits::default() })).await;
    let mut stream = Stream::open(&server.client, "").await;
    stream.control().await;
    let mut other = Stream::open(&server.client, "").await;
    other.control().await;
    server.client.push(&[commit("course-1", Any, 1)]).await;
    assert_eq!((stream.page().await.commits.len(), other.page().await.commits.len()), (1, 1));
    server.stop.send(()).unwrap();
    for stream in [&mut stream, &mut other] {
        assert_eq!(stream.control().await["closing"], true);
        assert!(stream.next().await.is_none());
    }
    assert_eq!(server.stopped.await.unwrap(), Stopped::Clean);
}

#[tokio::test]
async fn a_signal_ends_streams_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(&folder.path().join("logs.sqlite"), &["--shutdown-timeout", "600"]).await;
    let mut stream = Stream::open(&server.client, "").await;
    stream.control().await;
    server.signal("TERM").await;
    assert_eq!(stream.control().await["closing"], true);
    assert!(stream.next().await.is_none());
    assert_eq!(server.ended().await, Some(0));
}

#[tokio::test]
async fn places_are_limited_and_given_back() {
    let server =
        start(limited(Limits { max_live: 1, heartbeat: Duration::from_millis(20), ..Limits::default() }))
            .await;
    let mut stream = Stream::open(&server.client, "").await;
    stream.control().await;
    for request in [asking(&server.client, ""), server.client.events("?wait=1")] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "30");
        problem(answer, (503, problem::UNAVAILABLE)).await;
    }
    assert_eq!(server.client.pull(10).await.len(), 0, "whoever gets no place can still pull");
    drop(stream);
    a_place_is_free(&server.client).await;
}

/// Waits until a stream is admitted; the server hears of an end when it next writes.
async fn a_place_is_free(client: &LogClient) {
    let free = async {
        while asking(client, "").send().await.unwrap().status() != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), free).await.unwrap();
}

/// More than the buffers between two sockets of one machine hold is pushed, and nothing of it is read.
#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let stall_timeout = Duration::from_millis(200);
    let server = start(limited(Limits { max_live: 1, stall_timeout, ..Limits::default() })).await;
    let address = server.client.server.strip_prefix("http://").unwrap();
    let text = Json::parse(format!("{:?}", "x".repeat(1_000_000))).unwrap();
    let mut size = 0;
    for _ in 0..12 {
        let mut large = commit("course-1", Any, 3);
        large.events.iter_mut().for_each(|event| event.data = text.clone());
        size += 3 * text.len();
        server.client.push(&[large]).await;
    }
    let mut slow = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "GET /logs/academy/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nAccept: text/event-stream\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    slow.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    // Others get its place, though it never said that it goes.
    a_place_is_free(&server.client).await;
    let mut taken = Vec::new();
    // Cut: an end, or a reset.
    let _ = slow.read_to_end(&mut taken).await;
    assert!(taken.len() < size, "{} of {size} bytes were other for it", taken.len());
}
