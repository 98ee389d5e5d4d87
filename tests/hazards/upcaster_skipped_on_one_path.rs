//! An upcaster is applied when an aggregate is loaded, and forgotten where events are replayed (cqrs-es, issue 80) or looked at as
//! dead letters (AxonFramework, issue 2500): there the old shape turns up.
//!
//! The cure: stored events become events of today's shape at one place, the decoder, and every path goes through it. This test
//! walks all of them over one old event. A new path is added to it by one more line that says what it saw.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering},
};
use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    commit::{Command, Commit, ConfirmedCommit, Policy, Reason, RejectedCommit},
    engine::{At, Engine, Outcome, Parts, WriteError, WriteOptions},
    event::{NewEvent, RecordedEvent},
    json::Json,
    log::{AppendError, Applied, Authority, Change, MemoryStore, Place, Query},
    metrics::Counter,
    process::{self, Correlation, Errand, ProcessContext, ProcessManager, Reaction},
    projection::{Kind, Projection, erase},
    replay::{Control, Replay},
    snapshot::Snapshots,
    stream::StreamName,
    testing::{InProcessServer, ManualEnvironment, block_on},
    time::Timestamp,
    transfer::{ExportOptions, Form},
    upcast::{Decoder, Upcaster},
    version::ExpectedVersion,
};

const OLD: &str = r#"{"unit":"l1"}"#;
const NEW: &str = r#"{"lesson":"l1"}"#;

#[derive(serde::Deserialize)]
#[serde(tag = "type", content = "data")]
enum Ask {
    Complete {
        lesson: String,
    },
    /// Only of a lesson that is completed.
    Repeat {
        lesson: String,
    },
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", content = "data")]
enum Fact {
    LessonCompleted { lesson: String },
}

/// The lessons that were completed; refuses one that is there already.
struct Course;

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("completed already")]
    Already,
    #[error("not completed yet")]
    NotYet,
}

impl Aggregate for Course {
    const NAME: &'static str = "course";

    fn snapshots() -> Option<Snapshots<Vec<String>>> {
        Some(Snapshots::json())
    }

    type State = Vec<String>;
    type Command = Ask;
    type Event = Fact;
    type Error = Refusal;

    fn decide(done: &Vec<String>, ask: Ask, _: &Context) -> Result<Vec<Fact>, Refusal> {
        match ask {
            Ask::Complete { lesson } if done.contains(&lesson) => Err(Refusal::Already),
            Ask::Repeat { lesson } if !done.contains(&lesson) => Err(Refusal::NotYet),
            Ask::Complete { lesson } | Ask::Repeat { lesson } => Ok(vec![Fact::LessonCompleted { lesson }]),
        }
    }

    fn evolve(mut done: Vec<String>, Fact::LessonCompleted { lesson }: &Fact) -> Vec<String> {
        done.push(lesson.clone());
        done
    }
}

/// The data of the events of a stream.
struct Seen<const IMMEDIATE: bool>;

impl<const IMMEDIATE: bool> Projection for Seen<IMMEDIATE> {
    const NAME: &'static str = if IMMEDIATE { "seen-at-once" } else { "seen" };
    const TYPES: &'static [&'static str] = &["LessonCompleted"];
    const KIND: Kind = if IMMEDIATE { Kind::Immediate } else { Kind::Background };
    type Row = Vec<String>;

    fn key(event: &RecordedEvent) -> Option<String> {
        Some(event.stream.as_str().to_owned())
    }

    fn apply(row: Option<Vec<String>>, event: &RecordedEvent) -> Option<Vec<String>> {
        let mut row = row.unwrap_or_default();
        row.push(event.event.data.as_str().to_owned());
        Some(row)
    }
}

/// The data of the events of a course, as a process sees it.
struct Watch;

impl ProcessManager for Watch {
    const NAME: &'static str = "watch";
    const TYPES: &'static [&'static str] = &["LessonCompleted"];
    type State = Vec<String>;

    fn correlate(event: &RecordedEvent) -> Correlation {
        Correlation::Start(event.stream.id().to_owned())
    }

    fn evolve(mut state: Vec<String>, event: &RecordedEvent) -> Vec<String> {
        state.push(event.event.data.as_str().to_owned());
        state
    }

    fn react(_: &Vec<String>, _: &RecordedEvent, _: &ProcessContext) -> Vec<Reaction> {
        vec![]
    }
}

