//! Slow, idle, too many and too talkative clients, on raw connections.

use crate::{kit::*, process::rest};
use std::time::Duration;
use tidelog::{sync::protocol::problem, version::ExpectedVersion::Any};
use tidelog_server::{Config, Limits, Stopped};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.client.server.strip_prefix("http://").unwrap()).await.unwrap()
}

fn limited(limits: Limits) -> Config {
    Config { limits, ..config() }
}

fn head(token: &str, length: usize) -> String {
    format!(
        "POST /logs/academy/commits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

/// The status and body of the only answer on a connection.
#[track_caller]
fn check_problem(answer: &str, expected: (u16, &str)) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {answer:?}"));
    let status = head[9..12].parse::<u16>().unwrap();
    problem_in(status.try_into().unwrap(), "application/problem+json", body, expected);
}

/// A client that reads nothing before it has sent all: closing the connection on it would reset it, and the answer would
/// be lost with what it still sent.
#[tokio::test]
async fn an_early_answer_reaches_a_client_that_sends_first() {
    let server = start(limited(Limits { max_body: 1_000, ..Limits::default() })).await;
    let length = 12 << 20;
    for (token, expected) in [(TOKEN, (413, problem::TOO_LARGE)), ("wrong", (401, problem::UNAUTHORIZED))] {
        let mut stream = connect(&server).await;
        stream.write_all(head(token, length).as_bytes()).await.unwrap();
        stream.write_all(&vec![b' '; length]).await.unwrap();
        check_problem(&rest(&mut stream).await, expected);
    }
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let server = start(limited(Limits { max_body: 1_000, ..Limits::default() })).await;
    let mut stream = connect(&server).await;
    let head = head(TOKEN, 0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..20 {
        stream.write_all(format!("64\r\n{}\r\n", " ".repeat(0x64)).as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    check_problem(&rest(&mut stream).await, (413, problem::TOO_LARGE));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let server =
        start(limited(Limits { request_timeout: Duration::from_millis(100), ..Limits::default() })).await;
    let mut stream = connect(&server).await;
    stream.write_all(head(TOKEN, 1_000).as_bytes()).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    check_problem(&rest(&mut stream).await, (408, problem::TIMEOUT));
}

#[tokio::test]
async fn a_client_that_goes_away_within_its_body_leaves_nothing() {
    let server = start(config()).await;
    let body = serde_json::to_vec(&push(vec![commit("course-1", Any, 1)])).unwrap();
    let mut stream = connect(&server).await;
    stream.write_all(head(TOKEN, body.len() + 1).as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    stream.shutdown().await.unwrap();
    rest(&mut stream).await;
    assert_eq!(server.client.pull(10).await, []);
}

#[tokio::test]
async fn an_idle_connection_is_ended() {
    // Long enough that a busy machine still sends a whole request within it.
    let server = start(limited(Limits { idle_timeout: Duration::from_secs(2), ..Limits::default() })).await;
    let (mut silent, mut half, mut idle) =
        (connect(&server).await, connect(&server).await, connect(&server).await);
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost").await.unwrap();
    let (silent, half, idle) = tokio::join!(rest(&mut silent), rest(&mut half), rest(&mut idle));
    assert_eq!(silent, "");
    assert!(!half.contains("200 OK"), "{half}");
    assert!(idle.starts_with("HTTP/1.1 200 OK") && idle.ends_with("ok\n"), "{idle}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let server = start(limited(Limits { max_connections: 1, ..Limits::default() })).await;
    let ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let (mut first, mut second) = (connect(&server).await, connect(&server).await);
    let mut byte = [0];
    first.write_all(ask).await.unwrap();
    first.read_exact(&mut byte).await.unwrap();
    second.write_all(ask).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(100), second.read_exact(&mut byte)).await;
    assert!(waiting.is_err(), "the second connection was answered beside the first");
    drop(first);
    second.read_exact(&mut byte).await.unwrap();
}

#[tokio::test]
async fn a_head_beyond_the_buffer_is_refused() {
    let server = start(config()).await;
    let mut stream = connect(&server).await;
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(300_000));
    // The server may close before all is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(server.client.pull(10).await, []);
}

#[tokio::test]
async fn a_server_told_to_stop_ends_idle_connections_at_once() {
    let server = start(config()).await;
    let mut idle = connect(&server).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut byte = [0];
    idle.read_exact(&mut byte).await.unwrap();
    server.stop.send(()).unwrap();
    assert_eq!(server.stopped.await.unwrap(), Stopped::Clean);
    assert!(rest(&mut idle).await.ends_with("ok\n"));
}
