//! `tidelog-server logs` and `tidelog-server verify`: what is in a database, and whether it holds.

use super::{named::Named, say};
use crate::args::{Database, Verify};
use std::error::Error;
use tidelog_server::verify::{Log, Verified, logs as logs_in, verify as verify_all};

/// Prints the logs: name, identity, number of events.
pub(crate) async fn logs(database: &Database) -> Result<(), Box<dyn Error>> {
    let named = Named::of(database)?;
    for Log { name, id, position } in logs_in(named.place()).await.map_err(|error| named.told(&error))? {
        say(&format!("{name} {id} {position} events"))?;
    }
    Ok(())
}

/// Reads everything, and fails if anything does not hold.
pub(crate) async fn verify(Verify { there, archives }: &Verify) -> Result<(), Box<dyn Error>> {
    let named = Named::of(&there.database)?;
    let mut wrong = 0;
    let told = |Verified { log, commits, streams, archived, findings }: Verified| {
        // Whoever started this may have closed its end of the pipe; the exit code tells, too.
        let Log { name, position, .. } = log;
        let verdict = if findings.is_empty() { "holds" } else { "does not hold" };
        let gone = if archived == 0 { String::new() } else { format!(", {archived} of them archived") };
        drop(say(&format!(
            "{name}: {position} events in {commits} commits of {streams} streams{gone}: {verdict}"
        )));
        for finding in &findings {
            drop(say(&format!("{name}: {finding}")));
        }
        wrong += usize::from(!findings.is_empty());
    };
    verify_all(named.place(), archives, told).await.map_err(|error| named.told(&error))?;
    match wrong {
        0 => Ok(()),
        1 => Err("1 log does not hold".into()),
        many => Err(format!("{many} logs do not hold").into()),
    }
}
