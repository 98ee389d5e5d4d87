//! Streams of news for those who may not read everything, and whose time is limited.

use super::*;
use crate::live::{Part, Stream, limited};
use std::time::Duration;
use tidelog::{sync::protocol::Cursor, version::ExpectedVersion::Any};
use tidelog_server::Limits;

async fn beating() -> Running {
    let heartbeat = Duration::from_millis(100);
    let verifier = Verifier::new(vec![Key::secret(SECRET).unwrap()]).meant_for(AUDIENCE);
    let access = Access::Signed(vec![Token::parse(TOKEN).unwrap()], Arc::new(verifier));
    start(Config { access, ..limited(Limits { heartbeat, ..Limits::default() }) }).await
}

async fn follow(server: &Running, token: &str) -> Stream {
    let asked = pull_as(&server.client, Some(token), "").header("accept", "text/event-stream");
    Stream::of(asked.send().await.unwrap()).await
}

#[tokio::test]
async fn a_stream_passes_over_what_may_not_be_read() {
    let server = beating().await;
    let mut stream = follow(&server, &hs256(&claims(ada()))).await;
    stream.control().await;
    server.client.push(&[commit("exam-bob-1", Any, 1)]).await;
    // Nothing of it, but where to go on: who connects again need not pass over it again. (Before that perhaps where the log began.)
    let end = server.client.page(&Cursor::default(), 10).await.cursor;
    let empty = loop {
        let page = stream.page().await;
        assert_eq!((page.commits.len(), page.up_to_date), (0, true));
        if page.cursor == end {
            break page;
        }
    };
    assert!(empty.scope.is_some());
    server.client.push(&[commit("exam-bob-1", Any, 1), commit("exam-ada-1", Any, 1)]).await;
    let page = stream.page().await;
    assert_eq!(page.commits[0].commit.stream.as_str(), "exam-ada-1");
    assert_eq!(page.commits[0].first_position, 3, "positions rise with gaps");
    assert!(page.scope.is_some());
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let server = beating().await;
    let mut claims = claims(ada());
    // In force for 18 seconds more, of the 30 by which clocks may differ.
    claims["exp"] = (now() - 12).into();
    let mut stream = follow(&server, &hs256(&claims)).await;
    stream.control().await;
    let closing = loop {
        match stream.next().await {
            Some(Part::Beat | Part::Data { .. }) => {}
            Some(Part::Control(control)) => break control,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(closing["closing"], true);
    assert!(stream.next().await.is_none());
}
