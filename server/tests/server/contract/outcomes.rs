//! What a push is answered.

use super::*;
use crate::kit::*;
use std::slice::from_ref;
use tidelog::{
    commit::MAX_EVENTS,
    event::MAX_DATA,
    json::Json,
    sync::protocol::{MAX_MISSING_EVENTS, PushOutcome, PushResult, problem},
    version::{
        ExpectedVersion::{Any, Exact, Exists, None},
        Version,
    },
};
use tidelog_server::storage::MAX_MISSING_BYTES;

pub(super) async fn a_log_keeps_its_identity(place: impl Place) {
    let storage = place.open();
    let other = LogName::parse("other").unwrap();
    let first = storage.pushed(&[commit("course-1", None, 1)]).await.log_id;
    assert_eq!(storage.page_after(&Cursor::default(), PageLimit::default()).await.log_id, first);
    let second =
        storage.page(&other, &Cursor::default(), PageLimit::default(), &Streams::all()).await.unwrap();
    assert_ne!(second.log_id, first);
    assert_eq!(second.commits, [], "logs hold nothing of each other");
    let pushed = storage.push(&other, candidates(&[commit("course-1", None, 1)]).into()).await.unwrap();
    assert_eq!((pushed.log_id, committed(&pushed.outcomes[0])), (second.log_id, (1, 1)));
}

pub(super) async fn commits_follow_each_other(place: impl Place) {
    let storage = place.open();
    let commits = [commit("course-1", None, 2), commit("exam-1", Any, 1), commit("course-1", Exact(2), 3)];
    let pushed = storage.pushed(&commits).await;
    assert_eq!(pushed.outcomes.iter().map(committed).collect::<Vec<_>>(), [(1, 1), (1, 3), (3, 4)]);
    let next = storage.pushed(&[commit("course-1", Exists, 1)]).await;
    assert_eq!(committed(&next.outcomes[0]), (6, 7));
    let pulled = storage.pulled(PageLimit::default()).await;
    check_log(&pulled);
    assert!(pulled.iter().map(|confirmed| &confirmed.commit).take(3).eq(&commits));
    assert!(pulled.iter().all(|confirmed| confirmed.recorded_at == NOW));
}

pub(super) async fn duplicates_are_told_by_the_commit_id_alone(place: impl Place) {
    let storage = place.open();
    storage.pushed(&[commit("exam-1", None, 3)]).await;
    let original = commit("course-1", None, 2);
    storage.pushed(from_ref(&original)).await;
    let other = commit("course-2", Exact(7), 5);
    let copies = [
        original.clone(),
        Commit { generation: 3, expected_version: Exact(9), ..original.clone() },
        Commit { id: original.id, ..other },
        Commit { events: Vec::new(), ..original.clone() },
    ];
    let place = PushResult::Duplicate { first_version: 1, first_position: 4 };
    for outcome in storage.pushed(&copies).await.outcomes {
        assert_eq!((outcome.id, &outcome.result), (original.id, &place));
    }
    assert_eq!(storage.pushed(&copies).await.outcomes[1].generation, 3, "the generation that was pushed");
    // Twice within one push.
    let fresh = commit("course-3", None, 1);
    let pushed = storage.pushed(&[fresh.clone(), fresh.clone()]).await;
    assert_eq!(statuses(&pushed), ["committed", "duplicate"]);
    let refused = commit("course-3", None, 1);
    let pushed = storage.pushed(&[refused.clone(), Commit { stream: stream("course-4"), ..refused }]).await;
    assert_eq!(statuses(&pushed), ["conflict", "blocked"]);
    check_log(&storage.pulled(PageLimit::default()).await);
}

pub(super) async fn an_event_id_belongs_to_one_commit(place: impl Place) {
    let storage = place.open();
    let original = commit("course-1", None, 2);
    storage.pushed(from_ref(&original)).await;
    let mut thief = commit("course-2", None, 2);
    thief.events[1].id = original.events[0].id;
    let fresh = commit("course-3", None, 1);
    let mut within = commit("course-4", None, 1);
    within.events[0].id = fresh.events[0].id;
    let mut twice = commit("course-5", None, 2);
    twice.events[1].id = twice.events[0].id;
    let pushed = storage.pushed(&[thief, fresh, within, twice]).await;
    assert_eq!(statuses(&pushed), ["rejected", "committed", "rejected", "rejected"]);
    let types: Vec<_> = [0, 2, 3].map(|index| rejection(&pushed.outcomes[index]).0).to_vec();
    assert_eq!(types, [problem::DUPLICATE_EVENT, problem::DUPLICATE_EVENT, problem::INVALID_COMMIT]);
    check_log(&storage.pulled(PageLimit::default()).await);
    // The ids of a commit that was refused are free.
    let refused = commit("course-1", None, 1);
    let heir = Commit { events: refused.events.clone(), ..commit("course-6", None, 1) };
    assert_eq!(statuses(&storage.pushed(&[refused, heir]).await), ["conflict", "committed"]);
}

