//! Changes to both regions at once: what a pull brings, and the authority itself.

use super::{all, append, check, open, told};
use crate::{
    commit::{Commit, PendingCommit, Policy, Reason, RejectedCommit},
    log::{Applied, Authority, Change, Draft, Log, LogError, store::Store},
    sync::protocol::Cursor,
    testing::{Database, NOW, Samples, confirm, rows, stream},
    version::{
        ExpectedVersion::{Any, Exact},
        MAX_SAFE_INTEGER,
    },
};

async fn queue<S: Store>(log: &Log<S>) -> Vec<PendingCommit> {
    log.pending(0, usize::MAX, usize::MAX).await.unwrap()
}

async fn apply<S: Store>(log: &Log<S>, change: Change) {
    assert_eq!(log.apply(Change { seen: log.head(), ..change }).await, Ok(Applied::Done));
}

fn rejected(pending: &PendingCommit) -> (u64, RejectedCommit) {
    let reason = Reason {
        code: "domain".into(),
        message: "the exam is handed in already".to_owned(),
        detail: Some("handed-in".to_owned()),
        builds_on: None,
    };
    (pending.sequence, RejectedCommit { commit: pending.commit.clone(), reason, rejected_at: NOW })
}

/// Confirmed as they were: versions stay, the revision stays, the queue gets shorter, block by block or within one.
pub async fn a_pull_settles_pending_commits(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    let drafts = (0..6).map(|n| samples.draft(&format!("a-{}", n % 2), Any, 1)).collect();
    log.append(drafts, vec![], NOW).await.unwrap();
    append(&log, samples.draft("a-0", Exact(3), 2)).await;
    let (own, revision) = (queue(&log).await, log.head().revision);
    let confirmed = vec![
        confirm(own[0].commit.clone(), 10, 1),
        confirm(own[1].commit.clone(), 11, 1),
        confirm(own[2].commit.clone(), 15, 2),
    ];
    let cursor = Some(Cursor("0000000015".to_owned()));
    apply(
        &log,
        Change {
            confirmed,
            settled: vec![1, 2, 3],
            cursor,
            log_id: Some("log-1".into()),
            ..Change::default()
        },
    )
    .await;
    let head = log.head();
    assert_eq!(
        (head.position, head.confirmed_events, head.pending_commits, head.pending_events),
        (15, 3, 4, 5)
    );
    assert_eq!(
        (head.revision, head.cursor.0.as_str(), head.log_id.as_deref()),
        (revision, "0000000015", Some("log-1"))
    );
    assert_eq!((log.version(&stream("a-0")), log.confirmed_version(&stream("a-0"))), (5, 2));
    assert_eq!(queue(&log).await, own[3..]);
    assert_eq!(log.pending_sequence(own[0].commit.id), None);
    check(database, &log).await;
    let mut at = 16;
    let mut confirmed = Vec::new();
    for pending in &own[3..] {
        confirmed.push(confirm(pending.commit.clone(), at, pending.first_version));
        at += pending.commit.count();
    }
    apply(&log, Change { confirmed, settled: vec![4, 5, 6, 7], ..Change::default() }).await;
    assert_eq!((log.head().pending_commits, log.head().position), (0, 20));
    assert_eq!(rows(&database.holder().await, crate::log::store::Table::Pending).await.len(), 0);
    check(database, &log).await;
}

/// Foreign commits come before the pending ones: these move to later versions, some with other events.
pub async fn a_pull_rewrites_the_commits_that_it_moves(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    let drafts =
        vec![samples.draft("a-1", Any, 1), samples.draft("b-1", Any, 1), samples.draft("a-1", Any, 2)];
    log.append(drafts, vec![], NOW).await.unwrap();
    let own = queue(&log).await;
    let foreign = confirm(samples.commit("a-1", Any, 3), 1, 1);
    let mut rebased = own[0].clone();
    rebased.commit = Commit {
        expected_version: Exact(3),
        generation: 1,
        events: samples.commit("a-1", Any, 2).events,
        ..own[0].commit.clone()
    };
    rebased.policy = Policy::Reject;
    rebased.first_version = 999;
    let change = Change {
        confirmed: vec![foreign],
        replaced: vec![rebased.clone()],
        revises: true,
        ..Change::default()
    };
    let before = log.head().revision;
    apply(&log, change).await;
    assert_eq!(log.head().revision, before + 1);
    let now = queue(&log).await;
    assert_eq!(
        now.iter().map(|p| (p.sequence, p.first_version)).collect::<Vec<_>>(),
        [(1, 4), (2, 1), (3, 6)]
    );
    assert_eq!((&now[0].commit, now[0].policy), (&rebased.commit, Policy::Reject));
    assert_eq!(now[2].commit, own[2].commit);
    let versions: Vec<_> =
        log.load(&stream("a-1"), 2).await.unwrap().iter().map(|e| (e.version, e.is_confirmed())).collect();
    assert_eq!(versions, [(3, true), (4, false), (5, false), (6, false), (7, false)]);
    assert_eq!(log.load_confirmed(&stream("a-1"), 2).await.unwrap().len(), 1);
    check(database, &log).await;
}

