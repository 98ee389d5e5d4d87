//! What people see of a process.

use super::academy::*;
use futures_executor::block_on;
use tidelog::{
    engine::{Engine, ListedProcess},
    log::{Authority, MemoryStore, Place, Query},
    process::{ProcessState, StepState},
    testing::ManualEnvironment,
};

async fn ada(engine: &Engine<MemoryStore>) -> ListedProcess {
    engine.process("certification", "ada").await.unwrap().unwrap()
}

async fn begun(environment: &ManualEnvironment) -> Engine<MemoryStore> {
    let engine = open(MemoryStore::new(), environment).await;
    settle(&engine).await; // the process is there from the beginning
    engine
}

#[test]
fn a_completed_course_leads_to_a_certificate_and_a_badge() {
    block_on(async {
        let engine = begun(&ManualEnvironment::new(1)).await;
        let done = tell(&engine, "way", "Complete").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await, ["certificate Given", "badge Given"]);
        let instance = ada(&engine).await;
        assert_eq!(instance.status, ProcessState::Running);
        assert_eq!(instance.steps.iter().map(|step| step.state).collect::<Vec<_>>(), [StepState::Done; 2]);

        // the chain goes on: who, why, because of what
        let page = engine.read(&Query::default(), Place::START, 100).await.unwrap();
        let cause = &done.events[0];
        for event in page.events.iter().filter(|event| event.stream.aggregate() != "way") {
            assert_eq!(event.metadata.correlation_id, cause.metadata.correlation_id);
            assert_eq!(event.metadata.causation_id, Some(cause.event.id.0));
            assert_eq!(event.metadata.actor.as_deref(), Some("ada"));
        }
        let status = engine.process_status("certification").await.unwrap();
        assert_eq!((status.acting, status.head), (true, 3));
    });
}

#[test]
fn seven_days_without_progress_lead_to_a_reminder_and_then_to_another() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let mut engine = begun(&environment).await;
        tell(&engine, "way", "Lesson").await.unwrap();
        settle(&engine).await;
        environment.advance(6 * DAY);
        tell(&engine, "way", "Lesson").await.unwrap();
        settle(&engine).await;
        environment.advance(DAY);
        settle(&engine).await;
        assert!(effects(&engine).await.is_empty(), "progress puts the reminder off");

        environment.advance(6 * DAY);
        for _ in 0..3 {
            settle(&engine).await;
            assert_eq!(effects(&engine).await, ["inbox Reminded"]);
        }
        assert_eq!(ada(&engine).await.timeouts.len(), 1, "the next one is set");
        environment.advance(7 * DAY);
        settle(&engine).await;
        assert_eq!(effects(&engine).await.len(), 2);
        tell(&engine, "way", "Complete").await.unwrap();
        settle(&engine).await;
        environment.advance(30 * DAY);
        settle(&engine).await;
        assert_eq!(effects(&engine).await.len(), 4, "cancelled: no more reminders");
        engine.close();
        engine = begun(&environment).await;
        assert!(engine.process("certification", "ada").await.unwrap().is_none());
    });
}

#[test]
fn a_timeout_survives_a_reload() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let store = MemoryStore::new();
        let engine = open(store.clone(), &environment).await;
        settle(&engine).await;
        tell(&engine, "way", "Lesson").await.unwrap();
        let due = engine.advance_processes().await.unwrap().unwrap();
        engine.close();
        environment.advance(7 * DAY);
        assert_eq!(due.millis(), 1_767_225_600_000 + 7 * DAY);
        let reloaded = open(store, &environment).await;
        settle(&reloaded).await;
        assert_eq!(effects(&reloaded).await, ["inbox Reminded"]);
    });
}

#[test]
fn a_refused_step_is_made_up_for_and_can_be_tried_again() {
    block_on(async {
        let engine = begun(&ManualEnvironment::new(1)).await;
        tell(&engine, "badge", "Lock").await.unwrap();
        tell(&engine, "way", "Complete").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await, ["badge Locked", "certificate Given", "certificate TakenBack"]);
        let instance = ada(&engine).await;
        assert_eq!(instance.status, ProcessState::Compensated);
        let failure = instance.failure.unwrap();
        assert_eq!((failure.code.as_str(), failure.command.as_deref()), ("locked", Some("Give")));
        assert_eq!(failure.message, "it is locked");

        tell(&engine, "badge", "Unlock").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await.len(), 4, "nothing happens by itself");
        engine.retry_process("certification", "ada").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await[4..], ["certificate Given", "badge Given"]);
        let instance = ada(&engine).await;
        assert_eq!((instance.status, instance.failure), (ProcessState::Running, None));
        assert_eq!(instance.steps[0].attempt, 1);
    });
}

