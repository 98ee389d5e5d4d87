//! The domain of the scenarios; `pkg/tests/scenarios/domain.ts` is the same in TypeScript.

use super::note::{Note, Page};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, rc::Rc};
use tidelog::{
    aggregate::{Aggregate, Context, Registry, State},
    commit::Policy,
    event::RecordedEvent,
    json::Json,
    projection::{Projection, Projector, erase},
    snapshot::Snapshots,
    upcast::{Decoder, Shape, Upcaster},
};

/// Which release of the app it is. The second one makes its snapshots and its rows anew.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "u32")]
pub enum Edition {
    #[default]
    First,
    Second,
}

impl TryFrom<u32> for Edition {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        match number {
            1 => Ok(Self::First),
            2 => Ok(Self::Second),
            _ => Err(format!("there is no edition {number}")),
        }
    }
}

pub struct Course<const EDITION: u32>;

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Lessons {
    lessons: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CourseCommand {
    CompleteLesson { lesson: String },
    EnsureLesson { lesson: String },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CourseEvent {
    LessonCompleted { lesson: String },
    CourseLeft,
}

#[derive(Debug, thiserror::Error)]
#[error("lesson {0} is completed already")]
pub struct AlreadyCompleted(String);

impl<const EDITION: u32> Aggregate for Course<EDITION> {
    const NAME: &'static str = "course";
    const SCHEMA_VERSION: u32 = EDITION;
    type State = Lessons;
    type Command = CourseCommand;
    type Event = CourseEvent;
    type Error = AlreadyCompleted;

    fn decide(
        state: &Lessons,
        command: CourseCommand,
        _: &Context,
    ) -> Result<Vec<CourseEvent>, AlreadyCompleted> {
        match command {
            CourseCommand::CompleteLesson { lesson } if state.lessons.contains(&lesson) => {
                Err(AlreadyCompleted(lesson))
            }
            CourseCommand::EnsureLesson { lesson } if state.lessons.contains(&lesson) => Ok(vec![]),
            CourseCommand::CompleteLesson { lesson } | CourseCommand::EnsureLesson { lesson } => {
                Ok(vec![CourseEvent::LessonCompleted { lesson }])
            }
        }
    }

    fn evolve(mut state: Lessons, event: &CourseEvent) -> Lessons {
        match event {
            CourseEvent::LessonCompleted { lesson } => state.lessons.push(lesson.clone()),
            CourseEvent::CourseLeft => state.lessons.clear(),
        }
        state
    }

    fn snapshots() -> Option<Snapshots<Lessons>> {
        Some(Snapshots::json())
    }

    fn code(_: &AlreadyCompleted) -> Option<String> {
        Some("lesson-already-completed".into())
    }
}

pub struct Exam;

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sheet {
    answers: BTreeMap<u32, String>,
    handed_in: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ExamCommand {
    Answer { question: u32, answer: String },
    HandIn,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ExamEvent {
    Answered { question: u32, answer: String },
    HandedIn { answers: BTreeMap<u32, String> },
}

#[derive(Debug, thiserror::Error)]
#[error("the exam has been handed in")]
pub struct HandedInAlready;

impl Aggregate for Exam {
    const NAME: &'static str = "exam";
    type State = Sheet;
    type Command = ExamCommand;
    type Event = ExamEvent;
    type Error = HandedInAlready;

    fn decide(sheet: &Sheet, command: ExamCommand, _: &Context) -> Result<Vec<ExamEvent>, HandedInAlready> {
        if sheet.handed_in {
            return Err(HandedInAlready);
        }
        Ok(vec![match command {
            ExamCommand::Answer { question, answer } => ExamEvent::Answered { question, answer },
            ExamCommand::HandIn => ExamEvent::HandedIn { answers: sheet.answers.clone() },
        }])
    }

    fn evolve(mut sheet: Sheet, event: &ExamEvent) -> Sheet {
        match event {
            ExamEvent::Answered { question, answer } => {
                sheet.answers.insert(*question, answer.clone());
            }
            ExamEvent::HandedIn { answers } => {
                sheet.answers.clone_from(answers);
                sheet.handed_in = true;
            }
        }
        sheet
    }

    fn policy(command_type: &str) -> Policy {
        if command_type == "HandIn" { Policy::Keep } else { Policy::Redecide }
    }

    fn code(_: &HandedInAlready) -> Option<String> {
        Some("exam-handed-in".into())
    }
}

/// A row for each course: how many lessons are done, which one was last, and in the second edition which one was first.
pub struct Progress<const EDITION: u32>;

#[derive(Serialize, Deserialize)]
pub struct Done {
    done: u32,
    last: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
}

impl<const EDITION: u32> Projection for Progress<EDITION> {
    const NAME: &'static str = "progress";
    const TYPES: &'static [&'static str] = &["LessonCompleted", "CourseLeft"];
    const VERSION: u32 = EDITION;
    const INDEXES: &'static [&'static str] = &["done"];
    type Row = Done;

    fn key(event: &RecordedEvent) -> Option<String> {
        Some(event.stream.id().to_owned())
    }

    fn apply(row: Option<Done>, event: &RecordedEvent) -> Option<Done> {
        #[derive(Deserialize)]
        struct Completed {
            lesson: String,
        }
        if &*event.event.event_type == "CourseLeft" {
            return None;
        }
        let Completed { lesson } = event.event.data.to().unwrap();
        let (done, first) = row.map_or((0, None), |row| (row.done, row.first));
        let first = first.or_else(|| (EDITION > 1).then(|| lesson.clone()));
        Some(Done { done: done + 1, last: lesson, first })
    }
}

pub fn registry(edition: Edition) -> Registry {
    let mut registry = Registry::default();
    match edition {
        Edition::First => registry.add::<Course<1>>().unwrap(),
        Edition::Second => registry.add::<Course<2>>().unwrap(),
    }
    registry.add::<Exam>().unwrap();
    registry.add::<Note>().unwrap();
    registry
}

pub fn progress(edition: Edition) -> Rc<dyn Projector> {
    match edition {
        Edition::First => erase::<Progress<1>>(),
        Edition::Second => erase::<Progress<2>>(),
    }
}

/// Events were once named `LessonDone { unit }`.
pub fn decoder() -> Decoder {
    #[derive(Deserialize)]
    struct Done {
        unit: String,
    }
    let step = |shape: Shape| {
        let Done { unit } = shape.data.to().map_err(|error| error.to_string())?;
        let data = Json::of(&serde_json::json!({ "lesson": unit })).map_err(|error| error.to_string())?;
        Ok(vec![Shape { event_type: "LessonCompleted".into(), schema_version: 2, data }])
    };
    Decoder::new(vec![Upcaster::new("LessonDone", 1).becomes("LessonCompleted", 2).by(step)]).unwrap()
}

/// A state as JSON, as `load` of the npm package gives it.
pub fn state_json(aggregate: &str, state: &State) -> Value {
    let json = match aggregate {
        "course" => serde_json::to_value(state.downcast_ref::<Lessons>().unwrap()),
        "exam" => serde_json::to_value(state.downcast_ref::<Sheet>().unwrap()),
        "note" => serde_json::to_value(state.downcast_ref::<Page>().unwrap()),
        other => panic!("the domain has no aggregate {other}"),
    };
    json.unwrap()
}
