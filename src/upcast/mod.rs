//! Upcasting: how events of older shapes are read as the newest, and going back, as older ones.
//!
//! An [`Upcaster`] leads from one type and schema version to the next: by declarative [`Step`]s, by functions, into another
//! type, into several, or into nothing. The [`Decoder`] holds them all, checked, and is the one place where stored events become
//! events of today's shape.
//!
//! Invariant: every path on which a stored event reaches a decider, a projection or the app goes through [`Decoder`].

mod chain;
mod decoder;
mod document;
mod downcast;
mod error;
mod flat;
mod path;
mod step;
mod unknown;
mod upcaster;

pub use decoder::Decoder;
pub use downcast::Versions;
pub use error::UpcastError;
pub use path::{InvalidPath, MAX_SEGMENTS, Path};
pub use step::{Direction, Step};
pub use unknown::{Known, UnknownEvents};
pub use upcaster::{Back, Forth, Shape, Target, Upcaster};