/// Two blocks of the queue change and one between them does not: it stays where it is in the order. (Once the two were packed
/// into one row, which then reached over the third, and the stream came back in the wrong order.)
pub async fn a_block_between_two_that_change_keeps_its_place(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    for _ in 0..5 {
        log.append(vec![samples.any("a-1"), samples.any("a-1")], vec![], NOW).await.unwrap();
    }
    let own = queue(&log).await;
    let replaced = [0, 6, 8].map(|at: usize| own[at].clone());
    let rejected = vec![rejected(&own[3]), rejected(&own[2])];
    apply(&log, Change { replaced: replaced.to_vec(), rejected, revises: true, ..Change::default() }).await;
    assert_eq!(queue(&log).await.iter().map(|p| p.sequence).collect::<Vec<_>>(), [1, 2, 5, 6, 7, 8, 9, 10]);
    assert!(all(&log).await.iter().zip(1..).all(|(event, version)| event.version == version));
    check(database, &log).await;
}

/// Command, events and reason stay until the app says what to do.
pub async fn a_rejected_commit_is_kept_with_its_reason(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    append(&log, Draft { commit: samples.full_commit("exam-1", Any), policy: Policy::Redecide }).await;
    append(&log, samples.any("exam-2")).await;
    let own = queue(&log).await;
    let kept: Vec<_> = own.iter().map(rejected).collect();
    apply(&log, Change { rejected: kept.clone(), revises: true, ..Change::default() }).await;
    let head = log.head();
    assert_eq!((head.rejected, head.pending_commits, log.streams(None).len()), (2, 0, 0));
    let mut expected: Vec<_> = kept.into_iter().map(|(_, rejected)| rejected).collect();
    expected.sort_by_key(|rejected| rejected.commit.id);
    assert_eq!(log.rejected().await.unwrap(), expected);
    check(database, &log).await;
    let retry = log.append(vec![samples.any("exam-1")], vec![own[0].commit.id], NOW).await.unwrap();
    assert_eq!(retry[0].sequence, Some(3));
    assert_eq!(log.discard(own[1].commit.id).await, Ok(true));
    assert_eq!(log.discard(own[1].commit.id).await, Ok(false));
    assert_eq!((log.head().rejected, log.rejected().await.unwrap().len()), (0, 0));
    check(database, &log).await;
}

/// Not even when the queue was empty in between and the database was opened again.
pub async fn sequences_are_never_given_again(database: &impl Database) {
    let samples = Samples::default();
    let mut next = 1;
    for round in 0..3 {
        let log = open(database, Authority::Server).await;
        assert_eq!(log.head().next_sequence, next);
        for _ in 0..3 {
            append(&log, samples.any("a-1")).await;
        }
        let own = queue(&log).await;
        assert_eq!(own.iter().map(|p| p.sequence).collect::<Vec<_>>(), [next, next + 1, next + 2]);
        let confirmed = own
            .iter()
            .map(|p| confirm(p.commit.clone(), round * 3 + p.sequence - next + 1, p.first_version))
            .collect();
        apply(
            &log,
            Change { confirmed, settled: own.iter().map(|p| p.sequence).collect(), ..Change::default() },
        )
        .await;
        next += 3;
        assert_eq!(log.head().next_sequence, next);
        log.close();
    }
}

/// Whatever happened since: an append here or in another tab, another change, a merge.
pub async fn a_change_computed_from_an_older_head_is_stale(database: &impl Database) {
    let samples = Samples::default();
    let (one, two) = (open(database, Authority::Server).await, open(database, Authority::Server).await);
    let change = |seen, position| Change {
        seen,
        confirmed: vec![confirm(samples.commit("f-1", Any, 1), position, position)],
        ..Change::default()
    };
    let seen = one.head();
    append(&one, samples.any("a-1")).await;
    assert_eq!(one.apply(change(seen, 1)).await, Ok(Applied::Stale));
    assert_eq!(one.apply(change(one.head(), 1)).await, Ok(Applied::Done));

    two.catch_up().await.unwrap();
    let seen = two.head();
    append(&one, samples.any("a-1")).await;
    assert_eq!(two.apply(change(seen, 2)).await, Ok(Applied::Stale), "another tab appended");
    assert_eq!(two.head(), one.head(), "and this one has caught up");
    let seen = two.head();
    assert_eq!(one.apply(change(one.head(), 2)).await, Ok(Applied::Done));
    assert_eq!(two.apply(change(seen, 2)).await, Ok(Applied::Stale), "another tab pulled");
    assert_eq!(two.apply(change(two.head(), 3)).await, Ok(Applied::Done));
    one.catch_up().await.unwrap();
    assert_eq!(one.confirmed_version(&stream("f-1")), 3);
    check(database, &one).await;
}

