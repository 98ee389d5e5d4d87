//! What a pull is answered.

use super::*;
use crate::kit::*;
use tidelog::version::ExpectedVersion::{Any, None};
use tidelog_server::storage::{InvalidCursor, PageError};

pub(super) async fn pages_hold_whole_commits(place: impl Place) {
    let storage = place.open();
    let sizes = [1, 3, 2, 2, 9, 1, 1, 5];
    storage.pushed(&sizes.map(|count| commit("course-1", Any, count))).await;
    let cases: [(usize, &[usize]); 6] = [
        (1, &[1, 1, 1, 1, 1, 1, 1, 1]),
        (3, &[1, 1, 1, 1, 1, 2, 1]),
        (4, &[2, 2, 1, 2, 1]),
        (9, &[4, 1, 3]),
        (24, &[8]),
        (1000, &[8]),
    ];
    for (events, expected) in cases {
        let (mut cursor, mut counts, mut commits) = (Cursor::default(), Vec::new(), Vec::new());
        loop {
            let page = storage.page_after(&cursor, PageLimit::events(events)).await;
            assert!(page.cursor > cursor, "cursors rise");
            cursor = page.cursor;
            counts.push(page.commits.len());
            commits.extend(page.commits);
            if page.up_to_date {
                break;
            }
        }
        assert_eq!(counts, expected, "limit {events}");
        check_log(&commits);
        assert_eq!(commits.len(), sizes.len());
        let end = storage.page_after(&cursor, PageLimit::events(events)).await;
        assert_eq!((end.commits, end.cursor, end.up_to_date), (Vec::new(), cursor, true));
    }
}

pub(super) async fn the_end_is_told_and_no_log_made(place: impl Place) {
    let storage = place.open();
    assert_eq!(storage.end(&academy()).await.unwrap(), Option::None);
    assert_eq!(storage.end(&academy()).await.unwrap(), Option::None);
    let empty = storage.page_after(&Cursor::default(), PageLimit::default()).await;
    assert_eq!(storage.end(&academy()).await.unwrap(), Some(empty.cursor));
    for count in [1, 3] {
        storage.pushed(&[commit("course-1", Any, count)]).await;
        let page = storage.page_after(&Cursor::default(), PageLimit::default()).await;
        assert_eq!(storage.end(&academy()).await.unwrap(), Some(page.cursor));
    }
}

pub(super) async fn pages_are_bounded_in_bytes(place: impl Place) {
    let storage = place.open();
    let text = format!("\"{}\"", "x".repeat(1_000));
    let commits: Vec<_> =
        (0..10).map(|_| Commit { events: vec![event(&text)], ..commit("course-1", Any, 1) }).collect();
    let bytes = serde_json::to_string(&commits[0]).unwrap().len();
    storage.pushed(&commits).await;
    for (limit, count) in [(1, 1), (bytes, 1), (3 * bytes - 1, 2), (3 * bytes, 3), (9 * bytes, 9)] {
        let limit = PageLimit { bytes: limit, ..PageLimit::default() };
        let page = storage.page_after(&Cursor::default(), limit).await;
        assert_eq!((page.commits.len(), page.up_to_date), (count, false), "{limit:?}");
        check_log(&storage.pulled(limit).await);
        assert_eq!(storage.pulled(limit).await.len(), 10);
    }
}

pub(super) async fn cursors_are_checked(place: impl Place) {
    let storage = place.open();
    storage.pushed(&[commit("course-1", Any, 3), commit("course-1", Any, 3)]).await;
    let other = LogName::parse("other").unwrap();
    storage.push(&other, candidates(&[commit("course-1", Any, 3)]).into()).await.unwrap();
    let one = |cursor: Cursor| {
        let storage = Arc::clone(&storage);
        async move {
            match storage.page(&academy(), &cursor, PageLimit::events(1), &Streams::all()).await {
                Ok(page) => Ok(page),
                Err(PageError::Cursor(error)) => Err(error),
                Err(other) => panic!("{other}"),
            }
        }
    };
    let middle = one(Cursor::default()).await.unwrap().cursor;
    let end = one(middle.clone()).await.unwrap().cursor;
    assert_eq!(one(end.clone()).await.unwrap().commits, []);
    let theirs =
        storage.page(&other, &Cursor::default(), PageLimit::default(), &Streams::all()).await.unwrap().cursor;
    assert_eq!(one(theirs).await.unwrap_err(), InvalidCursor::OtherLog);
    for bad in ["0", "6", "latest", "ä", &end.0[1..]] {
        assert_eq!(one(Cursor(bad.to_owned())).await.unwrap_err(), InvalidCursor::Unreadable, "{bad}");
    }
    let moved = |position: u64| Cursor(end.0.replace("-00000000000006-", &format!("-{position:014x}-")));
    assert_eq!(one(moved(7)).await.unwrap_err(), InvalidCursor::Ahead { position: 7, end: 6 });
    for position in [0, 1, 2, 3, 4, 5] {
        assert_eq!(one(moved(position)).await.unwrap_err(), InvalidCursor::OtherHistory { position });
    }
}

pub(super) async fn a_reader_of_an_empty_log_can_wait_for_its_first_event(place: impl Place) {
    let storage = place.open();
    let empty = storage.page_after(&Cursor::default(), PageLimit::default()).await;
    assert_eq!((empty.commits.len(), empty.up_to_date), (0, true));
    assert_eq!(storage.page_after(&empty.cursor, PageLimit::default()).await, empty);
    let first = commit("course-1", None, 1);
    storage.pushed(std::slice::from_ref(&first)).await;
    let page = storage.page_after(&empty.cursor, PageLimit::default()).await;
    assert_eq!((page.log_id, &page.commits[0].commit), (empty.log_id, &first));
}
