//! Folding a batch of events, and what becomes of one that fails.

use super::projector::{ChangedRows, CurrentRow, ProjectError, Projector};
use crate::{event::RecordedEvent, json::Json};
use std::{collections::HashMap, rc::Rc};

/// What becomes of an event that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is passed over.
    Skip,
    /// It is passed over with all later ones of its stream.
    Park,
    /// Nothing from it on is folded.
    Halt,
}

/// Folds events into rows. What was one event when it was stored is folded whole or not at all. `judge` is asked about each that
/// fails; if it says [`Verdict::Halt`], the answer carries the place of that event among the ones given.
pub(crate) fn fold(
    projector: &dyn Projector,
    mut events: Vec<RecordedEvent>,
    row: &CurrentRow<'_>,
    judge: &mut dyn FnMut(&RecordedEvent, &ProjectError) -> Verdict,
) -> (ChangedRows, Option<RecordedEvent>) {
    let mut changed: HashMap<Rc<str>, Option<Json>> = HashMap::new();
    let halted = loop {
        let Err(mut error) = take(projector, &events, row, &mut changed) else { break None };
        // the events before it; a function that is not pure may now fail on one of those
        let start = loop {
            let start = start_of(&events, error.event);
            match take(projector, &events[..start], row, &mut changed) {
                Ok(()) => break start,
                Err(earlier) if start_of(&events, earlier.event) < start => error = earlier,
                Err(_) => break 0,
            }
        };
        let Some(failed) = events.get(start).cloned() else { break None };
        match judge(&failed, &error) {
            Verdict::Halt => break Some(failed),
            verdict => {
                let rest = events.split_off(start);
                let is_it = |event: &RecordedEvent| same(event, &failed);
                let is_out = |event: &RecordedEvent| {
                    is_it(event) || (verdict == Verdict::Park && event.stream == failed.stream)
                };
                events = rest.into_iter().filter(|event| !is_out(event)).collect();
            }
        }
    };
    (changed.into_iter().collect(), halted)
}

fn take(
    projector: &dyn Projector,
    events: &[RecordedEvent],
    row: &CurrentRow<'_>,
    changed: &mut HashMap<Rc<str>, Option<Json>>,
) -> Result<(), ProjectError> {
    if events.is_empty() {
        return Ok(());
    }
    let rows = projector.project(events, &|key| match changed.get(key) {
        Some(row) => row.clone(),
        None => row(key),
    })?;
    changed.extend(rows);
    Ok(())
}

/// Whether two events were one when they were stored.
fn same(one: &RecordedEvent, other: &RecordedEvent) -> bool {
    one.version == other.version && one.stream == other.stream
}

/// Where what was stored as one event with the one at a place begins.
fn start_of(events: &[RecordedEvent], at: usize) -> usize {
    let at = at.min(events.len().saturating_sub(1));
    let Some(event) = events.get(at) else { return 0 };
    at - events[..at].iter().rev().take_while(|before| same(before, event)).count()
}
