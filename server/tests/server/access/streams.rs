//! Streams of news for those who may not read everything, and whose time is limited.

use super::*;
use crate::live::{Part, Stream, limited};
use std::time::Duration;
use tidelog::version::ExpectedVersion::Any;
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
    // Nothing of it, but where to go on: who connects again need not pass over it again.
    let empty = stream.page().await;
    assert_eq!((empty.commits.len(), empty.up_to_date), (0, true));
    assert_eq!(empty.cursor, server.client.page(&empty.cursor, 10).await.cursor, "behind the last commit");
    server.client.push(&[commit("exam-bob-1", Any, 1), commit("exam-ada-1", Any, 1)]).await;
    // A look between the two would find the first alone only if they came in two pushes.
    let page = stream.page().await;
    assert_eq!(page.commits[0].commit.stream.as_str(), "exam-ada-1");
    assert_eq!(page.commits[0].first_position, 3, "positions rise with gaps");
    assert!(page.scope.is_some());
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let server = beating().await;
    let mut claims = claims(ada());
    // In force for 12 seconds more, of the 30 by which clocks may differ.
    claims["exp"] = (now() - 18).into();
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
