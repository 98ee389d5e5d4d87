//! Which commits to export.

use crate::{commit::Commit, stream::StreamName, time::Timestamp};
use serde::Deserialize;
use std::sync::Arc;

/// A part of a log. Commits are taken whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selection {
    /// These streams.
    pub streams: Vec<StreamName>,
    /// The streams of these aggregates.
    pub aggregates: Vec<Arc<str>>,
    /// What was decided on behalf of this person or system.
    pub actor: Option<Arc<str>>,
    /// A person's data: what they did (`actor`) and what is about them (`streams`, `aggregates`), rather than what is both.
    pub either: bool,
    /// Commits that were decided at this moment or later.
    pub from: Option<Timestamp>,
    /// Commits that were decided before this moment.
    pub to: Option<Timestamp>,
    /// Only what the authority has accepted.
    pub confirmed_only: bool,
}

impl Selection {
    /// Whether it is the whole log.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a commit belongs to it.
    #[must_use]
    pub fn has(&self, commit: &Commit) -> bool {
        let at = commit.metadata.occurred_at;
        if self.from.is_some_and(|from| at < from) || self.to.is_some_and(|to| at >= to) {
            return false;
        }
        let by_place = self.streams.contains(&commit.stream)
            || self.aggregates.iter().any(|name| **name == *commit.stream.aggregate());
        let any_place = self.streams.is_empty() && self.aggregates.is_empty();
        let by_actor =
            self.actor.as_deref().is_some_and(|actor| commit.metadata.actor.as_deref() == Some(actor));
        if self.either {
            return by_place || by_actor;
        }
        (any_place || by_place) && (self.actor.is_none() || by_actor)
    }
}
