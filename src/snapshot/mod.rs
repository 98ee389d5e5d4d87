//! Snapshots: states of aggregates at a version, so that loading need not begin at the first event.
//!
//! A snapshot is derived and can be thrown away. It is made of confirmed events alone, which never change; what pending events
//! make of a state is folded anew over it, so that no rollback can leave a snapshot that saw what was rolled back.
//!
//! It is keyed by stream, version and the [`Fingerprint`] of the code that made it, and it names the event it ends with. One
//! that doesn't fit (other code, unreadable, an event that the log has not or not there) is passed over, counted, and replaced.

mod compression;
mod fingerprint;
pub(crate) mod keeper;
mod policy;
pub(crate) mod row;

pub use compression::Compression;
pub use fingerprint::Fingerprint;
pub use keeper::{Keeper, Snapshots};
pub use policy::{MIN_EVENTS, Mode, Situation, SnapshotPolicy};
pub use row::SnapshotInfo;