pub(super) async fn expectations_are_judged_in_order(place: impl Place) {
    let storage = place.open();
    storage.pushed(&[commit("course-2", None, 2)]).await;
    let cases = [
        ("course-0", Any, true),
        ("course-10", None, true),
        ("course-11", Exact(0), true),
        ("course-12", Exists, false),
        ("course-13", Exact(1), false),
        ("course-2", None, false),
    ];
    let commits: Vec<_> = cases.iter().map(|&(name, expected, _)| commit(name, expected, 1)).collect();
    for (case, outcome) in cases.iter().zip(storage.pushed(&commits).await.outcomes) {
        let actual = if case.0 == "course-2" { 2 } else { 0 };
        let conflict = PushResult::Conflict { expected: case.1, actual };
        assert_eq!(outcome.result == conflict, !case.2, "{case:?}: {outcome:?}");
    }
    // Each one stands on those accepted before it.
    let chain =
        [commit("course-2", Exact(2), 2), commit("course-2", Exact(4), 1), commit("course-2", Exact(4), 1)];
    let pushed = storage.pushed(&chain).await;
    assert_eq!(pushed.outcomes[..2].iter().map(|outcome| committed(outcome).0).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(pushed.outcomes[2].result, PushResult::Conflict { expected: Exact(4), actual: 5 });
    assert_eq!(missing_ids(&pushed.outcomes[2]), [chain[1].id], "those of the same push too");
}

pub(super) async fn bounds_are_kept(place: impl Place) {
    let storage = place.open();
    let spoiled = |spoil: &dyn Fn(&mut Commit)| {
        let mut spoiled = commit("course-1", Any, 2);
        spoil(&mut spoiled);
        spoiled
    };
    let long = || Json::of(&"x".repeat(MAX_DATA)).unwrap();
    let cases = [
        (spoiled(&|commit| commit.events.clear()), "at least one event"),
        (spoiled(&|commit| commit.events[1].event_type = "".into()), "event 1 has an empty type"),
        (spoiled(&|commit| commit.events[0].event_type = "x".repeat(257).into()), "257 bytes"),
        (spoiled(&|commit| commit.events[0].schema_version = 0), "schema version 0"),
        (spoiled(&|commit| commit.events[1].data = long()), "1048578 bytes"),
        (spoiled(&|commit| commit.events = (0..=MAX_EVENTS).map(|_| event("1")).collect()), "10001 events"),
    ];
    for (spoiled, says) in cases {
        let pushed = storage.pushed(&[spoiled, commit("course-2", Any, 1)]).await;
        assert_eq!(statuses(&pushed), ["rejected", "committed"], "{says}");
        let (problem_type, detail) = rejection(&pushed.outcomes[0]);
        assert_eq!(problem_type, problem::INVALID_COMMIT);
        assert!(detail.contains(says), "{detail} should say {says}");
    }
    let largest = spoiled(&|commit| commit.events = (0..MAX_EVENTS).map(|_| event("1")).collect());
    assert_eq!(statuses(&storage.pushed(&[largest]).await), ["committed"]);
}

pub(super) async fn a_malformed_commit_is_refused_alone(place: impl Place) {
    let storage = place.open();
    let (good, after, other) =
        (commit("course-1", None, 1), commit("course-1", Any, 1), commit("course-2", Any, 1));
    let mut malformed = serde_json::to_value(commit("course-1", Any, 1)).unwrap();
    malformed["expectedVersion"] = serde_json::json!(1.5);
    let event = malformed["events"][0]["id"].as_str().unwrap().parse().unwrap();
    let malformed = serde_json::value::to_raw_value(&malformed).unwrap();
    let malformed = Candidate::read(&malformed, 1).unwrap();
    let by = malformed.id();
    let mut push = candidates(&[good, after, caused_by(event, commit("exam-1", Any, 1)), other]);
    push.insert(1, malformed);
    let pushed = storage.push(&academy(), push.into()).await.unwrap();
    assert_eq!(statuses(&pushed), ["committed", "rejected", "blocked", "blocked", "committed"]);
    assert_eq!(pushed.outcomes[3].result, PushResult::Blocked { by });
    let (problem_type, detail) = rejection(&pushed.outcomes[1]);
    assert_eq!(problem_type, problem::INVALID_COMMIT);
    assert!(detail.starts_with("commits[1].expectedVersion: ") && detail.contains("1.5"), "{detail}");
}

pub(super) async fn what_builds_on_a_refused_commit_is_blocked(place: impl Place) {
    let storage = place.open();
    let confirmed = commit("course-1", None, 1);
    storage.pushed(from_ref(&confirmed)).await;
    let refused = commit("course-1", None, 2);
    let invalid = Commit { events: Vec::new(), ..commit("course-7", Any, 1) };
    let by_event = caused_by(refused.events[1].id.0, commit("exam-1", None, 1));
    let by_command = caused_by(refused.id.0, commit("exam-2", None, 1));
    let commits = [
        caused_by(refused.id.0, commit("early-1", Any, 1)), // before its cause: nothing is known of it yet
        refused.clone(),
        commit("course-1", Exact(1), 1),
        by_event.clone(),
        by_command,
        commit("exam-1", Any, 1),
        caused_by(by_event.events[0].id.0, commit("report-1", Any, 1)),
        invalid.clone(),
        caused_by(invalid.id.0, commit("report-2", Any, 1)),
        commit("report-3", Any, 1),
        caused_by(confirmed.events[0].id.0, commit("report-4", Any, 1)),
    ];
    let pushed = storage.pushed(&commits).await;
    let words = [
        "committed",
        "conflict",
        "blocked",
        "blocked",
        "blocked",
        "blocked",
        "blocked",
        "rejected",
        "blocked",
    ];
    assert_eq!(statuses(&pushed)[..9], words);
    assert_eq!(statuses(&pushed)[9..], ["committed", "committed"]);
    for outcome in &pushed.outcomes[2..7] {
        assert_eq!(outcome.result, PushResult::Blocked { by: refused.id }, "the one at the root is named");
    }
    assert_eq!(pushed.outcomes[8].result, PushResult::Blocked { by: invalid.id });
    check_log(&storage.pulled(PageLimit::default()).await);
}

pub(super) async fn a_conflict_carries_what_is_missing(place: impl Place) {
    let storage = place.open();
    let stored = [commit("course-1", None, 2), commit("course-1", Any, 3), commit("course-1", Any, 1)];
    storage.pushed(&stored).await;
    let ids =
        |range: std::ops::Range<usize>| stored[range].iter().map(|commit| commit.id).collect::<Vec<_>>();
    let cases = [
        (None, ids(0..3)),
        (Exact(0), ids(0..3)),
        (Exact(1), ids(0..3)), // no client stands within a commit; the whole one comes then
        (Exact(2), ids(1..3)),
        (Exact(4), ids(1..3)),
        (Exact(5), ids(2..3)),
        (Exact(7), vec![]),
    ];
    for (expected, missing) in cases {
        let pushed = storage.pushed(&[commit("course-1", expected, 1)]).await;
        assert_eq!(pushed.outcomes[0].result, PushResult::Conflict { expected, actual: 6 });
        assert_eq!(missing_ids(&pushed.outcomes[0]), missing, "{expected}");
    }
    let pulled = storage.pulled(PageLimit::default()).await;
    assert_eq!(storage.pushed(&[commit("course-1", None, 1)]).await.outcomes[0].missing, pulled);
}

pub(super) async fn missing_events_are_bounded(place: impl Place) {
    let storage = place.open();
    let stored: Vec<_> = (0..MAX_MISSING_EVENTS).map(|_| commit("course-1", Any, 3)).collect();
    storage.pushed(&stored).await;
    let pushed = storage.pushed(&[commit("course-1", Exact(3), 1)]).await;
    let missing = &pushed.outcomes[0].missing;
    assert_eq!(missing.len(), MAX_MISSING_EVENTS / 3);
    assert_eq!(missing[0].commit, stored[1]);
    // Bytes count over the whole push, since each stream may have its own conflict.
    let large = format!("\"{}\"", "x".repeat(MAX_MISSING_BYTES / 4));
    let large_commit = |name: &str| Commit { events: vec![event(&large)], ..commit(name, None, 1) };
    let names = ["course-2", "course-3", "course-4", "course-5", "course-6"];
    storage.pushed(&names.map(large_commit)).await;
    let pushed = storage.pushed(&names.map(|name| commit(name, None, 1))).await;
    let counts: Vec<_> = pushed.outcomes.iter().map(|outcome| outcome.missing.len()).collect();
    assert_eq!(counts, [1, 1, 1, 0, 0]);
    let actual: Vec<Version> = pushed
        .outcomes
        .iter()
        .map(|outcome| match outcome.result {
            PushResult::Conflict { actual, .. } => actual,
            ref other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(actual, [1; 5]);
}

fn missing_ids(outcome: &PushOutcome) -> Vec<tidelog::id::CommitId> {
    outcome.missing.iter().map(|missing| missing.commit.id).collect()
}

/// The type and detail of a rejection.
fn rejection(outcome: &PushOutcome) -> (&str, &str) {
    match &outcome.result {
        PushResult::Rejected { problem } => (&problem.problem_type, problem.detail.as_deref().unwrap()),
        other => panic!("{other:?} instead of rejected"),
    }
}
