//! A transaction whose beginning is not waited for, so that its first questions travel with it.

use super::failure::Trouble;
use crate::storage::StorageError;
use deadpool_postgres::{Client, Object};
use tokio_postgres::Error;

/// A connection that is in a transaction, or is about to be. Where it is dropped before the transaction is over, the connection is closed: the
/// database undoes what was done, and nobody is given a connection in the middle of something.
pub(super) struct Transaction(Option<Client>);

impl Transaction {
    /// Nothing is sent yet.
    pub(super) fn on(client: Client) -> Self {
        Self(Some(client))
    }

    /// What statements are sent over.
    pub(super) fn client(&self) -> Result<&Client, Trouble> {
        self.0.as_ref().ok_or_else(|| StorageError::Failed("the transaction is over".into()).into())
    }

    /// Gives the connection back, once the database has said that the transaction is over.
    pub(super) fn leave(mut self) {
        drop(self.0.take());
    }

    /// Undoes it. Should that fail, the connection is closed.
    pub(super) async fn undo(self) {
        let Some(client) = &self.0 else { return };
        if client.batch_execute("ROLLBACK").await.is_ok() {
            self.leave();
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

/// Begins a transaction each of whose statements sees what was committed before it began, and what the transaction has written.
pub(super) async fn begin(client: &Client) -> Result<(), Error> {
    client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await
}
