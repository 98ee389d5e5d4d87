//! The tables, and how a file comes to have them.

use super::failure;
use crate::storage::StorageError;
use rusqlite::{Connection, TransactionBehavior};

/// Marks a SQLite file as ours (`PRAGMA application_id`): "tide" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x7469_6465;
/// Marks a SQLite file as an archive of ours: "tida" in ASCII.
const ARCHIVE_ID: i64 = 0x7469_6461;
/// The version of the tables (`PRAGMA user_version`).
pub(super) const SCHEMA_VERSION: i64 = 3;

/// Ids are the 16 bytes of the UUID; `body` is the JSON of the commit as the protocol writes it.
///
/// A stream's version is not kept apart: it follows from its last commit, so that it can't disagree with it.
const COMMITS: &str = "
    CREATE TABLE logs (
        key      INTEGER PRIMARY KEY,
        name     TEXT NOT NULL UNIQUE,
        id       BLOB NOT NULL UNIQUE,
        position INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE commits (
        log           INTEGER NOT NULL REFERENCES logs (key),
        position      INTEGER NOT NULL,
        events        INTEGER NOT NULL,
        id            BLOB NOT NULL,
        stream        TEXT NOT NULL,
        first_version INTEGER NOT NULL,
        recorded_at   INTEGER NOT NULL,
        body          TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX commits_by_position ON commits (log, position);
    CREATE UNIQUE INDEX commits_by_id ON commits (log, id);
    CREATE UNIQUE INDEX commits_by_stream ON commits (log, stream, first_version);
    CREATE TABLE events (
        log INTEGER NOT NULL REFERENCES logs (key),
        id  BLOB NOT NULL,
        PRIMARY KEY (log, id)
    ) STRICT, WITHOUT ROWID;
";

/// The last push of each producer; since version 2.
const PRODUCERS: &str = "
    CREATE TABLE producers (
        log      INTEGER NOT NULL REFERENCES logs (key),
        id       BLOB NOT NULL,
        epoch    INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        digest   BLOB NOT NULL,
        PRIMARY KEY (log, id)
    ) STRICT, WITHOUT ROWID;
";

/// The markers of archived streams, and how many each log has; since version 3. The commits of such a stream stay, with an empty `body`.
const ARCHIVED: &str = "
    ALTER TABLE logs ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE archived (
        log         INTEGER NOT NULL REFERENCES logs (key),
        number      INTEGER NOT NULL,
        mark        INTEGER NOT NULL,
        stream      TEXT NOT NULL,
        version     INTEGER NOT NULL,
        commits     INTEGER NOT NULL,
        position    INTEGER NOT NULL,
        digest      TEXT NOT NULL,
        archived_at INTEGER NOT NULL,
        archive     TEXT NOT NULL,
        PRIMARY KEY (log, number)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX archived_by_stream ON archived (log, stream);
";

/// Looks whether the tables are there, and those of this version: a newer server may have brought them forward meanwhile.
pub(super) fn check(connection: &Connection) -> Result<(), StorageError> {
    let look = || -> rusqlite::Result<i64> {
        connection.query_row("SELECT count(*) FROM (SELECT 1 FROM logs LIMIT 1)", [], |_| Ok(()))?;
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    match look().map_err(failure)? {
        SCHEMA_VERSION => Ok(()),
        found if found > SCHEMA_VERSION => Err(StorageError::NewerSchema { found, known: SCHEMA_VERSION }),
        found => Err(StorageError::OlderSchema { found, needed: SCHEMA_VERSION }),
    }
}

/// Whether a file is an archive; its tables have to be of this version.
pub(super) fn is_archive(connection: &Connection) -> Result<bool, StorageError> {
    let number =
        |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failure);
    if number("application_id")? != ARCHIVE_ID {
        return Ok(false);
    }
    match number("user_version")? {
        SCHEMA_VERSION => Ok(true),
        found => Err(StorageError::NewerSchema { found, known: SCHEMA_VERSION }),
    }
}

/// Makes an archive of a file that has the tables.
pub(super) fn make_archive(connection: &Connection) -> Result<(), StorageError> {
    connection.pragma_update(None, "application_id", ARCHIVE_ID).map_err(failure)
}

/// Makes the tables in an empty database, brings those of an older version up to date, and checks those of another.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StorageError> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    let number = |pragma: &str| {
        transaction.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failure)
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .map_err(failure)?;
    match (application, version) {
        (0, 0) if tables == 0 => {
            transaction.execute_batch(COMMITS).map_err(failure)?;
            transaction.execute_batch(PRODUCERS).map_err(failure)?;
            transaction.execute_batch(ARCHIVED).map_err(failure)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failure)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failure)?;
            transaction.commit().map_err(failure)
        }
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(()),
        (APPLICATION_ID, found @ 1..SCHEMA_VERSION) => {
            if found < 2 {
                transaction.execute_batch(PRODUCERS).map_err(failure)?;
            }
            transaction.execute_batch(ARCHIVED).map_err(failure)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failure)?;
            transaction.commit().map_err(failure)
        }
        (APPLICATION_ID, found) if found > SCHEMA_VERSION => {
            Err(StorageError::NewerSchema { found, known: SCHEMA_VERSION })
        }
        _ => Err(StorageError::Foreign),
    }
}
