//! axon#2021: one event goes to the dead-letter queue, the later ones of its stream are taken in, and the rows show a history that never
//! was. The cure: the stream is parked, and its events are replayed in their order.

use crate::stage::{Counting, append, event, folded, open, rest, rows};
use futures_executor::block_on;
use tidelog::{log::MemoryStore, projection::Definition, testing::ManualEnvironment};

#[test]
fn no_event_of_a_stream_is_taken_in_before_an_earlier_one_that_failed() {
    block_on(async {
        let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
        let projector = Counting::of(Definition::new("counts"));
        projector.poison("thing-3 1");
        let (engine, _) = open(store, &environment, &projector).await;
        for number in 1..=4 {
            let events = vec![event("Happened", &number.to_string())];
            engine.append("thing-3", events, Default::default()).await.unwrap();
            engine.append("thing-4", vec![event("Happened", "0")], Default::default()).await.unwrap();
            rest(&engine).await;
            assert_eq!(engine.row("counts", "3").await, Ok(None), "after event {number}");
        }
        assert!(engine.row("counts", "4").await.unwrap().is_some(), "other streams go on");
        projector.heal();
        append(&engine, 20, 5).await;
        assert_eq!(
            engine.row("counts", "3").await,
            Ok(None),
            "it can be taken in now, but it has to come first"
        );
        engine.replay_dead_letters("counts", None).await.unwrap();
        assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await);
    });
}
