//! What rules have to know of a log.

use super::*;
use crate::kit::*;
use tidelog::{
    id::CommitId,
    version::ExpectedVersion::{Any, Exact},
};

pub(super) async fn what_stands_is_known(place: impl Place) {
    let storage = place.open();
    let (taken, refused) = (commit("course-1", Any, 1), commit("course-1", Exact(9), 1));
    let ids: Vec<CommitId> = vec![taken.id, refused.id, CommitId(id())];
    assert!(storage.standing(&academy(), &ids).await.unwrap().is_empty(), "there is no such log");
    storage.pushed(&[taken.clone(), refused]).await;
    assert_eq!(storage.standing(&academy(), &ids).await.unwrap(), [taken.id].into());
    let other = LogName::parse("other").unwrap();
    assert!(storage.standing(&other, &ids).await.unwrap().is_empty(), "logs hold nothing of each other");
}

pub(super) async fn a_history_is_that_of_one_stream_in_order(place: impl Place) {
    let storage = place.open();
    let (one, other) = (stream("course-1"), stream("course-2"));
    assert_eq!(storage.history(&academy(), &one, 0, 1 << 20).await.unwrap().commits, []);
    let commits = [
        commit("course-1", Any, 2),
        commit("course-2", Any, 1),
        commit("course-1", Any, 1),
        commit("course-1", Any, 3),
    ];
    storage.pushed(&commits).await;
    let log = storage.pulled(PageLimit::default()).await;
    let of = |places: &[usize]| places.iter().map(|place| log[*place].clone()).collect::<Vec<_>>();
    let cases: [(_, _, &[usize]); 6] = [
        (&one, 0, &[0, 2, 3]),
        (&one, 1, &[2, 3]),
        (&one, 2, &[2, 3]),
        (&one, 3, &[3]),
        (&one, 4, &[]),
        (&other, 0, &[1]),
    ];
    for (stream, after, expected) in cases {
        let history = storage.history(&academy(), stream, after, 1 << 20).await.unwrap();
        assert_eq!((history.commits, history.is_end), (of(expected), true), "{stream} after {after}");
    }
}

pub(super) async fn a_history_is_bounded_in_bytes(place: impl Place) {
    let storage = place.open();
    let text = format!("\"{}\"", "x".repeat(10_000));
    let large = |_| Commit { events: vec![event(&text)], ..commit("course-1", Any, 1) };
    let commits: Vec<_> = (0..9).map(large).collect();
    storage.pushed(&commits).await;
    for bytes in [1, 25_000, 1 << 20] {
        let (mut after, mut found) = (0, Vec::new());
        loop {
            let history = storage.history(&academy(), &stream("course-1"), after, bytes).await.unwrap();
            let held = history.commits.len();
            // one that keeps all in memory may hand out all
            assert!(held == 1 || held * 10_000 <= bytes || held == 9, "{held} in {bytes} bytes");
            found.extend(history.commits.into_iter().map(|it| it.commit));
            after = found.len() as u64;
            if history.is_end {
                break;
            }
        }
        assert_eq!(found, commits);
    }
}
