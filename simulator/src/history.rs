//! One history, from its script to its end.

use crate::{
    academy::{CourseCommand, ExamCommand, GroupCommand, NotesCommand},
    clock::Clock,
    device::{Device, Seat},
    executor::{Executor, Owner},
    judge,
    random::Random,
    server::Server,
    step::{Ask, Beat, DEVICES, Step, Write},
};
use serde::Serialize;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};
use tidelog::{
    command_id::CommandId,
    commit::Command,
    engine::{ReadError, WriteError, WriteOptions},
    id::CommitId,
    json::Json,
    log::{AppendError, LogError, MemoryStore, store::StoreError},
    stream::StreamName,
    testing::Fault,
};
use uuid::Uuid;

/// How often time may go on to the next timer until everything has settled, once no fault comes any more.
const PATIENCE: usize = 3_000;

/// What a history came to, if it went well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Commands that were answered with a receipt.
    pub acknowledged: usize,
    /// Events in the server's log at the end.
    pub events: u64,
    /// Commits that were rejected, with a reason.
    pub rejected: usize,
    /// Requests to the server.
    pub requests: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, more: Self) {
        self.acknowledged += more.acknowledged;
        self.events += more.events;
        self.rejected += more.rejected;
        self.requests += more.requests;
    }
}

/// What the world was promised.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) device: usize,
    pub(crate) stream: StreamName,
    /// Whether it may turn out to have nothing to say.
    pub(crate) is_quiet: bool,
}

#[derive(Default)]
pub(crate) struct Promises {
    pub(crate) made: BTreeMap<CommitId, Promise>,
    pub(crate) last: BTreeMap<usize, CommitId>,
    /// Commits that another one caused, which was not rejected yet when they were acknowledged. Named ones may stand for another
    /// device's, with another cause.
    pub(crate) effects: BTreeSet<CommitId>,
    /// Commits that the app resolved after they were rejected, also before their receipts had arrived.
    pub(crate) resolved: BTreeSet<CommitId>,
    /// An answer that no fault explains.
    pub(crate) strange: Option<String>,
}

pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) executor: Executor,
    pub(crate) server: Server,
    pub(crate) devices: Vec<Device>,
    pub(crate) promises: Rc<RefCell<Promises>>,
    owners: Rc<Cell<u32>>,
    seeds: Random,
    schedule: Random,
}

impl World {
    fn new(seed: u64) -> Self {
        let seeds = Random::new(seed ^ 0x5eed);
        let (clock, executor) = (Clock::default(), Executor::default());
        let server = Server::new(&clock, &executor, seeds.next());
        let mut world = Self {
            clock,
            executor,
            server,
            devices: vec![],
            promises: Rc::default(),
            owners: Rc::new(Cell::new(Owner::NETWORK.0)),
            schedule: Random::new(seeds.next()),
            seeds,
        };
        for _ in 0..DEVICES {
            world.add_device(MemoryStore::new());
        }
        world
    }

    fn add_device(&mut self, store: MemoryStore) {
        let seed = self.seeds.next();
        let device = Device::new(store, &self.server, &self.clock, &self.executor, &self.owners, seed);
        device.open_tab();
        self.devices.push(device);
    }

