//! Several tabs on one database.

use super::{all, append, check, open, told};
use crate::{
    commit::{Reason, RejectedCommit},
    id::DeviceId,
    log::{AppendError, Applied, Authority, Change, Log, store::Store},
    testing::{Database, FaultyStore, NOW, Samples, confirm, stream},
    version::ExpectedVersion::{Any, Exact},
};
use futures_util::future::{join, join_all};
use std::collections::HashSet;
use uuid::Uuid;

async fn tabs_append_at_once(database: &impl Database, authority: Authority) {
    const TABS: usize = 4;
    const EACH: usize = 25;
    let samples = Samples::default();
    let mut tabs = Vec::new();
    for _ in 0..TABS {
        tabs.push(Log::open(FaultyStore::yielding(database.holder().await), authority).await.unwrap());
    }
    let name = |n: usize| format!("shared-{}", n % 5);
    let appends = tabs.iter().map(|tab| async {
        for n in 0..EACH {
            // Each builds on what it saw, as `execute` does, and tries again when another tab was faster.
            loop {
                let seen = tab.version(&stream(&name(n)));
                match tab.append(vec![samples.draft(&name(n), Exact(seen), 2)], vec![], NOW).await {
                    Ok(appended) => break assert_eq!(appended[0].first_version, seen + 1),
                    Err(AppendError::Conflict { actual, missing, .. }) => {
                        assert_eq!(
                            (actual, missing.len() as u64),
                            (tab.version(&stream(&name(n))), actual - seen)
                        );
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
    join_all(appends).await;
    let mut stories = Vec::new();
    for tab in &tabs {
        tab.catch_up().await.unwrap();
        stories.push(told(tab).await);
    }
    stories.dedup();
    assert_eq!(stories.len(), 1, "the tabs tell different stories");
    let events = all(&tabs[0]).await;
    assert_eq!(events.len(), TABS * EACH * 2);
    let ids: HashSet<_> = events.iter().map(|event| event.event.id).collect();
    assert_eq!(ids.len(), events.len(), "an event is there twice");
    if authority == Authority::Device {
        assert!(events.iter().zip(1..).all(|(event, position)| event.position == Some(position)));
    }
}

/// Each tab builds on the versions it knows.
pub async fn tabs_append_at_once_without_hole_or_double(database: &impl Database) {
    tabs_append_at_once(database, Authority::Device).await;
}

/// The same for the queue.
pub async fn tabs_append_to_the_queue_at_once_without_hole_or_double(database: &impl Database) {
    tabs_append_at_once(database, Authority::Server).await;
}

/// A tab that has not heard of the others' appends neither refuses nor accepts wrongly.
pub async fn a_tab_that_is_behind_judges_by_what_is_stored(database: &impl Database) {
    let samples = Samples::default();
    let (one, two) = (open(database, Authority::Device).await, open(database, Authority::Device).await);
    append(&one, samples.draft("a-1", Any, 2)).await;
    assert_eq!(two.version(&stream("a-1")), 0);
    // It expects what only the others know yet.
    assert_eq!(append(&two, samples.draft("a-1", Exact(2), 1)).await, 3);
    append(&two, samples.draft("a-2", Any, 1)).await;
    // It expects what is no longer true.
    let late = one.append(vec![samples.draft("a-1", Exact(2), 1)], vec![], NOW).await;
    assert!(
        matches!(late, Err(AppendError::Conflict { actual: 3, ref missing, .. }) if missing.len() == 1),
        "{late:?}"
    );
    assert_eq!(one.version(&stream("a-2")), 1);
    check(database, &one).await;
}

/// Appends at the end are taken in one by one; after anything else the view is built anew.
pub async fn a_tab_catches_up_with_appends_and_changes(database: &impl Database) {
    let samples = Samples::default();
    let (one, two) = (open(database, Authority::Server).await, open(database, Authority::Server).await);
    assert_eq!(two.catch_up().await, Ok(false));
    append(&one, samples.draft("a-1", Any, 2)).await;
    append(&one, samples.draft("a-2", Any, 1)).await;
    let epoch = two.head().epoch;
    assert_eq!(two.catch_up().await, Ok(true));
    assert_eq!((two.catch_up().await, two.head().epoch), (Ok(false), epoch));
    assert_eq!(two.head(), one.head());
    let own = one.pending(0, 1, usize::MAX).await.unwrap().remove(0);
    let change = Change {
        seen: one.head(),
        confirmed: vec![confirm(own.commit, 1, 1)],
        settled: vec![1],
        ..Change::default()
    };
    assert_eq!(one.apply(change).await, Ok(Applied::Done));
    assert_eq!(two.catch_up().await, Ok(true));
    assert!(two.head().epoch > epoch);
    assert_eq!(told(&one).await, told(&two).await);
}

/// Why there is a fence: merging frees keys, and the next key of a tab that has not noticed may be among them.
pub async fn a_tab_that_is_behind_a_merge_can_not_append_under_an_old_key(database: &impl Database) {
    let samples = Samples::default();
    let (one, two) = (open(database, Authority::Device).await, open(database, Authority::Device).await);
    append(&one, samples.any("a-1")).await;
    two.catch_up().await.unwrap();
    for _ in 0..30 {
        append(&one, samples.any("a-1")).await;
    }
    while one.merge().await.unwrap() {}
    assert_eq!(one.head().blocks, 1);
    // The second tab's next key is 2, and there is no row 2 any more.
    assert_eq!(append(&two, samples.any("a-1")).await, 32);
    one.catch_up().await.unwrap();
    assert_eq!(all(&one).await.len(), 32);
    check(database, &one).await;
}

/// Its index names rows that are gone: it notices and looks again.
pub async fn a_tab_that_is_behind_a_merge_still_reads(database: &impl Database) {
    let samples = Samples::default();
    let one = open(database, Authority::Device).await;
    for n in 0..40 {
        append(&one, samples.any(&format!("a-{}", n % 3))).await;
    }
    let (two, three) = (open(database, Authority::Device).await, open(database, Authority::Device).await);
    while one.merge().await.unwrap() {}
    assert_eq!(two.load(&stream("a-1"), 0).await.unwrap(), one.load(&stream("a-1"), 0).await.unwrap());
    assert_eq!(all(&three).await, all(&one).await);
    assert_eq!(told(&two).await, told(&three).await);
}

/// Merging in one tab, appending in two others, reading in a fourth, all at once.
pub async fn tabs_merge_and_append_at_once(database: &impl Database) {
    let samples = Samples::default();
    for authority in [Authority::Device, Authority::Server] {
        let mut tabs = Vec::new();
        for _ in 0..4 {
            tabs.push(Log::open(FaultyStore::yielding(database.holder().await), authority).await.unwrap());
        }
        let before = tabs[0].head();
        let (samples, tabs) = (&samples, &tabs);
        let write = |tab: usize| async move {
            for n in 0..60 {
                append(&tabs[tab], samples.any(&format!("m-{}", n % 4))).await;
            }
        };
        let merge = async {
            for _ in 0..60 {
                tabs[2].catch_up().await.unwrap();
                tabs[2].merge().await.unwrap();
            }
        };
        let read = async {
            let mut seen = 0;
            for _ in 0..60 {
                let events = tabs[3].load(&stream("m-1"), 0).await.unwrap();
                assert!(
                    events.len() >= seen
                        && events.iter().zip(1..).all(|(event, version)| event.version == version)
                );
                seen = events.len();
                tabs[3].catch_up().await.unwrap();
            }
        };
        join(join(write(0), write(1)), join(merge, read)).await;
        tabs[0].catch_up().await.unwrap();
        let head = tabs[0].head();
        let events = |head: &crate::log::Head| head.confirmed_events + head.pending_events;
        assert_eq!(events(&head), events(&before) + 120);
        check(database, &open(database, authority).await).await;
        assert_eq!(told(&tabs[0]).await, told(&open(database, authority).await).await);
    }
}

/// Both get the id that was stored first.
pub async fn tabs_agree_on_the_device(database: &impl Database) {
    let (one, two) = (open(database, Authority::Device).await, open(database, Authority::Device).await);
    let id = |n| DeviceId(Uuid::from_u128(n));
    let (first, second) = join(one.device_id(id(1)), two.device_id(id(2))).await;
    assert_eq!(first, second);
    assert!(first == Ok(id(1)) || first == Ok(id(2)));
}

/// No two tabs push under one number, however old their views are.
pub async fn tabs_count_pushes_together(database: &impl Database) {
    let (one, two) = (open(database, Authority::Server).await, open(database, Authority::Server).await);
    one.device_id(DeviceId(Uuid::from_u128(1))).await.unwrap();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let (first, second) = join(one.count_push(), two.count_push()).await;
        numbers.extend([first.unwrap().pushes, second.unwrap().pushes]);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
}

/// Of two tabs that are told that they are copies, one takes another id, and both have it then; what another tab has pushed since is
/// no copy's. Earlier ids stay the device's own, up to where the log was.
pub async fn a_device_is_renamed_once_for_all_tabs(database: &impl Database) {
    let samples = Samples::default();
    let (one, two) = (open(database, Authority::Server).await, open(database, Authority::Server).await);
    let [first, second, third] = [1, 2, 3].map(|id| DeviceId(Uuid::from_u128(id)));
    one.device_id(first).await.unwrap();
    append(&one, samples.any("a-1")).await;
    let sent = (first, one.count_push().await.unwrap().pushes);
    assert_eq!(two.count_push().await.unwrap().pushes, 2);
    assert_eq!(one.rename(sent, second).await, Ok(false), "another tab has pushed since");
    let sent = (first, 2);
    let renamed = join(one.rename(sent, second), two.rename(sent, third)).await;
    assert!(renamed == (Ok(true), Ok(false)) || renamed == (Ok(false), Ok(true)), "{renamed:?}");
    two.catch_up().await.unwrap();
    one.catch_up().await.unwrap();
    let identity = one.identity();
    assert_eq!(two.identity(), identity);
    assert_eq!((identity.pushes, identity.earlier), (0, vec![(first, 0)]));
    assert_eq!(open(database, Authority::Server).await.device_id(first).await, Ok(identity.device));
    for (id, own, now) in
        [(first, true, false), (identity.device, true, true), (DeviceId(Uuid::nil()), false, false)]
    {
        assert_eq!((two.is_own(id), two.was_own(id, 1)), (own, now), "{id}");
    }
    assert_eq!(two.count_push().await.unwrap().pushes, 1);
    append(&two, samples.any("a-1")).await;
    check(database, &two).await;
}

async fn reject<S: Store>(log: &Log<S>, samples: &Samples) -> crate::id::CommitId {
    let draft = samples.any("a-1");
    let sequence = log.append(vec![draft.clone()], vec![], NOW).await.unwrap()[0].sequence.unwrap();
    let reason = Reason { code: "domain".into(), message: "no".to_owned(), detail: None, builds_on: None };
    let id = draft.commit.id;
    let rejected = RejectedCommit { commit: draft.commit, reason, rejected_at: NOW };
    let change =
        Change { seen: log.head(), rejected: vec![(sequence, rejected)], revises: true, ..Change::default() };
    assert_eq!(log.apply(change).await, Ok(Applied::Done));
    id
}

/// Two tabs retry or discard the same rejected commit: one does.
pub async fn a_rejected_commit_is_resolved_once(database: &impl Database) {
    let samples = Samples::default();
    let (one, two) = (open(database, Authority::Server).await, open(database, Authority::Server).await);
    let id = reject(&one, &samples).await;
    // The second tab has not even heard of it.
    let retry = |draft| (vec![draft], vec![id]);
    let (drafts, resolves) = retry(samples.any("a-1"));
    assert!(two.append(drafts, resolves, NOW).await.is_ok());
    let (drafts, resolves) = retry(samples.any("a-1"));
    assert_eq!(one.append(drafts, resolves, NOW).await, Err(AppendError::NotRejected { id }));
    assert_eq!(one.discard(id).await, Ok(false));
    assert_eq!((one.head().pending_commits, one.head().rejected), (1, 0));
    let id = reject(&one, &samples).await;
    assert_eq!(join(one.discard(id), two.discard(id)).await, (Ok(true), Ok(false)));
    check(database, &one).await;
}
