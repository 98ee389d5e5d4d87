//! A command that has a name is carried out once, however often it is given.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use futures_util::future::join_all;
use support::*;
use tidelog::{
    command_id::CommandId,
    commit::{Policy, Reason, RejectedCommit},
    engine::{Engine, Receipt, WriteError, WriteOptions},
    event::NewEvent,
    json::Json,
    log::{AppendError, Applied, Authority, Change, Draft, Log, MemoryStore, Seen, store::Store},
    testing::{FaultyStore, ManualEnvironment, NOW, Samples, confirm, stream},
    version::ExpectedVersion,
};

async fn open<S: Store>(store: S, seed: u64, authority: Authority) -> Engine<S> {
    Engine::open(store, parts(authority, &ManualEnvironment::new(seed))).await.unwrap()
}

fn named(id: &str) -> WriteOptions {
    WriteOptions { command_id: Some(CommandId::parse(id).unwrap()), ..WriteOptions::default() }
}

/// Answers a question of the exam: repeated by mistake, it would stand in the log twice.
async fn answer<S: Store>(engine: &Engine<S>, id: &str) -> Result<Receipt, WriteError> {
    let command = command("Answer", r#"{"question":1,"answer":"x"}"#);
    engine.execute("exam", "ada", command, named(id)).await
}

#[test]
fn given_twice_it_has_one_receipt_and_one_effect() {
    block_on(async {
        for authority in [Authority::Device, Authority::Server] {
            let store = MemoryStore::new();
            let engine = open(store.clone(), 1, authority).await;
            let first = answer(&engine, "click 1").await.unwrap();
            let other = answer(&engine, "click 2").await.unwrap();
            assert_eq!(answer(&engine, "click 1").await.unwrap(), first, "{authority:?}");
            assert_eq!(other.version, 2);
            engine.close();
            let reloaded = open(store.clone(), 2, authority).await;
            assert_eq!(answer(&reloaded, "click 1").await.unwrap(), first, "{authority:?}");
            assert_eq!(reloaded.log().version(&first.stream), 2);
            // whatever it says: the first one counts
            let changed = command("HandIn", "null");
            let again = reloaded.execute("exam", "ada", changed, named("click 1")).await.unwrap();
            assert_eq!(again, first);
        }
    });
}

#[test]
fn tabs_that_give_it_at_once_carry_it_out_once() {
    block_on(async {
        for authority in [Authority::Device, Authority::Server] {
            let store = MemoryStore::new();
            let mut tabs = Vec::new();
            for seed in 1..=4 {
                tabs.push(open(FaultyStore::yielding(store.clone()), seed, authority).await);
            }
            let runs = tabs.iter().flat_map(|tab| (0..5).map(move |_| answer(tab, "click")));
            let receipts = join_all(runs).await;
            let first = receipts[0].as_ref().unwrap();
            for receipt in &receipts {
                assert_eq!(receipt.as_ref().unwrap(), first, "{authority:?}");
            }
            let fresh = open(store, 9, authority).await;
            assert_eq!(fresh.log().version(&first.stream), 1, "{authority:?}");
        }
    });
}

#[test]
fn an_append_has_a_name_too() {
    block_on(async {
        let store = MemoryStore::new();
        let (one, two) = (
            open(FaultyStore::yielding(store.clone()), 1, Authority::Device).await,
            open(FaultyStore::yielding(store), 2, Authority::Device).await,
        );
        let append = |tab: &Engine<_>, name: &str| {
            let (tab, options) = (tab.clone(), named(name));
            async move {
                let event = NewEvent {
                    event_type: "Noted".into(),
                    schema_version: None,
                    data: Json::null(),
                    id: None,
                    occurred_at: None,
                    custom: None,
                };
                tab.append("note-1", vec![event], options).await.unwrap()
            }
        };
        let runs = [append(&one, "a"), append(&two, "a"), append(&one, "b"), append(&two, "b")];
        let receipts = join_all(runs).await;
        assert_eq!(receipts[0], receipts[1]);
        assert_eq!(receipts[2], receipts[3]);
        one.heard("").await.unwrap();
        assert_eq!(one.log().version(&receipts[0].stream), 2);
    });
}

#[test]
fn a_pending_uuid_of_another_stream_is_refused() {
    block_on(async {
        let engine = open(MemoryStore::new(), 1, Authority::Server).await;
        let uuid = "0191b3a4-7c1e-7a52-9f3b-6d6f0c2f1e00";
        let receipt = answer(&engine, uuid).await.unwrap();
        assert_eq!(receipt.commit_id.to_string(), uuid);
        let taken = engine.execute("course", "ada", complete("l1"), named(uuid)).await.unwrap_err();
        assert_eq!(taken.code(), "command-id-taken");
        assert!(taken.to_string().contains("exam-ada"), "{taken}");
        assert_eq!(engine.status().pending_commits, 1);
        // a text names a command of one stream
        answer(&engine, "click").await.unwrap();
        engine.execute("course", "ada", complete("l1"), named("click")).await.unwrap();
    });
}

#[test]
fn a_command_that_had_nothing_to_say_or_was_refused_left_no_trace() {
    block_on(async {
        let engine = open(MemoryStore::new(), 1, Authority::Device).await;
        let complete_l1 = |id: &'static str| engine.execute("course", "a", complete("l1"), named(id));
        complete_l1("one").await.unwrap();
        assert_eq!(complete_l1("two").await.unwrap_err().code(), "refused");
        assert_eq!(complete_l1("two").await.unwrap_err().code(), "refused");
        let ensure = command("EnsureLesson", r#"{"lesson":"l1"}"#);
        let silent = engine.execute("course", "a", ensure, named("three")).await.unwrap();
        assert!(silent.events.is_empty());
    });
}

/// A rebase can put other events behind the same version: what was decided on the state before must be decided again.
#[test]
fn what_was_decided_before_a_rebase_does_not_fit_after_it() {
    block_on(async {
        let log = Log::open(MemoryStore::new(), Authority::Server).await.unwrap();
        let samples = Samples::default();
        let pending = samples.commit("course-1", ExpectedVersion::None, 1);
        log.append(vec![Draft { commit: pending.clone(), policy: Policy::Reject }], vec![], NOW)
            .await
            .unwrap();
        let decided_on = log.head();
        let foreign = confirm(samples.commit("course-1", ExpectedVersion::None, 1), 1, 1);
        let reason = Reason { code: "policy".into(), message: "moved".into(), detail: None, builds_on: None };
        let rejected = RejectedCommit { commit: pending, reason, rejected_at: NOW };
        let change = Change {
            seen: decided_on.clone(),
            confirmed: vec![foreign],
            rejected: vec![(1, rejected)],
            revises: true,
            ..Change::default()
        };
        assert_eq!(log.apply(change).await.unwrap(), Applied::Done);
        assert_eq!(log.version(&stream("course-1")), 1, "the same version as before");

        let draft = || vec![samples.draft("course-1", ExpectedVersion::Exact(1), 1)];
        let append = |revision| log.append_on(Seen::Revision(revision), draft(), vec![], NOW);
        assert_eq!(append(decided_on.revision).await, Err(AppendError::Moved));
        assert!(append(log.head().revision).await.is_ok());
    });
}
