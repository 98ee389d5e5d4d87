//! Several at once, and one after another.

use super::*;
use crate::kit::*;
use futures_util::{FutureExt, future::join_all};
use tidelog::version::ExpectedVersion::{Any, None};

pub(super) async fn concurrent_pushes_leave_no_hole_and_no_double(place: impl Place) {
    const WRITERS: usize = 8;
    const PUSHES: usize = 25;
    let writers = (0..WRITERS).map(|writer| {
        let storage = place.open();
        tokio::spawn(async move {
            let mut accepted = 0;
            for round in 0..PUSHES {
                let commits = [0, 1, 2].map(|offset| {
                    commit(
                        &format!("course-{}", (writer + round + offset) % 5),
                        Any,
                        1 + (round + offset) % 3,
                    )
                });
                accepted += storage.pushed(&commits).await.outcomes.iter().map(committed).count();
            }
            accepted
        })
    });
    let writers = tokio::spawn(join_all(writers));
    // Reading all the time, never going back: whoever skips one will not find it later.
    let reader = place.open();
    let (mut seen, mut cursor) = (Vec::new(), Cursor::default());
    loop {
        let ended = writers.is_finished();
        let page = reader.page_after(&cursor, PageLimit::events(40)).await;
        let nothing_more = page.up_to_date;
        seen.extend(page.commits);
        cursor = page.cursor;
        if ended && nothing_more {
            break;
        }
    }
    let accepted: usize = writers.await.unwrap().into_iter().map(Result::unwrap).sum();
    assert_eq!(accepted, WRITERS * PUSHES * 3);
    check_log(&seen);
    assert_eq!(seen.len(), accepted);
    assert_eq!(reader.pulled(PageLimit::default()).await, seen);
}

pub(super) async fn the_same_push_at_once_is_there_once(place: impl Place) {
    let commits: Vec<_> = (0..20).map(|_| commit("course-1", Any, 2)).collect();
    let pushes = (0..6).map(|_| {
        let (storage, commits) = (place.open(), commits.clone());
        tokio::spawn(async move { statuses(&storage.pushed(&commits).await) })
    });
    let mut answers: Vec<_> = join_all(pushes).await.into_iter().map(Result::unwrap).collect();
    answers.sort();
    assert_eq!(answers[0], ["committed"; 20]);
    assert!(answers[1..].iter().flatten().all(|status| status == "duplicate"));
    let pulled = place.open().pulled(PageLimit::default()).await;
    check_log(&pulled);
    assert_eq!(pulled.len(), 20);
}

pub(super) async fn a_push_that_can_be_seen_has_rung_the_bell(place: impl Place) {
    let storage = place.open();
    let mut heard = storage.bell().listen(&academy());
    let commits = [commit("course-1", Any, 2), commit("course-2", Any, 1)];
    let reader = {
        let storage = Arc::clone(&storage);
        tokio::spawn(async move {
            // Whoever is woken finds what was pushed.
            heard.changed().await.unwrap();
            let position = *heard.borrow_and_update();
            (position, storage.pulled(PageLimit::default()).await.len(), heard)
        })
    };
    storage.pushed(&commits).await;
    let (position, seen, mut heard) = reader.await.unwrap();
    assert_eq!((position, seen), (3, 2));
    let refused = [commit("course-1", None, 1)];
    assert_eq!(statuses(&storage.pushed(&refused).await), ["conflict"]);
    assert_eq!(statuses(&storage.pushed(&commits).await), ["duplicate"; 2]);
    assert!(!heard.has_changed().unwrap(), "nothing was written");
    let _ = storage.try_push(&[commit("course-3", Any, 1)]).now_or_never();
    // Given up before it began or carried out: if it can be seen it has rung.
    storage.pushed(&[commit("course-4", Any, 1)]).await;
    let seen = storage.pulled(PageLimit::default()).await;
    assert_eq!(*heard.borrow_and_update(), seen.last().unwrap().last_position());
}

pub(super) async fn a_push_given_up_is_there_whole_or_not_at_all(place: impl Place) {
    let storage = place.open();
    for _ in 0..50 {
        let commits = [commit("course-1", Any, 2), commit("course-2", Any, 1)];
        let before = storage.pulled(PageLimit::default()).await.len();
        // Begun, and dropped before it can answer.
        let _ = storage.try_push(&commits).now_or_never();
        let pulled = storage.pulled(PageLimit::default()).await;
        assert!([before, before + 2].contains(&pulled.len()));
        let again = statuses(&storage.pushed(&commits).await);
        assert!(again == ["committed"; 2] || again == ["duplicate"; 2], "{again:?}");
    }
    let pulled = storage.pulled(PageLimit::default()).await;
    check_log(&pulled);
    assert_eq!(pulled.len(), 100);
}

pub(super) async fn everything_outlives_the_storage(place: impl Place) {
    let first = place.open();
    let commits = [commit("course-1", None, 2), commit("course-2", None, 1)];
    first.pushed(&commits).await;
    let before = first.page_after(&Cursor::default(), PageLimit::default()).await;
    drop(first);
    let Some(second) = place.reopen() else { return };
    assert_eq!(second.page_after(&Cursor::default(), PageLimit::default()).await, before);
    assert_eq!(second.page_after(&before.cursor, PageLimit::default()).await.commits, []);
    assert_eq!(statuses(&second.pushed(&commits).await), ["duplicate"; 2]);
    let next = second.pushed(&[commit("course-1", Any, 1)]).await;
    assert_eq!(committed(&next.outcomes[0]), (3, 4));
}
