//! Streams that the server has archived: who had them keeps them, who comes later goes on with what is left, and nobody adds to them.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use futures_executor::block_on;
use support::*;
use tidelog::{
    authority::PageLimit,
    engine::{Engine, Outcome, Parts, Receipt, WriteError, WriteOptions},
    log::{AppendError, Authority, Learned, MemoryStore},
    sync::follow::Follow,
    testing::{InProcessServer, ManualEnvironment},
};

type Device = Engine<MemoryStore>;

struct World {
    server: InProcessServer,
    seeds: u64,
}

impl World {
    /// A server whose pages hold and pass over so little that everything takes several.
    fn new() -> Self {
        let clock = ManualEnvironment::new(1);
        let most = PageLimit { events: 3, passed: 5, ..PageLimit::default() };
        Self { server: InProcessServer::with_pages(&clock, most), seeds: 1 }
    }

    async fn device(&mut self, store: &MemoryStore, follow: Option<Follow>) -> Device {
        self.seeds += 1;
        let environment = ManualEnvironment::new(self.seeds);
        let parts = Parts { follow, ..parts(Authority::Server, &environment) };
        Engine::open(store.clone(), parts).await.unwrap()
    }

    async fn whole(&mut self) -> Device {
        self.device(&MemoryStore::new(), None).await
    }

    /// Three lessons of each of three learners, as one device gave them.
    async fn filled() -> (Self, Device) {
        let mut world = Self::new();
        let writer = world.whole().await;
        for lesson in ["l1", "l2", "l3"] {
            for learner in ["ada", "bob", "eve"] {
                give(&writer, learner, lesson).await;
            }
        }
        world.server.sync(&writer).await;
        (world, writer)
    }
}

fn rule(rules: &[&str]) -> Follow {
    Follow::of(rules.iter().copied()).unwrap()
}

async fn try_give(device: &Device, id: &str, lesson: &str) -> Result<Receipt, WriteError> {
    device.execute("course", id, complete(lesson), WriteOptions::default()).await
}

async fn give(device: &Device, id: &str, lesson: &str) -> Receipt {
    try_give(device, id, lesson).await.unwrap()
}

/// Name, version, and how much is here, of each stream that is known to be archived.
fn archived(device: &Device) -> Vec<(String, u64, u64)> {
    let streams = device.archived().into_iter();
    streams.map(|it| (it.marker.stream.as_str().to_owned(), it.marker.version, it.here)).collect()
}

fn of(name: &str, here: u64) -> (String, u64, u64) {
    (name.to_owned(), 3, here)
}

/// All is in order: nothing waits, nothing failed.
fn rests(device: &Device) {
    let status = device.status();
    assert_eq!((status.pending_commits, status.sync.error, status.sync.fetching), (0, None, false));
    assert_eq!(device.log().corrupt(), []);
}

