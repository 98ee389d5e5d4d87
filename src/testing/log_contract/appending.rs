//! Appending, in one tab.

use super::{all, append, check, open, told};
use crate::{
    commit::{InvalidCommit, Policy},
    id::DeviceId,
    log::{
        AppendError, Appended, Authority, Draft, Identity, Log, LogError,
        store::{StoreError, Table},
    },
    testing::{Database, FaultyStore, NOW, Samples, rows, stream},
    version::ExpectedVersion::{Any, Exact, Exists, None as Fresh},
};
use futures_util::future::{join, join_all};
use uuid::Uuid;

/// On the authority's own device: versions and positions from 1.
pub async fn an_append_is_there_at_once_and_after_opening_again(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    assert_eq!((log.head().position, log.head().next_sequence), (0, 1));
    let first = log.append(vec![samples.draft("course-1", Fresh, 2)], vec![], NOW).await.unwrap();
    assert_eq!(first, [Appended { first_version: 1, first_position: Some(1), sequence: None }]);
    let second = log.append(vec![samples.draft("course-2", Fresh, 1)], vec![], NOW).await.unwrap();
    assert_eq!(second, [Appended { first_version: 1, first_position: Some(3), sequence: None }]);
    assert_eq!(append(&log, samples.draft("course-1", Exact(2), 3)).await, 3);
    assert_eq!((log.version(&stream("course-1")), log.confirmed_version(&stream("course-1"))), (5, 5));
    let events = all(&log).await;
    let seen: Vec<_> =
        events.iter().map(|e| (e.stream.as_str(), e.version, e.position, e.recorded_at)).collect();
    let at = Some(NOW);
    let expected = [
        ("course-1", 1, Some(1), at),
        ("course-1", 2, Some(2), at),
        ("course-2", 1, Some(3), at),
        ("course-1", 3, Some(4), at),
        ("course-1", 4, Some(5), at),
        ("course-1", 5, Some(6), at),
    ];
    assert_eq!(seen, expected);
    check(database, &log).await;
}

/// Where a server is the authority: sequences from 1, no positions.
pub async fn a_pending_append_is_there_at_once_and_after_opening_again(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    let drafts = vec![
        samples.draft("a-1", Fresh, 2),
        samples.draft("b-1", Fresh, 1),
        samples.draft("a-1", Exact(2), 1),
    ];
    let ids: Vec<_> = drafts.iter().map(|draft| draft.commit.id).collect();
    let appended = log.append(drafts, vec![], NOW).await.unwrap();
    let expected = [(1, 1), (1, 2), (3, 3)];
    for (appended, (version, sequence)) in appended.iter().zip(expected) {
        let there = Appended { first_version: version, first_position: None, sequence: Some(sequence) };
        assert_eq!(*appended, there);
    }
    assert_eq!((log.version(&stream("a-1")), log.confirmed_version(&stream("a-1"))), (3, 0));
    assert_eq!(log.pending_sequences(&stream("a-1")), [1, 3]);
    assert_eq!(log.pending_sequence(ids[1]), Some(2));
    let head = log.head();
    assert_eq!((head.pending_commits, head.pending_events, head.next_sequence), (3, 4, 4));
    assert!(all(&log).await.iter().all(|event| event.position.is_none() && event.recorded_at.is_none()));
    check(database, &log).await;
}

/// Every expectation against a stream that is empty and one that is not.
pub async fn expected_versions_are_kept(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    append(&log, samples.draft("a-full", Fresh, 2)).await;
    let misses = [
        ("a-empty", Exists),
        ("a-empty", Exact(1)),
        ("a-full", Fresh),
        ("a-full", Exact(0)),
        ("a-full", Exact(1)),
        ("a-full", Exact(3)),
    ];
    for (name, expectation) in misses {
        match log.append(vec![samples.draft(name, expectation, 1)], vec![], NOW).await {
            Err(AppendError::Conflict { stream: of, expected, actual, .. }) => {
                assert_eq!((of.as_str(), expected, actual), (name, expectation, log.version(&of)));
            }
            other => panic!("{name} {expectation}: {other:?}"),
        }
    }
    for (name, expectation) in
        [("a-full", Any), ("a-full", Exists), ("a-full", Exact(4)), ("a-new", Any), ("a-newer", Exact(0))]
    {
        append(&log, samples.draft(name, expectation, 1)).await;
    }
    assert_eq!(log.head().confirmed_events, 7);
    check(database, &log).await;
}

