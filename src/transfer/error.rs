//! What can go wrong when a log is taken in.

use crate::{
    engine::{ReadError, WriteError},
    id::CommitId,
    log::{AppendError, LogError},
    version::Position,
};

/// An import failed. What was written before stays; beginning again passes over it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The text is neither an export nor CloudEvents.
    #[error("item {item} can't be imported: {reason}")]
    Unreadable {
        /// Which object of the text, from 1.
        item: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The text is not what was exported.
    #[error(
        "what was exported is damaged before item {item}: {reason}; nothing since the last checksum was imported, everything before it was"
    )]
    Damaged {
        /// Where the checksum stands that doesn't hold.
        item: u64,
        /// What does not hold.
        reason: String,
    },
    /// The text ends too early.
    #[error(
        "the text ends after item {item}, before its end: what came up to the last checksum is imported; give all of it again"
    )]
    CutShort {
        /// The last object that was read whole.
        item: u64,
    },
    /// The text was written by a newer version of this library.
    #[error(
        "the export has format {found}, newer than {}, the newest this version reads: update the app",
        super::FORMAT
    )]
    NewerFormat {
        /// Its format.
        found: u32,
    },
    /// A log can't be restored here.
    #[error("the log can't be restored here: {reason}")]
    NotRestorable {
        /// Why, and what to do.
        reason: String,
    },
    /// This log is another one than the one that is restored.
    #[error(
        "position {position} holds another commit here than {commit}: this log is not the one that was exported; merge it instead"
    )]
    Diverged {
        /// The commit of the export.
        commit: CommitId,
        /// Where it stood.
        position: Position,
    },
    /// Reading or writing the log failed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<LogError> for ImportError {
    fn from(error: LogError) -> Self {
        Self::Write(error.into())
    }
}

impl From<ReadError> for ImportError {
    fn from(error: ReadError) -> Self {
        Self::Write(error.into())
    }
}

impl From<AppendError> for ImportError {
    fn from(error: AppendError) -> Self {
        Self::Write(error.into())
    }
}

impl ImportError {
    /// A stable word to switch on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable-import",
            Self::Damaged { .. } => "damaged-import",
            Self::CutShort { .. } => "import-cut-short",
            Self::NewerFormat { .. } => "newer-format",
            Self::NotRestorable { .. } => "not-restorable",
            Self::Diverged { .. } => "diverged",
            Self::Write(error) => error.code(),
        }
    }
}
