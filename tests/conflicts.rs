//! Conflicts between devices, as the app meets them: questions that wait for an answer, notes that are merged, decisions that know what
//! arrived, effects whose cause is gone. The real engine, and the rules of the server.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

use serde::{Deserialize, Serialize};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};
use tidelog::{
    aggregate::{Aggregate, Context, DecideError, Registry},
    commit::{Command, Policy},
    conflict::{Became, Choice, Met},
    engine::{At, Changed, Engine, Host, Outcome, Parts, ReadError, Receipt, WriteError, WriteOptions},
    event::NewEvent,
    id::CommitId,
    json::Json,
    log::{AppendError, Authority, MemoryStore},
    merge::{Conflict, Merged},
    testing::{InProcessServer, ManualEnvironment, block_on},
};

/// An answer sheet of which one counts: a person says which.
struct Sheet;

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum SheetCommand {
    HandIn { answers: Vec<u8> },
    Regrade,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum SheetEvent {
    HandedIn { answers: Vec<u8> },
    Regraded { arrived: usize },
}

#[derive(Debug, thiserror::Error)]
enum No {
    #[error("an answer sheet is there already")]
    Twice,
    #[error("both changed the line {0}")]
    SameLine(u8),
}

impl Aggregate for Sheet {
    const NAME: &'static str = "sheet";
    type State = Vec<SheetEvent>;
    type Command = SheetCommand;
    type Event = SheetEvent;
    type Error = No;

    fn decide(
        sheet: &Vec<SheetEvent>,
        command: SheetCommand,
        context: &Context,
    ) -> Result<Vec<SheetEvent>, No> {
        match command {
            SheetCommand::HandIn { .. }
                if sheet.iter().any(|it| matches!(it, SheetEvent::HandedIn { .. })) =>
            {
                Err(No::Twice)
            }
            SheetCommand::HandIn { answers } => Ok(vec![SheetEvent::HandedIn { answers }]),
            SheetCommand::Regrade => Ok(vec![SheetEvent::Regraded { arrived: context.arrived.len() }]),
        }
    }

    fn evolve(mut sheet: Vec<SheetEvent>, event: &SheetEvent) -> Vec<SheetEvent> {
        sheet.push(event.clone());
        sheet
    }

    fn policy(command_type: &str) -> Policy {
        if command_type == "HandIn" { Policy::Ask } else { Policy::Redecide }
    }
}

/// A note of lines: two devices that change different lines don't get into each other's way.
struct Note;

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum NoteCommand {
    Write { line: u8, text: String },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum NoteEvent {
    Written { line: u8, text: String },
}

impl Aggregate for Note {
    const NAME: &'static str = "note";
    type State = BTreeMap<u8, String>;
    type Command = NoteCommand;
    type Event = NoteEvent;
    type Error = No;

    fn decide(
        _: &Self::State,
        NoteCommand::Write { line, text }: NoteCommand,
        _: &Context,
    ) -> Result<Vec<NoteEvent>, No> {
        Ok(vec![NoteEvent::Written { line, text }])
    }

    fn evolve(mut note: Self::State, NoteEvent::Written { line, text }: &NoteEvent) -> Self::State {
        note.insert(*line, text.clone());
        note
    }

    fn policy(_: &str) -> Policy {
        Policy::Merge
    }

    fn merge(conflict: Conflict<'_, Self>, context: &Context) -> Result<Merged<NoteEvent>, No> {
        assert!(context.replay && !conflict.mine.events.is_empty());
        let NoteCommand::Write { line, text } = conflict.command;
        let (base, theirs) = (conflict.base.get(&line), conflict.theirs.state.get(&line));
        if base == theirs {
            return Ok(Merged::Keep);
        }
        assert_eq!(conflict.mine.state.get(&line), Some(&text));
        assert!(!conflict.theirs.events.is_empty());
        match theirs {
            Some(theirs) if *theirs == text => Ok(Merged::Events(vec![])),
            Some(_) if text == "!" => Err(No::SameLine(line)),
            Some(theirs) => {
                Ok(Merged::Events(vec![NoteEvent::Written { line, text: format!("{theirs} / {text}") }]))
            }
            None => Ok(Merged::Keep),
        }
    }
}

#[derive(Default)]
struct Listening(RefCell<Vec<Met>>);

impl Host for Listening {
    fn changed(&self, _: Changed) {}
    fn post(&self, _: &str) {}
    fn met(&self, conflicts: &[Met]) {
        self.0.borrow_mut().extend_from_slice(conflicts);
    }
}

struct Device {
    engine: Engine<MemoryStore>,
    store: MemoryStore,
    host: Rc<Listening>,
    clock: ManualEnvironment,
}

impl Device {
    async fn open(store: &MemoryStore, seed: u64) -> Self {
        let (host, clock) = (Rc::new(Listening::default()), ManualEnvironment::new(seed));
        let mut registry = Registry::default();
        registry.add::<Sheet>().unwrap();
        registry.add::<Note>().unwrap();
        let parts = Parts {
            registry,
            host: Rc::clone(&host) as Rc<dyn Host>,
            ..Parts::new(Authority::Server, clock.surroundings())
        };
        Self { engine: Engine::open(store.clone(), parts).await.unwrap(), store: store.clone(), host, clock }
    }

    async fn new(seed: u64) -> Self {
        Self::open(&MemoryStore::new(), seed).await
    }

    async fn give(&self, stream: &str, command: Command, options: WriteOptions) -> Receipt {
        let (aggregate, id) = stream.split_once('-').unwrap();
        self.engine.execute(aggregate, id, command, options).await.unwrap()
    }

    async fn hand_in(&self, stream: &str, answers: &str) -> Receipt {
        self.give(stream, command("HandIn", &format!(r#"{{"answers":{answers}}}"#)), WriteOptions::default())
            .await
    }

    async fn write(&self, line: u8, text: &str) -> Receipt {
        let write = command("Write", &format!(r#"{{"line":{line},"text":"{text}"}}"#));
        self.give("note-a", write, WriteOptions::default()).await
    }

    async fn sheet(&self, id: &str) -> Vec<SheetEvent> {
        let (state, _) = self.engine.load("sheet", id, At::Now).await.unwrap();
        state.downcast_ref::<Vec<SheetEvent>>().unwrap().clone()
    }

    async fn note(&self) -> Vec<(u8, String)> {
        let (state, _) = self.engine.load("note", "a", At::Now).await.unwrap();
        state.downcast_ref::<BTreeMap<u8, String>>().unwrap().clone().into_iter().collect()
    }

    async fn outcome(&self, receipt: &Receipt) -> Outcome {
        self.engine.outcome(&receipt.stream, receipt.commit_id).await.unwrap()
    }

    fn became(&self) -> Vec<Became> {
        self.host.0.borrow().iter().map(|met| met.status).collect()
    }

    async fn asked(&self) -> Vec<CommitId> {
        self.engine.conflicts().await.unwrap().into_iter().map(|it| it.commit_id).collect()
    }
}

fn command(command_type: &str, data: &str) -> Command {
    Command { command_type: command_type.into(), data: Json::parse(data).unwrap() }
}

fn handed_in(answers: &[u8]) -> SheetEvent {
    SheetEvent::HandedIn { answers: answers.to_vec() }
}

/// Two devices that have both handed in `sheet-a`; the phone was first.
async fn both_hand_in() -> (InProcessServer, Device, Device, Receipt) {
    let (phone, tablet) = (Device::new(1).await, Device::new(2).await);
    let server = InProcessServer::new(&phone.clock);
    phone.hand_in("sheet-a", "[1]").await;
    let late = tablet.hand_in("sheet-a", "[2]").await;
    server.sync(&phone.engine).await;
    server.sync(&tablet.engine).await;
    (server, phone, tablet, late)
}

#[test]
fn a_question_waits_for_its_answer_and_everything_else_goes_on() {
    block_on(async {
        let (phone, tablet) = (Device::new(1).await, Device::new(2).await);
        let server = InProcessServer::new(&phone.clock);
        phone.hand_in("sheet-a", "[1]").await;
        server.sync(&phone.engine).await;
        let late = tablet.hand_in("sheet-a", "[2]").await;
        let behind = tablet.give("sheet-a", command("Regrade", "null"), WriteOptions::default()).await;
        let cause = WriteOptions { causation_id: Some(late.events[0].event.id.0), ..WriteOptions::default() };
        let effect = tablet.give("sheet-b", command("Regrade", "null"), cause).await;
        let other = tablet.write(1, "hello").await;
        server.sync(&tablet.engine).await;

        assert!(matches!(tablet.outcome(&other).await, Outcome::Confirmed { .. }));
        assert_eq!(server.commits().len(), 2, "nothing that waits is pushed");
        let listed = tablet.engine.conflicts().await.unwrap();
        let [question] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!((question.commit_id, question.since, question.waiting), (late.commit_id, 0, 2));
        assert_eq!(question.mine[0].event.data.as_str(), r#"{"answers":[2]}"#);
        assert_eq!(question.theirs[0].event.data.as_str(), r#"{"answers":[1]}"#);
        assert_eq!(question.choices, ["keep", "discard", "events", "redecide", "command"]);
        assert_eq!(tablet.became(), [Became::Asked]);
        // until somebody says otherwise the person sees what they did
        assert_eq!(tablet.sheet("a").await[..2], [handed_in(&[1]), handed_in(&[2])]);

        tablet.engine.resolve(late.commit_id, Choice::Keep).await.unwrap();
        assert_eq!(tablet.became(), [Became::Asked, Became::Kept, Became::Redecided]);
        assert!(tablet.asked().await.is_empty());
        server.sync(&tablet.engine).await;
        server.sync(&phone.engine).await;
        for receipt in [&late, &behind] {
            assert!(matches!(tablet.outcome(receipt).await, Outcome::Rebased { .. }));
        }
        assert!(matches!(tablet.outcome(&effect).await, Outcome::Confirmed { .. }));
        let whole = [handed_in(&[1]), handed_in(&[2]), SheetEvent::Regraded { arrived: 1 }];
        assert_eq!((tablet.sheet("a").await, phone.sheet("a").await), (whole.to_vec(), whole.to_vec()));
        assert_eq!(tablet.engine.status().pending_commits, 0);
    });
}

#[test]
fn a_question_outlives_the_tab_and_is_answered_in_another() {
    block_on(async {
        let (server, _, tablet, late) = both_hand_in().await;
        let (reopened, other) = (Device::open(&tablet.store, 3).await, Device::open(&tablet.store, 4).await);
        tablet.engine.close();
        assert_eq!(reopened.asked().await, [late.commit_id]);
        server.sync(&reopened.engine).await;
        assert_eq!(server.commits().len(), 1);
        assert!(reopened.became().is_empty(), "it is asked once");

        other.engine.resolve(late.commit_id, Choice::Keep).await.unwrap();
        let twice = reopened.engine.resolve(late.commit_id, Choice::Discard).await;
        assert!(matches!(twice, Err(WriteError::Read(ReadError::UnknownCommit(_)))), "{twice:?}");
        server.sync(&reopened.engine).await;
        assert_eq!(reopened.sheet("a").await, [handed_in(&[1]), handed_in(&[2])]);
        assert!(reopened.asked().await.is_empty());
    });
}

#[test]
fn what_others_say_meanwhile_belongs_to_the_question() {
    block_on(async {
        let (server, phone, tablet, late) = both_hand_in().await;
        phone.give("sheet-a", command("Regrade", "null"), WriteOptions::default()).await;
        server.sync(&phone.engine).await;
        server.sync(&tablet.engine).await;
        let [question] = tablet.engine.conflicts().await.unwrap().try_into().unwrap();
        assert_eq!(question.theirs.iter().map(|it| it.version).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(tablet.became(), [Became::Asked]);
        tablet.engine.resolve(late.commit_id, Choice::Command(command("Regrade", "null"))).await.unwrap();
        server.sync(&tablet.engine).await;
        assert_eq!(tablet.sheet("a").await[2], SheetEvent::Regraded { arrived: 2 });
        assert_eq!(&*server.commits()[2].commit.command.as_ref().unwrap().command_type, "Regrade");
    });
}

#[test]
fn an_answer_that_the_rules_refuse_leaves_the_question_open() {
    block_on(async {
        let (server, _, tablet, late) = both_hand_in().await;
        let refused = tablet.engine.resolve(late.commit_id, Choice::Redecide).await.unwrap_err();
        assert!(
            matches!(&refused, WriteError::Decide(DecideError::Refused { message, .. }) if message.contains("already"))
        );
        let empty = tablet.engine.resolve(late.commit_id, Choice::Events(vec![])).await.unwrap_err();
        assert_eq!(empty.code(), "decide-failed");
        let unknown = tablet.engine.resolve(late.commit_id, Choice::Command(command("Fly", "null"))).await;
        assert!(matches!(unknown, Err(WriteError::Decide(DecideError::Failed { .. }))), "{unknown:?}");
        assert_eq!(tablet.asked().await, [late.commit_id]);
        assert_eq!(tablet.engine.status().rejected, 0);

        let events: Vec<NewEvent> =
            serde_json::from_str(r#"[{"type":"HandedIn","data":{"answers":[1,2]}}]"#).unwrap();
        tablet.engine.resolve(late.commit_id, Choice::Events(events)).await.unwrap();
        server.sync(&tablet.engine).await;
        assert_eq!(tablet.sheet("a").await, [handed_in(&[1]), handed_in(&[1, 2])]);
        assert!(matches!(tablet.outcome(&late).await, Outcome::Rebased { .. }));
    });
}

#[test]
fn what_a_person_decides_against_is_rejected_and_can_be_taken_back() {
    block_on(async {
        let (server, _, tablet, late) = both_hand_in().await;
        let cause = WriteOptions { causation_id: Some(late.commit_id.0), ..WriteOptions::default() };
        let effect = tablet.give("sheet-b", command("Regrade", "null"), cause).await;
        tablet.engine.resolve(late.commit_id, Choice::Discard).await.unwrap();
        server.sync(&tablet.engine).await;
        for (receipt, code) in [(&late, "discarded"), (&effect, "builds-on-rejected")] {
            let Outcome::Rejected { reason } = tablet.outcome(receipt).await else { panic!("{code}") };
            assert_eq!(&*reason.code, code);
        }
        assert_eq!(tablet.sheet("a").await, [handed_in(&[1])]);
        assert!(tablet.engine.retry(late.commit_id).await.is_err(), "decided anew, it is refused");
        assert!(tablet.engine.discard(late.commit_id).await.unwrap());
    });
}

#[test]
fn two_questions_of_one_stream_are_asked_one_after_the_other() {
    block_on(async {
        let (server, phone, tablet, late) = both_hand_in().await;
        let options = WriteOptions { policy: Some(Policy::Ask), ..WriteOptions::default() };
        let second = tablet.give("sheet-a", command("Regrade", "null"), options).await;
        server.sync(&tablet.engine).await;
        assert_eq!(tablet.asked().await, [late.commit_id]);
        tablet.engine.resolve(late.commit_id, Choice::Keep).await.unwrap();
        let [question] = tablet.engine.conflicts().await.unwrap().try_into().unwrap();
        assert_eq!((question.commit_id, question.since, question.theirs.len()), (second.commit_id, 0, 1));
        server.sync(&tablet.engine).await;
        assert_eq!(server.commits().len(), 2, "the first is on its way, the second waits");
        tablet.engine.resolve(second.commit_id, Choice::Redecide).await.unwrap();
        server.sync(&tablet.engine).await;
        server.sync(&phone.engine).await;
        assert_eq!(phone.sheet("a").await.len(), 3);
    });
}

#[test]
fn a_merge_function_sees_all_three_sides() {
    block_on(async {
        let (phone, tablet) = (Device::new(1).await, Device::new(2).await);
        let server = InProcessServer::new(&phone.clock);
        phone.write(1, "one").await;
        server.sync(&phone.engine).await;
        server.sync(&tablet.engine).await;
        for (line, text) in [(1, "uno"), (3, "three"), (4, "four")] {
            phone.write(line, text).await;
        }
        let merged = tablet.write(1, "eins").await;
        let kept = tablet.write(2, "zwei").await;
        let absorbed = tablet.write(3, "three").await;
        let refused = tablet.write(4, "!").await;
        server.sync(&phone.engine).await;
        server.sync(&tablet.engine).await;
        server.sync(&phone.engine).await;
        let met = [Became::Merged, Became::Kept, Became::Absorbed, Became::Rejected];
        assert_eq!(tablet.became(), met);
        let expected = [(1, "uno / eins"), (2, "zwei"), (3, "three"), (4, "four")];
        let expected: Vec<_> = expected.into_iter().map(|(line, text)| (line, text.to_owned())).collect();
        assert_eq!((phone.note().await, tablet.note().await), (expected.clone(), expected));
        assert!(matches!(tablet.outcome(&merged).await, Outcome::Rebased { .. }));
        assert!(matches!(tablet.outcome(&kept).await, Outcome::Rebased { .. }));
        assert_eq!(tablet.outcome(&absorbed).await, Outcome::Absorbed);
        let Outcome::Rejected { reason } = tablet.outcome(&refused).await else { panic!() };
        assert_eq!((&*reason.code, &*reason.message), ("domain", "both changed the line 4"));
        let told = tablet.host.0.borrow();
        assert_eq!(told[0].before[0].event.data.as_str(), r#"{"line":1,"text":"eins"}"#);
        assert_eq!(told[0].after[0].event.data.as_str(), r#"{"line":1,"text":"uno / eins"}"#);
        assert_eq!(told[3].reason.as_ref().unwrap().message, "both changed the line 4");
    });
}

#[test]
fn a_decision_knows_what_arrived_since() {
    block_on(async {
        let (phone, tablet) = (Device::new(1).await, Device::new(2).await);
        let server = InProcessServer::new(&phone.clock);
        phone.hand_in("sheet-a", "[1]").await;
        tablet.give("sheet-a", command("Regrade", "null"), WriteOptions::default()).await;
        assert_eq!(tablet.sheet("a").await, [SheetEvent::Regraded { arrived: 0 }]);
        server.sync(&phone.engine).await;
        server.sync(&tablet.engine).await;
        assert_eq!(tablet.sheet("a").await[1], SheetEvent::Regraded { arrived: 1 });
        assert_eq!(tablet.became(), [Became::Redecided]);
    });
}

#[test]
fn what_a_rejected_commit_caused_is_refused_from_then_on() {
    block_on(async {
        let (_, _, tablet, late) = both_hand_in().await;
        let sleeping = Device::open(&tablet.store, 5).await;
        tablet.engine.resolve(late.commit_id, Choice::Discard).await.unwrap();
        // by the commit and by its event, in the tab that knows and in one that slept
        for (device, cause) in
            [(&sleeping, late.commit_id.0), (&tablet, late.commit_id.0), (&tablet, late.events[0].event.id.0)]
        {
            let options = WriteOptions { causation_id: Some(cause), ..WriteOptions::default() };
            let refused = device.engine.execute("sheet", "b", command("Regrade", "null"), options).await;
            let Err(WriteError::Append(AppendError::CauseRejected { cause, .. })) = &refused else {
                panic!("{refused:?}")
            };
            assert_eq!((*cause, refused.unwrap_err().code()), (late.commit_id, "cause-rejected"));
        }
        let reopened = Device::open(&tablet.store, 6).await;
        let options =
            WriteOptions { causation_id: Some(late.events[0].event.id.0), ..WriteOptions::default() };
        assert!(reopened.engine.execute("sheet", "b", command("Regrade", "null"), options).await.is_err());
        // once it is resolved nothing stands against it
        assert!(tablet.engine.discard(late.commit_id).await.unwrap());
        tablet.give("sheet-b", command("Regrade", "null"), WriteOptions::default()).await;
    });
}
