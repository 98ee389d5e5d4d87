//! What refuses a push as a whole: a history that is lost, and a producer that is not alone.

use super::*;
use crate::kit::*;
use tidelog::{id::DeviceId, sync::protocol::Producer, version::ExpectedVersion::Any};

fn offer(commits: &[Commit], cursor: &Cursor) -> Offer {
    Offer { cursor: Some(cursor.clone()), ..candidates(commits).into() }
}

fn numbered(commits: &[Commit], id: u128, epoch: u64, sequence: u64) -> Offer {
    let producer = Producer { id: DeviceId(uuid::Uuid::from_u128(id)), epoch, sequence };
    Offer { producer: Some(producer), ..candidates(commits).into() }
}

pub(super) async fn a_push_names_the_history_it_was_decided_on(place: impl Place) {
    let storage = place.open();
    storage.pushed(&[commit("course-1", Any, 2), commit("course-1", Any, 2)]).await;
    let first = storage.page_after(&Cursor::default(), PageLimit::events(1)).await.cursor;
    let end = storage.page_after(&first, PageLimit::default()).await.cursor;
    for known in [Cursor::default(), first, end.clone()] {
        let pushed = storage.push(&academy(), offer(&[commit("course-1", Any, 1)], &known)).await.unwrap();
        assert_eq!(statuses(&pushed), ["committed"]);
    }
    let before = storage.pulled(PageLimit::default()).await;
    let other = |part: &str, with: &str| Cursor(end.0.replace(part, with));
    let lost = other("-00000000000004-", "-00000000000005-");
    let ahead = other("-00000000000004-", "-00000000000063-");
    for cursor in [lost, ahead, Cursor("latest".to_owned())] {
        match storage.push(&academy(), offer(&[commit("course-1", Any, 1)], &cursor)).await {
            Err(PushError::Cursor(_)) => {}
            other => panic!("{cursor:?}: {other:?}"),
        }
    }
    assert_eq!(storage.pulled(PageLimit::default()).await, before, "nothing was written");
}

pub(super) async fn a_producer_that_is_behind_is_fenced(place: impl Place) {
    let storage = place.open();
    let push = async |offer: Offer| match storage.push(&academy(), offer).await {
        Ok(pushed) => statuses(&pushed),
        Err(PushError::Fenced(_)) => vec!["fenced".to_owned()],
        Err(other) => panic!("{other}"),
    };
    let [one, two, three] = [1, 2, 3].map(|_| [commit("course-1", Any, 1)]);
    assert_eq!(push(numbered(&one, 1, 0, 7)).await, ["committed"]);
    assert_eq!(push(numbered(&one, 1, 0, 7)).await, ["duplicate"], "the same push once more");
    assert_eq!(push(numbered(&two, 1, 0, 7)).await, ["fenced"]);
    assert_eq!(push(numbered(&one, 1, 0, 6)).await, ["fenced"]);
    assert_eq!(push(numbered(&two, 2, 0, 1)).await, ["committed"], "another producer counts for itself");
    assert_eq!(push(numbered(&three, 1, 1, 1)).await, ["committed"], "a new epoch counts anew");
    assert_eq!(push(numbered(&three, 1, 0, 99)).await, ["fenced"], "an old epoch is over");
    assert_eq!(push(numbered(&three, 1, 1, 9)).await, ["duplicate"], "gaps are allowed");
    let refused = [Commit {
        expected_version: tidelog::version::ExpectedVersion::Exact(99),
        ..commit("course-1", Any, 1)
    }];
    assert_eq!(push(numbered(&refused, 1, 1, 10)).await, ["conflict"]);
    assert_eq!(
        push(numbered(&one, 1, 1, 10)).await,
        ["fenced"],
        "a push counts whatever became of its commits"
    );
    let elsewhere = LogName::parse("other").unwrap();
    let pushed = storage.push(&elsewhere, numbered(&one, 1, 0, 1)).await.unwrap();
    assert_eq!(statuses(&pushed), ["committed"], "each log knows its own producers");
    assert_eq!(storage.pulled(PageLimit::default()).await.len(), 3);
    if let Some(again) = {
        drop(storage);
        place.reopen()
    } {
        let behind = again.push(&academy(), numbered(&two, 1, 1, 10)).await;
        assert!(matches!(behind, Err(PushError::Fenced(_))), "{behind:?}");
    }
}