#[test]
fn an_annulled_exam_takes_everything_back_the_latest_first() {
    block_on(async {
        let engine = begun(&ManualEnvironment::new(1)).await;
        tell(&engine, "way", "Complete").await.unwrap();
        settle(&engine).await;
        tell(&engine, "way", "Annul").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await[2..], ["badge TakenBack", "certificate TakenBack"]);
        let instance = ada(&engine).await;
        assert_eq!(instance.status, ProcessState::Compensated);
        assert_eq!(instance.failure.unwrap().code, "asked");
        // whoever passes later gets them anew
        tell(&engine, "way", "Complete").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await[4..], ["certificate Given", "badge Given"]);
        assert_eq!(ada(&engine).await.run, 2);
    });
}

#[test]
fn a_refused_compensation_needs_a_person() {
    block_on(async {
        let engine = begun(&ManualEnvironment::new(1)).await;
        tell(&engine, "way", "Complete").await.unwrap();
        settle(&engine).await;
        tell(&engine, "badge", "Lock").await.unwrap();
        tell(&engine, "way", "Annul").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await.len(), 3, "the certificate stays until the badge is back");
        let instance = ada(&engine).await;
        assert_eq!(instance.status, ProcessState::Failed);
        assert_eq!(instance.failure.unwrap().code, "locked");
        tell(&engine, "badge", "Unlock").await.unwrap();
        engine.retry_process("certification", "ada").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await[4..], ["badge TakenBack", "certificate TakenBack"]);
        assert_eq!(ada(&engine).await.status, ProcessState::Compensated);
    });
}

#[test]
fn an_ended_instance_hears_of_nothing_until_it_starts_again() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let engine = begun(&environment).await;
        tell(&engine, "way", "Lesson").await.unwrap();
        tell(&engine, "way", "Leave").await.unwrap();
        settle(&engine).await;
        environment.advance(30 * DAY);
        tell(&engine, "way", "Annul").await.unwrap();
        settle(&engine).await;
        assert!(effects(&engine).await.is_empty());
        let instance = ada(&engine).await;
        assert_eq!((instance.status, instance.timeouts.len()), (ProcessState::Ended, 0));
        tell(&engine, "way", "Lesson").await.unwrap();
        settle(&engine).await;
        let instance = ada(&engine).await;
        assert_eq!(
            (instance.status, instance.run, instance.state.as_str()),
            (ProcessState::Running, 2, r#"{"lessons":1}"#)
        );
    });
}

/// A process is given to an app that has a log already, or a person logs in on a new device: what has been is no reason to act.
#[test]
fn history_is_folded_and_never_acted_upon() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let store = MemoryStore::new();
        let parts = tidelog::engine::Parts { processes: vec![], ..academy(Authority::Device, &environment) };
        let before = Engine::open(store.clone(), parts).await.unwrap();
        for command in ["Lesson", "Lesson", "Complete", "Lesson"] {
            tell(&before, "way", command).await.unwrap();
        }
        before.close();
        environment.advance(8 * DAY);
        let engine = open(store, &environment).await;
        settle(&engine).await;
        assert!(effects(&engine).await.is_empty(), "{:?}", effects(&engine).await);
        let instance = ada(&engine).await;
        assert_eq!(instance.state.as_str(), r#"{"lessons":3}"#, "but it is known");
        assert!(instance.steps.iter().all(|step| !step.here && step.state == StepState::Open));
        // a person can see that nobody has done it, and have it done
        engine.retry_process("certification", "ada").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await, ["certificate Given", "badge Given"]);
    });
}

#[test]
fn what_is_decided_right_after_the_first_opening_is_no_history() {
    block_on(async {
        let engine = open(MemoryStore::new(), &ManualEnvironment::new(1)).await;
        tell(&engine, "way", "Complete").await.unwrap();
        settle(&engine).await;
        assert_eq!(effects(&engine).await, ["certificate Given", "badge Given"]);
    });
}
