//! A pushed commit before it is judged: well-formed, or at least known by its id.

use crate::{
    commit::Commit,
    id::{CommitId, EventId},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// One commit of a push.
#[derive(Clone, Debug)]
pub enum Candidate {
    /// It has the shape of a commit.
    Commit(Box<Commit>),
    /// It has not, but its id can be read: it is refused alone, and the others of the push go on.
    Malformed(Malformed),
}

/// What can be read of a commit that has not the shape of one.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// Its identity.
    pub id: CommitId,
    /// Its generation.
    pub generation: u32,
    /// Its stream, as far as it is text.
    pub stream: Option<String>,
    /// The ids of its events, as far as they can be read.
    pub events: Vec<EventId>,
    /// What is wrong with it, and where.
    pub detail: String,
}

/// Not even the id of a commit can be read, so that no outcome could name it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Unreadable {
    /// What is wrong, and where.
    pub detail: String,
}

impl Candidate {
    /// Reads one commit of a push; `index` is its place there, from 0.
    ///
    /// # Errors
    /// [`Unreadable`] if its id or generation can't be read.
    pub fn read(json: &RawValue, index: usize) -> Result<Self, Unreadable> {
        let mut deserializer = serde_json::Deserializer::from_str(json.get());
        match serde_path_to_error::deserialize(&mut deserializer) {
            Ok(commit) => Ok(Self::Commit(Box::new(commit))),
            Err(error) => {
                let detail = format!("commits[{index}].{}: {}", error.path(), without_place(error.inner()));
                Outline::read(json.get(), detail).map(Self::Malformed)
            }
        }
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> CommitId {
        match self {
            Self::Commit(commit) => commit.id,
            Self::Malformed(malformed) => malformed.id,
        }
    }

    /// Its generation.
    #[must_use]
    pub fn generation(&self) -> u32 {
        match self {
            Self::Commit(commit) => commit.generation,
            Self::Malformed(malformed) => malformed.generation,
        }
    }

    /// Its stream, as far as it can be read.
    #[must_use]
    pub fn stream(&self) -> Option<&str> {
        match self {
            Self::Commit(commit) => Some(commit.stream.as_str()),
            Self::Malformed(malformed) => malformed.stream.as_deref(),
        }
    }

    /// The message that caused it, as far as it can be read.
    #[must_use]
    pub fn causation_id(&self) -> Option<Uuid> {
        match self {
            Self::Commit(commit) => commit.metadata.causation_id,
            Self::Malformed(_) => None,
        }
    }

    /// The ids of its events, as far as they can be read.
    pub fn event_ids(&self) -> impl Iterator<Item = Uuid> {
        let (commit, malformed) = match self {
            Self::Commit(commit) => (commit.events.as_slice(), [].as_slice()),
            Self::Malformed(malformed) => ([].as_slice(), malformed.events.as_slice()),
        };
        commit.iter().map(|event| event.id.0).chain(malformed.iter().map(|id| id.0))
    }
}

/// The parser's message without its line and column: they count from the beginning of the commit, not of the body.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => message,
    }
}

/// The parts of a commit that an outcome needs; what can't be read of the others is left out.
#[derive(Deserialize)]
struct Outline<'a> {
    id: CommitId,
    #[serde(default)]
    generation: u32,
    #[serde(borrow, default)]
    stream: Option<&'a RawValue>,
    #[serde(borrow, default)]
    events: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OutlinedEvent {
    id: EventId,
}

impl Outline<'_> {
    fn read(json: &str, detail: String) -> Result<Malformed, Unreadable> {
        let Ok(Outline { id, generation, stream, events }) = serde_json::from_str(json) else {
            return Err(Unreadable { detail });
        };
        let stream = stream.and_then(|stream| serde_json::from_str(stream.get()).ok());
        let events = events
            .and_then(|events| serde_json::from_str::<Vec<&RawValue>>(events.get()).ok())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|event| serde_json::from_str::<OutlinedEvent>(event.get()).ok())
            .map(|event| event.id)
            .collect();
        Ok(Malformed { id, generation, stream, events, detail })
    }
}
