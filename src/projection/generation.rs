//! A generation of a projection's rows: those that one version of its function made.

use super::{checkpoint::Mark, definition::Definition, layer::Layer};
use crate::{stream::StreamName, time::Timestamp, version::Position, version::Version};
use std::{collections::BTreeMap, sync::Arc};

/// Why a stream is parked: the first of its events that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) version: Version,
    pub(crate) position: Position,
    pub(crate) event_type: Arc<str>,
    pub(crate) reason: Arc<str>,
    pub(crate) at: Timestamp,
}

/// It does not go on for now: an event failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Halted {
    pub(crate) stream: StreamName,
    pub(crate) version: Version,
    pub(crate) failures: u8,
    /// When it is tried again; none: not in this opening.
    pub(crate) retry_at: Option<Timestamp>,
}

/// Rows, who made them, and how far they are.
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) version: u32,
    pub(crate) fingerprint: u32,
    /// The history that the events are of ([`Head::history`](crate::log::Head::history)); none for this device's own.
    pub(crate) history: Option<Arc<str>>,
    /// The position of the last confirmed event that it has seen.
    pub(crate) position: Position,
    /// The events that it has taken in.
    pub(crate) events: u64,
    /// The events that it has passed over.
    pub(crate) skipped: u64,
    /// How often parked events were taken in after all: rows then differ from what events up to the position make.
    pub(crate) replays: u64,
    pub(crate) layer: Layer,
    pub(crate) parked: BTreeMap<StreamName, Parked>,
    /// The streams whose entry in `parked` is not stored as it is.
    pub(crate) unsaved: Vec<StreamName>,
    /// The events seen since it was stored.
    pub(crate) since_saved: u64,
    pub(crate) halted: Option<Halted>,
}

impl Generation {
    /// One without rows.
    pub(crate) fn new(number: u64, definition: &Definition, history: Option<Arc<str>>) -> Self {
        Self {
            number,
            version: definition.version,
            fingerprint: definition.fingerprint,
            history,
            position: 0,
            events: 0,
            skipped: 0,
            replays: 0,
            layer: Layer::default(),
            parked: BTreeMap::new(),
            unsaved: Vec::new(),
            since_saved: 0,
            halted: None,
        }
    }

    /// One as it was stored.
    pub(crate) fn stored(mark: &Mark, layer: Layer, parked: BTreeMap<StreamName, Parked>) -> Self {
        Self {
            number: mark.generation,
            version: mark.version,
            fingerprint: mark.fingerprint,
            history: mark.history.clone(),
            position: mark.position,
            events: mark.events,
            skipped: mark.skipped,
            replays: mark.replays,
            layer,
            parked,
            unsaved: Vec::new(),
            since_saved: 0,
            halted: None,
        }
    }

    /// Whether this function made it, from this history of the log: only then it can be continued.
    pub(crate) fn is_of(&self, definition: &Definition, history: Option<&Arc<str>>, head: Position) -> bool {
        self.version == definition.version
            && self.fingerprint == definition.fingerprint
            && (self.position == 0 || (self.history.as_ref() == history && self.position <= head))
    }

    /// Whether something of it is not stored.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.since_saved > 0 || self.layer.is_unsaved() || !self.unsaved.is_empty()
    }

    /// Parks a stream, or no longer.
    pub(crate) fn park(&mut self, stream: &StreamName, parked: Option<Parked>) {
        match parked {
            Some(parked) => self.parked.insert(stream.clone(), parked),
            None => self.parked.remove(stream),
        };
        if !self.unsaved.contains(stream) {
            self.unsaved.push(stream.clone());
        }
    }
}
