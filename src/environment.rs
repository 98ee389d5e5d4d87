//! What the core needs from outside: time, randomness. Both are injected, so that a test or a simulation decides them.

use crate::{id::IdGenerator, time::Timestamp};
use std::rc::Rc;
use uuid::Uuid;

/// Time and randomness.
pub trait Environment {
    /// The clock now.
    fn now(&self) -> Timestamp;
    /// Ten random bytes.
    fn random(&self) -> [u8; 10];
    /// Milliseconds since some fixed moment, with fractions, for measuring how long something takes. It should not step when the
    /// clock is set (a browser has `performance.now()`); without one of its own it is the clock.
    fn elapsed(&self) -> f64 {
        self.now().millis() as f64
    }
}

/// The clock can't be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock says {} ms since 1970, which is before 2020: set the device's clock before recording anything",
    .now.millis()
)]
pub struct ImplausibleClock {
    /// What the clock said.
    pub now: Timestamp,
}

/// The environment of one opening, with the ids it makes.
#[derive(Clone)]
pub struct Surroundings {
    environment: Rc<dyn Environment>,
    ids: Rc<IdGenerator>,
}

impl Surroundings {
    /// Ids start fresh; the environment is kept.
    #[must_use]
    pub fn new(environment: Rc<dyn Environment>) -> Self {
        Self { environment, ids: Rc::default() }
    }

    /// The clock now.
    ///
    /// # Errors
    /// [`ImplausibleClock`] if it is before 2020: such a clock has been reset, and history dated by it would be wrong for good.
    pub fn now(&self) -> Result<Timestamp, ImplausibleClock> {
        let now = self.environment.now();
        if now < Timestamp::EARLIEST_PLAUSIBLE { Err(ImplausibleClock { now }) } else { Ok(now) }
    }

    /// The clock as it stands, plausible or not: for reports, never for what is recorded.
    #[must_use]
    pub fn stated(&self) -> Timestamp {
        self.environment.now()
    }

    /// Milliseconds since some fixed moment: see [`Environment::elapsed`].
    #[must_use]
    pub fn elapsed(&self) -> f64 {
        self.environment.elapsed()
    }

    /// A new id, above all that this opening made before.
    ///
    /// # Errors
    /// [`ImplausibleClock`] as [`Surroundings::now`].
    pub fn id(&self) -> Result<Uuid, ImplausibleClock> {
        Ok(self.id_at(self.now()?))
    }

    /// A new id for a moment that was checked already.
    #[must_use]
    pub fn id_at(&self, now: Timestamp) -> Uuid {
        self.ids.next(now, self.environment.random())
    }

    /// A number from 0 up to, not including, 1.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        let bytes = self.environment.random();
        f64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) / (f64::from(u32::MAX) + 1.0)
    }
}
