//! What the rules have to know of a log.

use super::{
    failure::Trouble,
    row::{COMMIT_COLUMNS, signed, stored_commit},
};
use crate::{log_name::LogName, storage::History};
use deadpool_postgres::Client;
use std::collections::HashSet;
use tidelog::{id::CommitId, stream::StreamName, version::Version};
use uuid::Uuid;

/// The most commits that are read at once: few enough that the database sums up little in vain.
const AT_ONCE: i64 = 1_000;

/// Which of these commits stand in the log.
pub(super) async fn standing(
    client: &Client,
    name: &LogName,
    commits: &[CommitId],
) -> Result<HashSet<CommitId>, Trouble> {
    let ids: Vec<Uuid> = commits.iter().map(|commit| commit.0).collect();
    let statement = client
        .prepare_cached(
            "SELECT found.id FROM tidelog.logs AS here CROSS JOIN unnest($2::uuid[]) AS asked (id)
             CROSS JOIN LATERAL (
                 SELECT id FROM tidelog.commits WHERE log = here.key AND id = asked.id LIMIT 1
             ) AS found WHERE here.name = $1",
        )
        .await?;
    let rows = client.query(&statement, &[&name.as_str(), &ids]).await?;
    rows.iter().map(|row| Ok(CommitId(row.try_get(0)?))).collect()
}

/// The next commits of a stream. The lengths are summed in the database, so that not much more than the bound travels.
pub(super) async fn history(
    client: &Client,
    name: &LogName,
    stream: &StreamName,
    after: Version,
    bytes: usize,
) -> Result<History, Trouble> {
    let sql = format!(
        "SELECT {COMMIT_COLUMNS}, count FROM (
             SELECT {COMMIT_COLUMNS},
                    sum(octet_length(body)) OVER (ORDER BY first_version ROWS UNBOUNDED PRECEDING) AS bytes,
                    row_number() OVER (ORDER BY first_version) AS place,
                    count(*) OVER () AS count
             FROM (
                 SELECT {COMMIT_COLUMNS} FROM tidelog.commits
                 WHERE log = (SELECT key FROM tidelog.logs WHERE name = $1) AND stream = $2 AND first_version > $3 AND body <> ''
                 ORDER BY first_version LIMIT $5
             ) AS next
         ) AS summed WHERE place = 1 OR bytes <= $4 ORDER BY first_version"
    );
    let statement = client.prepare_cached(&sql).await?;
    let most = i64::try_from(bytes).unwrap_or(i64::MAX);
    let rows = client
        .query(&statement, &[&name.as_str(), &stream.as_str(), &signed(after)?, &most, &AT_ONCE])
        .await?;
    let found: i64 = rows.first().map_or(Ok(0), |row| row.try_get(5))?;
    let read = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let commits = rows.iter().map(|row| Ok(stored_commit(row, 0)?.confirmed(name)?));
    Ok(History {
        commits: commits.collect::<Result<_, Trouble>>()?,
        is_end: read == found && found < AT_ONCE,
    })
}