    fn seat(&self, device: usize, tab: usize) -> Option<(&Device, Seat)> {
        let device = self.devices.get(device)?;
        let seats = device.seats();
        Some((device, seats.get(tab % seats.len().max(1))?.clone()))
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Give { device, tab, ask, named, caused } => self.give(device, tab, ask, named, caused),
            Step::OpenTab { device } => {
                if let Some(device) = self.devices.get(device).filter(|device| device.seats().len() < 4) {
                    device.open_tab();
                }
            }
            Step::CloseTab { device, tab } => {
                if let Some((device, seat)) = self.seat(device, tab) {
                    device.close_tab(seat.owner);
                }
            }
            Step::KillTab { device, tab } => {
                if let Some((device, seat)) = self.seat(device, tab) {
                    device.kill_tab(seat.owner);
                }
            }
            Step::Freeze { device, tab } => {
                if let Some((device, seat)) = self.seat(device, tab) {
                    seat.frozen.set(true);
                    device.elect();
                }
            }
            Step::Thaw { device } => self.thaw(device),
            Step::Online { device, online } => {
                if let Some(device) = self.devices.get(device) {
                    device.set_online(online);
                }
            }
            Step::Trouble { percent } => self.server.set_trouble(percent.into()),
            Step::Storage { device, tab, write } => {
                if let Some((_, seat)) = self.seat(device, tab) {
                    seat.faults.plan(fault(write));
                }
            }
            Step::Clock { device, minutes } => {
                if let Some(device) = self.devices.get(device) {
                    device.skew(i64::from(minutes) * 60_000);
                }
            }
            Step::ExpireTokens => self.server.expire_tokens(),
            Step::Clone { device } => {
                if let Some(store) = self.devices.get(device).map(|device| device.store().duplicate()) {
                    self.add_device(store);
                }
            }
            Step::Resolve { device, tab, retry } => self.resolve(device, tab, retry),
            Step::Maintain { device, tab } => {
                if let Some((device, seat)) = self.seat(device, tab) {
                    device.maintain(&seat);
                }
            }
            Step::Sync { device, tab } => {
                if let Some((_, seat)) = self.seat(device, tab) {
                    seat.engine.sync_now();
                }
            }
        }
    }

    fn give(&self, at: usize, tab: usize, ask: Ask, named: bool, caused: bool) {
        let Some((_, seat)) = self.seat(at, tab) else { return };
        let (aggregate, id, command, is_quiet) = command(ask);
        let name = named.then(|| CommandId::parse(&format!("{ask:?}")).ok()).flatten();
        let last = self.promises.borrow().last.get(&at).copied();
        // something that was rejected already leads to nothing
        let last = last.filter(|last| seat.engine.log().pending_sequence(*last).is_some());
        let causation_id = last.filter(|_| caused).map(|last| last.0);
        let options = WriteOptions { command_id: name, causation_id, ..WriteOptions::default() };
        let promises = Rc::clone(&self.promises);
        self.executor.spawn(seat.owner, async move {
            let answer = seat.engine.execute(aggregate, &id, command, options).await;
            let late = match causation_id {
                Some(cause) => was_rejected(&seat, cause).await,
                None => false,
            };
            let mut promises = promises.borrow_mut();
            if let Ok(receipt) = &answer
                && causation_id.is_some()
                && !late
                && !named
            {
                promises.effects.insert(receipt.commit_id);
            }
            match answer {
                Ok(receipt) if receipt.events.is_empty() => {}
                Ok(receipt) => {
                    promises.last.insert(at, receipt.commit_id);
                    let promise = Promise { device: at, stream: receipt.stream, is_quiet };
                    promises.made.entry(receipt.commit_id).or_insert(promise);
                }
                Err(error) if is_explained(&error) => {}
                Err(error) => {
                    promises.strange = Some(format!("{ask:?} on device {at} was answered with: {error}"))
                }
            }
        });
    }

    /// The app resolves its first rejected commit.
    fn resolve(&self, at: usize, tab: usize, retry: bool) {
        let Some((_, seat)) = self.seat(at, tab) else { return };
        let promises = Rc::clone(&self.promises);
        self.executor.spawn(seat.owner, async move {
            let Ok(rejected) = seat.engine.log().rejected().await else { return };
            let Some(first) = rejected.first().map(|rejected| rejected.commit.id) else { return };
            // whatever its answer: it may have happened
            promises.borrow_mut().resolved.insert(first);
            if retry {
                if let Ok(receipt) = seat.engine.retry(first).await
                    && !receipt.events.is_empty()
                {
                    let promise = Promise { device: at, stream: receipt.stream, is_quiet: true };
                    promises.borrow_mut().made.insert(receipt.commit_id, promise);
                }
            } else {
                let _ = seat.engine.discard(first).await;
            }
        });
    }

    fn thaw(&self, device: usize) {
        let Some(device) = self.devices.get(device) else { return };
        device.seats().iter().for_each(|seat| seat.frozen.set(false));
        device.elect();
    }

    /// Lets things go on. False if there is nothing to do but to wait.
    fn poll(&self) -> bool {
        let frozen: Vec<Owner> = self
            .devices
            .iter()
            .flat_map(Device::seats)
            .filter(|seat| seat.frozen.get())
            .map(|seat| seat.owner)
            .collect();
        let went_on = self.executor.step(&self.schedule, |owner| frozen.contains(&owner));
        self.devices.iter().for_each(Device::bury);
        went_on
    }

    /// All that can be done without waiting.
    fn drain(&self) -> Result<(), String> {
        for _ in 0..200_000 {
            if !self.poll() {
                return Ok(());
            }
        }
        Err("something goes on for ever without waiting".into())
    }

    fn looks_settled(&self) -> bool {
        let position = self.server.position();
        self.devices.iter().all(|device| {
            let seats = device.seats();
            let is_done = |seat: &Seat| {
                let status = seat.engine.status();
                status.pending_commits == 0 && status.position == position
            };
            !seats.is_empty() && seats.iter().all(is_done)
        })
    }

    /// No fault comes any more, and everybody gets a fresh tab: all must settle.
    fn settle(&self) -> Result<(), String> {
        self.server.set_trouble(0);
        for (at, device) in self.devices.iter().enumerate() {
            self.thaw(at);
            for seat in device.seats() {
                device.kill_tab(seat.owner);
            }
            device.set_online(true);
            device.skew(0);
            device.open_tab();
        }
        self.drain()?;
        for _ in 0..PATIENCE {
            if self.looks_settled() {
                return Ok(());
            }
            if !self.clock.advance() {
                return Err("everybody waits for something that nobody will do".into());
            }
            self.drain()?;
        }
        let pending: Vec<String> = self
            .devices
            .iter()
            .flat_map(Device::seats)
            .map(|seat| {
                let status = seat.engine.status();
                format!("{} pending at {} ({:?})", status.pending_commits, status.position, status.sync.error)
            })
            .collect();
        Err(format!(
            "it does not settle: the server is at {}; devices: {}",
            self.server.position(),
            pending.join("; ")
        ))
    }

    /// Everything goes: tabs and what surrounds them hold each other.
    fn end(&self) {
        for device in &self.devices {
            for seat in device.seats() {
                device.kill_tab(seat.owner);
            }
        }
        for owner in 0..=self.owners.get() {
            self.executor.end(Owner(owner));
        }
    }
}

