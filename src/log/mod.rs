//! The event log: blocks of commits over a [`Store`], with an index of streams in memory.
//!
//! Two regions: `confirmed`, keyed by position, and `pending`, keyed by this device's own sequence. Without a server this
//! device is the authority, and appends go straight to `confirmed`.

mod append;
mod apply;
mod archive;
mod block;
mod cache;
mod catch_up;
mod checkpoints;
mod course;
mod desk;
mod event_log;
mod followed;
mod forget;
mod identity;
mod index;
#[cfg(target_arch = "wasm32")]
mod indexeddb;
mod insert;
mod kept;
mod load;
mod memory;
mod merge;
mod open_blocks;
mod parked;
mod query;
mod read;
mod rewind;
mod rows;
pub(crate) mod sealed;
mod sorted;
pub mod store;
mod view;

pub use archive::{Archive, Learned};
pub use checkpoints::Checkpoint;
pub use event_log::Log;
pub use followed::{Fetching, Followed};
pub use identity::Identity;
#[cfg(target_arch = "wasm32")]
pub use indexeddb::{Holder, IndexedDbStore};
pub use insert::Stretch;
pub use memory::MemoryStore;
pub use query::{EventPage, Query};
pub use rewind::Rewind;

pub(crate) use block::{crc32, wire};

use crate::{
    commit::{Commit, ConfirmedCommit, InvalidCommit, PendingCommit, Policy, RejectedCommit},
    conflict::Parked,
    event::RecordedEvent,
    id::CommitId,
    stream::StreamName,
    sync::protocol::Cursor,
    version::{ExpectedVersion, Position, Version},
};
use std::sync::Arc;
use store::{Key, StoreError, Table};

/// Who confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// This device: there is no server.
    Device,
    /// A server: appends are pending until a pull brings them back.
    Server,
}

/// The log could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row does not hold what was written.
    #[error("row {key} of table {} is corrupt: {reason}; the other rows stay readable", .table.name())]
    Corrupt {
        /// The table.
        table: Table,
        /// The row.
        key: Key,
        /// What is wrong with it.
        reason: String,
    },
    /// A change to apply does not fit the log; nothing of it is written.
    #[error("commit {commit} does not fit the log: {reason}")]
    Misfit {
        /// The commit that does not fit.
        commit: CommitId,
        /// Why.
        reason: String,
    },
}

/// An append was refused; nothing of it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The stream is not at the expected version.
    #[error("stream {stream} is at version {actual}, expected {expected}")]
    Conflict {
        /// The stream.
        stream: StreamName,
        /// What was expected.
        expected: ExpectedVersion,
        /// The stream's version.
        actual: Version,
        /// The events beyond an exact expected version; empty for the other expectations.
        missing: Vec<RecordedEvent>,
    },
    /// A commit is not valid.
    #[error(transparent)]
    Invalid(#[from] InvalidCommit),
    /// The commit stands in the queue already.
    #[error("commit {id} is pending already")]
    AlreadyPending {
        /// The commit.
        id: CommitId,
    },
    /// A commit that the append was to resolve is not on the rejected list, or no longer: another tab resolved it.
    #[error("commit {id} is not on the list of rejected commits")]
    NotRejected {
        /// The commit.
        id: CommitId,
    },
    /// What caused the commit was rejected, perhaps by another tab while this one decided: it would be rejected with it.
    #[error("commit {id} was caused by commit {cause}, which was rejected")]
    CauseRejected {
        /// The commit.
        id: CommitId,
        /// The rejected commit.
        cause: CommitId,
    },
    /// Pending commits were replaced or rejected since the state that the append was decided on; its version may fit all the same.
    #[error("what was decided on has changed meanwhile: decide again")]
    Moved,
    /// The server has archived the stream: it takes no more events.
    #[error("stream {stream} was archived at version {version}, and takes no more events")]
    Archived {
        /// The stream.
        stream: StreamName,
        /// The version of its last event.
        version: Version,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A commit to append, with what shall happen to it if its stream moves while it is pending.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The commit; its expected version is checked at the append.
    pub commit: Commit,
    /// Its policy.
    pub policy: Policy,
}

/// What an append was decided on, beside the versions of its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing else.
    Versions,
    /// A state of this [`Head::revision`]: after a rebase the same version may stand for other events.
    Revision(u64),
    /// The whole log, as of this epoch, position and next sequence: that something does *not* stand in it.
    Everything(u64, Position, u64),
}

