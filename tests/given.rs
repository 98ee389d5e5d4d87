//! The testing kit, on the course domain: what it accepts, and what its messages say.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::json;
use std::panic::catch_unwind;
use support::{Course, CourseCommand, CourseEvent, Exam, ExamCommand, ExamEvent, Progress, Sheet};
use tidelog::{
    json::Json,
    testing::given::{self, Story, command, happened, shape},
    upcast::{Decoder, Shape, Upcaster},
};

fn completed(lesson: &str) -> CourseEvent {
    CourseEvent::LessonCompleted { lesson: lesson.into() }
}

fn complete(lesson: &str) -> CourseCommand {
    CourseCommand::CompleteLesson { lesson: lesson.into() }
}

/// The message of the panic that a story ends with.
fn message(story: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let thrown = catch_unwind(story).unwrap_err();
    thrown.downcast_ref::<String>().cloned().or(thrown.downcast_ref::<&str>().map(|it| (*it).into())).unwrap()
}

#[test]
fn a_command_meets_what_has_happened() {
    let course = || given::aggregate::<Course>([completed("l1")]);
    course().when(complete("l2")).then([completed("l2")]).then_state(&["l1", "l2"].map(Into::into).into());
    course().when(complete("l1")).then_refused("lesson-already-completed");
    course().when(complete("l1")).then_refused("lesson l1 is completed already");
    course().when(CourseCommand::EnsureLesson { lesson: "l1".into() }).then_nothing();
    course().then_state(&["l1"].map(Into::into).into());
}

#[test]
fn what_differs_is_shown_line_by_line() {
    let course = || given::aggregate::<Course>([completed("l1")]);
    let said = message(move || drop(course().when(complete("l2")).then([completed("l3")])));
    assert!(said.contains("the events differ"), "{said}");
    assert!(
        said.contains("-       \"lesson\": \"l3\"") && said.contains("+       \"lesson\": \"l2\""),
        "{said}"
    );
    let said = message(move || drop(course().when(complete("l1")).then([completed("l1")])));
    assert!(said.contains("lesson l1 is completed already"), "{said}");
    let said = message(move || drop(course().when(complete("l2")).then_refused("lesson-already-completed")));
    assert!(said.contains("was to be refused"), "{said}");
    let said = message(move || drop(course().when(complete("l1")).then_refused("other")));
    assert!(said.contains("- other") && said.contains("lesson-already-completed"), "{said}");
    let said = message(move || _ = course().then_state(&["l2"].map(Into::into).into()));
    assert!(said.contains("-     \"l2\",") && said.contains("+     \"l1\","), "{said}");
}

#[test]
fn rows_are_made_of_events() {
    let events = [
        happened("course-ada", completed("l1")),
        happened("course-bob", completed("l1")).by("bob"),
        happened("course-ada", completed("l2")),
        happened("exam-ada", json!({ "type": "HandedIn", "data": { "answers": {} } })),
    ];
    let rows = given::projection::<Progress>(events);
    rows.then([("ada", vec!["l1".into(), "l2".into()]), ("bob", vec!["l1".into()])]);
    rows.then_row("ada", Some(vec!["l1".into(), "l2".into()])).then_row("cyd", None);
    let said = message(|| _ = given::projection::<Progress>([]).then_row("ada", Some(vec![])));
    assert!(said.contains("the rows of ada differ"), "{said}");
}

#[test]
fn stored_events_are_read_as_todays() {
    let rename = |old: Shape| {
        let unit: serde_json::Value = old.data.to().map_err(|error| error.to_string())?;
        let lesson = unit.get("unit").ok_or("no unit")?;
        let data = Json::of(&json!({ "lesson": lesson })).map_err(|error| error.to_string())?;
        Ok(vec![Shape { event_type: "LessonCompleted".into(), schema_version: 1, data }])
    };
    let upcaster = Upcaster::new("LessonDone", 1).becomes("LessonCompleted", 1).by(rename);
    let decoder = Decoder::new(vec![upcaster]).unwrap();
    let today = || shape("LessonCompleted", 1, json!({ "lesson": "l1" }));
    given::upcaster(&decoder, shape("LessonDone", 1, json!({ "unit": "l1" }))).then([today()]);
    given::upcaster(&decoder, today()).then([today()]);
    given::upcaster(&decoder, shape("LessonDone", 1, json!({}))).then_fails("no unit");
}

