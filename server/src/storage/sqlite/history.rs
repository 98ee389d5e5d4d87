//! What the rules have to know of a log.

use super::{
    failure,
    row::{COMMIT_COLUMNS, find_log, signed, stored_commit},
};
use crate::{
    log_name::LogName,
    storage::{History, StorageError},
};
use rusqlite::Connection;
use std::collections::HashSet;
use tidelog::{id::CommitId, stream::StreamName, version::Version};

/// Which of these commits stand in the log.
pub(super) fn standing(
    connection: &Connection,
    name: &LogName,
    commits: &[CommitId],
) -> Result<HashSet<CommitId>, StorageError> {
    let Some(log) = find_log(connection, name)? else { return Ok(HashSet::new()) };
    let mut by_id =
        connection.prepare_cached("SELECT 1 FROM commits WHERE log = ?1 AND id = ?2").map_err(failure)?;
    let mut standing = HashSet::new();
    for commit in commits {
        if by_id.exists((log.key, commit.0.as_bytes())).map_err(failure)? {
            standing.insert(*commit);
        }
    }
    Ok(standing)
}

/// The next commits of a stream.
pub(super) fn history(
    connection: &Connection,
    name: &LogName,
    stream: &StreamName,
    after: Version,
    bytes: usize,
) -> Result<History, StorageError> {
    let mut history = History { commits: Vec::new(), is_end: true };
    let Some(log) = find_log(connection, name)? else { return Ok(history) };
    let sql = format!(
        "SELECT {COMMIT_COLUMNS} FROM commits WHERE log = ?1 AND stream = ?2 AND first_version > ?3 AND body <> ''
         ORDER BY first_version"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failure)?;
    let after = signed(after).map_err(failure)?;
    let rows = statement.query_map((log.key, stream.as_str(), after), stored_commit).map_err(failure)?;
    let mut held = 0;
    for stored in rows {
        let stored = stored.map_err(failure)?;
        held += stored.bytes();
        if held > bytes && !history.commits.is_empty() {
            history.is_end = false;
            break;
        }
        history.commits.push(stored.confirmed(name)?);
    }
    Ok(history)
}
