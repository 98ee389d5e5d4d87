//! Who has finished all lessons is invited to the exam, and reminded once if it is not handed in within two weeks.

use crate::enrolment::EnrolmentEvent;
use serde::{Deserialize, Serialize};
use tidelog::{
    commit::Command,
    event::RecordedEvent,
    json::Json,
    process::{Correlation, Errand, ProcessContext, ProcessManager, Reaction},
};

const TWO_WEEKS: u64 = 14 * 86_400_000;

/// What the process knows of a learner in a course.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Finished {
    learner: String,
    course: String,
}

/// The process. Its commands go to the `inbox` of the learner, an aggregate that the app writes in TypeScript.
pub struct Invitation;

impl ProcessManager for Invitation {
    const NAME: &'static str = "invitation";
    const TYPES: &'static [&'static str] = &["LessonsFinished", "ExamHandedIn"];
    type State = Finished;

    fn correlate(event: &RecordedEvent) -> Correlation {
        let id = event.stream.id().to_owned();
        match &*event.event.event_type {
            "LessonsFinished" => Correlation::Start(id),
            _ => Correlation::Stop(id),
        }
    }

    fn evolve(state: Finished, event: &RecordedEvent) -> Finished {
        match event.fact() {
            Ok(EnrolmentEvent::LessonsFinished { learner, course }) => Finished { learner, course },
            _ => state,
        }
    }

    fn react(state: &Finished, event: &RecordedEvent, _: &ProcessContext) -> Vec<Reaction> {
        match &*event.event.event_type {
            "LessonsFinished" => vec![write(state, "Invite"), Reaction::after("exam", TWO_WEEKS)],
            _ => vec![],
        }
    }

    fn on_timeout(state: &Finished, _: &str, _: &ProcessContext) -> Vec<Reaction> {
        vec![write(state, "Remind")]
    }
}

fn write(Finished { learner, course }: &Finished, command_type: &str) -> Reaction {
    let data = Json::of(course).unwrap_or_else(|_| Json::null());
    let command = Command { command_type: command_type.into(), data };
    Reaction::Execute(Errand::new("inbox", learner, command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tidelog::testing::given::{self, Happened, Order, command, happened};

    const DAY: i64 = 86_400_000;

    fn finished() -> Happened {
        let event = EnrolmentEvent::LessonsFinished { learner: "ada".into(), course: "logic".into() };
        happened("enrolment-ada.logic", event)
    }

    fn to_ada(command_type: &str) -> Order {
        command("inbox-ada", json!({ "type": command_type, "data": "logic" }))
    }

    #[test]
    fn who_has_finished_is_invited_and_reminded_once() {
        given::process::<Invitation>([])
            .when(finished())
            .then_commands([to_ada("Invite")])
            .later(13 * DAY)
            .then_nothing()
            .later(30 * DAY)
            .then_commands([to_ada("Remind")]);
    }

    #[test]
    fn who_has_handed_in_is_left_alone() {
        let handed_in = happened("exam-ada.logic", json!({ "type": "ExamHandedIn", "data": null }));
        given::process::<Invitation>([finished()]).when(handed_in).later(30 * DAY).then_nothing();
    }
}
