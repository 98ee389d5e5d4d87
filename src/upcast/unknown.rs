//! Events that this app does not know: written by a newer version of it, or by another app on the same log.

use crate::{aggregate::Registry, process::Manager, projection::Projector};
use serde::Deserialize;
use std::{rc::Rc, sync::Arc};

/// What becomes of events that this app does not know. A type is known if a registered aggregate or projection names it, an
/// upcaster reads it or leads to it, or the app lists it. A version above the newest known one is as unknown as a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownEvents {
    /// Whatever reads one fails.
    Error,
    /// They are left out, for readers too.
    Skip,
    /// Readers get them as they are; they are not given to aggregates and projections. The default: an old app goes on beside a
    /// newer one.
    #[default]
    Keep,
}

/// Which types of events an app knows.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The types that are named, sorted.
    types: Vec<Arc<str>>,
    /// What the app itself lists: then nothing else is known.
    listed: bool,
    /// Aggregates that don't say which types are theirs: all in their streams are known.
    open: Vec<Arc<str>>,
    /// Whether there is anything to go by; where there is not, everything is known.
    is_told: bool,
}

impl Known {
    /// The types that the app lists. Together with those of its upcasters they are all that it knows.
    pub fn list(&mut self, types: impl IntoIterator<Item = Arc<str>>) {
        self.listed = true;
        self.is_told = true;
        types.into_iter().for_each(|name| self.name(name));
    }

    /// The types that are named, sorted.
    pub(super) fn types(&self) -> &[Arc<str>] {
        &self.types
    }

    pub(super) fn name(&mut self, event_type: Arc<str>) {
        if let Err(at) = self.types.binary_search(&event_type) {
            self.types.insert(at, event_type);
        }
    }

    /// Takes in what aggregates, projections and processes say. A projection or process that is interested in all types makes all
    /// known. The notes of a process are always known: they are this library's own.
    pub(super) fn learn(
        &mut self,
        registry: &Registry,
        projections: &[Rc<dyn Projector>],
        processes: &[Rc<dyn Manager>],
    ) {
        self.open.extend(processes.iter().map(|process| Arc::clone(process.name())));
        if self.listed
            || projections.iter().any(|projection| projection.types().is_empty())
            || processes.iter().any(|process| process.types().is_empty())
        {
            return;
        }
        for process in processes {
            process.types().iter().for_each(|name| self.name(Arc::clone(name)));
        }
        self.is_told = registry.deciders().next().is_some() || !projections.is_empty();
        for projection in projections {
            projection.types().iter().for_each(|name| self.name(Arc::clone(name)));
        }
        for decider in registry.deciders() {
            match decider.events() {
                Some(types) => types.iter().for_each(|name| self.name(Arc::clone(name))),
                None => self.open.push(Arc::clone(decider.name())),
            }
        }
    }

    /// Whether a type of event is known in the streams of an aggregate.
    #[must_use]
    pub fn has(&self, event_type: &Arc<str>, aggregate: &str) -> bool {
        !self.is_told
            || self.types.binary_search(event_type).is_ok()
            || self.open.iter().any(|name| **name == *aggregate)
    }
}
