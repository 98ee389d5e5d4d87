//! A learner's way through a course, `enrolment-<learner>.<course>`.

use serde::{Deserialize, Serialize};
use tidelog::aggregate::{Aggregate, Context};

/// What can be asked for.
#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum EnrolmentCommand {
    /// Begin a course.
    Enrol {
        /// Who learns.
        learner: String,
        /// The course.
        course: String,
        /// The lessons that the course has today.
        lessons: Vec<String>,
    },
    /// Complete a lesson.
    CompleteLesson {
        /// The lesson.
        lesson: String,
        /// How long it took.
        minutes: u32,
    },
    /// Leave the course.
    Withdraw {
        /// Why, in the learner's words.
        reason: String,
    },
}

/// What can happen.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum EnrolmentEvent {
    /// A course was begun.
    LearnerEnrolled {
        /// Who learns.
        learner: String,
        /// The course.
        course: String,
        /// Its lessons.
        lessons: Vec<String>,
    },
    /// A lesson was completed.
    LessonCompleted {
        /// The lesson.
        lesson: String,
        /// How long it took.
        minutes: u32,
    },
    /// It was the last one.
    LessonsFinished {
        /// Who learns.
        learner: String,
        /// The course.
        course: String,
    },
    /// The learner left.
    LearnerWithdrew {
        /// Why.
        reason: String,
    },
}

/// What the rules need to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EnrolmentState {
    learner: String,
    course: String,
    lessons: Vec<String>,
    completed: Vec<String>,
    withdrawn: bool,
}

/// The rules that can refuse a command.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// A course is begun once.
    #[error("{0} is enrolled already")]
    AlreadyEnrolled(String),
    /// Who has left completes nothing.
    #[error("{0} has withdrawn")]
    Withdrawn(String),
    /// The course has no such lesson.
    #[error("There is no lesson {0}")]
    NoSuchLesson(String),
}

/// The aggregate.
pub struct Enrolment;

impl Aggregate for Enrolment {
    const NAME: &'static str = "enrolment";
    type State = EnrolmentState;
    type Command = EnrolmentCommand;
    type Event = EnrolmentEvent;
    type Error = EnrolmentError;

    fn decide(
        state: &EnrolmentState,
        command: EnrolmentCommand,
        _: &Context,
    ) -> Result<Vec<EnrolmentEvent>, EnrolmentError> {
        match command {
            EnrolmentCommand::Enrol { .. } if !state.lessons.is_empty() => {
                Err(EnrolmentError::AlreadyEnrolled(state.learner.clone()))
            }
            EnrolmentCommand::Enrol { learner, course, lessons } => {
                Ok(vec![EnrolmentEvent::LearnerEnrolled { learner, course, lessons }])
            }
            EnrolmentCommand::CompleteLesson { .. } if state.withdrawn => {
                Err(EnrolmentError::Withdrawn(state.learner.clone()))
            }
            EnrolmentCommand::CompleteLesson { lesson, .. } if !state.lessons.contains(&lesson) => {
                Err(EnrolmentError::NoSuchLesson(lesson))
            }
            // on both devices? then it is done: nothing to say, and nothing to refuse
            EnrolmentCommand::CompleteLesson { lesson, .. } if state.completed.contains(&lesson) => {
                Ok(vec![])
            }
            EnrolmentCommand::CompleteLesson { lesson, minutes } => {
                let mut events = vec![EnrolmentEvent::LessonCompleted { lesson, minutes }];
                if state.completed.len() + 1 == state.lessons.len() {
                    let (learner, course) = (state.learner.clone(), state.course.clone());
                    events.push(EnrolmentEvent::LessonsFinished { learner, course });
                }
                Ok(events)
            }
            EnrolmentCommand::Withdraw { .. } if state.withdrawn => Ok(vec![]),
            EnrolmentCommand::Withdraw { reason } => Ok(vec![EnrolmentEvent::LearnerWithdrew { reason }]),
        }
    }

    fn evolve(mut state: EnrolmentState, event: &EnrolmentEvent) -> EnrolmentState {
        match event {
            EnrolmentEvent::LearnerEnrolled { learner, course, lessons } => {
                state.learner.clone_from(learner);
                state.course.clone_from(course);
                state.lessons.clone_from(lessons);
            }
            EnrolmentEvent::LessonCompleted { lesson, .. } => state.completed.push(lesson.clone()),
            EnrolmentEvent::LessonsFinished { .. } => {}
            EnrolmentEvent::LearnerWithdrew { .. } => state.withdrawn = true,
        }
        state
    }

    fn code(error: &EnrolmentError) -> Option<String> {
        let code = match error {
            EnrolmentError::AlreadyEnrolled(_) => "already-enrolled",
            EnrolmentError::Withdrawn(_) => "withdrawn",
            EnrolmentError::NoSuchLesson(_) => "no-such-lesson",
        };
        Some(code.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidelog::testing::given;

    fn enrolled() -> EnrolmentEvent {
        let lessons = vec!["and".into(), "or".into()];
        EnrolmentEvent::LearnerEnrolled { learner: "ada".into(), course: "logic".into(), lessons }
    }

    fn completed(lesson: &str) -> EnrolmentEvent {
        EnrolmentEvent::LessonCompleted { lesson: lesson.into(), minutes: 20 }
    }

    fn complete(lesson: &str) -> EnrolmentCommand {
        EnrolmentCommand::CompleteLesson { lesson: lesson.into(), minutes: 20 }
    }

    #[test]
    fn the_last_lesson_finishes_the_course() {
        let finished = EnrolmentEvent::LessonsFinished { learner: "ada".into(), course: "logic".into() };
        given::aggregate::<Enrolment>([enrolled(), completed("and")])
            .when(complete("or"))
            .then([completed("or"), finished]);
    }

    #[test]
    fn a_lesson_that_is_done_says_nothing_and_one_of_another_course_is_refused() {
        given::aggregate::<Enrolment>([enrolled(), completed("and")]).when(complete("and")).then_nothing();
        given::aggregate::<Enrolment>([enrolled()]).when(complete("sums")).then_refused("no-such-lesson");
        let left = EnrolmentEvent::LearnerWithdrew { reason: "no time".into() };
        given::aggregate::<Enrolment>([enrolled(), left]).when(complete("and")).then_refused("withdrawn");
    }
}
