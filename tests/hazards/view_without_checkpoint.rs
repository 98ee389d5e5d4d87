//! cqrs-es#21, #64: a view that is fed after the commit, without a checkpoint in the same transaction, loses events (or counts them twice)
//! when the process dies in between. The cure: rows and checkpoint are one write.

use crate::stage::{Counting, append, folded, open, rest, rows};
use futures_executor::block_on;
use futures_util::future::select;
use tidelog::{
    log::MemoryStore,
    projection::{Definition, Kind},
    testing::{Fault, FaultyStore, ManualEnvironment},
};

#[test]
fn no_event_is_lost_or_counted_twice_by_a_death_around_a_write() {
    for kind in [Kind::Immediate, Kind::Background] {
        for fault in [Fault::DeathBefore, Fault::DeathAfter] {
            for at in 0..16 {
                block_on(async {
                    let (store, environment) = (MemoryStore::new(), ManualEnvironment::new(1));
                    let (faulty, faults) = FaultyStore::new(store.clone());
                    let definition = || Definition { kind, ..Definition::new("counts") };
                    let projector = Counting::of(definition());
                    let life = async {
                        let (engine, _) = open(faulty, &environment, &projector).await;
                        for round in 0..3 {
                            append(&engine, round * 4, 4).await;
                            rest(&engine).await;
                        }
                    };
                    (0..at).for_each(|_| faults.plan(Fault::None));
                    faults.plan(fault.clone());
                    select(Box::pin(life), Box::pin(faults.death())).await;
                    let again = Counting::of(definition());
                    let (engine, _) = open(store, &environment, &again).await;
                    let what = format!("{kind:?}, {fault:?} at write {at}");
                    assert_eq!(rows(&engine, "counts").await, folded(&engine, 1).await, "{what}");
                    // rows and checkpoint that don't fit each other would have been made anew from the first event
                    assert!(again.seen.get() <= 4, "{what}: {} events folded again", again.seen.get());
                });
            }
        }
    }
}
