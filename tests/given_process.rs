//! Stories about a process manager: a certificate, then a badge, and what makes up for them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::{Value, json};
use std::panic::catch_unwind;
use tidelog::{
    commit::Command,
    event::RecordedEvent,
    json::Json,
    process::{Correlation, Errand, ProcessContext, ProcessManager, ProcessState, Reaction},
    testing::given::{self, Happened, Order, command, happened},
};

const DAY: i64 = 86_400_000;

/// Whoever completes a course gets a certificate, then a badge; whoever is idle for seven days a reminder, once.
struct Certification;

fn ask(command_type: &str) -> Command {
    Command { command_type: command_type.into(), data: Json::null() }
}

impl ProcessManager for Certification {
    const NAME: &'static str = "certification";
    const TYPES: &'static [&'static str] = &["LessonCompleted", "CourseCompleted", "ExamAnnulled"];
    type State = u32;

    fn correlate(event: &RecordedEvent) -> Correlation {
        let learner = event.stream.id().to_owned();
        match &*event.event.event_type {
            "LessonCompleted" => Correlation::Start(learner),
            _ => Correlation::Continue(learner),
        }
    }

    fn evolve(lessons: u32, event: &RecordedEvent) -> u32 {
        lessons + u32::from(&*event.event.event_type == "LessonCompleted")
    }

    fn react(_: &u32, event: &RecordedEvent, context: &ProcessContext) -> Vec<Reaction> {
        match &*event.event.event_type {
            "LessonCompleted" => vec![Reaction::after("idle", 7 * DAY as u64)],
            "CourseCompleted" => vec![
                Reaction::cancel("idle"),
                Reaction::Execute(
                    Errand::new("certificate", &context.instance, ask("Issue")).or_else(ask("Revoke")),
                ),
                Reaction::Execute(
                    Errand::new("badge", &context.instance, ask("Grant")).or_else(ask("Withdraw")),
                ),
            ],
            _ => vec![Reaction::Compensate("the exam was annulled".into())],
        }
    }

    fn on_timeout(_: &u32, _: &str, context: &ProcessContext) -> Vec<Reaction> {
        vec![Reaction::Execute(Errand::new("inbox", &context.instance, ask("Remind")))]
    }
}

fn event(event_type: &str) -> Happened {
    happened("course-ada", json!({ "type": event_type }))
}

fn given_command(stream: &str, command_type: &str) -> Order {
    command(stream, json!({ "type": command_type, "data": Value::Null }))
}

fn issue() -> Order {
    given_command("certificate-ada", "Issue")
}

fn grant() -> Order {
    given_command("badge-ada", "Grant")
}

#[test]
fn commands_follow_events_and_history_is_not_acted_upon() {
    given::process::<Certification>([event("LessonCompleted")])
        .then_nothing()
        .then_state("ada", Some(&1))
        .when(event("LessonCompleted"))
        .when(event("SomethingElse"))
        .then_nothing()
        .then_state("ada", Some(&2))
        .then_waits("ada", [("idle", 7 * DAY)])
        .when(event("CourseCompleted"))
        .then_commands([issue(), grant()])
        .then_waits("ada", [])
        .then_status("ada", Some(ProcessState::Running))
        .then_status("bob", None);
}

#[test]
fn timeouts_ring_once_and_in_their_time() {
    given::process::<Certification>([event("LessonCompleted")])
        .later(6 * DAY)
        .when(event("LessonCompleted"))
        .later(7 * DAY - 1)
        .then_nothing()
        .then_waits("ada", [("idle", 1)])
        .later(1)
        .then_commands([given_command("inbox-ada", "Remind")])
        .later(100 * DAY)
        .then_nothing();
}

#[test]
fn a_refused_step_is_made_up_for_the_latest_first() {
    let course = || given::process::<Certification>([event("LessonCompleted")]);
    let revoke = || given_command("certificate-ada", "Revoke");
    course()
        .refuse("badge-ada", "no-badges")
        .when(event("CourseCompleted"))
        .then_commands([issue(), revoke()])
        .then_status("ada", Some(ProcessState::Compensated));
    course()
        .refuse("certificate-ada", "no-paper")
        .when(event("CourseCompleted"))
        .then_nothing()
        .then_status("ada", Some(ProcessState::Compensated));
    course()
        .when(event("CourseCompleted"))
        .then_commands([issue(), grant()])
        .when(event("ExamAnnulled"))
        .then_commands([given_command("badge-ada", "Withdraw"), revoke()])
        .then_status("ada", Some(ProcessState::Compensated));
    course()
        .when(event("CourseCompleted"))
        .then_commands([issue(), grant()])
        .refuse("certificate-ada", "lost")
        .when(event("ExamAnnulled"))
        .then_commands([given_command("badge-ada", "Withdraw")])
        .then_status("ada", Some(ProcessState::Failed));
}

#[test]
fn what_differs_is_shown() {
    let story = || given::process::<Certification>([event("LessonCompleted")]).when(event("CourseCompleted"));
    let thrown = catch_unwind(move || drop(story().then_commands([issue()]))).unwrap_err();
    let said = thrown.downcast_ref::<String>().unwrap();
    assert!(
        said.contains("the commands differ") && said.contains("+     \"stream\": \"badge-ada\""),
        "{said}"
    );
    assert!(catch_unwind(move || drop(story().then_nothing())).is_err());
    assert!(catch_unwind(move || drop(story().then_status("ada", None))).is_err());
    assert!(catch_unwind(move || drop(story().then_waits("ada", [("idle", 1)]))).is_err());
    assert!(catch_unwind(move || drop(story().then_state("ada", Some(&9)))).is_err());
}
