//! Answers that wait for news.

use super::*;
use tidelog::{
    sync::protocol::{Cursor, problem},
    version::ExpectedVersion::Any,
};

#[tokio::test]
async fn an_answer_waits_for_a_push_and_no_longer() {
    let server = start(limited(Limits { heartbeat: NEVER, ..Limits::default() })).await;
    let start = server.client.page(&Cursor::default(), 10).await.cursor;
    let waiting = {
        let request = server.client.events(&format!("?after={}&wait=30", start.0));
        tokio::spawn(async move { request.send().await.unwrap().json::<Page>().await.unwrap() })
    };
    server.client.push(&[commit("course-1", Any, 2)]).await;
    let page = waiting.await.unwrap();
    assert_eq!((page.commits.len(), page.up_to_date), (1, true));
    // What is there already is answered at once.
    let again = server.client.events("?wait=30").send().await.unwrap().json::<Page>().await.unwrap();
    assert_eq!(again, page);
}

#[tokio::test]
async fn an_answer_is_empty_when_the_time_is_over() {
    let server = start(config()).await;
    let answer = server.client.events("?wait=1").send().await.unwrap();
    let page: Page = answer.json().await.unwrap();
    assert_eq!((page.commits.len(), page.up_to_date), (0, true));
}

#[tokio::test]
async fn the_wait_is_bounded() {
    let server = start(config()).await;
    for wait in ["0", "31", "-1", "1.5", "soon"] {
        let answer = server.client.events(&format!("?wait={wait}")).send().await.unwrap();
        problem(answer, (400, problem::INVALID_REQUEST)).await;
    }
    let answer = server.client.events("?wait=30&after=nonsense").send().await.unwrap();
    problem(answer, (400, problem::INVALID_CURSOR)).await;
}
