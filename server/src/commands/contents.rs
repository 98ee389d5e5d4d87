//! `tidelog-server streams` and `tidelog-server show`: what is in a log.

use super::{named::Named, say};
use crate::args::{Show, Streams};
use serde_json::json;
use std::{error::Error, io, ops::ControlFlow};
use tidelog::{commit::ConfirmedCommit, stream::StreamName};
use tidelog_server::{
    LogName,
    contents::{Part, Shown, StoredStream, show as show_in, streams as streams_in},
};

/// Prints the streams of a log: name, version, number of commits, position of the last event.
pub(crate) async fn streams(Streams { there, log, json }: &Streams) -> Result<(), Box<dyn Error>> {
    let (named, log) = (Named::of(&there.database)?, LogName::parse(log)?);
    let mut written = Ok(());
    let told = |StoredStream { stream, version, commits, position, archive, .. }: StoredStream| {
        written = if *json {
            let mut line = json!({
                "stream": stream, "version": version, "commits": commits, "lastPosition": position,
            });
            if let Some(archive) = archive {
                line["archive"] = archive.into();
            }
            say(&line.to_string())
        } else {
            let stream = harmless(&stream);
            let archive = archive.map_or_else(String::new, |it| format!(", archived in {}", harmless(&it)));
            say(&format!(
                "{stream} at version {version}, {commits} commits, last position {position}{archive}"
            ))
        };
        go_on(written.is_ok())
    };
    streams_in(named.place(), &log, told).await.map_err(|error| named.told(&error))?;
    unless_closed(written)
}

/// Prints commits of a log.
pub(crate) async fn show(
    Show { there, log, stream, from, limit, json }: &Show,
) -> Result<(), Box<dyn Error>> {
    let (named, log) = (Named::of(&there.database)?, LogName::parse(log)?);
    let stream = stream.as_deref().map(StreamName::parse).transpose()?;
    let part = Part { stream, from: *from, limit: *limit };
    let mut written = Ok(());
    let told = |shown_at: Shown| {
        written = match shown_at {
            Shown::Commit(commit) if *json => {
                serde_json::to_string(&commit).map_err(Into::into).and_then(|line| say(&line))
            }
            Shown::Commit(commit) => say(&shown(&commit)),
            Shown::Archived { id, stream, first_version, first_position, events, recorded_at } if *json => {
                let line = json!({
                    "firstVersion": first_version, "firstPosition": first_position, "recordedAt": recorded_at,
                    "archived": { "id": id, "stream": stream, "events": events },
                });
                say(&line.to_string())
            }
            Shown::Archived { id, stream, first_version, first_position, events, recorded_at } => {
                say(&format!(
                    "{first_position} {} version {first_version}, commit {id}, recorded at {}: archived, {events} events",
                    harmless(&stream),
                    recorded_at.millis()
                ))
            }
        };
        go_on(written.is_ok())
    };
    show_in(named.place(), &log, &part, told).await.map_err(|error| named.told(&error))?;
    unless_closed(written)
}

/// Whoever reads this may have seen enough, as `head` does.
fn unless_closed(written: Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match written {
        Err(error) if error.downcast_ref().is_some_and(closed) => Ok(()),
        other => other,
    }
}

fn go_on(whether: bool) -> ControlFlow<()> {
    if whether { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// A commit for people: a line for it, and an indented one for each event.
fn shown(confirmed: &ConfirmedCommit) -> String {
    let ConfirmedCommit { first_version, first_position, recorded_at, commit } = confirmed;
    let stream = harmless(commit.stream.as_str());
    let mut text = format!(
        "{first_position} {stream} version {first_version}, commit {}, recorded at {}",
        commit.id,
        recorded_at.millis()
    );
    for event in &commit.events {
        text += &format!("\n  {} {}", harmless(&event.event_type), harmless(event.data.as_str()));
    }
    text
}

/// Text without characters that a terminal would obey.
fn harmless(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_unicode().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_terminal_obeys_nothing_that_is_shown() {
        assert_eq!(super::harmless("a\u{9b}31m\u{1b}\u{e4}"), "a\\u{9b}31m\\u{1b}\u{e4}");
    }
}
