//! Partial replication: a device follows the streams its rule names, and the rule grows and shrinks.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use std::collections::{BTreeMap, BTreeSet};
use support::*;
use tidelog::{
    authority::{PageLimit, Rights, Streams},
    commit::ConfirmedCommit,
    engine::{Engine, Outcome, Parts, WriteOptions},
    log::{Authority, MemoryStore, Place, Query},
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

    /// What the server has of the streams that a rule names.
    fn commits(&self, streams: &Streams) -> Vec<ConfirmedCommit> {
        let mut commits = self.server.commits();
        commits.retain(|it| streams.includes(it.commit.stream.as_str()));
        commits
    }
}

fn rule(rules: &[&str]) -> Follow {
    Follow::of(rules.iter().copied()).unwrap()
}

async fn give(device: &Device, id: &str, lesson: &str) -> tidelog::engine::Receipt {
    device.execute("course", id, complete(lesson), WriteOptions::default()).await.unwrap()
}

async fn confirmed(device: &Device) -> Vec<ConfirmedCommit> {
    device.log().confirmed_commits(0, usize::MAX).await.unwrap()
}

/// The device holds of the server's log what the rule names, in the server's order; queries, states and rows say the same.
async fn check(world: &World, device: &Device, streams: &Streams) {
    let here: Vec<_> = confirmed(device).await;
    let followed: Vec<_> =
        here.iter().filter(|it| streams.includes(it.commit.stream.as_str())).cloned().collect();
    assert_eq!(followed, world.commits(streams));
    assert!(here.is_sorted_by(|one, other| one.last_position() < other.first_position));
    // what is not followed is here with its first events, as the server has them
    let all = world.server.commits();
    let mut versions = BTreeMap::new();
    for commit in &here {
        assert!(all.contains(commit), "{commit:?}");
        let version = versions.entry(commit.commit.stream.clone()).or_insert(0);
        assert_eq!(commit.first_version, *version + 1);
        *version += commit.commit.count();
    }
    let page = device.read(&Query::default(), Place::START, usize::MAX).await.unwrap();
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in &page.events {
        let lesson = event.event.data.as_str().split('"').nth(3).unwrap().to_owned();
        rows.entry(event.stream.id().to_owned()).or_default().push(lesson);
    }
    let ids: BTreeSet<String> = all.iter().map(|it| it.commit.stream.id().to_owned()).collect();
    for id in ids {
        let expected = rows.remove(&id).unwrap_or_default();
        assert_eq!(lessons(device, &id).await, expected, "the row of {id}");
        assert_eq!(
            completed(device, &id).await,
            expected.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        );
    }
    assert!(!device.status().sync.fetching);
    assert_eq!(device.log().corrupt(), []);
}

#[test]
fn a_new_device_gets_what_it_follows_and_nothing_else() {
    block_on(async {
        let mut world = World::new();
        let writer = world.whole().await;
        for number in 0..20 {
            give(&writer, ["7a-ada", "7b-bob", "8c-eve"][number % 3], &format!("l{number}")).await;
        }
        world.server.sync(&writer).await;
        let class = rule(&["course-7a-*", "course-8c-eve"]);
        let teacher = world.device(&MemoryStore::new(), Some(class.clone())).await;
        world.server.sync(&teacher).await;
        check(&world, &teacher, class.streams()).await;
        assert_eq!(teacher.log().streams(None).len(), 2);
        give(&writer, "7b-bob", "more").await;
        give(&writer, "7a-ada", "more").await;
        world.server.sync(&writer).await;
        world.server.sync(&teacher).await;
        check(&world, &teacher, class.streams()).await;
        assert_eq!(teacher.status().cursor, writer_cursor(&world, &writer).await);
    });
}

async fn writer_cursor(world: &World, writer: &Device) -> String {
    world.server.sync(writer).await;
    writer.status().cursor
}

