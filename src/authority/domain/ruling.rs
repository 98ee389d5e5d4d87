//! What the rules say about the commits of a push.

use crate::{
    commit::Commit,
    id::CommitId,
    sync::protocol::{Problem, problem},
    version::Version,
};
use std::{collections::HashMap, sync::Arc};

/// What the rules say about one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The version of the stream that it was looked at on. On another it says nothing.
    pub version: Version,
    /// Why it can't be taken; none if it can.
    pub objection: Option<Problem>,
}

/// What the rules say about a push; without rules nothing.
#[derive(Clone, Debug, Default)]
pub struct Rulings {
    /// The aggregates that there are rules for.
    pub aggregates: Arc<[Arc<str>]>,
    /// What was found, by commit. None for those that stood in the log, or could not land when it was looked.
    pub found: HashMap<CommitId, Ruling>,
}

/// The log has moved on since the rules were asked about the push: ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log has moved on since the rules were asked about the push")]
pub struct Overtaken;

impl Rulings {
    /// Whether there are rules for the commit's stream.
    #[must_use]
    pub fn concern(&self, commit: &Commit) -> bool {
        self.aggregates.iter().any(|name| **name == *commit.stream.aggregate())
    }

    /// What they say about a commit that would land on this version of its stream.
    ///
    /// # Errors
    /// [`Overtaken`] if nobody looked at it there.
    pub fn on(&self, commit: &Commit, version: Version) -> Result<Option<Problem>, Overtaken> {
        if !self.concern(commit) {
            return Ok(None);
        }
        match self.found.get(&commit.id) {
            Some(ruling) if ruling.version == version => Ok(ruling.objection.clone()),
            _ => Err(Overtaken),
        }
    }
}

/// Why a commit can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Objection {
    /// A rule of the domain refuses its command.
    Rule { code: Option<String>, message: String },
    /// Its events are not what its command leads to, or nobody can tell.
    NotDecided(String),
}

impl From<Objection> for Problem {
    fn from(objection: Objection) -> Self {
        let (problem_type, title, detail, code) = match objection {
            Objection::Rule { code, message } => (problem::RULE, "A rule refuses the command", message, code),
            Objection::NotDecided(why) => {
                (problem::NOT_DECIDED, "The events are not what the command leads to", why, None)
            }
        };
        Self {
            problem_type: problem_type.into(),
            title: title.to_owned(),
            status: None,
            detail: Some(detail),
            code,
            supported: None,
            gone: None,
            marker: None,
        }
    }
}
