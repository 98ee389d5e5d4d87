//! One instance that fails holds up no other: it is parked, and goes on from there once the code is mended.

use super::academy::*;
use futures_executor::block_on;
use std::cell::Cell;
use tidelog::{
    engine::{Engine, ListedProcess, Parts, WriteOptions},
    event::RecordedEvent,
    health::Told,
    log::{Authority, MemoryStore},
    process::{Correlation, Errand, ProcessContext, ProcessManager, ProcessState, Reaction, erase},
    testing::{ManualEnvironment, block_on as run},
};

thread_local! {
    /// Which function of the process is broken, for whom.
    static BROKEN: Cell<&'static str> = const { Cell::new("") };
}

/// Counts lessons; each is rewarded by a reminder to that learner, and a timeout by one more.
struct Counting;

impl ProcessManager for Counting {
    const NAME: &'static str = "counting";
    type State = u32;

    fn correlate(event: &RecordedEvent) -> Correlation {
        if event.stream.aggregate() != "way" {
            return Correlation::Ignore;
        }
        Correlation::Start(event.stream.id().to_owned())
    }

    fn evolve(lessons: u32, _: &RecordedEvent) -> u32 {
        lessons + 1
    }

    fn react(lessons: &u32, _: &RecordedEvent, context: &ProcessContext) -> Vec<Reaction> {
        let is_broken = BROKEN.get() == "second lesson" && *lessons == 2 && context.instance == "ada";
        let name = if is_broken { "" } else { "later" };
        vec![remind(context), Reaction::after(name, DAY as u64)]
    }

    fn on_timeout(_: &u32, _: &str, context: &ProcessContext) -> Vec<Reaction> {
        if BROKEN.get() == "timeout" && context.instance == "ada" {
            return vec![Reaction::cancel("later"), Reaction::after("", 1)];
        }
        vec![remind(context)]
    }
}

fn remind(context: &ProcessContext) -> Reaction {
    Reaction::Execute(Errand::new("inbox", &context.instance, ask("Remind")))
}

async fn start(store: &MemoryStore, environment: &ManualEnvironment) -> Engine<MemoryStore> {
    let processes = vec![erase::<Counting>()];
    let parts = Parts { processes, ..academy(Authority::Device, environment) };
    let engine = Engine::open(store.clone(), parts).await.unwrap();
    settle(&engine).await;
    engine
}

async fn lesson(engine: &Engine<MemoryStore>, learner: &str) {
    engine.execute("way", learner, ask("Lesson"), WriteOptions::default()).await.unwrap();
    settle(engine).await;
}

async fn instance(engine: &Engine<MemoryStore>, id: &str) -> ListedProcess {
    engine.process("counting", id).await.unwrap().unwrap()
}

async fn reminders(engine: &Engine<MemoryStore>, learner: &str) -> u64 {
    engine.log().version(&tidelog::stream::StreamName::of("inbox", learner).unwrap())
}

#[test]
fn an_instance_that_fails_waits_alone_and_misses_nothing() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        BROKEN.set("second lesson");
        let engine = start(&store, &environment).await;
        for learner in ["ada", "bob", "ada", "bob", "ada"] {
            lesson(&engine, learner).await;
        }
        environment.advance(2 * DAY);
        settle(&engine).await;
        let ada = instance(&engine, "ada").await;
        assert_eq!((ada.status, ada.state.as_str()), (ProcessState::Parked, "1"), "it is as it was before");
        assert_eq!(ada.failure.as_ref().unwrap().code, "process-failed");
        assert_eq!(reminders(&engine, "ada").await, 1, "its timeout waits too");
        assert_eq!(instance(&engine, "bob").await.state.as_str(), "2");
        assert_eq!(reminders(&engine, "bob").await, 3);
        let health = engine.health(Told::default());
        assert!(health.reasons.iter().any(|it| it.code == "process-stuck"), "{health:?}");

        // another tab with the same mistake leaves it as it is, and so does asking
        let other = start(&store, &environment).await;
        assert_eq!(instance(&other, "ada").await.status, ProcessState::Parked);
        assert!(other.retry_process("counting", "ada").await.is_err());

        // a tab that opens with mended code takes it further, in order, without anybody asking
        BROKEN.set("");
        let mended = start(&store, &environment).await;
        let ada = instance(&mended, "ada").await;
        assert_eq!((ada.status, ada.state.as_str(), ada.failure), (ProcessState::Running, "3", None));
        settle(&mended).await;
        assert_eq!(
            reminders(&mended, "ada").await,
            4,
            "three lessons, and the timeout that was put off twice"
        );
        settle(&engine).await;
        engine.log().catch_up().await.unwrap();
        assert_eq!(reminders(&engine, "ada").await, 4, "the other tabs find it done");
        assert!(mended.health(Told::default()).reasons.iter().all(|it| it.code != "process-stuck"));
    });
}

#[test]
fn a_timeout_that_fails_parks_too() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        BROKEN.set("timeout");
        let engine = start(&MemoryStore::new(), &environment).await;
        lesson(&engine, "ada").await;
        lesson(&engine, "bob").await;
        environment.advance(DAY);
        settle(&engine).await;
        assert_eq!(instance(&engine, "ada").await.status, ProcessState::Parked);
        assert_eq!((reminders(&engine, "ada").await, reminders(&engine, "bob").await), (1, 2));
        environment.advance(DAY);
        settle(&engine).await;
        BROKEN.set("");
        engine.retry_process("counting", "ada").await.unwrap();
        settle(&engine).await;
        assert_eq!(reminders(&engine, "ada").await, 2, "it rang once");
    });
}

#[test]
fn what_was_parked_in_history_is_still_history() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let parts = Parts { processes: vec![], ..academy(Authority::Device, &environment) };
        let before = Engine::open(store.clone(), parts).await.unwrap();
        for _ in 0..3 {
            tell(&before, "way", "Lesson").await.unwrap();
        }
        before.close();
        environment.advance(30 * DAY);
        BROKEN.set("second lesson");
        let engine = start(&store, &environment).await;
        assert_eq!(instance(&engine, "ada").await.status, ProcessState::Parked);
        BROKEN.set("");
        engine.retry_process("counting", "ada").await.unwrap();
        settle(&engine).await;
        let ada = instance(&engine, "ada").await;
        assert_eq!(ada.state.as_str(), "3");
        assert!(ada.steps.iter().all(|step| !step.here));
        environment.advance(30 * DAY);
        settle(&engine).await;
        assert_eq!(reminders(&engine, "ada").await, 0);
    });
}

#[test]
fn somebody_can_wait_for_an_instance() {
    run(async {
        let environment = ManualEnvironment::new(1);
        BROKEN.set("");
        let engine = start(&MemoryStore::new(), &environment).await;
        let done =
            |it: &ListedProcess| it.steps.iter().all(|step| step.state == tidelog::process::StepState::Done);
        let waiting = engine.wait_for_process("counting", "ada", &done);
        let (found, ()) = futures_util::future::join(waiting, lesson(&engine, "ada")).await;
        assert_eq!(found.unwrap().steps.len(), 1);
        let never = engine.wait_for_process("counting", "ada", &|it| it.run > 1);
        let (never, ()) = futures_util::future::join(never, async { engine.close() }).await;
        assert_eq!(never.unwrap_err().code(), "closed");
    });
}
