//! Health and the dump: what is judged from which signs, and what never leaves the device.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use support::*;
use tidelog::{
    engine::{Engine, WriteOptions},
    health::{
        FULL_STORAGE, HealthState, LONG_FAILURE, LOW_STORAGE, OLD_QUEUE, Safety, Signs, StorageSigns,
        SyncSigns, Told,
    },
    log::{Authority, MemoryStore},
    metrics::Queue,
    testing::ManualEnvironment,
    time::Timestamp,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn before(milliseconds: i64) -> Timestamp {
    Timestamp(NOW.0 - milliseconds)
}

/// The state and the codes of the reasons.
#[track_caller]
fn check(signs: Signs, state: HealthState, codes: &[&str]) {
    let health = Signs { now: NOW, ..signs }.health();
    let found: Vec<_> = health.reasons.iter().map(|reason| reason.code).collect();
    assert_eq!((health.state, found.as_slice()), (state, codes), "{health:?}");
}

#[test]
fn nothing_known_is_no_reason_to_worry() {
    check(Signs::default(), HealthState::Ok, &[]);
}

#[test]
fn storage_is_low_or_full_or_at_risk() {
    let used = |share: f64| StorageSigns { quota: Some(1e9), usage: Some(share * 1e9), ..Default::default() };
    check(Signs { storage: used(LOW_STORAGE - 0.01), ..Default::default() }, HealthState::Ok, &[]);
    check(
        Signs { storage: used(LOW_STORAGE), ..Default::default() },
        HealthState::Degraded,
        &["storage-low"],
    );
    check(
        Signs { storage: used(FULL_STORAGE), ..Default::default() },
        HealthState::Failing,
        &["storage-full"],
    );
    for (safety, at_risk) in [(Safety::Durable, false), (Safety::BestEffort, true), (Safety::Memory, true)] {
        let storage = StorageSigns { standing: Some(safety), ..Default::default() };
        let codes: &[&str] = if at_risk { &["work-at-risk"] } else { &[] };
        let state = if at_risk { HealthState::Degraded } else { HealthState::Ok };
        check(Signs { storage: storage.clone(), only_here: 1, ..Default::default() }, state, codes);
        check(Signs { storage, ..Default::default() }, HealthState::Ok, &[]);
    }
}

#[test]
fn a_sync_that_fails_is_degraded_and_failing_after_an_hour() {
    let sync = |failing_for: i64| SyncSigns {
        failure: Some(("network".into(), "not reached".into())),
        last_synced_at: Some(before(failing_for).0),
        ..Default::default()
    };
    check(Signs { sync: sync(LONG_FAILURE), ..Default::default() }, HealthState::Degraded, &["sync-failing"]);
    check(
        Signs { sync: sync(LONG_FAILURE + 1), ..Default::default() },
        HealthState::Failing,
        &["sync-failing"],
    );
    let never = SyncSigns { last_synced_at: None, ..sync(0) };
    check(Signs { sync: never.clone(), ..Default::default() }, HealthState::Degraded, &["sync-failing"]);
    let queue = Queue { commits: 1, events: 1, oldest: Some(before(LONG_FAILURE + 1)) };
    check(Signs { sync: never, queue, ..Default::default() }, HealthState::Failing, &["sync-failing"]);
    let unauthorized = SyncSigns { unauthorized: true, ..sync(0) };
    check(Signs { sync: unauthorized, ..Default::default() }, HealthState::Failing, &["unauthorized"]);
}

#[test]
fn work_that_waits_and_things_that_broke_are_named() {
    let queue = |age| Queue { commits: 2, events: 3, oldest: Some(before(age)) };
    check(Signs { queue: queue(OLD_QUEUE), ..Default::default() }, HealthState::Ok, &[]);
    check(Signs { queue: queue(OLD_QUEUE + 1), ..Default::default() }, HealthState::Degraded, &["queue-old"]);
    check(Signs { rejected: 1, ..Default::default() }, HealthState::Degraded, &["rejected"]);
    check(
        Signs { corrupt: 1, parked: 2, ..Default::default() },
        HealthState::Failing,
        &["corrupt", "dead-letters"],
    );
    let stopped = vec!["marks".into()];
    check(Signs { stopped, ..Default::default() }, HealthState::Failing, &["projection-stopped"]);
}

#[test]
fn a_dump_has_no_payload_and_names_only_if_asked_for() {
    block_on(async {
        let parts = parts(Authority::Server, &ManualEnvironment::new(1));
        let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
        let options = WriteOptions { actor: Some("ada@example.org".into()), ..WriteOptions::default() };
        for id in ["lovelace", "lovelace", "babbage"] {
            let command = complete(&format!("secret {}", engine.log().head().pending_commits));
            engine.execute("course", id, command, options.clone()).await.unwrap();
        }
        let dump = engine.dump(Told::default(), false).await.unwrap();
        let text = serde_json::to_string(&dump).unwrap();
        for name in ["secret", "ada@", "lovelace", "babbage"] {
            assert!(!text.contains(name), "{name} is in {text}");
        }
        let streams: Vec<_> = dump.queue.iter().map(|commit| commit.stream.as_str()).collect();
        assert_eq!(streams, ["course-#1", "course-#1", "course-#2"]);
        assert_eq!(dump.queue[0].events[0].2, r#"{"lesson":"secret 0"}"#.len());
        assert_eq!(dump.streams["course"], 2);

        let named = engine.dump(Told::default(), true).await.unwrap();
        assert_eq!(named.queue[0].stream, "course-lovelace");
        assert_eq!(named.queue[0].actor.as_deref(), Some("ada@example.org"));
        assert!(!serde_json::to_string(&named).unwrap().contains("secret"));
    });
}
