//! Replay: going through what has happened once more, without anything happening again.
//!
//! Two ways to the past. [`At`] asks how a state or a row stood at a moment; [`Replay`] goes through the events that a [`Filter`]
//! lets pass and hands them, batch by batch, to a [`Handler`]. Both only read: no process manager runs, and a command that is
//! given from within a handler is refused. Every event goes through the decoder first.
//!
//! The engine side is [`crate::engine::Engine::replay`]; everything here is pure.

mod at;
mod control;
mod filter;
mod handler;
mod progress;

pub use at::At;
pub(crate) use at::Prefix;
pub use control::Control;
pub use filter::Filter;
pub use handler::{Evolving, HandleError, Handler, Projecting};
pub(crate) use progress::Cursor;
pub use progress::{Ended, Failure, OnError, Progress, Replay, Report};