/// Plays a script with the schedule and the faults of a seed.
///
/// # Errors
/// What did not hold.
pub(crate) fn play(seed: u64, script: &[Beat]) -> Result<Tally, String> {
    let mut world = World::new(seed);
    let done = world.play(script);
    world.end();
    done
}

impl World {
    fn play(&mut self, script: &[Beat]) -> Result<Tally, String> {
        self.drain()?;
        for (number, beat) in script.iter().enumerate() {
            self.take(beat.step);
            for _ in 0..beat.polls {
                if !self.poll() {
                    break;
                }
            }
            for _ in 0..beat.timers {
                self.clock.advance();
                self.poll();
            }
            judge::on_the_way(self, number).map_err(|error| format!("after step {number}: {error}"))?;
        }
        self.settle()?;
        judge::at_rest(self)
    }
}

async fn was_rejected(seat: &Seat, cause: Uuid) -> bool {
    let rejected = seat.engine.log().rejected().await;
    rejected.is_ok_and(|rejected| rejected.iter().any(|it| it.commit.id.0 == cause))
}

fn fault(write: Write) -> Fault {
    match write {
        Write::DiesBefore => Fault::DeathBefore,
        Write::DiesAfter => Fault::DeathAfter,
        Write::IsRepeated => Fault::Repeated,
        Write::IsDenied => Fault::Denied(StoreError::Failed { reason: "planned".into() }),
        Write::MeetsQuota => Fault::Refused(StoreError::QuotaExceeded),
    }
}

/// Whether an answer is one that rules or planned faults lead to.
fn is_explained(error: &WriteError) -> bool {
    let store = |error: &LogError| matches!(error, LogError::Store(_));
    match error {
        WriteError::Decide(_) | WriteError::Rejected { .. } | WriteError::CommandIdTaken { .. } => true,
        WriteError::Read(ReadError::Log(error)) | WriteError::Append(AppendError::Log(error)) => store(error),
        _ => false,
    }
}

/// The stream that a command goes to, the command, and whether it may turn out to have nothing to say.
fn command(ask: Ask) -> (&'static str, String, Command, bool) {
    let (course, lesson) = match ask {
        Ask::Complete { course, lesson } | Ask::Ensure { course, lesson } => (course, lesson),
        _ => (0, 0),
    };
    match ask {
        Ask::Complete { .. } => {
            ("course", course.to_string(), tagged(&CourseCommand::CompleteLesson { lesson }), false)
        }
        Ask::Ensure { .. } => {
            ("course", course.to_string(), tagged(&CourseCommand::EnsureLesson { lesson }), true)
        }
        Ask::Answer { question } => {
            ("exam", "final".into(), tagged(&ExamCommand::Answer { question }), false)
        }
        Ask::HandIn => ("exam", "final".into(), tagged(&ExamCommand::HandIn), false),
        Ask::Join { learner } => ("group", "a".into(), tagged(&GroupCommand::Join { learner }), false),
        Ask::JoinBoth { learners } => {
            ("group", "a".into(), tagged(&GroupCommand::JoinBoth { learners }), false)
        }
        Ask::Note { text } => ("notes", "ada".into(), tagged(&NotesCommand::Write { text }), false),
    }
}

/// What serde writes as `{ "type", "data" }`.
fn tagged<C: Serialize>(command: &C) -> Command {
    let text = serde_json::to_string(command).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Command { command_type: text.into(), data: Json::null() })
}
