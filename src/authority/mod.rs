//! The authority over a log: what a server decides, without anything that makes it a server.
//!
//! Which commits a log takes ([`judge`]) and from whom ([`Rights`]), what a cursor means ([`cursor`]), how much an answer may hold, and how requests are
//! read ([`request`]) and refused ([`Refusal`]). All of it is pure; `tidelog-server` puts a database below and HTTP above,
//! [`MemoryLog`] is the same in memory, for tests and for being a server without a network.

pub mod archive;
pub mod candidate;
mod counselled;
pub mod cursor;
pub mod domain;
mod exchange;
mod filling;
pub mod judge;
mod limit;
mod memory;
mod offer;
mod producer;
mod refusal;
pub mod request;
mod rights;

pub use crate::streams::{MAX_STREAM_RULES, Named, NotStreams, Streams};
pub use archive::{ArchiveMark, Gap, Gaps, Leaving};
pub use candidate::Candidate;
pub use cursor::InvalidCursor;
pub use filling::Filling;
pub use limit::{MAX_MISSING_BYTES, MAX_PAGE_BYTES, MAX_PASSED, PageLimit};
pub use memory::{MemoryLog, PageRefused, PushRefused};
pub use offer::Offer;
pub use producer::{Fenced, LastPush};
pub use refusal::Refusal;
pub use rights::Rights;
