//! The exam at the end of a course, `exam-<learner>.<course>`. Handing in is binding, wherever it happens.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tidelog::{
    aggregate::{Aggregate, Context},
    commit::Policy,
};

/// What can be asked for.
#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ExamCommand {
    /// Answer a question, or another answer to it.
    Answer {
        /// The question.
        question: String,
        /// The answer.
        answer: String,
    },
    /// Hand the exam in as it is.
    HandIn,
    /// Give it its points.
    Grade {
        /// The points reached.
        points: u32,
        /// The points there were.
        of: u32,
    },
}

/// What can happen.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ExamEvent {
    /// A question was answered.
    QuestionAnswered {
        /// The question.
        question: String,
        /// The answer.
        answer: String,
    },
    /// The exam was handed in, with the answers as the learner saw them.
    ExamHandedIn {
        /// The answers by question.
        answers: BTreeMap<String, String>,
    },
    /// Half of the points or more.
    ExamPassed {
        /// The points reached.
        points: u32,
        /// The points there were.
        of: u32,
    },
    /// Less than half.
    ExamFailed {
        /// The points reached.
        points: u32,
        /// The points there were.
        of: u32,
    },
}

/// How far an exam is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Answers may change.
    #[default]
    Open,
    /// They may not.
    HandedIn,
    /// Graded.
    Passed,
    /// Graded.
    Failed,
}

/// What the rules need to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExamState {
    answers: BTreeMap<String, String>,
    status: Status,
}

/// The rules that can refuse a command.
#[derive(Debug, thiserror::Error)]
pub enum ExamError {
    /// Nothing changes after the hand-in.
    #[error("The exam has been handed in")]
    HandedIn,
    /// What is open has no points.
    #[error("Only an exam that was handed in is graded")]
    NotHandedIn,
}

/// The aggregate.
pub struct Exam;

impl Aggregate for Exam {
    const NAME: &'static str = "exam";
    type State = ExamState;
    type Command = ExamCommand;
    type Event = ExamEvent;
    type Error = ExamError;

    fn decide(state: &ExamState, command: ExamCommand, _: &Context) -> Result<Vec<ExamEvent>, ExamError> {
        let is_open = state.status == Status::Open;
        match command {
            ExamCommand::Answer { .. } | ExamCommand::HandIn if !is_open => Err(ExamError::HandedIn),
            ExamCommand::Answer { question, answer } if state.answers.get(&question) == Some(&answer) => {
                Ok(vec![])
            }
            ExamCommand::Answer { question, answer } => {
                Ok(vec![ExamEvent::QuestionAnswered { question, answer }])
            }
            ExamCommand::HandIn => Ok(vec![ExamEvent::ExamHandedIn { answers: state.answers.clone() }]),
            ExamCommand::Grade { .. } if state.status != Status::HandedIn => Err(ExamError::NotHandedIn),
            ExamCommand::Grade { points, of } if points.saturating_mul(2) >= of => {
                Ok(vec![ExamEvent::ExamPassed { points, of }])
            }
            ExamCommand::Grade { points, of } => Ok(vec![ExamEvent::ExamFailed { points, of }]),
        }
    }

    fn evolve(mut state: ExamState, event: &ExamEvent) -> ExamState {
        match event {
            ExamEvent::QuestionAnswered { question, answer } => {
                state.answers.insert(question.clone(), answer.clone());
            }
            ExamEvent::ExamHandedIn { answers } => {
                state.answers.clone_from(answers);
                state.status = Status::HandedIn;
            }
            ExamEvent::ExamPassed { .. } => state.status = Status::Passed,
            ExamEvent::ExamFailed { .. } => state.status = Status::Failed,
        }
        state
    }

    fn policy(command_type: &str) -> Policy {
        if command_type == "HandIn" { Policy::Keep } else { Policy::Redecide }
    }

    fn code(error: &ExamError) -> Option<String> {
        let code = match error {
            ExamError::HandedIn => "handed-in",
            ExamError::NotHandedIn => "not-handed-in",
        };
        Some(code.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidelog::testing::given;

    fn handed_in() -> ExamEvent {
        ExamEvent::ExamHandedIn { answers: BTreeMap::from([("q1".into(), "A".into())]) }
    }

    #[test]
    fn what_is_handed_in_stays_and_can_be_graded() {
        let answer = ExamCommand::Answer { question: "q1".into(), answer: "B".into() };
        given::aggregate::<Exam>([handed_in()]).when(answer).then_refused("handed-in");
        given::aggregate::<Exam>([handed_in()])
            .when(ExamCommand::Grade { points: 5, of: 10 })
            .then([ExamEvent::ExamPassed { points: 5, of: 10 }]);
        given::aggregate::<Exam>([])
            .when(ExamCommand::Grade { points: 5, of: 10 })
            .then_refused("not-handed-in");
    }
}
