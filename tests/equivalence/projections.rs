//! row of the immediate projection = row of the one that follows when it is read = row after a rebuild = fold of all events, whoever is
//! the authority, with rebases and reloads in between.

use super::{
    ledger::{Digest, Fact, Ledger},
    world::{World, steps},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, ops::ControlFlow, rc::Rc};
use tidelog::{
    aggregate::Aggregate,
    engine::Engine,
    event::RecordedEvent,
    json::Json,
    log::{Authority, MemoryStore, Place, Query},
    projection::{ChangedRows, CurrentRow, Definition, Kind, ProjectError, Projector},
    snapshot::SnapshotPolicy,
    testing::block_on,
};

/// A row for each stream, and one for all of them: the digest of its events in their order.
struct Digests(Definition);

impl Projector for Digests {
    fn definition(&self) -> &Definition {
        &self.0
    }

    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError> {
        let mut rows: BTreeMap<String, Option<Json>> = BTreeMap::new();
        for event in events {
            for key in [event.stream.id(), "all"] {
                let before = rows.get(key).cloned().unwrap_or_else(|| row(key));
                rows.insert(key.into(), Some(Json::of(&step(before, event)).unwrap()));
            }
        }
        Ok(rows.into_iter().map(|(key, row)| (key.into(), row)).collect())
    }
}

fn step(before: Option<Json>, event: &RecordedEvent) -> Digest {
    let before = before.map(|row| row.to::<Digest>().unwrap()).unwrap_or_default();
    let data = event.event.data.as_str();
    let fact = format!(r#"{{"type":"{}","data":{data}}}"#, event.event.event_type);
    Ledger::evolve(before, &serde_json::from_str(&fact).unwrap_or(Fact::Sealed))
}

/// One of each kind.
pub(crate) fn all() -> Vec<Rc<dyn Projector>> {
    let of = |name: &str, kind| {
        Rc::new(Digests(Definition { kind, ..Definition::new(name) })) as Rc<dyn Projector>
    };
    vec![
        of("immediate", Kind::Immediate),
        of("background", Kind::Background),
        of("batch", Kind::Batch { every: Some(15) }),
    ]
}

async fn folded(engine: &Engine<MemoryStore>) -> Vec<(String, String)> {
    let mut rows: BTreeMap<String, Json> = BTreeMap::new();
    let mut from = Some(Place::START);
    while let Some(place) = from {
        let page = engine.log().read(&Query::default(), place, 100).await.unwrap();
        for event in page.events {
            for key in [event.stream.id(), "all"] {
                let row = Json::of(&step(rows.get(key).cloned(), &event)).unwrap();
                rows.insert(key.into(), row);
            }
        }
        from = page.next;
    }
    rows.into_iter().map(|(key, row)| (key, row.as_str().to_owned())).collect()
}

async fn rows(engine: &Engine<MemoryStore>, projection: &str) -> Vec<(String, String)> {
    let rows = engine.rows(projection).await.unwrap();
    rows.into_iter().map(|(key, row)| (key, row.as_str().to_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_fold_of_all_events_however_they_are_kept(
        steps in steps(),
        server in any::<bool>(),
        rebuilds in proptest::collection::vec(0..4_u8, 40),
    ) {
        block_on(async {
            let authority = if server { Authority::Server } else { Authority::Device };
            let mut world = World::new(authority, SnapshotPolicy::never()).await;
            for (step, rebuild) in steps.iter().zip(rebuilds) {
                world.play(step).await;
                for player in &world.players {
                    let expected = folded(&player.engine).await;
                    for projection in ["immediate", "background"] {
                        assert_eq!(rows(&player.engine, projection).await, expected, "{projection}");
                    }
                    player.engine.wait_for("batch", None).await.unwrap();
                    if rebuild == 0 {
                        let mut go_on = |_: &_| ControlFlow::Continue(());
                        let done = player.engine.rebuild("background", &mut go_on).await.unwrap();
                        assert!(done.done);
                        assert_eq!(rows(&player.engine, "background").await, expected, "after a rebuild");
                    }
                    // nothing in memory: from what is stored
                    let fresh = world.open(&player.store, world.policy.clone()).await;
                    for projection in ["immediate", "background"] {
                        assert_eq!(rows(&fresh, projection).await, expected, "{projection} after a reload");
                    }
                }
            }
        });
    }
}