impl Seen {
    /// The whole log as it stands.
    #[must_use]
    pub fn all_of(head: &Head) -> Self {
        Self::Everything(head.epoch, head.position, head.next_sequence)
    }

    fn is(self, head: &Head) -> bool {
        match self {
            Self::Versions => true,
            Self::Revision(revision) => revision == head.revision,
            Self::Everything(..) => self == Self::all_of(head),
        }
    }
}

/// Where an appended commit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The version of its first event.
    pub first_version: Version,
    /// The position of its first event, if this device is the authority.
    pub first_position: Option<Position>,
    /// Its sequence in the queue, if a server is the authority.
    pub sequence: Option<u64>,
}

/// A place between two events in the order that readers see: confirmed by position, then pending by sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// After the confirmed event with this position; `Confirmed(0)` is before everything.
    Confirmed(Position),
    /// After this many events of the pending commit with this sequence.
    Pending(u64, u64),
}

impl Place {
    /// Before the first event.
    pub const START: Self = Self::Confirmed(0);
    /// After everything, pending events too.
    pub const END: Self = Self::Pending(u64::MAX, 0);
}

/// What the log knows about itself without reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Rises with every change other than an append at the end; another value than before means that this view was rebuilt.
    pub epoch: u64,
    /// Rises when pending commits were replaced or rejected, or foreign commits arrived before them: whatever was computed
    /// from pending events has to be computed again. A pull that merely confirms pending commits leaves it as it is.
    pub revision: u64,
    /// The position of the last confirmed event; 0 if there is none.
    pub position: Position,
    /// The number of confirmed events here.
    pub confirmed_events: u64,
    /// The number of pending commits.
    pub pending_commits: u64,
    /// The number of pending events.
    pub pending_events: u64,
    /// The sequence that the next pending commit gets.
    pub next_sequence: u64,
    /// How far the server's log has been pulled.
    pub cursor: Cursor,
    /// The server's log, once known.
    pub log_id: Option<Arc<str>>,
    /// How often confirmed events changed otherwise than at the end: the server lost history ([`Log::rewind`]), the past of a newly
    /// followed stream came in between, or streams were forgotten ([`Log::forget`]).
    pub rewinds: u64,
    /// The number of rejected commits that wait for the app.
    pub rejected: u64,
    /// The number of pending commits that a person is asked about.
    pub parked: u64,
    /// The number of commits of other devices that the server has lost and that can't be brought back: see [`Log::orphans`].
    pub orphans: u64,
    /// The number of blocks, confirmed and pending.
    pub blocks: u64,
}

impl Head {
    /// The identity of the history that positions belong to, once known: the server's log, and how often a part was lost, put in or
    /// forgotten. What is
    /// derived from confirmed events counts for one history only.
    #[must_use]
    pub fn history(&self) -> Option<Arc<str>> {
        match (&self.log_id, self.rewinds) {
            (Some(log_id), 0) => Some(Arc::clone(log_id)),
            (Some(log_id), rewinds) => Some(format!("{log_id}#{rewinds}").into()),
            (None, _) => None,
        }
    }
}

/// A change of both regions at once: what a pull brings.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The head that the change was computed from.
    pub seen: Head,
    /// Confirmed commits to add, in order. Those that are not beyond `seen.position` are put between the others, where `inserts` allows it.
    pub confirmed: Vec<ConfirmedCommit>,
    /// The cursor after them, if it moved.
    pub cursor: Option<Cursor>,
    /// The server's log, if it became known.
    pub log_id: Option<Arc<str>>,
    /// What is followed and here after it, if that changes.
    pub followed: Option<Followed>,
    /// Where the past of newly followed streams was fetched from, in order; none where nothing is put between other commits.
    pub inserts: Vec<Stretch>,
    /// Pending commits to remove, by sequence: confirmed by this change, or with nothing left to say.
    pub settled: Vec<u64>,
    /// Pending commits to replace, by their sequence. `first_version` is ignored: it follows from the order.
    pub replaced: Vec<PendingCommit>,
    /// Pending commits to move to the rejected list, by sequence.
    pub rejected: Vec<(u64, RejectedCommit)>,
    /// The pending commits that a person is asked about from now on, if they are others than before.
    pub parked: Option<Vec<Parked>>,
    /// Pending commits of other devices that can't be brought back to the server, by sequence: kept apart from what was rejected.
    pub orphaned: Vec<(u64, RejectedCommit)>,
    /// Whether `revision` rises; see [`Head::revision`].
    pub revises: bool,
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// It is durable.
    Done,
    /// Another tab changed the log meanwhile; this view has caught up. Compute the change again.
    Stale,
}
