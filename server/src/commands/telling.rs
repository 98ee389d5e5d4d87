//! How far a copy is, in words.

use super::say;
use std::time::{Duration, Instant};
use tidelog_server::copy::{Copied, Progress};

/// How often the progress within one log is told at most.
const NOW_AND_THEN: Duration = Duration::from_secs(2);

/// Tells of logs that were copied, and now and then how far one is. Whoever started the command may have closed its end of
/// the pipe; the command goes on.
pub(super) fn telling() -> impl FnMut(Progress) {
    let mut told = Instant::now();
    move |progress| match progress {
        Progress::Written { log, position, of } if told.elapsed() >= NOW_AND_THEN => {
            told = Instant::now();
            let _ = say(&format!("{log}: {position} of {of} events"));
        }
        Progress::Copied(copied) => drop(say(&format!("{}: copied {}", copied.log, shown(&copied)))),
        Progress::AlreadyThere(copied) => {
            drop(say(&format!("{}: is there already, {}", copied.log, shown(&copied))));
        }
        _ => {}
    }
}

/// What was copied in all.
pub(super) fn summed(done: &[Copied]) -> String {
    let events: u64 = done.iter().map(|copied| copied.events).sum();
    format!("all {} logs with {events} events, compared and the same", done.len())
}

fn shown(Copied { commits, events, digest, .. }: &Copied) -> String {
    format!("{events} events in {commits} commits, digest {digest}")
}