async fn refused(device: &Device, id: &str) {
    match try_give(device, id, "more").await {
        Err(error @ WriteError::Append(AppendError::Archived { .. })) => {
            assert_eq!(error.code(), "stream-archived")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_device_goes_on_with_what_is_left_and_an_old_one_keeps_what_it_has() {
    block_on(async {
        let (mut world, writer) = World::filled().await;
        world.server.archive(&["course-bob", "course-ada"]);
        let store = MemoryStore::new();
        let fresh = world.device(&store, None).await;
        world.server.sync(&fresh).await;
        assert_eq!(archived(&fresh), [of("course-ada", 0), of("course-bob", 0)]);
        assert_eq!((completed(&fresh, "ada").await, completed(&fresh, "eve").await.len()), (vec![], 3));
        assert_eq!(fresh.status().cursor, writer.status().cursor);
        rests(&fresh);

        // The one that wrote them hears of it by its next page.
        world.server.sync(&writer).await;
        assert_eq!(archived(&writer), [of("course-ada", 3), of("course-bob", 3)]);
        assert_eq!(completed(&writer, "bob").await.len(), 3);
        rests(&writer);
        for device in [&fresh, &writer] {
            refused(device, "ada").await;
            give(device, "eve", &format!("of-{}", device.status().device_id)).await;
            world.server.sync(device).await;
            rests(device);
        }
        // All of it outlasts the opening, and nothing is asked again.
        world.server.sync(&fresh).await;
        drop(fresh);
        let again = world.device(&store, None).await;
        assert_eq!((archived(&again).len(), again.status().archived), (2, 2));
        refused(&again, "bob").await;
        world.server.sync(&again).await;
        assert_eq!(completed(&again, "eve").await.len(), 5);
        // Later ones come on top.
        world.server.archive(&["course-eve"]);
        for device in [&again, &writer] {
            world.server.sync(device).await;
            assert_eq!(device.status().archived, 3);
            rests(device);
        }
    });
}

#[test]
fn what_was_pending_is_rejected_with_the_reason_but_what_had_arrived_is_settled() {
    block_on(async {
        let (mut world, writer) = World::filled().await;
        let late = world.whole().await;
        world.server.sync(&late).await;
        // One arrives, and its answer does not: another device offers the same commit.
        let arrived = give(&late, "ada", "arrived").await;
        let copy = late.log().pending(0, 10, usize::MAX).await.unwrap().remove(0).commit;
        world.server.take(copy);
        world.server.archive(&["course-ada"]);
        let behind = [give(&late, "ada", "l8").await, give(&late, "ada", "l9").await];
        let other = give(&late, "eve", "l8").await;
        world.server.sync(&late).await;
        rests(&late);
        let stream = arrived.stream.clone();
        assert!(matches!(late.outcome(&stream, behind[0].commit_id).await, Ok(Outcome::Rejected { .. })));
        let rejected = late.rejected().await.unwrap();
        assert_eq!(rejected.len(), 2, "{rejected:?}");
        for (rejected, receipt) in rejected.iter().zip(&behind) {
            assert_eq!(rejected.commit_id, receipt.commit_id);
            assert_eq!(&*rejected.reason.code, "stream-archived", "{:?}", rejected.reason);
        }
        // It can't be given again, and can be let go.
        assert_eq!(late.retry(behind[0].commit_id).await.unwrap_err().code(), "stream-archived");
        assert!(late.discard(behind[0].commit_id).await.unwrap());
        assert!(matches!(late.outcome(&other.stream, other.commit_id).await, Ok(Outcome::Confirmed { .. })));
        // What was here of it is still here.
        assert_eq!(archived(&late), [("course-ada".to_owned(), 4, 3)]);
        assert_eq!(completed(&late, "ada").await.len(), 3);
        world.server.sync(&writer).await;
        rests(&writer);
    });
}

#[test]
fn who_follows_more_learns_of_what_was_archived_there() {
    block_on(async {
        let (mut world, _) = World::filled().await;
        world.server.archive(&["course-ada", "course-bob"]);
        let some = world.device(&MemoryStore::new(), Some(rule(&["course-ada", "course-eve"]))).await;
        world.server.sync(&some).await;
        assert_eq!(archived(&some), [of("course-ada", 0)]);
        assert_eq!(completed(&some, "eve").await.len(), 3);
        some.follow(rule(&["course-bob", "course-eve", "course-ada"])).await.unwrap();
        world.server.sync(&some).await;
        assert_eq!(archived(&some), [of("course-ada", 0), of("course-bob", 0)]);
        rests(&some);
        refused(&some, "bob").await;
    });
}

#[test]
fn a_restored_server_that_has_the_streams_again_gives_them_to_who_had_only_markers() {
    block_on(async {
        let (mut world, writer) = World::filled().await;
        let backup = world.server.backup();
        world.server.archive(&["course-ada"]);
        let fresh = world.whole().await;
        for device in [&fresh, &writer] {
            world.server.sync(device).await;
            assert_eq!(device.status().archived, 1);
        }
        world.server.restore(backup.clone());
        for device in [&fresh, &writer] {
            world.server.sync(device).await;
            assert_eq!(archived(device), []);
            assert_eq!(completed(device, "ada").await.len(), 3);
            rests(device);
        }
        for device in [&fresh, &writer] {
            give(device, "ada", &format!("of-{}", device.status().device_id)).await;
            world.server.sync(device).await;
            rests(device);
        }
        // Restored once more, and others archived: what it lost comes back, the other marker counts.
        world.server.sync(&fresh).await;
        world.server.restore(backup);
        world.server.archive(&["course-bob"]);
        for device in [&writer, &fresh, &writer] {
            world.server.sync(device).await;
            assert_eq!(completed(device, "ada").await.len(), 5);
            assert_eq!(archived(device), [of("course-bob", 3)]);
            rests(device);
        }
    });
}

#[test]
fn markers_of_streams_that_were_not_followed_meanwhile_do_not_outlive_a_restore() {
    block_on(async {
        let (mut world, writer) = World::filled().await;
        let backup = world.server.backup();
        world.server.archive(&["course-ada"]);
        let fresh = world.whole().await;
        for device in [&fresh, &writer] {
            world.server.sync(device).await;
            device.follow(rule(&["course-eve"])).await.unwrap();
            world.server.sync(device).await;
        }
        world.server.restore(backup);
        for device in [&fresh, &writer] {
            world.server.sync(device).await;
            device.follow(rule(&["*"])).await.unwrap();
            world.server.sync(device).await;
            assert_eq!(archived(device), []);
            assert_eq!(completed(device, "ada").await.len(), 3);
            rests(device);
        }
    });
}

#[test]
fn markers_that_were_learned_of_some_streams_do_not_stand_for_others() {
    block_on(async {
        let (mut world, _) = World::filled().await;
        world.server.archive(&["course-ada", "course-bob"]);
        let markers = world.whole().await;
        world.server.sync(&markers).await;
        let cursor = markers.log().archive().cursor.clone();
        // It ended after it had learned of them, and before it had pulled anything. Then it was told to follow others.
        let store = MemoryStore::new();
        let ended = world.device(&store, Some(rule(&["course-eve"]))).await;
        let learned =
            Learned { markers: vec![], cursor, of: rule(&["course-eve"]).streams().clone(), all_of: None };
        ended.log().learn_archived(learned).await.unwrap();
        drop(ended);
        let again = world.device(&store, Some(rule(&["course-ada", "course-eve"]))).await;
        world.server.sync(&again).await;
        assert_eq!(archived(&again), [of("course-ada", 0)]);
        assert_eq!(completed(&again, "eve").await.len(), 3);
        rests(&again);
    });
}
