//! PostgreSQL's errors, sorted into those that may pass and the others.

use crate::storage::{BoxError, Fenced, Gap, InvalidCursor, PageError, PushError, StorageError};
use deadpool_postgres::PoolError;
use std::error::Error as _;
use tidelog::authority::domain::Overtaken;
use tokio_postgres::{Error, error::SqlState};

/// Why a piece of work with the database ended.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The database, or the way to it.
    Database(Error),
    /// What the storage makes of what it read.
    Storage(StorageError),
    /// The cursor is of no use for the log.
    Cursor(InvalidCursor),
    /// Some of what a page would hold was archived.
    Gap(Gap),
    /// Somebody else pushes as the same producer.
    Fenced(Fenced),
    /// The rules were asked about another state of the log.
    Overtaken(Overtaken),
}

impl Trouble {
    /// Whether the same again may well succeed at once: the connection had ended before it was used, or the database undid the
    /// transaction because of another one, by a serialization failure (databases that speak PostgreSQL's protocol and
    /// spread over machines know them at every isolation level) or a deadlock.
    pub(super) fn passes_at_once(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.is_closed()
            || matches!(
                error.code(),
                Some(&(SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED))
            )
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<PoolError> for Trouble {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Database(error),
            PoolError::Closed => Self::Storage(StorageError::Stopped),
            other => Self::Storage(StorageError::Unavailable(other.into())),
        }
    }
}

impl From<InvalidCursor> for Trouble {
    fn from(error: InvalidCursor) -> Self {
        Self::Cursor(error)
    }
}

impl From<Gap> for Trouble {
    fn from(gap: Gap) -> Self {
        Self::Gap(gap)
    }
}

impl From<Fenced> for Trouble {
    fn from(error: Fenced) -> Self {
        Self::Fenced(error)
    }
}

impl From<Overtaken> for Trouble {
    fn from(error: Overtaken) -> Self {
        Self::Overtaken(error)
    }
}

impl From<Trouble> for StorageError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Storage(error) => error,
            Trouble::Database(error) => failure(&error),
            Trouble::Cursor(error) => Self::Failed(error.into()),
            Trouble::Gap(gap) => Self::Failed(gap.into()),
            Trouble::Fenced(error) => Self::Failed(error.into()),
            Trouble::Overtaken(error) => Self::Failed(error.into()),
        }
    }
}

impl From<Trouble> for PageError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Cursor(error) => Self::Cursor(error),
            Trouble::Gap(gap) => Self::Gap(gap),
            other => Self::Storage(other.into()),
        }
    }
}

impl From<Trouble> for PushError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Cursor(error) => Self::Cursor(error),
            Trouble::Fenced(error) => Self::Fenced(error),
            Trouble::Overtaken(error) => Self::Overtaken(error),
            other => Self::Storage(other.into()),
        }
    }
}

/// What the error means for who asked.
pub(super) fn failure(error: &Error) -> StorageError {
    let passes = match error.code() {
        Some(code) => passes(code),
        None => error.is_closed() || is_of_the_way(error),
    };
    let told = told(error);
    if passes { StorageError::Unavailable(told) } else { StorageError::Failed(told) }
}

/// Whether the database says that trying again may help.
fn passes(code: &SqlState) -> bool {
    // Classes of appendix A of PostgreSQL's documentation: connections; transactions undone; resources used up; an
    // operator or a time-out intervened (restarts and promotions too); the system beneath failed.
    const CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];
    CLASSES.iter().any(|class| code.code().starts_with(class))
        || [
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            // A primary that has become a standby.
            SqlState::READ_ONLY_SQL_TRANSACTION,
        ]
        .contains(code)
}

/// Whether the connection could not be made, or broke.
fn is_of_the_way(error: &Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    // A time-out while connecting has no cause.
    error.source().is_none() || causes.any(|cause| cause.is::<std::io::Error>())
}

/// The error with its causes, which its own text leaves out.
fn told(error: &Error) -> BoxError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text.into()
}
