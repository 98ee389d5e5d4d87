//! Commits to test with.

use crate::{
    commit::{Command, Commit, ConfirmedCommit, Policy},
    event::Event,
    id::{CommitId, DeviceId, EventId, SessionId},
    json::Json,
    log::Draft,
    metadata::Metadata,
    stream::StreamName,
    time::Timestamp,
    version::{ExpectedVersion, Position, Version},
};
use std::{cell::Cell, sync::Arc};
use uuid::Uuid;

/// The moment the samples happen at.
pub const NOW: Timestamp = Timestamp(1_767_225_600_000);

/// A stream's name.
///
/// # Panics
/// If it is not one.
#[must_use]
pub fn stream(name: &str) -> StreamName {
    StreamName::parse(name).expect("a stream's name")
}

/// Makes commits that differ, always the same ones in the same order.
#[derive(Debug, Default)]
pub struct Samples {
    made: Cell<u32>,
}

impl Samples {
    /// Samples whose ids differ from those of other seeds.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { made: Cell::new(seed << 20) }
    }

    fn id(&self) -> Uuid {
        self.made.set(self.made.get() + 1);
        let number = u128::from(self.made.get());
        Uuid::from_u128(number << 80 | 7 << 76 | 2 << 62 | number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3)
    }

    /// A commit of `count` small events, without a command.
    pub fn commit(&self, name: &str, expected_version: ExpectedVersion, count: usize) -> Commit {
        self.commit_of(name, expected_version, count, 16)
    }

    /// A commit of `count` events with about `size` bytes of data each.
    pub fn commit_of(&self, name: &str, expected: ExpectedVersion, count: usize, size: usize) -> Commit {
        let id = CommitId(self.id());
        let event = |_| {
            let id = EventId(self.id());
            let text = "x".repeat(size.saturating_sub(16));
            let data = format!(r#"{{"n":{},"text":"{text}"}}"#, self.made.get());
            Event {
                id,
                event_type: ["LessonCompleted", "AnswerGiven", "ExamHandedIn"][self.made.get() as usize % 3]
                    .into(),
                schema_version: 1,
                data: Json::parse(data).expect("JSON"),
                occurred_at: None,
                custom: None,
            }
        };
        let events = (0..count).map(event).collect();
        let metadata = Metadata {
            correlation_id: id.0,
            causation_id: None,
            actor: Some("learner-17".to_owned()),
            device_id: DeviceId(Uuid::from_u128(0xd)),
            session_id: SessionId(Uuid::from_u128(0x5)),
            occurred_at: Timestamp(NOW.0 + i64::from(self.made.get())),
            traceparent: None,
        };
        Commit {
            id,
            stream: stream(name),
            expected_version: expected,
            generation: 0,
            since: None,
            metadata: Arc::new(metadata),
            command: None,
            events,
        }
    }

    /// A commit with everything that a commit can have.
    pub fn full_commit(&self, name: &str, expected_version: ExpectedVersion) -> Commit {
        let mut commit = self.commit(name, expected_version, 3);
        commit.generation = 4;
        commit.command = Some(Command {
            command_type: "HandInExam".into(),
            data: Json::parse(r#"{"answers":[1,2.5,"ü",null],"ok":true}"#).expect("JSON"),
        });
        commit.metadata = Arc::new(Metadata {
            correlation_id: self.id(),
            causation_id: Some(self.id()),
            actor: Some("Ærøskøbing".to_owned()),
            device_id: DeviceId(self.id()),
            session_id: SessionId(self.id()),
            occurred_at: Timestamp(-5),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        });
        commit.events[1].schema_version = 7;
        commit.events[1].occurred_at = Some(Timestamp(i64::MIN));
        commit.events[2].custom = Some(Json::parse(r#"{"campaign":"spring"}"#).expect("JSON"));
        commit
    }

    /// A draft of `count` small events, to be kept as it is.
    pub fn draft(&self, name: &str, expected_version: ExpectedVersion, count: usize) -> Draft {
        Draft { commit: self.commit(name, expected_version, count), policy: Policy::Keep }
    }

    /// A draft of one small event for whatever version the stream has.
    pub fn any(&self, name: &str) -> Draft {
        self.draft(name, ExpectedVersion::Any, 1)
    }
}

/// A commit as a server confirms it.
#[must_use]
pub fn confirm(commit: Commit, first_position: Position, first_version: Version) -> ConfirmedCommit {
    ConfirmedCommit { first_version, first_position, recorded_at: Timestamp(NOW.0 + 1_000), commit }
}
