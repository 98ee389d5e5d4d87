//! A process that acts on pending events.

use super::academy::*;
use futures_executor::block_on;
use tidelog::{
    engine::{Engine, Parts},
    event::RecordedEvent,
    log::{Authority, MemoryStore},
    process::{Correlation, Errand, ProcessContext, ProcessManager, Reaction, erase},
    testing::ManualEnvironment,
};

struct AtOnce;

impl ProcessManager for AtOnce {
    const NAME: &'static str = "atonce";
    const TYPES: &'static [&'static str] = &["CourseCompleted"];
    const ON_PENDING: bool = true;
    type State = ();

    fn correlate(event: &RecordedEvent) -> Correlation {
        Correlation::Start(event.stream.id().to_owned())
    }

    fn evolve((): (), _: &RecordedEvent) {}

    fn react(_: &(), _: &RecordedEvent, context: &ProcessContext) -> Vec<Reaction> {
        assert!(context.pending, "there is no server in this test");
        vec![Reaction::Execute(Errand::new("inbox", &context.instance, ask("Remind")))]
    }
}

#[test]
fn it_acts_before_the_server_has_spoken_and_once() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let store = MemoryStore::new();
        for seed in 0..2 {
            let parts = Parts {
                processes: vec![erase::<AtOnce>(), erase::<Certification>()],
                ..academy(Authority::Server, &environment)
            };
            let engine = Engine::open(store.clone(), parts).await.unwrap();
            if seed == 0 {
                tell(&engine, "way", "Complete").await.unwrap();
            }
            settle(&engine).await;
            assert_eq!(effects(&engine).await, ["inbox Reminded"], "and the other process waits");
            engine.close();
        }
    });
}
