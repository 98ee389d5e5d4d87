//! Certificates, badges and reminders: what a process leads to, and the process.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)] // for tests; each uses a part

use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    commit::Command,
    engine::{Engine, Parts, Receipt, WriteError, WriteOptions},
    event::RecordedEvent,
    json::Json,
    log::{Authority, Place, Query, store::Store},
    process::{Correlation, Errand, ProcessContext, ProcessManager, Reaction, erase},
    testing::ManualEnvironment,
};

pub const DAY: i64 = 24 * 3_600_000;

/// A thing that is done and taken back, never twice in a row; it can be locked, and then refuses both.
pub struct Thing<K>(PhantomData<K>);

pub trait Kind: 'static {
    const NAME: &'static str;
}

pub struct OfCertificate;
impl Kind for OfCertificate {
    const NAME: &'static str = "certificate";
}

pub struct OfBadge;
impl Kind for OfBadge {
    const NAME: &'static str = "badge";
}

#[derive(Clone, Debug, Default)]
pub struct Held {
    given: bool,
    locked: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ThingCommand {
    Give,
    TakeBack,
    /// As `Give`, but silent if it is so already.
    Ensure,
    Lock,
    Unlock,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ThingEvent {
    Given,
    TakenBack,
    Locked,
    Unlocked,
}

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("it has been given already")]
    Given,
    #[error("there is nothing to take back")]
    Nothing,
    #[error("it is locked")]
    Locked,
}

impl<K: Kind> Aggregate for Thing<K> {
    const NAME: &'static str = K::NAME;
    type State = Held;
    type Command = ThingCommand;
    type Event = ThingEvent;
    type Error = Refusal;

    fn decide(held: &Held, command: ThingCommand, _: &Context) -> Result<Vec<ThingEvent>, Refusal> {
        Ok(vec![match command {
            ThingCommand::Lock => ThingEvent::Locked,
            ThingCommand::Unlock => ThingEvent::Unlocked,
            ThingCommand::Ensure if held.given => return Ok(vec![]),
            _ if held.locked => return Err(Refusal::Locked),
            ThingCommand::Give if held.given => return Err(Refusal::Given),
            ThingCommand::Give | ThingCommand::Ensure => ThingEvent::Given,
            ThingCommand::TakeBack if held.given => ThingEvent::TakenBack,
            ThingCommand::TakeBack => return Err(Refusal::Nothing),
        }])
    }

    fn evolve(held: Held, event: &ThingEvent) -> Held {
        match event {
            ThingEvent::Given => Held { given: true, ..held },
            ThingEvent::TakenBack => Held { given: false, ..held },
            ThingEvent::Locked => Held { locked: true, ..held },
            ThingEvent::Unlocked => Held { locked: false, ..held },
        }
    }

    fn code(refusal: &Refusal) -> Option<String> {
        Some(match refusal {
            Refusal::Given => "given-already".into(),
            Refusal::Nothing => "nothing-to-take-back".into(),
            Refusal::Locked => "locked".into(),
        })
    }
}

/// Reminders: whoever sends one twice sends two.
pub struct Inbox;

#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum InboxCommand {
    Remind,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum InboxEvent {
    Reminded,
}

impl Aggregate for Inbox {
    const NAME: &'static str = "inbox";
    type State = ();
    type Command = InboxCommand;
    type Event = InboxEvent;
    type Error = Refusal;

    fn decide(_: &(), _: InboxCommand, _: &Context) -> Result<Vec<InboxEvent>, Refusal> {
        Ok(vec![InboxEvent::Reminded])
    }

    fn evolve((): (), _: &InboxEvent) {}
}

/// A learner's way: lessons, the end of the course, an exam that is annulled afterwards.
pub struct Way;

#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum WayCommand {
    Lesson,
    Complete,
    Annul,
    Leave,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum WayEvent {
    LessonDone,
    CourseCompleted,
    ExamAnnulled,
    CourseLeft,
}

impl Aggregate for Way {
    const NAME: &'static str = "way";
    type State = ();
    type Command = WayCommand;
    type Event = WayEvent;
    type Error = Refusal;

