//! The course domain that the tests play with: rules as real apps have them.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)] // for tests; each uses a part

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, collections::BTreeSet, rc::Rc};
use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    commit::{Command, Policy},
    engine::{Alone, Engine, Host, Parts},
    event::RecordedEvent,
    json::Json,
    log::{Authority, store::Store},
    projection::{Projection, erase},
    testing::ManualEnvironment,
};

/// A learner's way through lessons.
pub struct Course;

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CourseCommand {
    CompleteLesson {
        lesson: String,
    },
    /// As `CompleteLesson`, but silent if it is so already.
    EnsureLesson {
        lesson: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CourseEvent {
    LessonCompleted { lesson: String },
}

#[derive(Debug, thiserror::Error)]
#[error("lesson {0} is completed already")]
pub struct AlreadyCompleted(String);

impl Aggregate for Course {
    const NAME: &'static str = "course";
    type State = BTreeSet<String>;
    type Command = CourseCommand;
    type Event = CourseEvent;
    type Error = AlreadyCompleted;

    fn decide(
        state: &Self::State,
        command: CourseCommand,
        _: &Context,
    ) -> Result<Vec<CourseEvent>, AlreadyCompleted> {
        match command {
            CourseCommand::CompleteLesson { lesson } if state.contains(&lesson) => {
                Err(AlreadyCompleted(lesson))
            }
            CourseCommand::EnsureLesson { lesson } if state.contains(&lesson) => Ok(vec![]),
            CourseCommand::CompleteLesson { lesson } | CourseCommand::EnsureLesson { lesson } => {
                Ok(vec![CourseEvent::LessonCompleted { lesson }])
            }
        }
    }

    fn evolve(mut state: Self::State, event: &CourseEvent) -> Self::State {
        let CourseEvent::LessonCompleted { lesson } = event;
        state.insert(lesson.clone());
        state
    }

    fn code(_: &AlreadyCompleted) -> Option<String> {
        Some("lesson-already-completed".into())
    }
}

/// An exam: answers until it is handed in, which is binding.
pub struct Exam;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    pub answers: BTreeMap<u32, String>,
    pub handed_in: u32,
}

#[derive(Serialize, Deserialize)]
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
pub struct HandedIn;

impl Aggregate for Exam {
    const NAME: &'static str = "exam";
    type State = Sheet;
    type Command = ExamCommand;
    type Event = ExamEvent;
    type Error = HandedIn;

    fn decide(state: &Sheet, command: ExamCommand, _: &Context) -> Result<Vec<ExamEvent>, HandedIn> {
        if state.handed_in > 0 {
            return Err(HandedIn);
        }
        Ok(vec![match command {
            ExamCommand::Answer { question, answer } => ExamEvent::Answered { question, answer },
            ExamCommand::HandIn => ExamEvent::HandedIn { answers: state.answers.clone() },
        }])
    }

    fn evolve(mut state: Sheet, event: &ExamEvent) -> Sheet {
        match event {
            ExamEvent::Answered { question, answer } => {
                state.answers.insert(*question, answer.clone());
            }
            ExamEvent::HandedIn { answers } => {
                state.answers.clone_from(answers);
                state.handed_in += 1;
            }
        }
        state
    }

    fn policy(command_type: &str) -> Policy {
        if command_type == "HandIn" { Policy::Keep } else { Policy::Redecide }
    }

    fn code(_: &HandedIn) -> Option<String> {
        Some("exam-handed-in".into())
    }
}

/// How many lessons each course stream holds, in the order they were completed.
pub struct Progress;

impl Projection for Progress {
    const NAME: &'static str = "progress";
    const TYPES: &'static [&'static str] = &["LessonCompleted"];
    type Row = Vec<String>;

    fn key(event: &RecordedEvent) -> Option<String> {
        Some(event.stream.id().to_owned())
    }

    fn apply(row: Option<Vec<String>>, event: &RecordedEvent) -> Option<Vec<String>> {
        let mut row = row.unwrap_or_default();
        if let Ok(CourseEvent::LessonCompleted { lesson }) = serde_json::from_str(&format!(
            r#"{{"type":"LessonCompleted","data":{}}}"#,
            event.event.data.as_str()
        )) {
            row.push(lesson);
        }
        Some(row)
    }
}

pub fn command(command_type: &str, data: &str) -> Command {
    Command { command_type: command_type.into(), data: Json::parse(data).unwrap() }
}

pub fn complete(lesson: &str) -> Command {
    command("CompleteLesson", &format!(r#"{{"lesson":"{lesson}"}}"#))
}

pub fn parts(authority: Authority, environment: &ManualEnvironment) -> Parts {
    parts_for(authority, environment, Rc::new(Alone))
}

pub fn parts_for(authority: Authority, environment: &ManualEnvironment, host: Rc<dyn Host>) -> Parts {
    let mut registry = Registry::default();
    registry.add::<Course>().unwrap();
    registry.add::<Exam>().unwrap();
    Parts {
        registry,
        projections: vec![erase::<Progress>()],
        host,
        ..Parts::new(authority, environment.surroundings())
    }
}

pub async fn lessons<S: Store>(engine: &Engine<S>, id: &str) -> Vec<String> {
    engine.row("progress", id).await.unwrap().map_or_else(Vec::new, |row| row.to().unwrap())
}

pub async fn completed<S: Store>(engine: &Engine<S>, id: &str) -> Vec<String> {
    let (state, _) = engine.load("course", id, tidelog::engine::At::Now).await.unwrap();
    state.downcast_ref::<BTreeSet<String>>().unwrap().iter().cloned().collect()
}

pub async fn sheet<S: Store>(engine: &Engine<S>, id: &str) -> Sheet {
    let (state, _) = engine.load("exam", id, tidelog::engine::At::Now).await.unwrap();
    state.downcast_ref::<Sheet>().unwrap().clone()
}
