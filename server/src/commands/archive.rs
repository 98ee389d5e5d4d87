//! `tidelog-server archive`: streams that rest leave a log.

use super::{named::Named, say};
use crate::args::Archive;
use std::error::Error;
use tidelog_server::{
    LogName,
    archive::{Before, Done, archive as archive_streams, rehearse},
    clock::{Clock, SystemClock},
};

/// Archives, and says what has left.
pub(crate) async fn archive(
    Archive { there, log, before, older_than, to, dry_run }: &Archive,
) -> Result<(), Box<dyn Error>> {
    let (named, log) = (Named::of(&there.database)?, LogName::parse(log)?);
    let before = match (before, older_than) {
        (Some(before), _) => *before,
        (None, Some(days)) => Before::days_ago(*days, SystemClock.now()),
        (None, None) => return Err("--before or --older-than says which streams rest".into()),
    };
    if *dry_run {
        let Done { streams, events, .. } =
            rehearse(named.place(), &log, before).await.map_err(|error| named.told(&error))?;
        return say(&format!("{log}: {streams} streams with {events} events would leave"));
    }
    let mut told = 0;
    let done = archive_streams(named.place(), &log, before, to, |streams| {
        // Whoever started this may have closed its end of the pipe; the command goes on.
        if streams >= told + 1_000 {
            told = streams;
            drop(say(&format!("{log}: {streams} streams have left")));
        }
    });
    let Done { streams, events, stayed } =
        done.await.map_err(|error| named.told(&format_args!("{}: {error}", to.display())))?;
    if (streams, stayed) == (0, 0) {
        return say(&format!("{log}: no stream rests, and no file was written"));
    }
    let stayed = if stayed == 0 {
        String::new()
    } else {
        format!("; {stayed} of the file's stayed, or had left before")
    };
    say(&format!("{log}: {streams} streams with {events} events are in {}{stayed}", to.display()))
}