/// Another one for each device, so that no two make the same ids.
fn seed() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What is completed in `course-ahead` is completed in `course-after` too, before the server has spoken.
struct Ahead;

impl ProcessManager for Ahead {
    const NAME: &'static str = "ahead";
    const TYPES: &'static [&'static str] = &["LessonCompleted"];
    const ON_PENDING: bool = true;
    type State = ();

    fn correlate(event: &RecordedEvent) -> Correlation {
        if event.stream.id() == "ahead" { Correlation::Start("ahead".into()) } else { Correlation::Ignore }
    }

    fn evolve((): (), _: &RecordedEvent) {}

    fn react(_: &(), event: &RecordedEvent, _: &ProcessContext) -> Vec<Reaction> {
        let command = Command { command_type: "Complete".into(), data: event.event.data.clone() };
        vec![Reaction::Execute(Errand::new("course", "after", command))]
    }
}

type Log = Engine<MemoryStore>;

async fn open(authority: Authority) -> Log {
    over(&MemoryStore::new(), authority).await
}

async fn over(store: &MemoryStore, authority: Authority) -> Log {
    let mut registry = Registry::default();
    registry.add::<Course>().unwrap();
    let renamed = Upcaster::new("LessonDone", 1)
        .becomes("LessonCompleted", 2)
        .steps(serde_json::from_str(r#"[{ "rename": "unit", "to": "lesson" }]"#).unwrap());
    let parts = Parts {
        registry,
        projections: vec![erase::<Seen<false>>(), erase::<Seen<true>>()],
        processes: vec![process::erase::<Watch>(), process::erase::<Ahead>()],
        decoder: Decoder::new(vec![renamed]).unwrap(),
        ..Parts::new(authority, ManualEnvironment::new(seed()).surroundings())
    };
    Engine::open(store.clone(), parts).await.unwrap()
}

fn old() -> NewEvent {
    NewEvent {
        event_type: "LessonDone".into(),
        schema_version: Some(1),
        data: Json::parse(OLD).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

fn stream() -> StreamName {
    StreamName::parse("course-a").unwrap()
}

/// What a path showed of the old event must be today's.
#[track_caller]
fn today<'e>(path: &str, events: impl IntoIterator<Item = &'e RecordedEvent>) {
    let seen: Vec<_> = events
        .into_iter()
        .map(|it| (&*it.event.event_type, it.event.schema_version, it.event.data.as_str()))
        .collect();
    assert_eq!(seen, [("LessonCompleted", 2, NEW)], "{path}");
}

/// What every log can do with what it holds, confirmed or pending.
async fn walk_reading(log: &Log) {
    let (state, _) = log.load("course", "a", At::Now).await.unwrap();
    assert_eq!(state.downcast_ref::<Vec<String>>().unwrap(), &["l1"], "load");
    let (state, _) = log.load("course", "a", At::Version(1)).await.unwrap();
    assert_eq!(state.downcast_ref::<Vec<String>>().unwrap(), &["l1"], "time travel");
    today("read", &log.read(&Query::default(), Place::START, 9).await.unwrap().events);
    let by_type = Query { types: vec!["LessonCompleted".into()], ..Query::default() };
    today("read by today's type", &log.read(&by_type, Place::START, 9).await.unwrap().events);
    for projection in ["seen", "seen-at-once"] {
        let row = log.row(projection, "course-a").await.unwrap().unwrap();
        assert_eq!(row.to::<Vec<String>>().unwrap(), [NEW], "projection {projection}");
    }
    let cloud = ExportOptions { form: Form::CloudEvents, ..ExportOptions::default() };
    let mut export = log.export(cloud);
    let exported = export.next().await.unwrap().unwrap();
    assert!(exported.contains(NEW) && !exported.contains(OLD), "export: {exported}");
    let again = log.execute(
        "course",
        "a",
        serde_json::from_str(r#"{"type":"Complete","data":{"lesson":"l1"}}"#).unwrap(),
        WriteOptions::default(),
    );
    assert_eq!(again.await.unwrap_err().code(), "refused", "decide");
    let expecting =
        WriteOptions { expected_version: Some(ExpectedVersion::Exact(0)), ..WriteOptions::default() };
    let Err(WriteError::Append(AppendError::Conflict { missing, .. })) =
        log.append("course-a", vec![old()], expecting).await
    else {
        panic!("a conflict was expected");
    };
    today("what is missing in a conflict", &missing);
}

#[test]
fn every_path_shows_todays_shape_of_a_confirmed_event() {
    block_on(async {
        let log = open(Authority::Device).await;
        let receipt = log.append("course-a", vec![old()], WriteOptions::default()).await.unwrap();
        today("the receipt of an append", &receipt.events);
        walk_reading(&log).await;

        log.rebuild("seen", &mut |_| ControlFlow::Continue(())).await.unwrap();
        let row = log.row("seen", "course-a").await.unwrap().unwrap();
        assert_eq!(row.to::<Vec<String>>().unwrap(), [NEW], "a rebuild");
        let row = log.row_at("seen", "course-a", At::Position(1)).await.unwrap().unwrap();
        assert_eq!(row.to::<Vec<String>>().unwrap(), [NEW], "a row as it once was");
        let difference =
            log.state_difference("course", "a", At::Version(0), At::Version(1), 9).await.unwrap();
        today("the events between two moments", &difference.events);
        let mut replayed = Vec::new();
        let mut keeping = |events: &[RecordedEvent]| {
            replayed.extend(events.to_vec());
            Ok(())
        };
        log.replay(&Replay::default(), &mut keeping, &Control::default()).await.unwrap();
        today("replay", &replayed);
        log.advance_processes().await.unwrap();
        let process = log.process("watch", "a").await.unwrap().unwrap();
        assert_eq!(process.state.to::<Vec<String>>().unwrap(), [NEW], "process manager");
    });
}

#[test]
fn every_path_shows_todays_shape_of_a_pending_event() {
    block_on(async {
        let log = open(Authority::Server).await;
        let named = WriteOptions {
            command_id: Some(tidelog::command_id::CommandId::parse("the append").unwrap()),
            ..WriteOptions::default()
        };
        let receipt = log.append("course-a", vec![old()], named.clone()).await.unwrap();
        today("the receipt of a pending append", &receipt.events);
        let again = log.append("course-a", vec![old()], named).await.unwrap();
        today("the receipt of one that was given twice", &again.events);
        walk_reading(&log).await;
        today("the queue", &log.queue(9).await.unwrap()[0].events);
    });
}

#[test]
fn a_snapshot_holds_what_todays_shape_makes() {
    block_on(async {
        let store = MemoryStore::new();
        let log = over(&store, Authority::Device).await;
        let many = (0..20).map(|_| old()).collect();
        log.append("course-a", many, WriteOptions::default()).await.unwrap();
        assert_eq!(log.take_snapshot("course", "a").await.unwrap().unwrap().version, 20);
        log.append("course-a", vec![old()], WriteOptions::default()).await.unwrap();
        log.close();
        let log = over(&store, Authority::Device).await;
        let (state, version) = log.load("course", "a", At::Now).await.unwrap();
        let lessons = state.downcast_ref::<Vec<String>>().unwrap();
        assert_eq!((lessons, version), (&vec!["l1".to_owned(); 21], 21));
        assert_eq!(log.metrics().counters.of(Counter::SnapshotHits), 1);
    });
}

/// A decision is made again on what a pull brought: by the server, through the real exchange.
#[test]
fn a_rebase_decides_on_todays_shape_of_what_a_pull_brought() {
    block_on(async {
        let clock = ManualEnvironment::new(1);
        let server = InProcessServer::new(&clock);
        let [first, second] = [open(Authority::Server).await, open(Authority::Server).await];
        let elsewhere = open(Authority::Server).await;
        first.append("course-a", vec![old()], WriteOptions::default()).await.unwrap();
        let complete = || serde_json::from_str(r#"{"type":"Complete","data":{"lesson":"l1"}}"#).unwrap();
        let lost = second.execute("course", "a", complete(), WriteOptions::default()).await.unwrap();
        server.sync(&first).await;
        server.sync(&second).await;
        // `decide` saw the lesson in the old event
        let Outcome::Rejected { reason, .. } = second.outcome(&stream(), lost.commit_id).await.unwrap()
        else {
            panic!("it was decided again and refused");
        };
        assert_eq!(reason.message, "completed already");
        walk_reading(&second).await;
        server.sync(&elsewhere).await;
        walk_reading(&elsewhere).await;
    });
}

/// What is decided again after an old event that is pending itself stands on today's shape of it.
#[test]
fn a_rebase_decides_on_todays_shape_of_what_is_pending() {
    block_on(async {
        let server = InProcessServer::new(&ManualEnvironment::new(1));
        let [first, second] = [open(Authority::Server).await, open(Authority::Server).await];
        let ask = |json: &str| serde_json::from_str(json).unwrap();
        let other = ask(r#"{"type":"Complete","data":{"lesson":"l3"}}"#);
        first.execute("course", "a", other, WriteOptions::default()).await.unwrap();
        second.append("course-a", vec![old()], WriteOptions::default()).await.unwrap();
        let repeat = ask(r#"{"type":"Repeat","data":{"lesson":"l1"}}"#);
        let repeated = second.execute("course", "a", repeat, WriteOptions::default()).await.unwrap();
        server.sync(&first).await;
        server.sync(&second).await;
        let outcome = second.outcome(&stream(), repeated.commit_id).await.unwrap();
        assert!(matches!(outcome, Outcome::Rebased { version: 3, .. }), "{outcome:?}");
        let (state, _) = second.load("course", "a", At::Now).await.unwrap();
        assert_eq!(state.downcast_ref::<Vec<String>>().unwrap(), &["l3", "l1", "l1"]);
    });
}

#[test]
fn a_process_that_acts_on_pending_events_sees_todays_shape() {
    block_on(async {
        let log = open(Authority::Server).await;
        log.append("course-ahead", vec![old()], WriteOptions::default()).await.unwrap();
        log.advance_processes().await.unwrap();
        let (state, _) = log.load("course", "after", At::Now).await.unwrap();
        assert_eq!(state.downcast_ref::<Vec<String>>().unwrap(), &["l1"]);
    });
}

/// A commit with the old event, as the server sends it.
fn confirmed(commit: Commit) -> ConfirmedCommit {
    ConfirmedCommit { first_version: 1, first_position: 1, recorded_at: Timestamp(1_767_225_600_000), commit }
}

#[test]
fn every_path_shows_todays_shape_of_what_a_pull_brought() {
    block_on(async {
        let log = open(Authority::Server).await;
        let receipt = log.append("course-a", vec![old()], WriteOptions::default()).await.unwrap();
        let mut own = log.log().pending(0, 1, usize::MAX).await.unwrap().remove(0);
        own.commit.generation = 1;
        let change = Change {
            seen: log.log().head(),
            confirmed: vec![confirmed(own.commit)],
            settled: vec![own.sequence],
            ..Change::default()
        };
        assert_eq!(log.log().apply(change).await.unwrap(), Applied::Done);
        walk_reading(&log).await;
        let Outcome::Rebased { events, .. } = log.outcome(&stream(), receipt.commit_id).await.unwrap() else {
            panic!("it was rebased");
        };
        today("the outcome of a rebased commit", &events);
    });
}

#[test]
fn a_rejected_commit_shows_todays_shape() {
    block_on(async {
        let log = open(Authority::Server).await;
        log.append(
            "course-a",
            vec![old()],
            WriteOptions { policy: Some(Policy::Reject), ..WriteOptions::default() },
        )
        .await
        .unwrap();
        let own = log.log().pending(0, 1, usize::MAX).await.unwrap().remove(0);
        let reason = Reason { code: "server".into(), message: "no".into(), detail: None, builds_on: None };
        let rejected =
            RejectedCommit { commit: own.commit, reason, rejected_at: Timestamp(1_767_225_600_000) };
        let change = Change {
            seen: log.log().head(),
            rejected: vec![(own.sequence, rejected)],
            revises: true,
            ..Change::default()
        };
        assert_eq!(log.log().apply(change).await.unwrap(), Applied::Done);
        let listed = log.rejected().await.unwrap();
        let events: Vec<_> = listed[0]
            .events
            .iter()
            .map(|it| (&*it.event_type, it.schema_version, it.data.as_str()))
            .collect();
        assert_eq!(events, [("LessonCompleted", 2, NEW)]);
        let again = log.retry(listed[0].commit_id).await.unwrap();
        today("the receipt of a retry", &again.events);
        walk_reading(&log).await;
    });
}
