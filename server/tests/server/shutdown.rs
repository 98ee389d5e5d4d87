//! SIGTERM and SIGINT: requests under way finish, within a bound.

use crate::{
    kit::*,
    process::{Process, rest},
};
use tidelog::version::ExpectedVersion::None;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends the head of a push and half of its body; the other half is left to the caller.
async fn half_a_push(server: &Process) -> (TcpStream, Vec<u8>) {
    let body = serde_json::to_vec(&push(vec![commit("course-1", None, 1)])).unwrap();
    let address = server.client.server.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /logs/academy/commits HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body once the handler reads it: from here on the push is under way.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    let half = body.len() / 2;
    stream.write_all(&body[..half]).await.unwrap();
    (stream, body[half..].to_vec())
}

async fn refuses_connections(server: &Process) {
    let address = server.client.server.strip_prefix("http://").unwrap();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_push_under_way_finishes() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("logs.sqlite");
        let mut server = Process::start(&database, &[]).await;
        let (mut stream, other_half) = half_a_push(&server).await;
        server.signal(signal).await;
        refuses_connections(&server).await;
        stream.write_all(&other_half).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(r#""status":"committed""#), "{answer}");
        assert_eq!(server.ended().await, Some(0));
        assert!(
            !database.with_extension("sqlite-wal").exists(),
            "the write-ahead log is merged into the file"
        );
        let again = Process::start(&database, &[]).await;
        assert_eq!(again.client.pull(1000).await.len(), 1);
    }
}

#[tokio::test]
async fn a_push_that_never_ends_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(&folder.path().join("logs.sqlite"), &["--shutdown-timeout", "1"]).await;
    let (mut stream, _) = half_a_push(&server).await;
    server.signal("TERM").await;
    assert_eq!(server.ended().await, Some(0));
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(&folder.path().join("logs.sqlite"), &["--shutdown-timeout", "600"]).await;
    let _half = half_a_push(&server).await;
    server.signal("TERM").await;
    refuses_connections(&server).await;
    server.signal("INT").await;
    assert_eq!(server.ended().await, Some(130));
}
