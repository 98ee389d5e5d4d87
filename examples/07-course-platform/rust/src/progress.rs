//! A learner's progress in a course: made from enrolment and exam, whose instances have the same id.

use crate::{
    enrolment::EnrolmentEvent,
    exam::{Exam, ExamEvent},
};
use serde::{Deserialize, Serialize};
use tidelog::{aggregate::Aggregate, event::RecordedEvent, projection::Projection};

/// A row.
#[derive(Default, Serialize, Deserialize)]
pub struct Row {
    lessons: usize,
    completed: usize,
    minutes: u32,
    exam: String,
}

/// The projection.
pub struct Progress;

impl Projection for Progress {
    const NAME: &'static str = "learners";
    const TYPES: &'static [&'static str] = &[
        "LearnerEnrolled",
        "LessonCompleted",
        "LearnerWithdrew",
        "ExamHandedIn",
        "ExamPassed",
        "ExamFailed",
    ];
    type Row = Row;

    fn key(event: &RecordedEvent) -> Option<String> {
        Some(event.stream.id().to_owned())
    }

    fn apply(row: Option<Row>, event: &RecordedEvent) -> Option<Row> {
        let mut row = row.unwrap_or_default();
        if event.stream.aggregate() == Exam::NAME {
            row.exam = match event.fact() {
                Ok(ExamEvent::ExamPassed { .. }) => "passed",
                Ok(ExamEvent::ExamFailed { .. }) => "failed",
                _ => "handed in",
            }
            .into();
            return Some(row);
        }
        match event.fact() {
            Ok(EnrolmentEvent::LearnerEnrolled { lessons, .. }) => row.lessons = lessons.len(),
            Ok(EnrolmentEvent::LessonCompleted { minutes, .. }) => {
                row.completed += 1;
                row.minutes += minutes;
            }
            Ok(EnrolmentEvent::LearnerWithdrew { .. }) => return None,
            _ => {}
        }
        Some(row)
    }
}
