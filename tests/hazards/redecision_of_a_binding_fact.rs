//! Deciding a command again changes what a person did offline; wrong for binding facts such as a handed-in exam.
//!
//! The cure: a policy per command. `keep` gives the same events a new version, whatever stands before them by now.

use super::domain::{Exam, command};
use std::{collections::HashMap, sync::Arc};
use tidelog::{
    aggregate::Registry,
    commit::{PendingCommit, Policy},
    event::{Event, RecordedEvent},
    id::EventId,
    json::Json,
    sync::rebase::{Base, Plan, Rebase},
    testing::{NOW, Samples, confirm, stream},
    upcast::Decoder,
    version::ExpectedVersion,
};
use uuid::Uuid;

/// The phone handed in the exam with the answer "x"; meanwhile the tablet changed the answer to "y", and that arrived first.
fn rebased(policy: Policy) -> Plan {
    let samples = Samples::default();
    let event = |event_type: &str, data: &str| Event {
        id: EventId(Uuid::from_u128(u128::from(data.len() as u64) << 8 | event_type.len() as u128)),
        event_type: event_type.into(),
        schema_version: 1,
        data: Json::parse(data).unwrap(),
        occurred_at: None,
        custom: None,
    };
    let mut foreign = samples.commit("exam-ada", ExpectedVersion::None, 1);
    foreign.events = vec![event("Answered", r#"{"question":1,"answer":"y"}"#)];
    let mut hand_in = samples.commit("exam-ada", ExpectedVersion::None, 1);
    hand_in.command = Some(command("HandIn", "null"));
    hand_in.events = vec![event("HandedIn", r#"{"answers":{"1":"x"}}"#)];

    let mut registry = Registry::default();
    registry.add::<Exam>().unwrap();
    let exam = Arc::clone(registry.get("exam").unwrap().name());
    let decider = registry.get(&exam).unwrap().clone();
    let confirmed = confirm(foreign, 1, 1);
    let events: Vec<_> = RecordedEvent::of_commit(confirmed.commit, 1, Some((1, NOW))).collect();
    let state = decider.evolve(decider.initial().unwrap(), &events).unwrap();
    let base = Base::new(1, Ok((decider, state)), true);
    let pending = PendingCommit { sequence: 1, first_version: 1, policy, reoffered: false, commit: hand_in };
    let refused = HashMap::new();
    let rebase = Rebase {
        registry: &registry,
        decoder: &Decoder::default(),
        now: NOW,
        new_id: &|| Uuid::from_u128(0xfeed),
        refused: &refused,
        parked: &[],
        answers: &HashMap::new(),
    };
    rebase.plan(&[pending], &HashMap::from([(stream("exam-ada"), base)]))
}

#[test]
fn what_was_handed_in_stays_what_was_handed_in() {
    let kept = rebased(Policy::Keep);
    let [replaced] = kept.replaced.as_slice() else { panic!("{kept:?}") };
    assert_eq!(replaced.commit.events[0].data.as_str(), r#"{"answers":{"1":"x"}}"#);
    assert_eq!(replaced.commit.expected_version, ExpectedVersion::Exact(1));

    // what the policy is there to prevent: answers that the person never handed in
    let decided_again = rebased(Policy::Redecide);
    assert_eq!(decided_again.replaced[0].commit.events[0].data.as_str(), r#"{"answers":{"1":"y"}}"#);
    assert_eq!(rebased(Policy::Reject).rejected.len(), 1);
    // and the aggregate says so itself
    assert_eq!(<Exam as tidelog::aggregate::Aggregate>::policy("HandIn"), Policy::Keep);
}
