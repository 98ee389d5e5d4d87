//! The contract of storage under the log: a handful of tables of bytes, and one atomic write with a guard.
//!
//! Everything clever (blocks, the index, versions, group commit, merging) lives above it in [`super::Log`], the same over
//! memory and IndexedDB. An implementation must keep these rules; `testing::store_contract` checks them:
//!
//! 1. A [`Batch`] is written whole or not at all, also across a crash, and is durable when [`Store::write`] resolves.
//! 2. If the stored epoch differs from a [`Batch::epoch`] that is given, a row of [`Batch::unchanged`] is not as it was, or an
//!    [`Write::Add`] finds its key taken, nothing is written and the answer is [`Written::Collision`].
//! 3. Writes of several holders of the same database (tabs) are serialised. A read sees whole batches only.
//! 4. Rows of a table come back in the order of their keys.

use std::rc::Rc;

/// The tables. Keys of `Confirmed`, `Pending` and their directories are numbers; those of the others are text.
///
/// What follows `Meta` is derived from the log and can be thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Blocks of confirmed commits, by the position of their first event.
    Confirmed,
    /// Blocks of pending commits, by the sequence of their first commit.
    Pending,
    /// Directories of large confirmed blocks, by the key of the block.
    ConfirmedDirectory,
    /// Directories of large pending blocks, by the key of the block.
    PendingDirectory,
    /// Rejected commits, by the id of the commit.
    Rejected,
    /// Facts about the database itself: `epoch` (see [`EPOCH`]), `head`, `device`.
    Meta,
    /// States of aggregates at a version.
    Snapshots,
    /// Rows of projections.
    ProjectionRows,
    /// How far derived things have followed the log.
    Checkpoints,
    /// Events that a projection could not take in.
    DeadLetters,
    /// States of process managers, and what they wait for.
    Processes,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 11] = [
        Self::Confirmed,
        Self::Pending,
        Self::ConfirmedDirectory,
        Self::PendingDirectory,
        Self::Rejected,
        Self::Meta,
        Self::Snapshots,
        Self::ProjectionRows,
        Self::Checkpoints,
        Self::DeadLetters,
        Self::Processes,
    ];

    /// The name of the table in a database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Pending => "pending",
            Self::ConfirmedDirectory => "confirmed-directory",
            Self::PendingDirectory => "pending-directory",
            Self::Rejected => "rejected",
            Self::Meta => "meta",
            Self::Snapshots => "snapshots",
            Self::ProjectionRows => "projection-rows",
            Self::Checkpoints => "checkpoints",
            Self::DeadLetters => "dead-letters",
            Self::Processes => "processes",
        }
    }
}

/// The key of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A number up to 2^53 - 1.
    Number(u64),
    /// A text.
    Text(Rc<str>),
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The key of the row of [`Table::Meta`] that holds the epoch: eight bytes, little-endian; no row means 0. Only the store
/// itself writes it, from [`Batch::new_epoch`].
pub const EPOCH: &str = "epoch";

/// Reads the epoch out of its row.
pub(crate) fn epoch_from_row(row: Option<&[u8]>) -> Result<u64, StoreError> {
    let Some(row) = row else { return Ok(0) };
    let bytes = row.try_into().map_err(|_| StoreError::Failed {
        reason: format!("the row that guards the database has {} bytes instead of 8", row.len()),
    })?;
    Ok(u64::from_le_bytes(bytes))
}

/// The bytes of a row.
pub type Bytes = Rc<[u8]>;

/// What parts a key of several texts, and so ends every prefix that can be asked for. Names hold no control characters.
pub const SEPARATOR: char = '\0';

/// The first text behind all that begin with a prefix. Both kinds of order, by code point and by UTF-16 unit, agree on it.
pub(crate) fn end_of_prefix(prefix: &str) -> Rc<str> {
    let mut end = prefix.trim_end_matches(SEPARATOR).to_owned();
    end.push('\u{1}');
    end.into()
}

/// One change of a batch.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new row; a collision if the key is taken.
    Add(Table, Key, Bytes),
    /// A row, new or replaced.
    Put(Table, Key, Bytes),
    /// No row from now on; not an error if there was none.
    Delete(Table, Key),
    /// No rows from now on whose key begins with this text, which ends in [`SEPARATOR`].
    DeletePrefix(Table, Rc<str>),
}

