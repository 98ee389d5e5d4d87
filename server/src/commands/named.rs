//! The database that a command was given.

use crate::args::Database;
use std::{error::Error, fmt::Display};
use tidelog_server::{storage::postgres::PostgresAddress, verify::Place};

/// A database that is there already.
pub(super) enum Named<'a> {
    File(&'a std::path::Path),
    Postgres(PostgresAddress),
}

impl<'a> Named<'a> {
    pub(super) fn of(database: &'a Database) -> Result<Self, Box<dyn Error>> {
        match database {
            Database::Memory => Err(":memory: begins empty each time; give a file or postgres://…".into()),
            Database::File(file) => Ok(Self::File(file)),
            Database::Postgres(address) => Ok(Self::Postgres(address.parse()?)),
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        match self {
            Self::File(file) => Place::File(file),
            Self::Postgres(address) => Place::Postgres(address),
        }
    }

    /// What is said of it, with its name before it.
    pub(super) fn told(&self, error: &dyn Display) -> String {
        match self {
            Self::File(file) => format!("{}: {error}", file.display()),
            Self::Postgres(address) => format!("{address}: {error}"),
        }
    }
}
