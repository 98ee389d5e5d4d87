//! Rebase as a pure function: what becomes of pending commits (`s:e1'`) when confirmed events (`s:e1`) arrived before them.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::{collections::HashMap, sync::Arc};
use support::*;
use tidelog::{
    aggregate::Registry,
    commit::{Commit, PendingCommit, Policy, Reason},
    conflict::{Became, Choice, Parked},
    environment::Surroundings,
    event::{Event, NewEvent, RecordedEvent},
    id::{CommitId, DeviceId, EventId, SessionId},
    json::Json,
    metadata::Metadata,
    stream::StreamName,
    sync::rebase::{Base, Held, Plan, Rebase},
    testing::ManualEnvironment,
    time::Timestamp,
    upcast::Decoder,
    version::ExpectedVersion,
};
use uuid::Uuid;

struct Story {
    registry: Registry,
    surroundings: Surroundings,
    pending: Vec<PendingCommit>,
    bases: HashMap<StreamName, Base>,
    refused: HashMap<CommitId, Reason>,
    parked: Vec<Parked>,
    answers: HashMap<CommitId, Choice>,
}

impl Story {
    fn new() -> Self {
        let mut registry = Registry::default();
        registry.add::<Course>().unwrap();
        registry.add::<Exam>().unwrap();
        Self {
            registry,
            surroundings: ManualEnvironment::new(7).surroundings(),
            pending: vec![],
            bases: HashMap::new(),
            refused: HashMap::new(),
            parked: vec![],
            answers: HashMap::new(),
        }
    }

    fn commit(&self, stream: &str, expected: ExpectedVersion, events: &[(&str, &str)]) -> Commit {
        let id = || self.surroundings.id().unwrap();
        Commit {
            id: CommitId(id()),
            stream: StreamName::parse(stream).unwrap(),
            expected_version: expected,
            generation: 0,
            since: None,
            metadata: Arc::new(Metadata {
                correlation_id: id(),
                causation_id: None,
                actor: None,
                device_id: DeviceId(Uuid::nil()),
                session_id: SessionId(Uuid::nil()),
                occurred_at: Timestamp(1_767_225_600_000),
                traceparent: None,
            }),
            command: None,
            events: events
                .iter()
                .map(|(event_type, data)| Event {
                    id: EventId(id()),
                    event_type: (*event_type).into(),
                    schema_version: 1,
                    data: Json::parse(*data).unwrap(),
                    occurred_at: None,
                    custom: None,
                })
                .collect(),
        }
    }

    /// A pending commit of a command; its events are what the command decided then.
    fn pending(
        &mut self,
        stream: &str,
        expected: ExpectedVersion,
        policy: Policy,
        ask: Option<(&str, &str)>,
        events: &[(&str, &str)],
    ) -> CommitId {
        let mut commit = self.commit(stream, expected, events);
        commit.command = ask.map(|(command_type, data)| command(command_type, data));
        let id = commit.id;
        let sequence = self.pending.len() as u64 + 1;
        self.pending.push(PendingCommit { sequence, first_version: 0, policy, reoffered: false, commit });
        id
    }