/// The events beyond an exact version come with the conflict, so that the writer can decide again at once.
pub async fn a_conflict_brings_the_missing_events(database: &impl Database) {
    let samples = Samples::default();
    for authority in [Authority::Device, Authority::Server] {
        let log = open(database, authority).await;
        let name = if authority == Authority::Device { "a-1" } else { "b-1" };
        for _ in 0..3 {
            append(&log, samples.draft(name, Any, 2)).await;
        }
        let late = log.append(vec![samples.draft(name, Exact(3), 1)], vec![], NOW).await;
        let Err(AppendError::Conflict { actual: 6, missing, .. }) = late else { panic!("{late:?}") };
        assert_eq!(missing, log.load(&stream(name), 3).await.unwrap());
        assert_eq!(missing.len(), 3);
        let ahead = log.append(vec![samples.draft(name, Exact(9), 1)], vec![], NOW).await;
        assert!(
            matches!(ahead, Err(AppendError::Conflict { ref missing, .. }) if missing.is_empty()),
            "{ahead:?}"
        );
        log.close();
    }
}

/// One bad draft keeps the others out.
pub async fn drafts_are_appended_all_or_none(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    let drafts =
        vec![samples.draft("a-1", Fresh, 1), samples.draft("a-2", Fresh, 1), samples.draft("a-3", Exists, 1)];
    let refused = log.append(drafts, vec![], NOW).await;
    assert!(matches!(refused, Err(AppendError::Conflict { ref stream, .. }) if stream.as_str() == "a-3"));
    assert_eq!((all(&log).await.len(), log.streams(None).len()), (0, 0));
    assert_eq!(log.append(vec![], vec![], NOW).await, Ok(vec![]));
    check(database, &log).await;
}

/// Later drafts of an append see the earlier ones.
pub async fn drafts_of_one_stream_build_on_each_other(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    let good = vec![
        samples.draft("a-1", Fresh, 2),
        samples.draft("a-1", Exact(2), 1),
        samples.draft("a-1", Exists, 1),
    ];
    let appended = log.append(good, vec![], NOW).await.unwrap();
    assert_eq!(appended.iter().map(|at| at.first_version).collect::<Vec<_>>(), [1, 3, 4]);
    let bad = vec![samples.draft("a-2", Fresh, 2), samples.draft("a-2", Exact(1), 1)];
    let refused = log.append(bad, vec![], NOW).await;
    assert!(matches!(refused, Err(AppendError::Conflict { actual: 2, .. })), "{refused:?}");
    assert_eq!(log.version(&stream("a-2")), 0);
    check(database, &log).await;
}