#[test]
fn a_rule_that_grows_brings_the_past_and_one_that_shrinks_ends_the_news() {
    block_on(async {
        let mut world = World::new();
        let writer = world.whole().await;
        let teacher = world.device(&MemoryStore::new(), Some(rule(&["course-7a-*"]))).await;
        for number in 0..40 {
            give(&writer, ["7a-ada", "7b-bob", "7a-cy"][number % 3], &format!("l{number}")).await;
            world.server.sync(&writer).await;
            world.server.sync(&teacher).await;
        }
        assert_eq!(completed(&teacher, "7b-bob").await.len(), 0);
        assert_eq!(lessons(&teacher, "7a-ada").await.len(), 14);
        // what was decided offline stays before the past comes, and behind it
        let own = give(&teacher, "7a-ada", "own").await;
        let both = rule(&["course-7a-*", "course-7b-*"]);
        teacher.follow(both.clone()).await.unwrap();
        assert!(teacher.status().sync.fetching);
        world.server.sync(&teacher).await;
        check(&world, &teacher, both.streams()).await;
        assert_eq!(completed(&teacher, "7b-bob").await.len(), 13);
        assert!(matches!(teacher.outcome(&own.stream, own.commit_id).await, Ok(Outcome::Confirmed { .. })));

        teacher.follow(rule(&["course-7b-*"])).await.unwrap();
        assert!(!teacher.status().sync.fetching);
        world.server.sync(&teacher).await;
        give(&writer, "7a-ada", "unheard").await;
        give(&writer, "7b-bob", "heard").await;
        world.server.sync(&writer).await;
        world.server.sync(&teacher).await;
        check(&world, &teacher, rule(&["course-7b-*"]).streams()).await;
        // kept as it was
        assert!(!completed(&teacher, "7a-ada").await.contains(&"unheard".into()));
        assert!(completed(&teacher, "7a-ada").await.contains(&"own".into()));
        teacher.follow(both.clone()).await.unwrap();
        world.server.sync(&teacher).await;
        check(&world, &teacher, both.streams()).await;
        assert!(completed(&teacher, "7a-ada").await.contains(&"unheard".into()));
    });
}

#[test]
fn a_commit_in_a_stream_that_is_not_followed_is_confirmed_all_the_same() {
    block_on(async {
        let mut world = World::new();
        let writer = world.whole().await;
        for number in 0..30 {
            give(&writer, ["7a-ada", "7b-bob"][number % 2], &format!("l{number}")).await;
        }
        world.server.sync(&writer).await;
        let class = rule(&["course-7a-*"]);
        let teacher = world.device(&MemoryStore::new(), Some(class.clone())).await;
        world.server.sync(&teacher).await;
        // decided on nothing, and again on what is there: one is new, one is not
        let new = give(&teacher, "7b-bob", "new").await;
        let old = give(&teacher, "7b-bob", "l1").await;
        let empty = give(&teacher, "9x-new", "first").await;
        world.server.sync(&teacher).await;
        assert_eq!(teacher.status().pending_commits, 0);
        assert!(matches!(
            teacher.outcome(&new.stream, new.commit_id).await,
            Ok(Outcome::Rebased { version: 16, .. })
        ));
        assert!(matches!(teacher.outcome(&old.stream, old.commit_id).await, Ok(Outcome::Rejected { .. })));
        assert!(matches!(
            teacher.outcome(&empty.stream, empty.commit_id).await,
            Ok(Outcome::Confirmed { version: 1, .. })
        ));
        check(&world, &teacher, class.streams()).await;
        // what comes there afterwards is not heard of, and the next command stands on what is here until it is sent
        for number in 30..50 {
            give(&writer, "7b-bob", &format!("l{number}")).await;
        }
        world.server.sync(&writer).await;
        world.server.sync(&teacher).await;
        assert_eq!(completed(&teacher, "7b-bob").await.len(), 16);
        give(&teacher, "7b-bob", "newer").await;
        world.server.sync(&teacher).await;
        check(&world, &teacher, rule(&["course-7a-*", "course-7b-*"]).streams()).await;
        assert_eq!(world.server.commits().len(), 30 + 2 + 20 + 1);
    });
}

#[test]
fn many_streams_that_are_not_followed_are_written_to_in_turns() {
    block_on(async {
        let mut world = World::new();
        let nobody = rule(&[]);
        let device = world.device(&MemoryStore::new(), Some(nobody.clone())).await;
        world.server.sync(&device).await;
        for number in 0..120 {
            give(&device, &format!("{number:0100}"), "l1").await;
        }
        world.server.sync(&device).await;
        assert_eq!((device.status().pending_commits, world.server.commits().len()), (0, 120));
        check(&world, &device, nobody.streams()).await;
    });
}

