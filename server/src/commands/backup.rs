//! `tidelog-server backup` and `tidelog-server restore`.

use super::{
    named::Named,
    say,
    telling::{summed, telling},
};
use crate::args::{Backup, Restore};
use std::error::Error;
use tidelog_server::backup::{backup as write_backup, restore as read_backup};

/// Writes a backup, and says how far it is.
pub(crate) async fn backup(Backup { there, to }: &Backup) -> Result<(), Box<dyn Error>> {
    let named = Named::of(&there.database)?;
    let done = write_backup(named.place(), to, telling()).await.map_err(|error| named.told(&error))?;
    say(&format!("{}: has {}", to.display(), summed(&done)))
}

/// Puts a backup back, and says how far it is.
pub(crate) async fn restore(Restore { from, database }: &Restore) -> Result<(), Box<dyn Error>> {
    let named = Named::of(database)?;
    let done = read_backup(from, named.place(), telling()).await;
    let done = done.map_err(|error| format!("{}: {error}", from.display()))?;
    say(&named.told(&format_args!("has {}", summed(&done))))
}
