//! The rules of the course platform that bind a learner, and the rows that are made of them, in Rust. The rest of the platform stays in
//! TypeScript; both write to one log.

mod enrolment;
mod exam;
mod progress;

pub use enrolment::{Enrolment, EnrolmentCommand, EnrolmentError, EnrolmentEvent, EnrolmentState};
pub use exam::{Exam, ExamCommand, ExamError, ExamEvent, ExamState, Status};
pub use progress::{Progress, Row};

tidelog::export! {
    aggregates: [Enrolment, Exam],
    projections: [Progress],
}