    fn lesson(&mut self, stream: &str, at: u64, lesson: &str) -> CommitId {
        let data = format!(r#"{{"lesson":"{lesson}"}}"#);
        let expected = ExpectedVersion::Exact(at);
        let ask = ("CompleteLesson", data.as_str());
        self.pending(stream, expected, Policy::Redecide, Some(ask), &[("LessonCompleted", &data)])
    }

    /// The stream stands on these confirmed events.
    fn base(&mut self, stream: &str, moved: bool, events: &[(&str, &str)]) {
        let commit = self.commit(stream, ExpectedVersion::Any, events);
        let stream = commit.stream.clone();
        let decider = self.registry.get(stream.aggregate()).cloned().ok_or("unknown aggregate".to_owned());
        let events: Vec<_> = RecordedEvent::of_commit(commit, 1, Some((1, Timestamp(1)))).collect();
        let version = events.len() as u64;
        let state = decider.map(|decider| {
            let state = decider.evolve(decider.initial().unwrap(), &events).unwrap();
            (decider, state)
        });
        self.bases.insert(stream, Base::new(version, state, moved));
    }

    fn plan(&self) -> Plan {
        let new_id = || self.surroundings.id().unwrap();
        let decoder = Decoder::default();
        let rebase = Rebase {
            registry: &self.registry,
            decoder: &decoder,
            now: Timestamp(1_767_225_600_001),
            new_id: &new_id,
            refused: &self.refused,
            parked: &self.parked,
            answers: &self.answers,
        };
        rebase.plan(&self.pending, &self.bases)
    }

    /// The plan in short: `replaced@version`, `absorbed`, `rejected:code` by sequence.
    #[track_caller]
    fn check(&self, expected: &[&str]) -> Plan {
        let plan = self.plan();
        let mut short: Vec<(u64, String)> = vec![];
        short.extend(plan.replaced.iter().map(|it| {
            assert_eq!(it.commit.generation, self.pending[it.sequence as usize - 1].commit.generation + 1);
            (it.sequence, format!("{} replaced@{}", it.sequence, it.commit.expected_version))
        }));
        short.extend(plan.absorbed.iter().map(|it| (*it, format!("{it} absorbed"))));
        short.extend(
            plan.rejected.iter().map(|(it, why)| (*it, format!("{it} rejected:{}", why.reason.code))),
        );
        short.sort();
        let short: Vec<_> = short.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(short, expected);
        plan
    }
}

fn new_event(data: &str) -> NewEvent {
    serde_json::from_str(&format!(r#"{{"type":"Noted","data":{data}}}"#)).unwrap()
}

const L1: (&str, &str) = ("LessonCompleted", r#"{"lesson":"l1"}"#);
const L2: (&str, &str) = ("LessonCompleted", r#"{"lesson":"l2"}"#);
const L3: (&str, &str) = ("LessonCompleted", r#"{"lesson":"l3"}"#);
const HANDED_IN: (&str, &str) = ("HandedIn", r#"{"answers":{}}"#);

#[test]
fn other_streams_stay_as_they_are() {
    let mut story = Story::new();
    story.lesson("course-a", 0, "l1");
    story.check(&[]);
    story.base("course-b", true, &[L1]);
    story.check(&[]);
}

#[test]
fn commands_are_decided_again_on_the_new_state() {
    let mut story = Story::new();
    story.lesson("course-a", 0, "l2");
    story.lesson("course-a", 1, "l3");
    story.base("course-a", true, &[L1]);
    let plan = story.check(&["1 replaced@1", "2 replaced@2"]);
    // the same decision is the same fact: it keeps its identity
    assert_eq!(plan.replaced[0].commit.events, story.pending[0].commit.events);
    assert_eq!(plan.replaced[0].commit.id, story.pending[0].commit.id);
}

#[test]
fn a_rebased_commit_says_since_when() {
    let mut story = Story::new();
    story.lesson("course-a", 0, "l2");
    let kept = Some(("CompleteLesson", L3.1));
    story.pending("course-a", ExpectedVersion::Exact(1), Policy::Keep, kept, &[L3]);
    story.base("course-a", true, &[L1, ("LessonCompleted", r#"{"lesson":"l0"}"#)]);
    story.bases.values_mut().for_each(|base| base.since = 1);
    let plan = story.check(&["1 replaced@2", "2 replaced@3"]);
    let since = |plan: &Plan| plan.replaced.iter().map(|it| it.commit.since).collect::<Vec<_>>();
    assert_eq!(since(&plan), [Some(1), Some(1)]);
    // once more: what is decided again stands on what it was last decided on, what is kept on what it was first decided on
    story.pending.clone_from(&plan.replaced);
    story.bases.clear();
    story.base(
        "course-a",
        true,
        &[L1, ("LessonCompleted", r#"{"lesson":"l0"}"#), ("LessonCompleted", r#"{"lesson":"l4"}"#)],
    );
    story.bases.values_mut().for_each(|base| base.since = 2);
    assert_eq!(since(&story.check(&["1 replaced@3", "2 replaced@4"])), [Some(2), Some(1)]);
}

#[test]
fn a_rule_that_no_longer_holds_rejects_with_the_domains_words_and_later_commits_go_on() {
    let mut story = Story::new();
    story.lesson("course-a", 0, "l1");
    story.lesson("course-a", 1, "l3");
    story.base("course-a", true, &[L1]);
    // the second fits by its number, but stands on another event than before: it is decided again
    let plan = story.check(&["1 rejected:domain", "2 replaced@1"]);
    let reason = &plan.rejected[0].1.reason;
    assert_eq!(reason.message, "lesson l1 is completed already");
    assert_eq!(reason.detail.as_deref(), Some("lesson-already-completed"));
}

#[test]
fn a_command_with_nothing_left_to_say_is_absorbed() {
    let mut story = Story::new();
    let ask = ("EnsureLesson", L1.1);
    story.pending("course-a", ExpectedVersion::Exact(0), Policy::Redecide, Some(ask), &[L1]);
    story.lesson("course-a", 1, "l2");
    story.base("course-a", true, &[L1]);
    story.check(&["1 absorbed", "2 replaced@1"]);
}

#[test]
fn a_binding_fact_is_kept_at_a_new_version() {
    let mut story = Story::new();
    let ask = ("HandIn", "null");
    story.pending("exam-a", ExpectedVersion::Exact(0), Policy::Keep, Some(ask), &[HANDED_IN]);
    story.base("exam-a", true, &[("Answered", r#"{"question":1,"answer":"x"}"#)]);
    let plan = story.check(&["1 replaced@1"]);
    assert_eq!(plan.replaced[0].commit.events, story.pending[0].commit.events);
}

#[test]
fn an_edit_after_the_exam_was_handed_in_elsewhere_is_rejected() {
    let mut story = Story::new();
    let data = r#"{"question":1,"answer":"x"}"#;
    let ask = ("Answer", data);
    story.pending("exam-a", ExpectedVersion::Exact(0), Policy::Redecide, Some(ask), &[("Answered", data)]);
    story.base("exam-a", true, &[HANDED_IN]);
    let plan = story.check(&["1 rejected:domain"]);
    assert_eq!(plan.rejected[0].1.reason.detail.as_deref(), Some("exam-handed-in"));
}

#[test]
fn policies_of_plain_appends() {
    let note = [("Noted", "{}")];
    let cases = [
        (ExpectedVersion::Any, Policy::Keep, vec![]),
        (ExpectedVersion::Exists, Policy::Keep, vec![]),
        (ExpectedVersion::None, Policy::Keep, vec!["1 replaced@1"]),
        (ExpectedVersion::Exact(0), Policy::Keep, vec!["1 replaced@1"]),
        (ExpectedVersion::Exact(0), Policy::Reject, vec!["1 rejected:policy"]),
        (ExpectedVersion::Exact(1), Policy::Reject, vec!["1 rejected:policy"]),
        (ExpectedVersion::Exact(0), Policy::Redecide, vec!["1 rejected:policy"]),
    ];
    for (expected, policy, plan) in cases {
        let mut story = Story::new();
        story.pending("course-a", expected, policy, None, &note);
        story.base("course-a", true, &[L1]);
        // the aggregate can't read these events: what matters here is the version
        story.bases.values_mut().for_each(|base| base.state = Err("unreadable".into()));
        story.check(&plan);
    }
}

#[test]
fn an_unknown_aggregate_or_command_is_kept_as_undecidable() {
    let mut story = Story::new();
    story.pending(
        "shop-a",
        ExpectedVersion::Exact(0),
        Policy::Redecide,
        Some(("Buy", "{}")),
        &[("Bought", "{}")],
    );
    let fly = Some(("Fly", "{}"));
    story.pending("course-a", ExpectedVersion::Exact(0), Policy::Redecide, fly, &[("Flown", "{}")]);
    story.base("shop-a", true, &[("Opened", "{}")]);
    story.base("course-a", true, &[L1]);
    story.check(&["1 rejected:undecidable", "2 rejected:undecidable"]);
}

#[test]
fn what_a_rejected_commit_caused_is_rejected_too_and_nothing_else() {
    let mut story = Story::new();
    story.lesson("course-a", 0, "l1");
    let cause = story.pending[0].commit.events[0].id.0;
    story.lesson("course-b", 0, "l1");
    let caused = &mut story.pending[1].commit;
    caused.metadata = Arc::new(Metadata { causation_id: Some(cause), ..(*caused.metadata).clone() });
    story.lesson("course-c", 0, "l1");
    story.base("course-a", true, &[L1]);
    let plan = story.check(&["1 rejected:domain", "2 rejected:builds-on-rejected"]);
    assert_eq!(plan.rejected[1].1.reason.builds_on, Some(story.pending[0].commit.id));
    // the stream that loses a commit must be given, so that the commits after it in that stream can be decided again
    assert_eq!(plan.needs.iter().map(StreamName::as_str).collect::<Vec<_>>(), ["course-b"]);
    story.lesson("course-b", 1, "l2");
    story.base("course-b", false, &[]);
    let plan = story.check(&["1 rejected:domain", "2 rejected:builds-on-rejected", "4 replaced@0"]);
    assert!(plan.needs.is_empty());
}

#[test]
fn what_the_server_refused_is_rejected_and_its_stream_decided_again() {
    let mut story = Story::new();
    let refused = story.lesson("course-a", 0, "l1");
    story.lesson("course-a", 1, "l2");
    let reason = Reason { code: "server".into(), message: "no".into(), detail: None, builds_on: None };
    story.refused.insert(refused, reason);
    story.base("course-a", false, &[]);
    story.check(&["1 rejected:server", "2 replaced@0"]);
}

#[test]
fn a_question_parks_its_commit_and_holds_back_what_builds_on_it() {
    let mut story = Story::new();
    let asked = story.pending(
        "course-a",
        ExpectedVersion::Exact(0),
        Policy::Ask,
        Some(("CompleteLesson", L1.1)),
        &[L1],
    );
    story.lesson("course-a", 1, "l2");
    story.lesson("course-b", 0, "l1");
    story.base("course-a", true, &[L1]);
    story.base("course-b", true, &[L2]);
    // the second would be decided on a state that nobody has agreed to
    let plan = story.check(&["3 replaced@1"]);
    assert_eq!(plan.became, [(1, Became::Asked), (3, Became::Rebased)]);
    assert_eq!((plan.parked[0].id, plan.parked[0].since), (asked, 1));

    // what arrives meanwhile does not ask again
    story.parked = plan.parked;
    story.base("course-a", true, &[L1, L2]);
    assert!(story.check(&["3 replaced@1"]).parked.is_empty());
}

#[test]
fn an_answer_settles_the_question_and_decides_what_waited_for_it() {
    let l3 = || NewEvent { event_type: "LessonCompleted".into(), ..new_event(r#"{"lesson":"l3"}"#) };
    let cases = [
        (Choice::Keep, vec!["1 replaced@1", "2 replaced@2"], Became::Kept),
        (Choice::Redecide, vec!["1 rejected:domain", "2 replaced@1"], Became::Rejected),
        (Choice::Discard, vec!["1 rejected:discarded", "2 replaced@1"], Became::Rejected),
        (Choice::Events(vec![l3(), l3()]), vec!["1 replaced@1", "2 replaced@3"], Became::Merged),
        (Choice::Events(vec![]), vec!["1 rejected:invalid", "2 replaced@1"], Became::Rejected),
        (Choice::Command(complete("l3")), vec!["1 replaced@1", "2 replaced@2"], Became::Redecided),
        (
            Choice::Command(command("EnsureLesson", L1.1)),
            vec!["1 absorbed", "2 replaced@1"],
            Became::Absorbed,
        ),
    ];
    for (choice, expected, became) in cases {
        let mut story = Story::new();
        let ask = Some(("CompleteLesson", L1.1));
        let id = story.pending("course-a", ExpectedVersion::Exact(0), Policy::Ask, ask, &[L1]);
        story.lesson("course-a", 1, "l2");
        story.parked.push(Parked { id, since: 0, asked_at: Timestamp(1) });
        story.base("course-a", false, &[L1]);
        story.check(&[]);
        story.answers.insert(id, choice.clone());
        let plan = story.check(&expected);
        assert_eq!(plan.became[0], (1, became), "{choice:?}");
        if let Choice::Command(command) = choice
            && let Some(replaced) = plan.replaced.first().filter(|it| it.sequence == 1)
        {
            assert_eq!(replaced.commit.command.as_ref(), Some(&command));
        }
    }
}

#[test]
fn an_answer_to_what_was_not_asked_changes_nothing() {
    let mut story = Story::new();
    let id = story.lesson("course-a", 1, "l2");
    story.answers.insert(id, Choice::Discard);
    story.base("course-a", false, &[L1]);
    story.check(&[]);
}

#[test]
fn a_question_whose_cause_is_rejected_is_rejected_with_it() {
    let mut story = Story::new();
    let cause = story.lesson("course-a", 0, "l1").0;
    let id = story.pending(
        "course-b",
        ExpectedVersion::Exact(0),
        Policy::Ask,
        Some(("CompleteLesson", L1.1)),
        &[L1],
    );
    let caused = &mut story.pending[1].commit;
    caused.metadata = Arc::new(Metadata { causation_id: Some(cause), ..(*caused.metadata).clone() });
    story.parked.push(Parked { id, since: 0, asked_at: Timestamp(1) });
    story.base("course-a", true, &[L1]);
    story.base("course-b", false, &[L1]);
    story.check(&["1 rejected:domain", "2 rejected:builds-on-rejected"]);
}

#[test]
fn what_waits_for_an_answer_is_the_stream_and_what_was_caused() {
    let mut story = Story::new();
    let id = story.lesson("course-a", 0, "l1");
    story.lesson("course-b", 0, "l1");
    story.lesson("course-c", 0, "l1");
    story.lesson("course-c", 1, "l2");
    story.lesson("course-a", 1, "l2");
    story.lesson("course-d", 0, "l1");
    let event = story.pending[0].commit.events[0].id.0;
    let caused = story.pending[2].commit.id.0;
    for (index, cause) in [(2, event), (5, caused)] {
        let commit = &mut story.pending[index].commit;
        commit.metadata = Arc::new(Metadata { causation_id: Some(cause), ..(*commit.metadata).clone() });
    }
    let parked = [Parked { id, since: 0, asked_at: Timestamp(1) }];
    let mut held = Held::new(&parked);
    let held: Vec<bool> = story.pending.iter().map(|it| held.holds(&it.commit)).collect();
    assert_eq!(held, [true, false, true, true, true, true]);
}

#[test]
fn without_a_merge_function_the_events_are_kept() {
    let mut story = Story::new();
    let ask = Some(("CompleteLesson", L1.1));
    story.pending("course-a", ExpectedVersion::Exact(0), Policy::Merge, ask, &[L1]);
    story.base("course-a", true, &[L2]);
    assert_eq!(story.check(&["1 replaced@1"]).became, [(1, Became::Kept)]);
}

#[test]
fn nothing_moves_where_nothing_moved() {
    let mut story = Story::new();
    story.lesson("course-a", 1, "l2");
    story.lesson("course-a", 2, "l3");
    story.base("course-a", false, &[L1]);
    story.check(&[]);
    story.base("course-a", false, &[L1, L2]);
    story.check(&["1 rejected:domain", "2 replaced@2"]);
}

#[test]
fn the_same_pending_on_the_same_base_gives_the_same_plan() {
    let make = || {
        let mut story = Story::new();
        story.lesson("course-a", 0, "l2");
        story.lesson("course-a", 1, "l1");
        story.base("course-a", true, &[L1]);
        story.plan()
    };
    assert_eq!(make(), make());
}
