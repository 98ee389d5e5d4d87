//! The tables, and the steps by which a database comes to have them.

use super::failure::Trouble;
use crate::storage::StorageError;
use tokio_postgres::{Client, GenericClient, Transaction};

/// A change of the tables. Steps are only ever added: a database that was written by an older server is brought forward,
/// never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The version that the tables have afterwards.
    pub version: i64,
    /// What it does, for who runs it.
    pub what: &'static str,
    sql: &'static str,
}

/// The version of the tables that this server works with.
const SCHEMA_VERSION: i64 = STEPS[STEPS.len() - 1].version;

/// All steps, from an empty database on.
///
/// Everything stands in the schema `tidelog`, so that it can share a database and takes no notice of a search path. `body` is
/// the JSON of the commit as the protocol writes it: text, not `jsonb`, which would change numbers and refuse some
/// strings. A stream's version is not kept apart: it follows from its last commit, so that it can't disagree with it. There
/// are no foreign keys: whoever writes holds the lock of the log's row, and checking it for each event would cost more
/// than inserting the event.
///
/// Versions have the numbers that they have in a SQLite file.
const STEPS: &[Step] = &[
    Step {
        version: 1,
        what: "make the tables for logs, their commits and the ids of their events",
        sql: COMMITS,
    },
    Step { version: 2, what: "make the table for the last push of each producer", sql: PRODUCERS },
    Step { version: 3, what: "make the table for the markers of archived streams", sql: ARCHIVED },
];

const COMMITS: &str = "
    CREATE TABLE tidelog.logs (
        key      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name     text COLLATE \"C\" NOT NULL UNIQUE,
        id       uuid NOT NULL UNIQUE,
        position bigint NOT NULL DEFAULT 0
    );
    CREATE TABLE tidelog.commits (
        log           bigint NOT NULL,
        position      bigint NOT NULL,
        events        integer NOT NULL,
        id            uuid NOT NULL,
        stream        text COLLATE \"C\" NOT NULL,
        first_version bigint NOT NULL,
        recorded_at   bigint NOT NULL,
        body          text NOT NULL,
        PRIMARY KEY (log, position)
    );
    CREATE UNIQUE INDEX commits_by_id ON tidelog.commits (log, id);
    CREATE UNIQUE INDEX commits_by_stream ON tidelog.commits (log, stream, first_version);
    CREATE TABLE tidelog.events (
        log bigint NOT NULL,
        id  uuid NOT NULL,
        PRIMARY KEY (log, id)
    );
";

const PRODUCERS: &str = "
    CREATE TABLE tidelog.producers (
        log      bigint NOT NULL,
        id       uuid NOT NULL,
        epoch    bigint NOT NULL,
        sequence bigint NOT NULL,
        digest   bytea NOT NULL,
        PRIMARY KEY (log, id)
    );
";

const ARCHIVED: &str = "
    ALTER TABLE tidelog.logs ADD COLUMN archived bigint NOT NULL DEFAULT 0;
    CREATE TABLE tidelog.archived (
        log         bigint NOT NULL,
        number      bigint NOT NULL,
        mark        bigint NOT NULL,
        stream      text COLLATE \"C\" NOT NULL,
        version     bigint NOT NULL,
        commits     bigint NOT NULL,
        position    bigint NOT NULL,
        digest      text NOT NULL,
        archived_at bigint NOT NULL,
        archive     text NOT NULL,
        PRIMARY KEY (log, number)
    );
    CREATE UNIQUE INDEX archived_by_stream ON tidelog.archived (log, stream);
";

/// Held while the tables are changed, so that two processes don't at once; any number that nobody else takes:
/// "tidelog" in ASCII.
const LOCK: i64 = 0x74_6964_656c_6f67;

/// What a database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// No tables of ours.
    Nothing,
    /// Tables of this version.
    Version(i64),
}

/// Looks at the tables.
///
/// # Errors
/// [`StorageError::Foreign`] if the schema is somebody else's, or the database can't hold every text.
async fn look(client: &impl GenericClient) -> Result<Found, Trouble> {
    let row = client
        .query_one(
            "SELECT current_setting('server_encoding'), to_regclass('tidelog.migrations') IS NOT NULL,
                    EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace('tidelog'))",
            &[],
        )
        .await?;
    let (encoding, has_version, has_tables): (&str, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if encoding != "UTF8" {
        let reason =
            format!("it has the encoding {encoding}; make one with ENCODING 'UTF8' TEMPLATE template0");
        return Err(StorageError::Address(reason).into());
    }
    if !has_version {
        return if has_tables { Err(StorageError::Foreign.into()) } else { Ok(Found::Nothing) };
    }
    let row = client.query_one("SELECT coalesce(max(version), 0) FROM tidelog.migrations", &[]).await?;
    Ok(Found::Version(row.try_get(0)?))
}

/// Carries out the steps that the database has not seen yet, all of them or none, and says which; `only_into_nothing`: none
/// if it has tables of an older version.
pub(super) async fn bring_forward(
    client: &mut Client,
    only_into_nothing: bool,
) -> Result<Vec<Step>, Trouble> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let found = look(&transaction).await?;
    let from = match found {
        Found::Nothing => {
            make_room(&transaction).await?;
            0
        }
        Found::Version(version) => version,
    };
    if from > SCHEMA_VERSION {
        return Err(StorageError::NewerSchema { found: from, known: SCHEMA_VERSION }.into());
    }
    if only_into_nothing && found != Found::Nothing {
        return Ok(Vec::new());
    }
    let steps: Vec<_> = STEPS.iter().copied().filter(|step| step.version > from).collect();
    for step in &steps {
        transaction.batch_execute(step.sql).await?;
        let note = "INSERT INTO tidelog.migrations (version, what) VALUES ($1, $2)";
        transaction.execute(note, &[&step.version, &step.what]).await?;
    }
    transaction.commit().await?;
    Ok(steps)
}

/// Makes the tables in an empty database, and checks those of another.
///
/// # Errors
/// [`StorageError::OlderSchema`], [`StorageError::NewerSchema`], [`StorageError::Foreign`].
pub(super) async fn prepare(client: &mut Client) -> Result<(), Trouble> {
    if look(client).await? == Found::Nothing {
        bring_forward(client, true).await?;
    }
    check(client).await
}

/// Looks whether the tables are there, and those of this version.
///
/// # Errors
/// As [`prepare`].
pub(super) async fn check(client: &impl GenericClient) -> Result<(), Trouble> {
    let error = match look(client).await? {
        Found::Version(SCHEMA_VERSION) => return Ok(()),
        Found::Version(found) if found > SCHEMA_VERSION => {
            StorageError::NewerSchema { found, known: SCHEMA_VERSION }
        }
        Found::Version(found) => StorageError::OlderSchema { found, needed: SCHEMA_VERSION },
        Found::Nothing => StorageError::Failed("the tables are not there".into()),
    };
    Err(error.into())
}

/// The schema, which an operator may have made already for a user that may not, and the table of the steps.
async fn make_room(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let there: bool =
        transaction.query_one("SELECT to_regnamespace('tidelog') IS NOT NULL", &[]).await?.try_get(0)?;
    if !there {
        transaction.batch_execute("CREATE SCHEMA tidelog").await?;
    }
    let migrations = "CREATE TABLE tidelog.migrations (
        version bigint PRIMARY KEY,
        what    text NOT NULL,
        at      timestamptz NOT NULL DEFAULT now()
    )";
    Ok(transaction.batch_execute(migrations).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_without_a_gap() {
        assert!(STEPS.iter().zip(1..).all(|(step, version)| step.version == version));
    }
}
