//! Projections: rows by key, folded from events by a pure function.
//!
//! In reading order: `definition` says what a projection is, `projector` is the same with its types erased; `fold` folds
//! a batch of events and does what the projection wants done with one that fails; `layer` holds the rows that confirmed events
//! make and knows which of them are stored in which `segment`; `generation` is a layer with how far it is, and `checkpoint` its
//! row in the store; `rows` are what is seen, pending over confirmed; `value`, `index` and `query` answer questions about them.

mod checkpoint;
mod definition;
mod fold;
mod generation;
mod index;
mod layer;
mod path;
mod projector;
mod query;
mod rows;
mod segment;
mod value;

pub(crate) use checkpoint::{Checkpoint, Mark};
pub use definition::{Definition, Kind, OnError, Then};
pub(crate) use fold::{Verdict, fold};
pub(crate) use generation::{Generation, Halted, Parked};
pub(crate) use layer::Layer;
pub use projector::{ChangedRows, CurrentRow, ProjectError, Projection, Projector, erase};
pub use query::{Direction, MAX_TESTS, RowPage, RowQuery, Test};
pub(crate) use rows::Rows;
pub(crate) use segment::Damaged;
pub use value::Value;
