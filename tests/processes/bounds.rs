//! Process managers that are wrong.

use super::academy::*;
use futures_executor::block_on;
use std::cell::Cell;
use tidelog::{
    engine::{Engine, Parts},
    event::RecordedEvent,
    log::{Authority, MemoryStore},
    process::{Correlation, Errand, ProcessContext, ProcessManager, Reaction, erase},
    testing::ManualEnvironment,
};

thread_local! {
    /// What is wrong with the process of this test.
    static WRONG: Cell<&'static str> = const { Cell::new("") };
}

struct Wrong;

impl ProcessManager for Wrong {
    const NAME: &'static str = "wrong";
    type State = ();

    fn correlate(event: &RecordedEvent) -> Correlation {
        match WRONG.get() {
            "no instance" => Correlation::Start(String::new()),
            "long instance" => Correlation::Start("x".repeat(600)),
            _ if event.stream.aggregate() == "way" => Correlation::Start("ada".into()),
            _ => Correlation::Ignore,
        }
    }

    fn evolve((): (), _: &RecordedEvent) {}

    fn react(_: &(), _: &RecordedEvent, _: &ProcessContext) -> Vec<Reaction> {
        let remind = || Reaction::Execute(Errand::new("inbox", "ada", ask("Remind")));
        match WRONG.get() {
            "timeout without a name" => vec![Reaction::after("", 1)],
            "too many steps" => (0..=1_000).map(|_| remind()).collect(),
            "no such aggregate" => vec![Reaction::Execute(Errand::new("nobody", "ada", ask("Remind")))],
            "no such command" => vec![Reaction::Execute(Errand::new("inbox", "ada", ask("Forget")))],
            _ => vec![remind()],
        }
    }
}

async fn with(wrong: &'static str) -> Engine<MemoryStore> {
    WRONG.set(wrong);
    let environment = ManualEnvironment::new(1);
    let processes = vec![erase::<Wrong>(), erase::<Certification>()];
    let parts = Parts { processes, ..academy(Authority::Device, &environment) };
    let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
    engine.advance_processes().await.unwrap();
    tell(&engine, "way", "Complete").await.unwrap();
    engine
}

#[test]
fn what_is_wrong_stops_this_process_at_this_event_and_no_other() {
    for wrong in ["no instance", "long instance", "timeout without a name", "too many steps"] {
        block_on(async {
            let engine = with(wrong).await;
            let error = engine.advance_processes().await.unwrap_err();
            assert_eq!(error.code(), "process-failed", "{wrong}");
            assert!(error.to_string().contains("CourseCompleted"), "{error}");
            let _ = engine.advance_processes().await;
            assert_eq!(effects(&engine).await, ["certificate Given", "badge Given"]);
            let status = engine.process_status("wrong").await.unwrap();
            assert_eq!(status.trouble.map(|trouble| trouble.code), Some("process-failed"));
            // mended, it goes on where it stood, and nothing is lost
            WRONG.set("");
            settle(&engine).await;
            assert_eq!(effects(&engine).await.len(), 3);
            assert_eq!(engine.process_status("wrong").await.unwrap().trouble, None);
        });
    }
}

#[test]
fn an_unknown_aggregate_is_waited_for_and_an_unknown_command_fails_the_step() {
    block_on(async {
        let engine = with("no such aggregate").await;
        engine.advance_processes().await.unwrap();
        let trouble = engine.process_status("wrong").await.unwrap().trouble.unwrap();
        assert_eq!((trouble.code, trouble.instance.as_deref()), ("unknown-aggregate", Some("ada")));
        let engine = with("no such command").await;
        settle(&engine).await;
        let failure = engine.process("wrong", "ada").await.unwrap().unwrap().failure.unwrap();
        assert_eq!(failure.code, "unknown-command");
    });
}

#[test]
fn names_are_checked() {
    block_on(async {
        let engine = with("").await;
        assert_eq!(engine.processes("nobody").await.unwrap_err().code(), "unknown-process");
        assert_eq!(engine.retry_process("wrong", "").await.unwrap_err().code(), "invalid-stream");
        struct Taken;
        impl ProcessManager for Taken {
            const NAME: &'static str = "inbox";
            type State = ();
            fn correlate(_: &RecordedEvent) -> Correlation {
                Correlation::Ignore
            }
            fn evolve((): (), _: &RecordedEvent) {}
            fn react(_: &(), _: &RecordedEvent, _: &ProcessContext) -> Vec<Reaction> {
                vec![]
            }
        }
        let environment = ManualEnvironment::new(1);
        let parts = Parts { processes: vec![erase::<Taken>()], ..academy(Authority::Device, &environment) };
        let Err(error) = Engine::open(MemoryStore::new(), parts).await else { panic!("it opened") };
        assert_eq!(error.code(), "process-failed");
    });
}
