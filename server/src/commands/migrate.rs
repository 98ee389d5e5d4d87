//! `tidelog-server migrate`: the tables of a database, brought to what this server works with.

use super::say;
use crate::args::Database;
use std::error::Error;
use tidelog_server::{Postgres, Sqlite, storage::postgres::PostgresAddress};

/// Brings the tables forward and says what it did.
pub(crate) async fn migrate(database: &Database) -> Result<(), Box<dyn Error>> {
    match database {
        Database::Memory => Err(":memory: begins empty each time; give a file or postgres://…".into()),
        Database::File(file) => {
            // A file belongs to one server: opening it is enough.
            Sqlite::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
            say(&format!("{}: the tables are up to date", file.display()))
        }
        Database::Postgres(address) => {
            let address: PostgresAddress = address.parse()?;
            let steps = Postgres::migrate(&address).await.map_err(|error| format!("{address}: {error}"))?;
            for step in &steps {
                say(&format!("{address}: step {}: {}", step.version, step.what))?;
            }
            say(&format!("{address}: the tables are up to date"))
        }
    }
}