#[test]
fn what_is_no_longer_followed_is_forgotten_where_the_app_wants_it_but_never_what_is_pending() {
    block_on(async {
        let mut world = World::new();
        let writer = world.whole().await;
        for number in 0..30 {
            give(&writer, ["7a-ada", "7b-bob", "7b-cy"][number % 3], &format!("l{number}")).await;
        }
        world.server.sync(&writer).await;
        let (both, one) = (rule(&["course-7a-*", "course-7b-*"]), rule(&["course-7a-*"]));
        let store = MemoryStore::new();
        let device = world.device(&store, Some(both.clone().forgetting(true))).await;
        world.server.sync(&device).await;
        let pending = give(&device, "7b-cy", "mine").await;
        device.follow(one.clone().forgetting(true)).await.unwrap();
        // not before the server was asked for less: what is here has to stay without a hole
        while device.maintain().await.unwrap() {}
        assert_eq!(confirmed(&device).await.len(), 30);
        world.server.sync(&device).await;
        assert!(matches!(
            device.outcome(&pending.stream, pending.commit_id).await,
            Ok(Outcome::Confirmed { .. })
        ));
        // the stream of what was pending was followed until it was confirmed
        world.server.sync(&device).await;
        while device.maintain().await.unwrap() {}
        assert_eq!(device.log().streams(None).len(), 1);
        check(&world, &device, one.streams()).await;
        assert_eq!(completed(&device, "7b-bob").await.len(), 0);
        // a tab that opens now sees the same, and what was forgotten comes back when it is followed again
        let again = world.device(&store, None).await;
        check(&world, &again, one.streams()).await;
        again.follow(both.clone()).await.unwrap();
        world.server.sync(&again).await;
        check(&world, &again, both.streams()).await;
        device.heard("log").await.unwrap();
        check(&world, &device, both.streams()).await;
    });
}

#[test]
fn rights_that_change_are_followed_like_a_rule() {
    block_on(async {
        let mut world = World::new();
        let writer = world.whole().await;
        for number in 0..30 {
            give(&writer, ["7a-ada", "7b-bob", "8c-eve"][number % 3], &format!("l{number}")).await;
        }
        world.server.sync(&writer).await;
        let rights = |rules: &[&str]| {
            let streams = Streams::of(rules.iter().copied()).unwrap();
            Rights { read: streams.clone(), write: streams }
        };
        let device = world.device(&MemoryStore::new(), Some(rule(&["course-7*"]))).await;
        world.server.allow(rights(&["course-7a-*"]));
        world.server.sync(&device).await;
        assert_eq!(device.log().streams(None).len(), 1);
        world.server.allow(rights(&["course"]));
        world.server.sync(&device).await;
        check(&world, &device, rule(&["course-7*"]).streams()).await;
        assert_eq!(device.log().streams(None).len(), 2);
        world.server.allow(rights(&["course-7b-*", "course-8*"]));
        give(&device, "7b-bob", "more").await;
        world.server.sync(&device).await;
        assert_eq!(device.status().pending_commits, 0);
        check(&world, &device, rule(&["course-7*"]).streams()).await;
        device.follow(rule(&["course"])).await.unwrap();
        world.server.sync(&device).await;
        check(&world, &device, rule(&["course"]).streams()).await;
    });
}

/// A random walk through rules, commands, crashes and restored tabs: at rest the log is the server's, filtered.
#[test]
fn whatever_the_rule_was_the_log_is_that_of_the_server() {
    let rules: [&[&str]; 8] = [
        &["*"],
        &["course"],
        &[],
        &["course-1*"],
        &["course-2", "course-11"],
        &["course-1", "course-2*"],
        &["course-12", "course-2"],
        &["exam", "course-1"],
    ];
    for seed in 1..=60_u64 {
        block_on(async {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut random = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 33) % below) as usize
            };
            let mut world = World::new();
            let writer = world.whole().await;
            let store = MemoryStore::new();
            let mut now = rule(rules[random(8)]);
            let mut device = world.device(&store, Some(now.clone())).await;
            for step in 0..60 {
                let stream = ["1", "2", "11", "12", "21"][random(5)];
                match random(10) {
                    0..=3 => {
                        give(&writer, stream, &format!("w{step}")).await;
                        world.server.sync(&writer).await;
                    }
                    4 | 5 => {
                        give(&device, stream, &format!("d{step}")).await;
                    }
                    6 | 7 => {
                        now = rule(rules[random(8)]).forgetting(random(2) == 0);
                        device.follow(now.clone()).await.unwrap();
                    }
                    8 => {
                        world.server.sync(&device).await;
                        check(&world, &device, now.streams()).await;
                    }
                    _ if random(2) == 0 => while device.maintain().await.unwrap() {},
                    _ => device = world.device(&store, None).await,
                }
            }
            world.server.sync(&device).await;
            assert_eq!(device.status().pending_commits, 0, "seed {seed}");
            check(&world, &device, now.streams()).await;
        });
    }
}