    fn decide(_: &(), command: WayCommand, _: &Context) -> Result<Vec<WayEvent>, Refusal> {
        Ok(vec![match command {
            WayCommand::Lesson => WayEvent::LessonDone,
            WayCommand::Complete => WayEvent::CourseCompleted,
            WayCommand::Annul => WayEvent::ExamAnnulled,
            WayCommand::Leave => WayEvent::CourseLeft,
        }])
    }

    fn evolve((): (), _: &WayEvent) {}
}

/// Course completed: certificate, then badge. Seven days without progress: a reminder. Exam annulled: all of it is taken back.
pub struct Certification;

#[derive(Default, Serialize, Deserialize)]
pub struct Seen {
    pub lessons: u32,
}

impl ProcessManager for Certification {
    const NAME: &'static str = "certification";
    const TYPES: &'static [&'static str] = &["LessonDone", "CourseCompleted", "ExamAnnulled", "CourseLeft"];
    type State = Seen;

    fn correlate(event: &RecordedEvent) -> Correlation {
        let learner = event.stream.id().to_owned();
        match &*event.event.event_type {
            "LessonDone" | "CourseCompleted" => Correlation::Start(learner),
            "ExamAnnulled" => Correlation::Continue(learner),
            "CourseLeft" => Correlation::Stop(learner),
            _ => Correlation::Ignore,
        }
    }

    fn evolve(seen: Seen, event: &RecordedEvent) -> Seen {
        Seen { lessons: seen.lessons + u32::from(&*event.event.event_type == "LessonDone") }
    }

    fn react(_: &Seen, event: &RecordedEvent, context: &ProcessContext) -> Vec<Reaction> {
        let give = |thing: &str| {
            Reaction::Execute(Errand::new(thing, &context.instance, ask("Give")).or_else(ask("TakeBack")))
        };
        match &*event.event.event_type {
            "LessonDone" => vec![Reaction::after("idle", 7 * DAY as u64)],
            "CourseCompleted" => vec![Reaction::cancel("idle"), give("certificate"), give("badge")],
            "ExamAnnulled" => vec![Reaction::Compensate("the exam was annulled".into())],
            _ => vec![],
        }
    }

    fn on_timeout(_: &Seen, name: &str, context: &ProcessContext) -> Vec<Reaction> {
        let remind = Errand::new("inbox", &context.instance, ask("Remind"));
        vec![Reaction::Execute(remind), Reaction::after(name, 7 * DAY as u64)]
    }
}

pub fn ask(command_type: &str) -> Command {
    Command { command_type: command_type.into(), data: Json::null() }
}

pub fn academy(authority: Authority, environment: &ManualEnvironment) -> Parts {
    let mut registry = Registry::default();
    registry.add::<Way>().unwrap();
    registry.add::<Thing<OfCertificate>>().unwrap();
    registry.add::<Thing<OfBadge>>().unwrap();
    registry.add::<Inbox>().unwrap();
    Parts {
        registry,
        processes: vec![erase::<Certification>()],
        ..Parts::new(authority, environment.surroundings())
    }
}

pub async fn open<S: Store>(store: S, environment: &ManualEnvironment) -> Engine<S> {
    Engine::open(store, academy(Authority::Device, environment)).await.unwrap()
}

pub async fn tell<S: Store>(
    engine: &Engine<S>,
    aggregate: &str,
    command: &str,
) -> Result<Receipt, WriteError> {
    let options = WriteOptions { actor: Some("ada".into()), ..WriteOptions::default() };
    engine.execute(aggregate, "ada", ask(command), options).await
}

/// Lets processes and log act on each other until nothing more comes of it.
pub async fn settle<S: Store>(engine: &Engine<S>) {
    for _ in 0..100 {
        let before = engine.log().head();
        engine.advance_processes().await.unwrap();
        let after = engine.log().head();
        if (before.position, before.next_sequence, before.epoch)
            == (after.position, after.next_sequence, after.epoch)
        {
            return;
        }
    }
    panic!("the process does not come to rest");
}

/// The types of events of the streams that the process leads to, in the log's order: `certificate Given`, …
pub async fn effects<S: Store>(engine: &Engine<S>) -> Vec<String> {
    let page = engine.read(&Query::default(), Place::START, 1_000).await.unwrap();
    let effects = page
        .events
        .iter()
        .filter(|event| event.stream.aggregate() != "way" && event.stream.aggregate() != "certification");
    effects.map(|event| format!("{} {}", event.stream.aggregate(), event.event.event_type)).collect()
}