/// The confirmed log has neither holes within a stream nor positions that go back.
pub async fn a_change_that_does_not_fit_is_refused(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    apply(
        &log,
        Change { confirmed: vec![confirm(samples.commit("a-1", Any, 2), 5, 1)], ..Change::default() },
    )
    .await;
    append(&log, samples.any("a-1")).await;
    let before = told(&log).await;
    let one = || samples.commit("a-1", Any, 1);
    let mut empty = one();
    empty.events.clear();
    let bad = [
        vec![confirm(one(), 6, 3)],
        vec![confirm(one(), 7, 4)],
        vec![confirm(one(), 7, 2)],
        vec![confirm(one(), 7, 0)],
        vec![confirm(one(), 7, 3), confirm(one(), 7, 4)],
        vec![confirm(one(), 7, 3), confirm(one(), 8, 3)],
        vec![confirm(one(), MAX_SAFE_INTEGER + 1, 3)],
        vec![confirm(one(), u64::MAX, 3)],
        vec![confirm(empty, 7, 3)],
    ];
    for confirmed in bad {
        let shown = confirmed.iter().map(|c| (c.first_position, c.first_version)).collect::<Vec<_>>();
        let refused = log.apply(Change { seen: log.head(), confirmed, ..Change::default() }).await;
        assert!(matches!(refused, Err(LogError::Misfit { .. })), "{shown:?}: {refused:?}");
    }
    assert_eq!(told(&log).await, before);
    apply(&log, Change { confirmed: vec![confirm(one(), 7, 3)], ..Change::default() }).await;
    check(database, &log).await;
}

/// Pulled pages become large rows at once.
pub async fn a_large_pull_is_cut_into_blocks(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    for page in 0..3_u64 {
        let confirmed = (0..1_000_u64)
            .map(|n| {
                confirm(
                    samples.commit_of(&format!("a-{}", n % 50), Any, 1, 320),
                    page * 1_000 + n + 1,
                    page * 20 + n / 50 + 1,
                )
            })
            .collect();
        apply(&log, Change { confirmed, cursor: Some(Cursor(page.to_string())), ..Change::default() }).await;
    }
    let head = log.head();
    assert_eq!((head.position, head.confirmed_events), (3_000, 3_000));
    assert!((9..=15).contains(&head.blocks), "{} blocks", head.blocks);
    assert_eq!(log.load(&stream("a-7"), 0).await.unwrap().len(), 60);
    check(database, &log).await;
}

/// Turning sync on: what this device confirmed itself is offered to the server, in order, as it is.
pub async fn a_log_of_this_device_is_handed_over_to_a_server(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    for n in 0..30 {
        append(&log, samples.draft(&format!("a-{}", n % 4), Any, 1 + n % 2)).await;
    }
    while log.merge().await.unwrap() {}
    append(&log, Draft { commit: samples.full_commit("a-0", Any), policy: Policy::Reject }).await;
    let (before, commits) = (all(&log).await, log.confirmed_commits(0, usize::MAX).await.unwrap());

    let server = open(database, Authority::Server).await;
    assert_eq!(server.authority(), Authority::Server);
    let head = server.head();
    assert_eq!((head.confirmed_events, head.position, head.pending_commits), (0, 0, commits.len() as u64));
    for ((pending, was), sequence) in queue(&server).await.iter().zip(&commits).zip(1..) {
        let expected_version = Exact(was.first_version - 1);
        assert_eq!(pending.commit, Commit { expected_version, ..was.commit.clone() });
        assert_eq!(
            (pending.sequence, pending.policy, pending.first_version),
            (sequence, Policy::Keep, was.first_version)
        );
    }
    let ids = |events: &[crate::event::RecordedEvent]| {
        events.iter().map(|e| (e.event.id, e.version)).collect::<Vec<_>>()
    };
    assert_eq!(ids(&all(&server).await), ids(&before));
    check(database, &server).await;

    // A tab that still believes to be the authority learns better at its next append.
    let appended = log.append(vec![samples.any("a-1")], vec![], NOW).await.unwrap();
    assert_eq!((appended[0].sequence, log.authority()), (Some(32), Authority::Server));
    server.catch_up().await.unwrap();
    check(database, &server).await;
}

/// Without sync it is offline, not another log.
pub async fn a_log_of_a_server_stays_so(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    append(&log, samples.any("a-1")).await;
    let again = open(database, Authority::Device).await;
    assert_eq!(again.authority(), Authority::Server);
    let appended = again.append(vec![samples.any("a-1")], vec![], NOW).await.unwrap();
    assert_eq!(appended[0].sequence, Some(2));
    check(database, &again).await;
}
