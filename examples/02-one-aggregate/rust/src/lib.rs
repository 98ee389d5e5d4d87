//! A course that one learner takes: the aggregate of this example, in Rust.

use serde::{Deserialize, Serialize};
use tidelog::aggregate::{Aggregate, Context};

/// What can be asked for.
#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CourseCommand {
    /// Begin a course of these lessons.
    Enrol {
        /// The lessons, in their order.
        lessons: Vec<String>,
    },
    /// Complete a lesson of it.
    CompleteLesson {
        /// The lesson.
        lesson: String,
    },
}

/// What can happen.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CourseEvent {
    /// A course has begun.
    Enrolled {
        /// Its lessons, in their order.
        lessons: Vec<String>,
    },
    /// A lesson was completed.
    LessonCompleted {
        /// The lesson.
        lesson: String,
    },
    /// It was the last one.
    CourseCompleted {
        /// How many lessons the course had.
        lessons: usize,
    },
}

/// What the rules need to know. It crosses to TypeScript as serde writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CourseState {
    lessons: Vec<String>,
    completed: Vec<String>,
    finished: bool,
}

/// The rules that can refuse a command.
#[derive(Debug, thiserror::Error)]
pub enum CourseError {
    /// A course begins once.
    #[error("You are enrolled already")]
    AlreadyEnrolled,
    /// Only lessons of the course can be completed.
    #[error("The course has no lesson {0}")]
    NoSuchLesson(String),
}

/// The aggregate.
pub struct Course;

impl Aggregate for Course {
    const NAME: &'static str = "course";
    type State = CourseState;
    type Command = CourseCommand;
    type Event = CourseEvent;
    type Error = CourseError;

    fn decide(
        state: &CourseState,
        command: CourseCommand,
        _: &Context,
    ) -> Result<Vec<CourseEvent>, CourseError> {
        match command {
            CourseCommand::Enrol { .. } if !state.lessons.is_empty() => Err(CourseError::AlreadyEnrolled),
            CourseCommand::Enrol { lessons } => Ok(vec![CourseEvent::Enrolled { lessons }]),
            CourseCommand::CompleteLesson { lesson } if !state.lessons.contains(&lesson) => {
                Err(CourseError::NoSuchLesson(lesson))
            }
            CourseCommand::CompleteLesson { lesson } if state.completed.contains(&lesson) => Ok(vec![]),
            CourseCommand::CompleteLesson { lesson } => {
                let mut events = vec![CourseEvent::LessonCompleted { lesson }];
                if state.completed.len() + 1 == state.lessons.len() {
                    events.push(CourseEvent::CourseCompleted { lessons: state.lessons.len() });
                }
                Ok(events)
            }
        }
    }

    fn evolve(state: CourseState, event: &CourseEvent) -> CourseState {
        match event {
            CourseEvent::Enrolled { lessons } => CourseState { lessons: lessons.clone(), ..state },
            CourseEvent::LessonCompleted { lesson } => {
                let mut completed = state.completed;
                completed.push(lesson.clone());
                CourseState { completed, ..state }
            }
            CourseEvent::CourseCompleted { .. } => CourseState { finished: true, ..state },
        }
    }

    fn code(error: &CourseError) -> Option<String> {
        let code = match error {
            CourseError::AlreadyEnrolled => "already-enrolled",
            CourseError::NoSuchLesson(_) => "no-such-lesson",
        };
        Some(code.into())
    }
}

tidelog::export! {
    aggregates: [Course],
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidelog::testing::given;

    fn enrolled() -> CourseEvent {
        CourseEvent::Enrolled { lessons: vec!["numbers".into(), "letters".into()] }
    }

    fn completed(lesson: &str) -> CourseEvent {
        CourseEvent::LessonCompleted { lesson: lesson.into() }
    }

    fn complete(lesson: &str) -> CourseCommand {
        CourseCommand::CompleteLesson { lesson: lesson.into() }
    }

    #[test]
    fn the_last_lesson_completes_the_course() {
        given::aggregate::<Course>([enrolled(), completed("numbers")])
            .when(complete("letters"))
            .then([completed("letters"), CourseEvent::CourseCompleted { lessons: 2 }]);
    }

    #[test]
    fn a_lesson_of_another_course_is_refused_and_one_that_is_done_says_nothing() {
        given::aggregate::<Course>([enrolled()]).when(complete("calculus")).then_refused("no-such-lesson");
        given::aggregate::<Course>([enrolled(), completed("numbers")])
            .when(complete("numbers"))
            .then_nothing();
        given::aggregate::<Course>([enrolled()])
            .when(CourseCommand::Enrol { lessons: vec![] })
            .then_refused("already-enrolled");
    }
}
