//! Pushing and pulling over real HTTP.

use crate::kit::*;
use tidelog::{
    sync::protocol::{Cursor, PushResult},
    version::ExpectedVersion::{Any, Exact, Exists, None},
};

async fn what_is_pushed_comes_back_as_it_was(server: Running) {
    let mut first = commit("course-algebra", None, 2);
    first.events[0].data =
        tidelog::json::Json::parse(r#"{ "b":1.0, "a":[1e400,"\ud83c\udf0a",null] }"#).unwrap();
    first.events[1].occurred_at = Some(tidelog::time::Timestamp(-5));
    let second = commit("exam-1", Exact(0), 1);
    let pushed = server.client.push(&[first.clone(), second.clone()]).await;
    assert_eq!(pushed.outcomes.iter().map(committed).collect::<Vec<_>>(), [(1, 1), (1, 3)]);

    let pulled = server.client.pull(1000).await;
    check_log(&pulled);
    assert_eq!(pulled.iter().map(|confirmed| &confirmed.commit).collect::<Vec<_>>(), [&first, &second]);
    assert!(pulled[0].recorded_at > NOW, "recorded by the server's clock");
}

async fn the_same_push_three_times_is_there_once(server: Running) {
    let commits = [commit("course-1", None, 2), commit("course-1", Exact(2), 1), commit("course-2", Any, 1)];
    let first = server.client.push(&commits).await;
    assert_eq!(statuses(&first), ["committed"; 3]);
    for _ in 0..2 {
        let again = server.client.push(&commits).await;
        assert_eq!(statuses(&again), ["duplicate"; 3]);
        for (first, again) in first.outcomes.iter().zip(&again.outcomes) {
            let PushResult::Duplicate { first_version, first_position } = again.result else { panic!() };
            assert_eq!(committed(first), (first_version, first_position));
        }
    }
    check_log(&server.client.pull(1000).await);
    assert_eq!(server.client.pull(1000).await.len(), 3);
}

async fn a_conflict_says_what_is_missing(server: Running) {
    server.client.push(&[commit("course-1", None, 2), commit("course-1", Exact(2), 3)]).await;
    let late = commit("course-1", Exact(2), 1);
    let pushed = server.client.push(std::slice::from_ref(&late)).await;
    let outcome = &pushed.outcomes[0];
    assert_eq!(outcome.result, PushResult::Conflict { expected: Exact(2), actual: 5 });
    assert_eq!(
        outcome
            .missing
            .iter()
            .map(|missing| (missing.first_version, missing.commit.count()))
            .collect::<Vec<_>>(),
        [(3, 3)]
    );
    let exists = server.client.push(&[commit("course-9", Exists, 1)]).await;
    assert_eq!(exists.outcomes[0].result, PushResult::Conflict { expected: Exists, actual: 0 });
    let rebased = tidelog::commit::Commit { expected_version: Exact(5), generation: 1, ..late };
    assert_eq!(committed(&server.client.push(&[rebased]).await.outcomes[0]), (6, 6));
}

async fn only_what_builds_on_a_refused_commit_is_blocked(server: Running) {
    server.client.push(&[commit("course-1", None, 1)]).await;
    let refused = commit("course-1", None, 1);
    let same_stream = commit("course-1", Any, 1);
    let caused = caused_by(refused.events[0].id.0, commit("exam-1", None, 1));
    let caused_by_caused = caused_by(caused.id.0, commit("report-1", None, 1));
    let free = commit("course-2", None, 1);
    let pushed = server.client.push(&[refused.clone(), same_stream, caused, caused_by_caused, free]).await;
    assert_eq!(statuses(&pushed), ["conflict", "blocked", "blocked", "blocked", "committed"]);
    for outcome in &pushed.outcomes[1..4] {
        assert_eq!(outcome.result, PushResult::Blocked { by: refused.id });
    }
    assert_eq!(server.client.pull(1000).await.len(), 2);
}

async fn pages_hold_whole_commits_and_cursors_sort(server: Running) {
    let commits: Vec<_> = (1..=20).map(|count| commit("course-1", Any, count)).collect();
    server.client.push(&commits).await;
    for limit in [1, 2, 7, 19, 20, 21, 1000] {
        let pulled = server.client.pull(limit).await;
        check_log(&pulled);
        assert_eq!(pulled.len(), 20, "limit {limit}");
    }
    let (mut cursor, mut cursors) = (Cursor::default(), Vec::new());
    loop {
        let page = server.client.page(&cursor, 10).await;
        let events: u64 = page.commits.iter().map(|confirmed| confirmed.commit.count()).sum();
        assert!(events <= 10 || page.commits.len() == 1);
        cursors.push(page.cursor.clone());
        cursor = page.cursor;
        if page.up_to_date {
            break;
        }
    }
    assert!(cursors.is_sorted());
    let end = server.client.page(&cursor, 10).await;
    assert_eq!((end.commits.len(), end.cursor, end.up_to_date), (0, cursor, true));
}

/// Writers that decide on what they last saw, as devices do, while a reader follows the cursors and never goes back.
async fn many_writers_to_the_same_streams_and_a_reader(server: Running) {
    const WRITERS: usize = 8;
    const COMMITS: usize = 40;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let client = server.client.clone();
        writers.spawn(async move {
            let mut conflicts = 0;
            for number in 0..COMMITS {
                let mut mine = commit(&format!("course-{}", (writer + number) % 4), None, 1 + number % 3);
                loop {
                    let pushed = client.push(std::slice::from_ref(&mine)).await;
                    match pushed.outcomes[0].result {
                        PushResult::Committed { .. } => break,
                        PushResult::Conflict { actual, .. } => {
                            conflicts += 1;
                            mine.expected_version = Exact(actual);
                            mine.generation += 1;
                        }
                        ref other => panic!("{other:?}"),
                    }
                }
            }
            conflicts
        });
    }
    let (mut seen, mut cursor) = (Vec::new(), Cursor::default());
    let mut conflicts = 0;
    loop {
        let ended = writers.is_empty();
        let page = server.client.page(&cursor, 50).await;
        let nothing_more = page.up_to_date;
        seen.extend(page.commits);
        cursor = page.cursor;
        if ended && nothing_more {
            break;
        }
        while let Some(ended) = writers.try_join_next() {
            conflicts += ended.unwrap();
        }
    }
    check_log(&seen);
    assert_eq!(seen.len(), WRITERS * COMMITS);
    assert!(conflicts > 0, "nobody met anybody: the test tests nothing");
    assert_eq!(server.client.pull(1000).await, seen);
}

/// Makes two tests of each case: over SQLite and over PostgreSQL.
macro_rules! over_both {
    ($($case:ident)*) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::kit::start(crate::kit::config()).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let storage = crate::postgres::storage().await;
                    super::$case(crate::kit::start(crate::kit::config_over(storage)).await).await;
                }
            )*
        }
    };
}

over_both! {
    what_is_pushed_comes_back_as_it_was
    the_same_push_three_times_is_there_once
    a_conflict_says_what_is_missing
    only_what_builds_on_a_refused_commit_is_blocked
    pages_hold_whole_commits_and_cursors_sort
    many_writers_to_the_same_streams_and_a_reader
}
