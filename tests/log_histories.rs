//! Random histories: several tabs on one database append, pull, merge, read, close, die and come back, and their steps
//! interleave in a random order. Whatever the order, nothing that was promised is lost, doubled or torn.
#![allow(clippy::unwrap_used, clippy::panic)] // a test
#![cfg(not(target_arch = "wasm32"))]

use futures_util::task::noop_waker;
use proptest::prelude::*;
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, HashSet},
    pin::Pin,
    rc::Rc,
    task::Context,
};
use tidelog::{
    commit::{ConfirmedCommit, Policy, Reason, RejectedCommit},
    event::RecordedEvent,
    id::CommitId,
    log::{AppendError, Applied, Authority, Change, Draft, Log, MemoryStore, Place, Query},
    stream::StreamName,
    sync::protocol::Cursor,
    testing::{Fault, Faults, FaultyStore, NOW, Samples, confirm, stream},
    version::{ExpectedVersion, Version},
};

const TABS: usize = 3;
const STREAMS: [&str; 4] = ["a-1", "a-2", "b-1", "b-2"];

/// Numbers from a seed: xorshift64* (Vigna 2016).
#[derive(Clone)]
struct Random(Rc<std::cell::Cell<u64>>);

impl Random {
    fn new(seed: u64) -> Self {
        Self(Rc::new(std::cell::Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)))
    }

    fn below(&self, bound: usize) -> usize {
        let mut state = self.0.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0.set(state);
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn one_in(&self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

/// What the outside world knows for certain.
#[derive(Default)]
struct World {
    /// Commits whose append was acknowledged, with the version it was given.
    promised: HashMap<CommitId, (StreamName, Version)>,
    /// Groups of commits that were appended together: whole or not at all, whatever became of the call.
    together: Vec<Vec<CommitId>>,
    /// The server's log, if there is one.
    server: Vec<ConfirmedCommit>,
    versions: BTreeMap<StreamName, Version>,
}

impl World {
    fn accept(&mut self, commit: tidelog::commit::Commit) {
        let version = self.versions.entry(commit.stream.clone()).or_default();
        let position = self.server.last().map_or(1, |last| last.last_position() + 1);
        let count = commit.count();
        self.server.push(confirm(commit, position, *version + 1));
        *version += count;
    }

    fn has_accepted(&self, id: CommitId) -> bool {
        self.server.iter().any(|confirmed| confirmed.commit.id == id)
    }
}

type Tab = Log<FaultyStore<MemoryStore>>;

#[derive(Clone)]
struct Player {
    tab: Tab,
    random: Random,
    samples: Rc<Samples>,
    world: Rc<RefCell<World>>,
}

impl Player {
    fn stream(&self) -> &'static str {
        STREAMS[self.random.below(STREAMS.len())]
    }

    fn draft(&self) -> Draft {
        let name = self.stream();
        let known = self.tab.version(&stream(name));
        let expected = match self.random.below(5) {
            0 => ExpectedVersion::Exact(known.saturating_sub(1)),
            1 | 2 => ExpectedVersion::Exact(known),
            _ => ExpectedVersion::Any,
        };
        let size = if self.random.one_in(6) { 4_000 } else { 20 };
        let commit = self.samples.commit_of(name, expected, 1 + self.random.below(3), size);
        Draft { commit, policy: Policy::Keep }
    }

    async fn append(self) {
        let drafts: Vec<Draft> = (0..=self.random.below(3)).map(|_| self.draft()).collect();
        let commits: Vec<_> = drafts.iter().map(|draft| draft.commit.clone()).collect();
        self.world.borrow_mut().together.push(commits.iter().map(|commit| commit.id).collect());
        match self.tab.append(drafts, vec![], NOW).await {
            Ok(appended) => {
                let mut world = self.world.borrow_mut();
                for (commit, appended) in commits.iter().zip(appended) {
                    if let ExpectedVersion::Exact(version) = commit.expected_version {
                        assert_eq!(appended.first_version, version + 1);
                    }
                    world.promised.insert(commit.id, (commit.stream.clone(), appended.first_version));
                }
            }
            Err(AppendError::Conflict { expected, actual, missing, .. }) => {
                assert!(!expected.is_met_by(actual));
                if let ExpectedVersion::Exact(version) = expected {
                    assert!(
                        missing.iter().zip(version + 1..).all(|(event, version)| event.version == version)
                    );
                }
            }
            Err(AppendError::Log(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }

    /// A round of sync: the server takes some of the queue and commits of others, then their log is pulled.
    async fn sync(self) {
        if self.tab.authority() == Authority::Device {
            return;
        }
        self.tab.catch_up().await.unwrap();
        let pushed = self.tab.pending(0, 1 + self.random.below(6), usize::MAX).await.unwrap();
        {
            let mut world = self.world.borrow_mut();
            for pending in pushed {
                if !world.has_accepted(pending.commit.id) && !self.random.one_in(4) {
                    world.accept(pending.commit);
                }
            }
            if self.random.one_in(2) {
                world.accept(self.samples.commit(
                    self.stream(),
                    ExpectedVersion::Any,
                    1 + self.random.below(3),
                ));
            }
        }
        for _ in 0..5 {
            let seen = self.tab.head();
            let queue = self.tab.pending(0, usize::MAX, usize::MAX).await.unwrap();
            let change = {
                let world = self.world.borrow();
                let fresh = world.server.iter().filter(|confirmed| confirmed.first_position > seen.position);
                let confirmed: Vec<_> = fresh.take(1 + self.random.below(8)).cloned().collect();
                let ids: HashSet<_> = confirmed.iter().map(|confirmed| confirmed.commit.id).collect();
                let mut change =
                    Change { cursor: Some(Cursor(seen.position.to_string())), ..Change::default() };
                for mut pending in queue {
                    if ids.contains(&pending.commit.id) {
                        change.settled.push(pending.sequence);
                    } else if world.has_accepted(pending.commit.id) {
                        // on its way
                    } else if self.random.one_in(10) {
                        let reason = Reason {
                            code: "domain".into(),
                            message: "no".into(),
                            detail: None,
                            builds_on: None,
                        };
                        let rejected = RejectedCommit { commit: pending.commit, reason, rejected_at: NOW };
                        change.rejected.push((pending.sequence, rejected));
                    } else if self.random.one_in(5) {
                        pending.commit.generation += 1;
                        change.replaced.push(pending);
                    }
                }
                change.revises = !change.rejected.is_empty() || !change.replaced.is_empty();
                Change { seen, confirmed, ..change }
            };
            match self.tab.apply(change).await {
                Ok(Applied::Done) => return,
                Ok(Applied::Stale) => {}
                Err(_) => return,
            }
        }
    }

    async fn merge(self) {
        let _ = self.tab.merge().await;
    }

    async fn catch_up(self) {
        self.tab.catch_up().await.unwrap();
    }

    async fn load(self) {
        let name = stream(self.stream());
        let after = self.random.below(4) as u64;
        let events = self.tab.load(&name, after).await.unwrap();
        assert!(events.iter().zip(after + 1..).all(|(event, version)| event.version == version));
        let confirmed = events.iter().take_while(|event| event.is_confirmed()).count();
        assert!(events[confirmed..].iter().all(|event| !event.is_confirmed()));
    }

    async fn read(self) {
        let backwards = self.random.one_in(2);
        let query = Query { backwards, ..Query::default() };
        let from = if backwards { Place::END } else { Place::START };
        let page = self.tab.read(&query, from, 1 + self.random.below(50)).await.unwrap();
        let mut events = page.events;
        if backwards {
            events.reverse();
        }
        let confirmed: Vec<_> = events.iter().filter_map(|event| event.position).collect();
        assert!(confirmed.is_sorted_by(|a, b| a < b));
        let mut last: HashMap<&StreamName, Version> = HashMap::new();
        for event in &events {
            if let Some(before) = last.insert(&event.stream, event.version) {
                assert_eq!(event.version, before + 1, "{} in one page", event.stream);
            }
        }
    }
}

type Step = Pin<Box<dyn Future<Output = ()>>>;

/// A tab with what it is doing.
struct Seat {
    tab: Tab,
    faults: Rc<Faults>,
    doing: Vec<Step>,
    /// What it knew after its last step: epoch, position, sequence, and versions where they can only rise.
    knew: (u64, u64, u64, Vec<Version>),
}

impl Seat {
    fn new(database: &MemoryStore, authority: Authority) -> Self {
        let (store, faults) = FaultyStore::new(database.clone());
        let tab = futures_executor::block_on(Log::open(store, authority)).unwrap();
        faults.set_yields(true);
        Self { tab, faults, doing: Vec::new(), knew: (0, 0, 0, vec![0; STREAMS.len()]) }
    }

    /// A tab never forgets.
    fn check_memory(&mut self) {
        let head = self.tab.head();
        let versions = if self.tab.authority() == Authority::Device {
            STREAMS.map(|name| self.tab.version(&stream(name))).to_vec()
        } else {
            STREAMS.map(|name| self.tab.confirmed_version(&stream(name))).to_vec()
        };
        let now = (head.epoch, head.position, head.next_sequence, versions);
        assert!(now.0 >= self.knew.0 && now.1 >= self.knew.1 && now.2 >= self.knew.2);
        assert!(now.3.iter().zip(&self.knew.3).all(|(now, before)| now >= before));
        self.knew = now;
    }
}

fn play(seed: u64, authority: Authority) {
    let random = Random::new(seed);
    let database = MemoryStore::new();
    let (samples, world) = (Rc::new(Samples::default()), Rc::new(RefCell::new(World::default())));
    let mut seats: Vec<Seat> = (0..TABS).map(|_| Seat::new(&database, authority)).collect();
    let waker = noop_waker();
    let mut left = 120;
    let mut idle = 0;
    while left > 0 || seats.iter().any(|seat| !seat.doing.is_empty()) {
        let at = random.below(TABS);
        let seat = &mut seats[at];
        if seat.faults.is_dead() || left > 0 && random.one_in(150) {
            // The tab is gone, with everything it was about to do. Another is opened.
            *seat = Seat::new(&database, authority);
            continue;
        }
        if left > 0 && (seat.doing.is_empty() || random.one_in(8)) {
            left -= 1;
            let player = Player {
                tab: seat.tab.clone(),
                random: random.clone(),
                samples: Rc::clone(&samples),
                world: Rc::clone(&world),
            };
            if random.one_in(12) {
                let failed = tidelog::log::store::StoreError::Failed { reason: "planned".into() };
                let faults = [Fault::Repeated, Fault::DeathBefore, Fault::DeathAfter, Fault::Refused(failed)];
                seat.faults.plan(faults[random.below(faults.len())].clone());
            }
            seat.doing.push(match random.below(12) {
                0..=5 => Box::pin(player.append()),
                6 | 7 => Box::pin(player.sync()),
                8 => Box::pin(player.merge()),
                9 => Box::pin(player.catch_up()),
                10 => Box::pin(player.load()),
                _ => Box::pin(player.read()),
            });
        }
        if seat.doing.is_empty() {
            continue;
        }
        let which = random.below(seat.doing.len());
        if seat.doing[which].as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(seat.doing.swap_remove(which));
            idle = 0;
        } else if random.one_in(400) {
            // A caller loses interest in the middle.
            drop(seat.doing.swap_remove(which));
        }
        seat.check_memory();
        idle += 1;
        assert!(idle < 100_000, "nothing ends any more");
    }
    for seat in &seats {
        seat.faults.set_yields(false);
        if !seat.faults.is_dead() {
            futures_executor::block_on(compare(&seat.tab, &database, authority));
        }
    }
    drop(seats);
    judge(&database, authority, &world.borrow());
}

/// A tab that has caught up sees what one sees that is opened now.
async fn compare(tab: &Tab, database: &MemoryStore, authority: Authority) {
    let fresh = Log::open(database.clone(), authority).await.unwrap();
    tab.catch_up().await.unwrap();
    assert_eq!(tab.head(), fresh.head());
    for name in STREAMS.map(stream) {
        assert_eq!(tab.load(&name, 0).await, fresh.load(&name, 0).await);
        assert_eq!(tab.pending_sequences(&name), fresh.pending_sequences(&name));
    }
    assert_eq!(tab.pending(0, usize::MAX, usize::MAX).await, fresh.pending(0, usize::MAX, usize::MAX).await);
}

fn judge(database: &MemoryStore, authority: Authority, world: &World) {
    futures_executor::block_on(async {
        let log = Log::open(database.clone(), authority).await.unwrap();
        assert_eq!(log.corrupt(), vec![]);
        let whole = log.read(&Query::default(), Place::START, usize::MAX).await.unwrap();
        assert_eq!(whole.next, None);
        let events: Vec<RecordedEvent> = whole.events;
        let ids: HashSet<_> = events.iter().map(|event| event.event.id).collect();
        assert_eq!(ids.len(), events.len(), "an event is there twice");
        for name in STREAMS.map(stream) {
            let of_stream: Vec<_> = events.iter().filter(|event| event.stream == name).cloned().collect();
            assert!(of_stream.iter().zip(1..).all(|(event, version)| event.version == version), "{name}");
            assert_eq!(log.load(&name, 0).await.unwrap(), of_stream);
            assert_eq!(log.version(&name), of_stream.len() as u64);
        }
        let rejected = log.rejected().await.unwrap();
        let kept = events.iter().map(|event| event.commit_id).chain(rejected.iter().map(|it| it.commit.id));
        let kept: HashSet<CommitId> = kept.collect();
        for (id, (name, version)) in &world.promised {
            if world.has_accepted(*id) {
                continue; // in the server's log; whether it is pulled yet depends on the history
            }
            assert!(kept.contains(id), "commit {id} was promised and is gone");
            if authority == Authority::Device {
                assert!(
                    events.iter().any(|e| e.commit_id == *id && e.stream == *name && e.version == *version)
                );
            }
        }
        for group in &world.together {
            let there = group.iter().filter(|id| kept.contains(id) || world.has_accepted(**id)).count();
            assert!(there == 0 || there == group.len(), "{there} commits of {} are there", group.len());
        }
        let confirmed = log.confirmed_commits(0, usize::MAX).await.unwrap();
        match authority {
            Authority::Device => {
                assert!(events.iter().zip(1..).all(|(event, position)| event.position == Some(position)));
            }
            Authority::Server => assert_eq!(confirmed, world.server[..confirmed.len()]),
        }
    });
}

/// A commit that the other tab confirmed while its first writer, told of a collision, looked for it among the pending ones.
#[test]
fn histories_that_once_failed() {
    for seed in [6_221_559_328_762_660_603, 15_158_941_417_651_600_752] {
        play(seed, Authority::Server);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn histories_without_a_server(seed in any::<u64>()) {
        play(seed, Authority::Device);
    }

    #[test]
    fn histories_with_a_server(seed in any::<u64>()) {
        play(seed, Authority::Server);
    }
}
