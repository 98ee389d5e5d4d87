//! How states become JSON and come back: per aggregate, with and without its types.

use super::{Fingerprint, SnapshotPolicy};
use crate::{
    aggregate::State,
    json::{Json, NotJson},
};
use serde::{Serialize, de::DeserializeOwned};
use std::rc::Rc;

/// How the states of one aggregate are kept, with their types erased: what the engine calls.
pub trait Keeper {
    /// The aggregate's own policy; none means the engine's.
    fn policy(&self) -> Option<&SnapshotPolicy>;
    /// The code that makes the states.
    fn fingerprint(&self) -> Fingerprint;
    /// A state as JSON.
    ///
    /// # Errors
    /// Why JSON can't hold it: then no snapshot is taken.
    fn write(&self, state: &State) -> Result<Json, String>;
    /// The state again.
    ///
    /// # Errors
    /// Why it can't be read: then the snapshot is discarded.
    fn read(&self, stored: &Json) -> Result<State, String>;
}

/// How the states of a Rust aggregate are kept: what
/// [`Aggregate::snapshots`](crate::aggregate::Aggregate::snapshots) answers.
#[derive(Clone, Debug)]
pub struct Snapshots<S> {
    /// Its own policy; none means the engine's.
    pub policy: Option<SnapshotPolicy>,
    /// A state as JSON.
    pub write: fn(&S) -> Result<Json, NotJson>,
    /// The state again. What it refuses is discarded.
    pub read: fn(&Json) -> Result<S, NotJson>,
}

impl<S: Serialize + DeserializeOwned> Snapshots<S> {
    /// States as serde writes and reads them. What serde writes must read back as the same state: fields that are skipped, for
    /// one, are lost.
    #[must_use]
    pub fn json() -> Self {
        Self { policy: None, write: |state| Json::of(state), read: |stored| stored.to() }
    }
}

/// [`Snapshots`] with its type erased.
pub(crate) struct Typed<S> {
    snapshots: Snapshots<S>,
    fingerprint: Fingerprint,
}

impl<S> Typed<S> {
    pub(crate) fn new(snapshots: Snapshots<S>, name: &str, schema_version: u32) -> Self {
        Self { snapshots, fingerprint: Fingerprint::of(&[name, &schema_version.to_string()]) }
    }
}

impl<S: 'static> Keeper for Typed<S> {
    fn policy(&self) -> Option<&SnapshotPolicy> {
        self.snapshots.policy.as_ref()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn write(&self, state: &State) -> Result<Json, String> {
        let state = state.downcast_ref().ok_or("the state belongs to another aggregate")?;
        (self.snapshots.write)(state).map_err(|error| error.to_string())
    }

    fn read(&self, stored: &Json) -> Result<State, String> {
        let state = (self.snapshots.read)(stored).map_err(|error| error.to_string())?;
        Ok(Rc::new(state))
    }
}
