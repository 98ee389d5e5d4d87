//! Time and randomness that a test decides.

use crate::{
    environment::{Environment, Surroundings},
    time::Timestamp,
};
use std::{cell::Cell, rc::Rc};

/// A clock that moves when told, and a fixed sequence of random bytes. Clones share both.
#[derive(Clone, Debug)]
pub struct ManualEnvironment {
    now: Rc<Cell<Timestamp>>,
    state: Rc<Cell<u64>>,
}

impl ManualEnvironment {
    /// Starts at 2026-01-01T00:00:00Z; another seed gives other ids.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { now: Rc::new(Cell::new(Timestamp(1_767_225_600_000))), state: Rc::new(Cell::new(state)) }
    }

    /// The same clock with other ids: another device in the same room.
    #[must_use]
    pub fn another(&self, seed: u64) -> Self {
        Self { now: Rc::clone(&self.now), ..Self::new(seed) }
    }

    /// Sets the clock.
    pub fn set(&self, now: Timestamp) {
        self.now.set(now);
    }

    /// Moves the clock on.
    pub fn advance(&self, milliseconds: i64) {
        self.now.set(Timestamp(self.now.get().0 + milliseconds));
    }

    /// The surroundings of an engine in this environment.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::new(Rc::new(self.clone()))
    }
}

impl Environment for ManualEnvironment {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        for byte in &mut bytes {
            // xorshift64 (Marsaglia 2003): enough for ids that must only differ
            let mut state = self.state.get();
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            self.state.set(state);
            *byte = state.to_be_bytes()[0];
        }
        bytes
    }
}
