//! Pushes that wait for the same log go into one transaction, and each is judged as if it were alone.

use super::{Shared, look_again};
use crate::{
    contract::{Asking, Place, academy, candidates},
    kit::*,
};
use futures_util::{FutureExt, poll};
use std::task::Poll;
use tidelog::{
    commit::Commit,
    sync::protocol::{Cursor, Pushed},
    version::ExpectedVersion::{Any, Exact, None},
};
use tidelog_server::{
    Storage,
    storage::{Offer, PageLimit, PushError},
};

/// What becomes of pushes that come, in this order, while one before them waits for a lock that is held by hand; that one's answer is first.
async fn together(
    place: &Shared,
    storage: &dyn Storage,
    first: Offer,
    offers: Vec<Offer>,
) -> Vec<Result<Pushed, PushError>> {
    let (other, sql) = (place.0.sql().await, place.0.sql().await);
    other.batch_execute("BEGIN; SELECT * FROM tidelog.logs WHERE name = 'academy' FOR UPDATE").await.unwrap();
    let log = academy();
    let mut pushes = vec![storage.push(&log, first)];
    assert!(matches!(poll!(&mut pushes[0]), Poll::Pending));
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sql.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        look_again().await;
    }
    for offer in offers {
        pushes.push(storage.push(&log, offer));
        assert!(matches!(poll!(pushes.last_mut().unwrap()), Poll::Pending));
    }
    other.batch_execute("COMMIT").await.unwrap();
    futures_util::future::join_all(pushes.into_iter().map(FutureExt::boxed)).await
}

fn words(answers: &[Result<Pushed, PushError>]) -> Vec<String> {
    let word = |answer: &Result<Pushed, PushError>| match answer {
        Ok(pushed) => statuses(pushed).join(" "),
        Err(PushError::Cursor(_)) => "cursor".to_owned(),
        Err(PushError::Storage(_)) => "failed".to_owned(),
        Err(other) => panic!("{other}"),
    };
    answers.iter().map(word).collect()
}

/// How many transactions have written these commits.
async fn transactions(place: &Shared, commits: &[&Commit]) -> i64 {
    let ids: Vec<_> = commits.iter().map(|commit| commit.id.0).collect();
    let count = "SELECT count(DISTINCT xmin::text) FROM tidelog.commits WHERE id = ANY ($1)";
    place.0.sql().await.query_one(count, &[&ids]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_goes_together_and_is_judged_one_by_one() {
    let place = Shared::default();
    let storage = place.open();
    storage.pushed(&[commit("course-0", None, 1)]).await;
    let offer = |commit: &Commit| Offer::from(candidates(std::slice::from_ref(commit)));
    let [first, second, third] = [None, Exact(1), Exact(2)].map(|expected| commit("course-1", expected, 1));
    let late = commit("course-1", Exact(1), 1);
    let elsewhere = Offer { cursor: Some(Cursor("latest".to_owned())), ..offer(&commit("course-1", Any, 1)) };
    let offers = vec![offer(&second), elsewhere, offer(&late), offer(&second), offer(&third)];
    let answers = together(&place, storage.as_ref(), offer(&first), offers).await;
    assert_eq!(words(&answers), ["committed", "committed", "cursor", "conflict", "duplicate", "committed"]);
    let positions: Vec<_> =
        [0, 1, 5].map(|push| committed(&answers[push].as_ref().unwrap().outcomes[0])).into();
    assert_eq!(positions, [(1, 2), (2, 3), (3, 4)]);
    check_log(&storage.pulled(PageLimit::default()).await);
    assert_eq!(transactions(&place, &[&first, &second, &third]).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_takes_no_other_with_it() {
    let place = Shared::default();
    let storage = place.open();
    storage.pushed(&[commit("course-0", None, 1)]).await;
    let curse = "CREATE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'cursed'; END $$;
                 CREATE TRIGGER curse BEFORE INSERT ON tidelog.commits FOR EACH ROW
                 WHEN (NEW.stream = 'course-666') EXECUTE FUNCTION curse()";
    place.0.sql().await.batch_execute(curse).await.unwrap();
    let offer = |stream: &str| Offer::from(candidates(&[commit(stream, Any, 1)]));
    let offers = vec![offer("course-1"), offer("course-666"), offer("course-1")];
    let answers = together(&place, storage.as_ref(), offer("course-1"), offers).await;
    assert_eq!(words(&answers), ["committed", "committed", "failed", "committed"]);
    let log = storage.pulled(PageLimit::default()).await;
    check_log(&log);
    assert_eq!(log.len(), 4);
}
