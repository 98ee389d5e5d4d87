//! `tidelog-server copy`: all logs of a SQLite file to PostgreSQL.

use super::{
    say,
    telling::{summed, telling},
};
use crate::args::{Copy, Database};
use std::error::Error;
use tidelog_server::{copy::copy as copy_all, storage::postgres::PostgresAddress};

/// Copies, and says how far it is.
pub(crate) async fn copy(Copy { from, to }: &Copy) -> Result<(), Box<dyn Error>> {
    let Database::Postgres(address) = to else {
        return Err("--to wants a PostgreSQL database: postgres://USER@HOST/DATABASE".into());
    };
    let address: PostgresAddress = address.parse()?;
    let done = copy_all(from, &address, telling()).await;
    let done = done.map_err(|error| format!("{} to {address}: {error}", from.display()))?;
    say(&format!("{address}: has {}", summed(&done)))
}
