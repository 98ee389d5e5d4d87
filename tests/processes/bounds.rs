//! Process managers that are wrong.

use super::academy::*;
use futures_executor::block_on;
use std::cell::Cell;
use tidelog::{
    engine::{Engine, Parts},
    event::RecordedEvent,
    health::Told,
    log::{Authority, MemoryStore},
    process::{Correlation, Errand, ProcessContext, ProcessManager, ProcessState, Reaction, erase},
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
fn an_event_of_no_instance_stops_this_process_there_and_no_other() {
    for wrong in ["no instance", "long instance"] {
        block_on(async {
            let engine = with(wrong).await;
            let error = engine.advance_processes().await.unwrap_err();
            assert_eq!(error.code(), "process-failed", "{wrong}");
            assert!(error.to_string().contains("CourseCompleted"), "{error}");
            let _ = engine.advance_processes().await;
            assert_eq!(effects(&engine).await, ["certificate Given", "badge Given"]);
            let status = engine.process_status("wrong").await.unwrap();
            assert_eq!(status.trouble.map(|trouble| trouble.code), Some("process-failed"));
            assert_eq!(reasons(&engine), ["process-stopped"]);
            // mended, it goes on where it stood, and nothing is lost
            WRONG.set("");
            settle(&engine).await;
            assert_eq!(effects(&engine).await.len(), 3);
            assert_eq!(engine.process_status("wrong").await.unwrap().trouble, None);
            assert!(reasons(&engine).is_empty());
        });
    }
}

/// The codes of what health finds with processes.
fn reasons(engine: &Engine<MemoryStore>) -> Vec<&'static str> {
    let health = engine.health(Told::default());
    health.reasons.iter().map(|reason| reason.code).filter(|code| code.starts_with("process")).collect()
}

#[test]
fn what_asks_for_too_much_is_parked_and_goes_on_once_mended() {
    for wrong in ["timeout without a name", "too many steps"] {
        block_on(async {
            let engine = with(wrong).await;
            settle(&engine).await;
            assert_eq!(effects(&engine).await, ["certificate Given", "badge Given"]);
            let parked = engine.process("wrong", "ada").await.unwrap().unwrap();
            assert_eq!((parked.status, parked.run), (ProcessState::Parked, 0), "{wrong}");
            assert!(parked.failure.unwrap().message.contains("CourseCompleted"));
            assert_eq!(engine.process_status("wrong").await.unwrap().trouble, None);
            assert_eq!(reasons(&engine), ["process-stuck"]);
            // not mended yet
            let error = engine.retry_process("wrong", "ada").await.unwrap_err();
            assert_eq!(error.code(), "process-failed");
            WRONG.set("");
            engine.retry_process("wrong", "ada").await.unwrap();
            settle(&engine).await;
            assert_eq!(effects(&engine).await.len(), 3);
            assert!(reasons(&engine).is_empty());
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