/// Bounds are checked before anything is written.
pub async fn invalid_commits_are_refused(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    let mut empty = samples.any("a-1");
    empty.commit.events.clear();
    let mut unnamed = samples.any("a-1");
    unnamed.commit.events[0].event_type = "".into();
    let mut twice = samples.draft("a-1", Any, 2);
    twice.commit.events[1].id = twice.commit.events[0].id;
    let refused = log.append(vec![samples.any("a-1"), empty], vec![], NOW).await;
    assert_eq!(refused, Err(AppendError::Invalid(InvalidCommit::NoEvents)));
    for bad in [unnamed, twice] {
        let refused = log.append(vec![bad], vec![], NOW).await;
        assert!(matches!(refused, Err(AppendError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(log.head().confirmed_events, 0);
}

/// The same commit given twice is one commit.
pub async fn a_commit_is_pending_once(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    let draft = samples.any("a-1");
    let id = draft.commit.id;
    append(&log, draft.clone()).await;
    let again = log.append(vec![draft.clone()], vec![], NOW).await;
    assert_eq!(again, Err(AppendError::AlreadyPending { id }));
    let other = samples.any("a-2");
    let twice = log.append(vec![other.clone(), other.clone()], vec![], NOW).await;
    assert_eq!(twice, Err(AppendError::AlreadyPending { id: other.commit.id }));
    assert_eq!(log.head().pending_commits, 1);
}

/// Nothing of a commit is lost on the way, in either region.
pub async fn every_field_comes_back(database: &impl Database) {
    let samples = Samples::default();
    let full = samples.full_commit("exam-1", Any);
    let plain = samples.commit("exam-1", Exists, 1);
    let bare = {
        let mut bare = samples.commit("exam-1", Exact(4), 1);
        let mut metadata = (*bare.metadata).clone();
        metadata.actor = None;
        bare.metadata = metadata.into();
        bare
    };
    let commits = [full, plain, bare];
    let drafts = |policy| {
        commits.iter().map(move |commit| Draft { commit: commit.clone(), policy }).collect::<Vec<_>>()
    };
    let log = open(database, Authority::Device).await;
    log.append(drafts(Policy::Keep), vec![], NOW).await.unwrap();
    let again = open(database, Authority::Device).await;
    let confirmed = again.confirmed_commits(0, usize::MAX).await.unwrap();
    for (confirmed, commit) in confirmed.iter().zip(&commits) {
        assert_eq!(confirmed.commit, *commit);
        assert_eq!(confirmed.recorded_at, NOW);
        let found = again.confirmed_commit(&commit.stream, commit.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(confirmed));
    }
    assert_eq!(
        confirmed.iter().map(|c| (c.first_position, c.first_version)).collect::<Vec<_>>(),
        [(1, 1), (4, 4), (5, 5)]
    );
    assert_eq!(again.confirmed_commit(&stream("exam-2"), commits[0].id).await, Ok(None));
    let events = again.load(&stream("exam-1"), 0).await.unwrap();
    let sent: Vec<_> = commits.iter().flat_map(|commit| &commit.events).collect();
    for (event, sent) in events.iter().zip(sent) {
        assert_eq!(event.event, *sent);
    }
    assert_eq!(events[0].metadata, commits[0].metadata);
    drop((log, again));

    let log = open(database, Authority::Server).await;
    for (policy, name) in [(Policy::Redecide, "exam-7"), (Policy::Keep, "exam-8"), (Policy::Reject, "exam-9")]
    {
        let commit = samples.full_commit(name, Any);
        append(&log, Draft { commit: commit.clone(), policy }).await;
        let again = open(database, Authority::Server).await;
        let pending = again.pending(log.head().next_sequence - 2, 1, usize::MAX).await.unwrap();
        assert_eq!((pending[0].policy, &pending[0].commit, pending[0].first_version), (policy, &commit, 1));
    }
}

/// Blocks of about 100 KiB; a commit is never cut.
pub async fn a_large_append_is_cut_into_blocks_between_commits(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    let drafts = (0..1_000)
        .map(|n| Draft {
            commit: samples.commit_of(&format!("a-{}", n % 7), Any, 2, 320),
            policy: Policy::Keep,
        })
        .collect();
    log.append(drafts, vec![], NOW).await.unwrap();
    let huge = Draft { commit: samples.commit_of("b-1", Fresh, 3, 1_000_000), policy: Policy::Keep };
    log.append(vec![huge], vec![], NOW).await.unwrap();
    let blocks = rows(&database.holder().await, Table::Confirmed).await;
    assert_eq!(blocks.len() as u64, log.head().blocks);
    let sizes: Vec<usize> = blocks.iter().map(|(_, row)| row.len()).collect();
    assert!(sizes[..sizes.len() - 2].iter().all(|size| (60 << 10..110 << 10).contains(size)), "{sizes:?}");
    assert!(sizes[sizes.len() - 1] > 2_900_000);
    let large = sizes.iter().filter(|size| **size >= 16 << 10).count();
    assert_eq!(rows(&database.holder().await, Table::ConfirmedDirectory).await.len(), large);
    assert_eq!(all(&log).await.len(), 2_003);
    check(database, &log).await;
}

/// Group commit: what comes while a write is under way is written together.
pub async fn overlapping_appends_share_rows(database: &impl Database) {
    let samples = Samples::default();
    for (authority, table) in [(Authority::Device, Table::Confirmed), (Authority::Server, Table::Pending)] {
        let (store, faults) = FaultyStore::new(database.holder().await);
        let log = Log::open(store, authority).await.unwrap();
        let before = rows(&database.holder().await, table).await.len();
        let drafts: Vec<_> = (0..100).map(|n| samples.any(&format!("a-{}", n % 10))).collect();
        faults.hold();
        let appends = join_all(drafts.into_iter().map(|draft| log.append(vec![draft], vec![], NOW)));
        let (answers, ()) = join(appends, async { faults.release() }).await;
        assert!(answers.iter().all(Result::is_ok));
        let written = rows(&database.holder().await, table).await.len() - before;
        assert!(written == 2, "100 appends made {written} rows");
        assert_eq!(log.version(&stream("a-3")) % 10, 0);
        told(&log).await;
    }
    // Of several appends that expect the same, one is accepted, though they were written together with others.
    let (store, faults) = FaultyStore::new(database.holder().await);
    let log = Log::open(store, Authority::Server).await.unwrap();
    let drafts: Vec<_> = (0..20).map(|n| samples.draft(&format!("race-{}", n % 4), Fresh, 1)).collect();
    faults.hold();
    let appends = join_all(drafts.into_iter().map(|draft| log.append(vec![draft], vec![], NOW)));
    let (answers, ()) = join(appends, async { faults.release() }).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    assert!(
        answers.iter().all(|answer| matches!(answer, Ok(_) | Err(AppendError::Conflict { actual: 1, .. })))
    );
}

/// Merging is invisible but for the number of rows.
pub async fn merging_keeps_order_and_content(database: &impl Database) {
    let samples = Samples::default();
    for authority in [Authority::Device, Authority::Server] {
        let log = open(database, authority).await;
        for n in 0..75 {
            append(&log, samples.draft(&format!("a-{}", n % 9), Any, 1 + n % 3)).await;
        }
        let (before, head) = (all(&log).await, log.head());
        while log.merge().await.unwrap() {}
        assert_eq!(log.merge().await, Ok(false));
        let merged = log.head();
        assert!(merged.blocks <= 2, "{} blocks", merged.blocks);
        assert_eq!(all(&log).await, before);
        assert_eq!(
            (merged.revision, merged.next_sequence, merged.position),
            (head.revision, head.next_sequence, head.position)
        );
        assert!(merged.epoch > head.epoch);
        check(database, &log).await;
        append(&log, samples.any("a-1")).await;
        check(database, &log).await;
        log.close();
    }
}

/// What is large enough is not written again and again.
pub async fn merging_leaves_large_blocks_alone(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    for n in 0..400 {
        append(
            &log,
            Draft { commit: samples.commit_of(&format!("a-{}", n % 5), Any, 2, 900), policy: Policy::Keep },
        )
        .await;
    }
    while log.merge().await.unwrap() {}
    let sizes: Vec<usize> =
        rows(&database.holder().await, Table::Confirmed).await.iter().map(|(_, row)| row.len()).collect();
    assert!(sizes.len() < 16, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= 100 << 10), "{sizes:?}");
    let epoch = log.head().epoch;
    assert_eq!(log.merge().await, Ok(false));
    assert_eq!(log.head().epoch, epoch);
    check(database, &log).await;
}

/// By name, all or one aggregate's.
pub async fn the_streams_are_listed(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    for name in ["exam-2", "course-b", "course-a", "exam-1", "courses-x"] {
        append(&log, samples.any(name)).await;
    }
    let names =
        |aggregate| log.streams(aggregate).iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(None), ["course-a", "course-b", "courses-x", "exam-1", "exam-2"]);
    assert_eq!(names(Some("course")), ["course-a", "course-b"]);
    assert!(names(Some("nobody")).is_empty());
}

/// The id of the device is stored once.
pub async fn the_device_keeps_its_id(database: &impl Database) {
    let log = open(database, Authority::Device).await;
    let id = DeviceId(Uuid::from_u128(17));
    assert_eq!(log.device_id(id).await, Ok(id));
    assert_eq!(log.device_id(DeviceId(Uuid::from_u128(18))).await, Ok(id));
    assert_eq!(open(database, Authority::Server).await.device_id(DeviceId(Uuid::nil())).await, Ok(id));
}

/// Each push has a number of its own, also after opening again.
pub async fn pushes_are_counted(database: &impl Database) {
    let log = open(database, Authority::Server).await;
    let device = DeviceId(Uuid::from_u128(17));
    log.device_id(device).await.unwrap();
    for pushes in 1..=3 {
        assert_eq!(log.count_push().await, Ok(Identity { device, pushes, earlier: vec![] }));
    }
    let again = open(database, Authority::Server).await;
    assert_eq!(again.identity(), log.identity());
    assert_eq!(again.count_push().await.unwrap().pushes, 4);
}

/// Calls after closing fail, and don't hang.
pub async fn a_closed_log_says_so(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    append(&log, samples.any("a-1")).await;
    log.close();
    let refused = log.append(vec![samples.any("a-1")], vec![], NOW).await;
    assert!(
        matches!(refused, Err(AppendError::Log(LogError::Store(StoreError::Closed { .. })))),
        "{refused:?}"
    );
    assert!(matches!(log.catch_up().await, Err(LogError::Store(StoreError::Closed { .. }))));
    assert_eq!(open(database, Authority::Device).await.head().confirmed_events, 1);
}
