//! Which aggregates there are.

use super::{Aggregate, Decider, erased::Erased};
use std::{rc::Rc, sync::Arc};

/// The aggregates an engine knows, Rust and JavaScript alike.
#[derive(Clone, Default)]
pub struct Registry {
    deciders: Vec<Rc<dyn Decider>>,
}

/// An aggregate can't be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is empty, or holds a hyphen or a control character, or is over 128 bytes.
    #[error("aggregate name {name:?} must have 1 to 128 bytes and neither hyphens nor control characters")]
    Name {
        /// The name, cut to 64 characters.
        name: String,
    },
    /// Two aggregates have the same name.
    #[error("aggregate {name} is registered twice")]
    Twice {
        /// The name.
        name: Arc<str>,
    },
}

impl Registry {
    /// Adds a Rust aggregate.
    ///
    /// # Errors
    /// [`RegisterError`] for a name that is taken or can't be part of a stream name.
    pub fn add<A: Aggregate>(&mut self) -> Result<(), RegisterError> {
        self.add_decider(Rc::new(Erased::<A>::new()))
    }

    /// Adds an aggregate whose types are erased already.
    ///
    /// # Errors
    /// As [`Registry::add`].
    pub fn add_decider(&mut self, decider: Rc<dyn Decider>) -> Result<(), RegisterError> {
        let name = Arc::clone(decider.name());
        if name.is_empty() || name.len() > 128 || name.contains('-') || name.chars().any(char::is_control) {
            return Err(RegisterError::Name { name: name.chars().take(64).collect() });
        }
        if self.get(&name).is_some() {
            return Err(RegisterError::Twice { name });
        }
        self.deciders.push(decider);
        Ok(())
    }

    /// All aggregates.
    pub fn deciders(&self) -> impl Iterator<Item = &Rc<dyn Decider>> {
        self.deciders.iter()
    }

    /// The aggregate of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Rc<dyn Decider>> {
        self.deciders.iter().find(|decider| **decider.name() == *name)
    }
}