/// Changes that are written together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The epoch that the writer's view of the database belongs to; 0 in a new database. None for rows that are derived from
    /// confirmed commits alone, which no other holder can change.
    pub epoch: Option<u64>,
    /// The epoch after this batch, if it changes more than adding rows at the end: then every other holder's view is stale.
    pub new_epoch: Option<u64>,
    /// Keys that must still be free though the batch does not write them: proof that nobody appended meanwhile.
    pub absent: Vec<(Table, Key)>,
    /// Rows that must still hold these bytes, or be absent where there are none: compare and set. What several tabs derive from
    /// the log is fenced by it, with a row that every such batch changes. (An `Add` under the next number is no such fence where
    /// rows are also deleted: to a tab that slept, the number after the last one it saw may be free again.)
    pub unchanged: Vec<(Table, Key, Option<Bytes>)>,
    /// The changes, applied in order.
    pub writes: Vec<Write>,
}

/// How a write ended when storage itself is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It is durable.
    Done,
    /// Another holder was faster: nothing was written. Catch up and try again.
    Collision,
}

/// All the rows of some tables, from one moment.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The epoch of that moment.
    pub epoch: u64,
    /// The rows, in the order of the selections asked for.
    pub rows: Vec<Vec<(Key, Bytes)>>,
}

/// What to read.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Every row.
    All(Table),
    /// Every row whose key is this number or above.
    From(Table, u64),
    /// Every row of the first table whose key is not in the second: blocks that have no directory of their own.
    Without(Table, Table),
    /// These rows, in the order asked for; missing ones are left out of the answer.
    Keys(Table, Vec<Key>),
    /// Every row whose key begins with this text, which ends in [`SEPARATOR`].
    Prefix(Table, Rc<str>),
}

/// Why a connection is closed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// By this app.
    Here,
    /// A newer version of the app was opened in another tab, and brings the database to a newer format.
    Outdated,
    /// The database was deleted while it was open; there may be another one of its name by now.
    Deleted,
}

impl std::fmt::Display for Closing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here => "it was closed by this app",
            Self::Outdated => "a newer version of this app was opened in another tab: reload this one",
            Self::Deleted => "the database was deleted or replaced while it was open: open it again",
        })
    }
}

/// Storage failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no IndexedDB here.
    #[error("IndexedDB is not available here: {reason}")]
    Unavailable {
        /// What the browser said.
        reason: String,
    },
    /// The browser's quota is used up.
    #[error(
        "the browser's storage quota is used up: free space or ask for persistent storage, then try again"
    )]
    QuotaExceeded,
    /// The database was written by a newer version of this library.
    #[error(
        "database {name:?} has format {found}, newer than {supported}, the newest this version reads: update the app"
    )]
    NewerFormat {
        /// The name of the database.
        name: String,
        /// Its format.
        found: u64,
        /// The newest format that this version reads.
        supported: u64,
    },
    /// The connection is closed. It is not opened again.
    #[error("the connection to the database is closed: {why}")]
    Closed {
        /// Why.
        why: Closing,
    },
    /// Another tab holds an older version of the database open.
    #[error("another tab holds an older version of database {name:?} open: close it and try again")]
    Blocked {
        /// The name of the database.
        name: String,
    },
    /// Anything else the browser said.
    #[error("storage failed: {reason}")]
    Failed {
        /// What the browser said.
        reason: String,
    },
}

/// How hard an append pushes its bytes towards the disk before it resolves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// In the hands of the operating system: survives the browser's death, not a power cut in the next seconds.
    #[default]
    Relaxed,
    /// Flushed to the disk. About twice as slow.
    Strict,
}

/// Storage for one database. Clones and other holders of the same name see the same rows.
#[allow(async_fn_in_trait)] // one thread: the browser's
pub trait Store: 'static {
    /// Reads the selections from one moment (one transaction).
    async fn load(&self, selections: &[Selection]) -> Result<Loaded, StoreError>;
    /// Writes a batch whole or not at all; see the rules above.
    async fn write(&self, batch: Batch) -> Result<Written, StoreError>;
    /// Lets go of the database. Calls after it answer [`StoreError::Closed`].
    fn close(&self);
}

/// A store may be shared.
impl<S: Store> Store for Rc<S> {
    async fn load(&self, selections: &[Selection]) -> Result<Loaded, StoreError> {
        S::load(self, selections).await
    }

    async fn write(&self, batch: Batch) -> Result<Written, StoreError> {
        S::write(self, batch).await
    }

    fn close(&self) {
        S::close(self);
    }
}
