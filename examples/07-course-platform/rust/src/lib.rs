//! The rules of the course platform that bind a learner, the rows that are made of them and the process that invites to the exam, in
//! Rust. The rest of the platform stays in TypeScript; both write to one log.

mod enrolment;
mod exam;
mod invitation;
mod progress;

pub use enrolment::{Enrolment, EnrolmentCommand, EnrolmentError, EnrolmentEvent, EnrolmentState};
pub use exam::{Exam, ExamCommand, ExamError, ExamEvent, ExamState, Status};
pub use invitation::{Finished, Invitation};
pub use progress::{Progress, Row};

tidelog::export! {
    aggregates: [Enrolment, Exam],
    projections: [Progress],
    processes: [Invitation],
}
