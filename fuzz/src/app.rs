//! An app with a rule, and what it does with a log.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tidelog::{
    aggregate::{Aggregate, Context, Registry},
    commit::Command,
    engine::{At, Engine, Parts, WriteError},
    json::Json,
    log::{Authority, Place, Query, store::Store},
    testing::ManualEnvironment,
};

/// Lessons, each completed once.
pub struct Course;

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CourseCommand {
    CompleteLesson { lesson: String },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CourseEvent {
    LessonCompleted { lesson: String },
}

#[derive(Debug, thiserror::Error)]
#[error("the lesson is completed already")]
pub struct AlreadyCompleted;

impl Aggregate for Course {
    const NAME: &'static str = "course";
    type State = BTreeSet<String>;
    type Command = CourseCommand;
    type Event = CourseEvent;
    type Error = AlreadyCompleted;

    fn decide(
        state: &Self::State,
        CourseCommand::CompleteLesson { lesson }: CourseCommand,
        _: &Context,
    ) -> Result<Vec<CourseEvent>, AlreadyCompleted> {
        if state.contains(&lesson) {
            return Err(AlreadyCompleted);
        }
        Ok(vec![CourseEvent::LessonCompleted { lesson }])
    }

    fn evolve(mut state: Self::State, CourseEvent::LessonCompleted { lesson }: &CourseEvent) -> Self::State {
        state.insert(lesson.clone());
        state
    }
}

/// The command that completes a lesson.
pub fn complete(lesson: u32) -> Command {
    let data = Json::parse(format!("{{\"lesson\":\"l{lesson}\"}}")).expect("JSON");
    Command { command_type: "CompleteLesson".into(), data }
}

/// An engine over a store that another one may have written.
///
/// # Errors
/// What opening it says.
pub async fn engine<S: Store>(store: S, authority: Authority, seed: u64) -> Result<Engine<S>, WriteError> {
    let mut registry = Registry::default();
    registry.add::<Course>().expect("the only aggregate");
    let parts = Parts { registry, ..Parts::new(authority, ManualEnvironment::new(seed).surroundings()) };
    Engine::open(store, parts).await
}

/// What could be read of a log.
#[derive(Debug, Default)]
pub struct Exercise {
    /// The ids of the commits whose events could be read, in order.
    pub commits: Vec<String>,
}

/// Reads everything there is to read. Whatever can't be is an error, and nothing worse.
pub async fn exercise<S: Store>(engine: &Engine<S>) -> Exercise {
    let mut exercise = Exercise::default();
    let mut from = Place::START;
    // More than any log here has; a log that does not end would be an error too.
    for page in 0.. {
        assert!(page < 10_000, "reading goes round in circles");
        let Ok(page) = engine.read(&Query::default(), from, 50).await else { break };
        exercise.commits.extend(page.events.iter().map(|event| event.commit_id.to_string()));
        let Some(next) = page.next else { break };
        from = next;
    }
    exercise.commits.dedup();
    let _ = engine.load("course", "a", At::Now).await;
    let _ = engine.queue(100).await;
    let _ = engine.rejected().await;
    let _ = engine.orphans().await;
    let _ = engine.conflicts().await;
    let _ = engine.maintain().await;
    let _ = engine.status();
    exercise
}
