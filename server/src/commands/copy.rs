//! `tidelog-server copy`: all logs of a SQLite file to PostgreSQL.

use super::say;
use crate::args::{Copy, Database};
use std::{
    error::Error,
    time::{Duration, Instant},
};
use tidelog_server::{
    copy::{self, Copied, Progress},
    storage::postgres::PostgresAddress,
};

/// How often the progress within one log is told at most.
const NOW_AND_THEN: Duration = Duration::from_secs(2);

/// Copies, and says how far it is.
pub(crate) async fn copy(Copy { from, to }: &Copy) -> Result<(), Box<dyn Error>> {
    let Database::Postgres(address) = to else {
        return Err("--to wants a PostgreSQL database: postgres://USER@HOST/DATABASE".into());
    };
    let address: PostgresAddress = address.parse()?;
    let mut told = Instant::now();
    // Whoever started this may have closed its end of the pipe; the copy goes on.
    let done = copy::copy(from, &address, |progress| match progress {
        Progress::Written { log, position, of } if told.elapsed() >= NOW_AND_THEN => {
            told = Instant::now();
            let _ = say(&format!("{log}: {position} of {of} events"));
        }
        Progress::Copied(copied) => drop(say(&format!("{}: copied {}", copied.log, shown(&copied)))),
        Progress::AlreadyThere(copied) => {
            drop(say(&format!("{}: is there already, {}", copied.log, shown(&copied))));
        }
        _ => {}
    });
    let done = done.await.map_err(|error| format!("{} to {address}: {error}", from.display()))?;
    let events: u64 = done.iter().map(|copied| copied.events).sum();
    say(&format!("{address}: has all {} logs with {events} events, compared and the same", done.len()))
}

fn shown(Copied { commits, events, digest, .. }: &Copied) -> String {
    format!("{events} events in {commits} commits, digest {digest}")
}
