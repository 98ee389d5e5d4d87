//! Following some streams: the past of new ones comes in between, what is not followed any more is forgotten.

use super::{all, append, check, open};
use crate::{
    commit::ConfirmedCommit,
    log::{
        Applied, Authority, Change, Followed, Log, LogError, Stretch,
        store::{Store, Table, Write},
    },
    stream::StreamName,
    streams::Streams,
    sync::protocol::Cursor,
    testing::{Database, Samples, confirm, stream},
    version::{ExpectedVersion::Any, Position},
};

async fn pull<S: Store>(log: &Log<S>, confirmed: Vec<ConfirmedCommit>, cursor: &str) {
    let cursor = Some(Cursor(cursor.to_owned()));
    let change = Change { seen: log.head(), confirmed, cursor, ..Change::default() };
    assert_eq!(log.apply(change).await, Ok(Applied::Done));
}

/// A change that brings the past of a stream, fetched from one stretch.
fn past<S: Store>(log: &Log<S>, confirmed: Vec<ConfirmedCommit>) -> Change {
    let ends = confirmed.iter().map(ConfirmedCommit::last_position).collect();
    let stretch = Stretch { after: Cursor::default(), until: Cursor("30".into()), ends };
    Change { seen: log.head(), confirmed, inserts: vec![stretch], ..Change::default() }
}

async fn positions<S: Store>(log: &Log<S>) -> Vec<Position> {
    all(log).await.iter().filter_map(|event| event.position).collect()
}

/// Before, within, between and behind blocks: everything stands in the order of positions, in every tab, and what is pending stays.
pub async fn the_past_of_a_stream_comes_between_the_others(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    let other = open(database, Authority::Server).await;
    let a = |count| samples.commit("a-1", Any, count);
    pull(&log, vec![confirm(a(2), 3, 1), confirm(a(1), 8, 3), confirm(a(1), 10, 4)], "12").await;
    pull(&log, vec![confirm(a(3), 20, 5)], "22").await;
    pull(&log, vec![confirm(a(1), 30, 8)], "30").await;
    append(&log, samples.draft("b-1", Any, 1)).await;
    assert_eq!(other.catch_up().await, Ok(true));
    let before = log.head();
    let b = |count| samples.commit("b-1", Any, count);
    let fetched = [(1, 1, 1), (5, 2, 2), (9, 1, 4), (12, 2, 5), (19, 1, 7), (23, 1, 8), (31, 1, 9)];
    let fetched = fetched.map(|(position, count, version)| confirm(b(count), position, version));
    assert_eq!(log.apply(past(&log, fetched.to_vec())).await, Ok(Applied::Done));
    let expected = [1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 19, 20, 21, 22, 23, 30, 31];
    assert_eq!(positions(&log).await, expected);
    let head = log.head();
    assert_eq!((head.position, head.pending_commits, head.rewinds), (31, 1, before.rewinds + 1));
    assert_eq!((log.confirmed_version(&stream("b-1")), log.version(&stream("b-1"))), (9, 10));
    check(database, &log).await;
    assert_eq!(other.catch_up().await, Ok(true));
    assert_eq!(positions(&other).await, expected);
    // a place has one commit, and a stream no hole; nothing is changed then
    let c = |position, count, version| confirm(samples.commit("c-1", Any, count), position, version);
    for bad in [c(3, 1, 1), c(2, 2, 1), c(7, 2, 1), c(29, 2, 1), c(21, 1, 1), c(2, 1, 2)] {
        let refused = log.apply(past(&log, vec![bad.clone()])).await;
        assert!(matches!(refused, Err(LogError::Misfit { .. })), "{} {refused:?}", bad.first_position);
    }
    assert_eq!(positions(&log).await, expected);
    while log.merge().await.unwrap() {}
    check(database, &log).await;
}

/// Some streams leave, with what stands beside them in the same blocks untouched.
pub async fn streams_are_forgotten_with_what_is_derived_from_them(database: &impl Database) {
    fn derived(stream: &StreamName) -> Write {
        Write::DeletePrefix(Table::Snapshots, stream.as_str().into())
    }
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    let commit = |name: &str| samples.commit(name, Any, 1);
    pull(&log, vec![confirm(commit("a-1"), 1, 1), confirm(commit("b-1"), 2, 1)], "2").await;
    pull(&log, vec![confirm(commit("b-1"), 3, 2)], "3").await;
    pull(&log, vec![confirm(commit("a-1"), 4, 2), confirm(commit("c-1"), 5, 1)], "5").await;
    append(&log, samples.draft("c-1", Any, 1)).await;
    assert_eq!(log.forgettable(), []);
    let a = Streams::of(["a"]).unwrap();
    assert_eq!(log.follow(a.clone(), true).await, Ok(true));
    assert_eq!(log.follow(a.clone(), true).await, Ok(false));
    // not before less is asked for
    assert_eq!(log.forgettable(), []);
    let other = open(database, Authority::Server).await;
    assert_eq!(other.followed(), Followed { wanted: a.clone(), forget: true, ..Followed::default() });
    let followed = Some(Followed { here: a, ..log.followed() });
    let change = Change { seen: log.head(), followed, ..Change::default() };
    assert_eq!(log.apply(change).await, Ok(Applied::Done));
    // what is pending stays, with what it stands on
    assert_eq!(log.forgettable(), [stream("b-1")]);
    assert_eq!(log.forget(vec![stream("c-1")], derived).await, Ok(false));
    let before = log.head();
    assert_eq!(log.forget(log.forgettable(), derived).await, Ok(true));
    assert_eq!(positions(&log).await, [1, 4, 5]);
    let head = log.head();
    assert_eq!((head.rewinds, head.confirmed_events, head.cursor), (before.rewinds + 1, 3, before.cursor));
    assert!(head.revision > before.revision && !log.exists(&stream("b-1")));
    check(database, &log).await;
    assert_eq!(other.catch_up().await, Ok(true));
    assert_eq!(positions(&other).await, [1, 4, 5]);
}
