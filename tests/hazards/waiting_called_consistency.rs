//! commanded#296: "strong consistency" that is really waiting, and so hangs or lies where the view has stopped. The cure: it is named
//! `wait_for`, says how far it came, and fails if the projection does not go on.

use crate::stage::{Counting, append, open};
use futures_executor::block_on;
use futures_util::FutureExt;
use tidelog::{
    log::MemoryStore,
    projection::{Definition, Kind, OnError},
    testing::ManualEnvironment,
};

#[test]
fn waiting_says_how_far_it_came_and_never_that_something_is_there_which_is_not() {
    block_on(async {
        let environment = ManualEnvironment::new(1);
        let definition = Definition { kind: Kind::Batch { every: None }, ..Definition::new("counts") };
        let (engine, _) = open(MemoryStore::new(), &environment, &Counting::of(definition)).await;
        append(&engine, 0, 3).await;
        assert_eq!(engine.row("counts", "2").await, Ok(None), "a read of this kind does not wait");
        assert_eq!(engine.wait_for("counts", Some(2)).await.unwrap(), 3);
        assert!(engine.row("counts", "2").await.unwrap().is_some());
        assert!(
            engine.wait_for("counts", Some(4)).now_or_never().is_none(),
            "what has not happened is not there"
        );
    });
}

#[test]
fn waiting_for_a_projection_that_has_stopped_fails_instead_of_hanging() {
    block_on(async {
        let definition = Definition { on_error: OnError::STOP, ..Definition::new("counts") };
        let projector = Counting::of(definition);
        projector.poison("thing-1 1");
        let (engine, _) = open(MemoryStore::new(), &ManualEnvironment::new(1), &projector).await;
        append(&engine, 0, 3).await;
        let refused = engine.wait_for("counts", Some(3)).await.unwrap_err();
        assert_eq!(refused.code(), "projection-failed");
    });
}
