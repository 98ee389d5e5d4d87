//! Given, when, then: stories about an app's rules, each a few lines and done in milliseconds.
//!
//! * [`aggregate`]: given events, when a command comes, then these events, or nothing, or a refusal, or this state.
//! * [`projection`]: given events, then these rows.
//! * [`process`]: given events, when one more happens or time goes by, then these commands.
//! * [`upcaster`]: given stored events, then these of today's shape.
//! * [`history`]: given a history, devices that decide offline, and a sync: what becomes of it all. The engine, the sync and the
//!   rules of the server are the real ones, over memory.
//!
//! Time and ids are always the same. What does not hold is a panic with the difference, line by line.

mod aggregate;
mod difference;
mod happened;
mod offline;
mod process;
mod projection;
mod upcaster;

pub use aggregate::{Given, When, aggregate};
pub use happened::{Happened, happened};
pub use offline::{Order, Story, command, history};
pub use process::{Process, process};
pub use projection::{Folded, projection};
pub use upcaster::{Decoded, shape, upcaster};
