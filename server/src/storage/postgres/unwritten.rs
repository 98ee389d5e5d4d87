//! What pushes have come to and the database has not been told yet.

use super::{columns::Columns, failure::Trouble, producers, row::Log};
use crate::storage::{
    LastPush, StorageError,
    stored::{StoredCommit, WholeRow},
};
use deadpool_postgres::Client;
use std::collections::HashMap;
use tidelog::commit::ConfirmedCommit;
use tokio_postgres::Statement;
use uuid::Uuid;

/// Commits, and the last pushes of producers.
#[derive(Default)]
pub(super) struct Unwritten {
    columns: Columns,
    producers: HashMap<Uuid, LastPush>,
}

/// What it is written with.
pub(super) struct Statements {
    commits: Option<Statement>,
    producers: Option<Statement>,
}

impl Unwritten {
    /// Adds what became of a push.
    pub(super) fn add(
        &mut self,
        accepted: &[ConfirmedCommit],
        producer: Option<(Uuid, LastPush)>,
    ) -> Result<(), Trouble> {
        for ConfirmedCommit { first_version, first_position, recorded_at, commit } in accepted {
            let failed = |error| StorageError::Failed(error);
            self.columns.add_commit(WholeRow {
                stored: StoredCommit {
                    position: *first_position,
                    events: u32::try_from(commit.events.len()).map_err(|error| failed(error.into()))?,
                    first_version: *first_version,
                    recorded_at: recorded_at.millis(),
                    body: serde_json::to_string(commit).map_err(|error| failed(error.into()))?,
                },
                id: commit.id.0,
                stream: commit.stream.as_str().to_owned(),
            })?;
            self.columns.add_events(commit);
        }
        self.producers.extend(producer);
        Ok(())
    }

    /// Makes ready what [`Unwritten::write`] needs, so that writing is one round trip.
    pub(super) async fn statements(&self, client: &Client) -> Result<Statements, Trouble> {
        Ok(Statements {
            commits: if self.columns.is_empty() { None } else { Some(Columns::append(client).await?) },
            producers: if self.producers.is_empty() { None } else { Some(producers::writing(client).await?) },
        })
    }

    /// Sends all at once. The log ends with the last of these commits then, if there are any.
    pub(super) async fn write(
        &self,
        client: &Client,
        log: &Log,
        statements: &Statements,
    ) -> Result<(), Trouble> {
        let (commits, producers) = tokio::join!(
            biased;
            async {
                match &statements.commits {
                    Some(statement) => self.columns.write(client, statement, log).await,
                    None => Ok(()),
                }
            },
            async {
                match &statements.producers {
                    Some(statement) => producers::write(client, statement, log.key, &self.producers).await,
                    None => Ok(()),
                }
            },
        );
        commits?;
        producers
    }
}
