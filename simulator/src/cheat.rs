//! A client that was tampered with: it has a token that counts, and pushes what no app has decided.

use crate::{
    academy::{
        CourseCommand, CourseEvent, ExamCommand, ExamEvent, GroupEvent, NotesCommand, NotesEvent, SEATS,
    },
    random::Random,
    server::Server,
    step::Forgery,
};
use serde_json::{Value, json};

/// Pushes a forged commit, on the version that its stream has: but for the rules, it fits.
pub(crate) fn forge(server: &Server, forgery: Forgery, random: &Random) {
    let id = || {
        let bytes = ((u128::from(random.next()) << 64) | u128::from(random.next())).to_be_bytes();
        uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
    };
    let (stream, command, events) = said(forgery);
    let version = server.version_of(&stream);
    let events: Vec<Value> = events.into_iter().map(|event| with(event, "id", json!(id()))).collect();
    let mut commit = json!({
        "id": id(),
        "stream": stream,
        "expectedVersion": version,
        "metadata": { "correlationId": id(), "deviceId": id(), "sessionId": id(), "occurredAt": 1_700_000_000_000_i64 },
        "events": events,
    });
    if let Some(command) = command {
        commit = with(commit, "command", command);
    }
    if forgery == Forgery::Note {
        commit = with(with(commit, "generation", json!(1)), "since", json!(0));
    }
    server.push_as_cheat(&json!({ "protocol": 1, "deviceId": id(), "commits": [commit] }).to_string());
}

fn said(forgery: Forgery) -> (String, Option<Value>, Vec<Value>) {
    match forgery {
        Forgery::Lesson { course, lesson } => (
            format!("course-{course}"),
            Some(json!(CourseCommand::CompleteLesson { lesson })),
            vec![json!(CourseEvent::LessonCompleted { lesson })],
        ),
        Forgery::OtherLesson { course, lesson } => (
            format!("course-{course}"),
            Some(json!(CourseCommand::CompleteLesson { lesson })),
            vec![json!(CourseEvent::LessonCompleted { lesson: lesson + 2 })],
        ),
        Forgery::Answers => (
            "exam-final".into(),
            Some(json!(ExamCommand::HandIn)),
            vec![json!(ExamEvent::HandedIn { answers: 200 })],
        ),
        Forgery::Crowd => {
            let joined = |learner| json!(GroupEvent::Joined { learner: 100 + learner });
            ("group-a".into(), None, (0..=SEATS as u8).map(joined).collect())
        }
        Forgery::Note => (
            "notes-ada".into(),
            Some(json!(NotesCommand::Write { text: 7 })),
            vec![json!(NotesEvent::Written { text: 7, after: 9_999 })],
        ),
    }
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.into(), value);
    }
    object
}