fn answer(answer: &str) -> ExamCommand {
    ExamCommand::Answer { question: 1, answer: answer.into() }
}

/// Phone and tablet were offline: both completed l1, each one more; the phone handed in the exam, the tablet edited it.
fn two_devices() -> Story {
    given::history([happened("exam-ada", ExamEvent::Answered { question: 1, answer: "x".into() })])
        .aggregate::<Course>()
        .aggregate::<Exam>()
        .projection::<Progress>()
        .device(
            "phone",
            [
                command("course-ada", complete("l1")),
                command("course-ada", complete("l2")),
                command("exam-ada", ExamCommand::HandIn),
                command("exam-ada", answer("z")).refused("exam-handed-in"),
            ],
        )
        .device(
            "tablet",
            [
                command("course-ada", complete("l1")),
                command("course-ada", complete("l3")),
                command("exam-ada", answer("y")),
            ],
        )
}

#[test]
fn devices_that_were_offline_agree_whoever_comes_first() {
    let sheet = Sheet { answers: [(1, "x".into())].into(), handed_in: 1 };
    two_devices()
        .sync(["phone", "tablet"])
        .then_state::<Course>("ada", &["l1", "l2", "l3"].map(Into::into).into())
        .then_state::<Exam>("ada", &sheet)
        .then_row::<Progress>("ada", Some(["l1", "l2", "l3"].map(Into::into).into()))
        .then_events("course-ada", ["l1", "l2", "l3"].map(completed))
        .then_outcomes("phone", ["confirmed", "confirmed", "confirmed"])
        .then_outcomes(
            "tablet",
            ["rejected: lesson-already-completed", "rebased", "rejected: exam-handed-in"],
        )
        .then_rejected("tablet", 2)
        .then_rejected("phone", 0);
    two_devices()
        .sync(["tablet", "phone"])
        .then_state::<Exam>("ada", &sheet)
        .then_outcomes("tablet", ["confirmed", "confirmed", "confirmed"])
        .then_outcomes("phone", ["rejected: lesson-already-completed", "rebased", "rebased"]);
}

#[test]
fn a_story_goes_on_after_a_sync() {
    two_devices()
        .sync(["phone"])
        .then_outcomes("tablet", ["pending", "pending", "pending"])
        .device("laptop", [command("course-ada", complete("l2")).refused("lesson-already-completed")])
        .device("phone", [command("course-ada", complete("l4"))])
        .later(60_000)
        .sync(["tablet", "laptop", "phone"])
        .then_events("course-ada", ["l1", "l2", "l3", "l4"].map(completed))
        .then(|story| {
            let recorded: Vec<i64> =
                story.server().commits().iter().map(|commit| commit.recorded_at.millis()).collect();
            assert_eq!(recorded.last().unwrap() - recorded[0], 60_000);
            assert_eq!(story.engine("laptop").status().position, recorded.len() as u64);
        });
}

#[test]
fn a_story_that_is_told_wrong_says_so() {
    let story = || two_devices();
    assert!(message(move || drop(story().sync(["watch"]))).contains("no device watch"));
    assert!(message(move || drop(story().then_rejected("watch", 0))).contains("no device watch"));
    let nobody = move || drop(story().then_state::<Exam>("ada", &Sheet::default()));
    assert!(message(nobody).contains("let one sync first"));
    let again = move || drop(story().device("phone", [command("course-ada", complete("l1"))]));
    assert!(message(again).contains("phone: CompleteLesson for course-ada was refused"));
    let accepted =
        move || drop(story().device("phone", [command("course-ada", complete("l9")).refused("x")]));
    assert!(message(accepted).contains("but was accepted"));
    let outcomes = move || drop(story().sync(["phone"]).then_outcomes("phone", ["confirmed"]));
    assert!(message(outcomes).contains("the outcomes on phone differ"));
}
