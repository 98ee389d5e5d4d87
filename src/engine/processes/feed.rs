//! Taking in what has been confirmed.

use super::{Process, rows::Checkpoint};
use crate::{
    engine::{Inner, ReadError},
    event::RecordedEvent,
    log::{Authority, Place, Query, store::Store},
    process::{Correlation, Instance, ProcessError, advance, note, take_note},
    stream::StreamName,
};
use std::{collections::HashMap, sync::Arc};

/// The events taken in with one write.
pub(super) const BATCH: usize = 500;

impl<S: Store> Inner<S> {
    /// Takes in all that has been confirmed. Whether history has ended is settled at the end.
    pub(super) async fn feed(&self, process: &Process) -> Result<(), ReadError> {
        loop {
            let checkpoint = self.remember_process(process).await?;
            let head = self.log.head();
            if checkpoint.position >= head.position {
                let has_begun = match self.log.authority() {
                    Authority::Device => checkpoint.position >= checkpoint.first,
                    Authority::Server => self.driver.has_synced(),
                };
                if !checkpoint.born && !has_begun {
                    // the tab that syncs may have reached the server's end before this one opened
                    self.greet();
                }
                if checkpoint.born || !has_begun {
                    return Ok(());
                }
                if self.end_history(process, checkpoint).await? {
                    return Ok(());
                }
                continue;
            }
            let from = Place::Confirmed(checkpoint.position);
            let query = self.query(process, true);
            let mut page = self.log.read(&query, from, BATCH).await?;
            let is_long = page.next.is_some();
            let position = match page.next {
                Some(Place::Confirmed(position)) => position,
                _ => {
                    // what came in while reading is for the next round
                    page.events.retain(|event| event.position <= Some(head.position));
                    head.position
                }
            };
            let events = self.decoder.decode(page.events)?;
            let mut instances = Vec::new();
            let before = self.concerned(process, &events).await?;
            self.take_events(process, &checkpoint, events, before, &mut instances);
            let after = Checkpoint { position, ..checkpoint };
            if instances.is_empty() && !is_long {
                // nothing came of it: not worth a write of its own, for reading it again is cheap
                *process.checkpoint.borrow_mut() = Some(after);
            } else {
                // lost to another tab or not: how far the process is now is what counts
                self.write_process(process, after, &instances).await?;
            }
        }
    }

    /// What the process wants to read.
    pub(super) fn query(&self, process: &Process, confirmed_only: bool) -> Query {
        let mut types = process.manager.types().to_vec();
        // an upcaster may give an older event a type that the process wants
        if !self.decoder.is_empty() {
            types.clear();
        }
        if !types.is_empty() {
            types.extend(note::TYPES.map(Arc::from));
        }
        Query { types, confirmed_only, ..Query::default() }
    }

    /// What each event is to the process, and the instances concerned.
    pub(super) async fn concerned(
        &self,
        process: &Process,
        events: &[RecordedEvent],
    ) -> Result<Concerned, ReadError> {
        let correlated = self.correlated(process, events)?;
        let mut ids: Vec<&str> = correlated.iter().map(|(_, id, _)| id.as_str()).collect();
        crate::order::sort(&mut ids);
        ids.dedup();
        let found = self.instances(process, ids.into_iter()).await?;
        let instances = found.into_iter().map(|instance| (instance.id.clone(), instance)).collect();
        Ok(Concerned { correlated, instances })
    }

    /// What each event is to the process; those that are nothing to it are left out.
    pub(super) fn correlated(
        &self,
        process: &Process,
        events: &[RecordedEvent],
    ) -> Result<Vec<Correlated>, ReadError> {
        let manager = &process.manager;
        let is_note = |event: &RecordedEvent| {
            event.stream.aggregate() == process.name() && note::TYPES.contains(&&*event.event.event_type)
        };
        let wanted = |event: &RecordedEvent| {
            !is_note(event)
                && (manager.types().is_empty() || manager.types().contains(&event.event.event_type))
        };
        let asked: Vec<RecordedEvent> = events.iter().filter(|event| wanted(event)).cloned().collect();
        let mut answers = if asked.is_empty() { Vec::new() } else { manager.correlate(&asked)? }.into_iter();
        let mut correlated = Vec::new();
        for (index, event) in events.iter().enumerate() {
            let (id, correlation) = if is_note(event) {
                (event.stream.id().to_owned(), None)
            } else if wanted(event) {
                match answers.next().unwrap_or(Correlation::Ignore) {
                    Correlation::Ignore => continue,
                    correlation => (self.checked_instance(process, event, &correlation)?, Some(correlation)),
                }
            } else {
                continue;
            };
            correlated.push((index, id, correlation));
        }
        Ok(correlated)
    }

    /// The id of an instance: it has to be able to name a stream.
    fn checked_instance(
        &self,
        process: &Process,
        event: &RecordedEvent,
        correlation: &Correlation,
    ) -> Result<String, ReadError> {
        let id = match correlation {
            Correlation::Start(id) | Correlation::Continue(id) | Correlation::Stop(id) => id,
            Correlation::Ignore => "",
        };
        StreamName::of(process.name(), id).map_err(|error| ProcessError {
            process: Arc::clone(process.manager.name()),
            place: format!("correlate, event {} ({})", event.event.event_type, event.event.id),
            reason: error.to_string(),
        })?;
        Ok(id.to_owned())
    }

    fn take_events(
        &self,
        process: &Process,
        checkpoint: &Checkpoint,
        events: Vec<RecordedEvent>,
        concerned: Concerned,
        changed: &mut Vec<Instance>,
    ) {
        let Concerned { correlated, mut instances } = concerned;
        let mut touched = Vec::new();
        for (index, id, correlation) in correlated {
            // what comes to a parked instance waits in the log
            if instances.get(&id).is_some_and(|instance| instance.parked.is_some()) {
                continue;
            }
            let event = &events[index];
            let before = instances.remove(&id);
            let after = match self.take_event(process, checkpoint, before.clone(), event, correlation) {
                Ok(after) => after,
                Err(error) => {
                    let parked = self.parked_at(event, &error);
                    self.host.failed(&error.into());
                    Some(Instance::park(before, &id, parked))
                }
            };
            if let Some(after) = after {
                touched.push(id.clone());
                instances.insert(id, after);
            }
        }
        crate::order::sort(&mut touched);
        touched.dedup();
        changed.extend(touched.iter().filter_map(|id| instances.remove(id)));
    }

    /// An instance after an event that is for it.
    pub(super) fn take_event(
        &self,
        process: &Process,
        checkpoint: &Checkpoint,
        before: Option<Instance>,
        event: &RecordedEvent,
        correlation: Option<Correlation>,
    ) -> Result<Option<Instance>, ProcessError> {
        let is_new = checkpoint.born && event.position > Some(checkpoint.born_at);
        let is_own = self.log.is_own(event.metadata.device_id) && event.position > Some(checkpoint.first);
        let live = is_new || is_own;
        let manager = &*process.manager;
        match (correlation, before) {
            (Some(correlation), before) => advance(manager, before, event, &correlation, live),
            (None, Some(before)) => take_note(manager, before, event, live).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// History ends here.
    async fn end_history(&self, process: &Process, checkpoint: Checkpoint) -> Result<bool, ReadError> {
        let Ok(now) = self.surroundings.now() else { return Ok(true) };
        let overdue: Vec<String> = {
            let agenda = process.agenda.borrow();
            let due = agenda.iter().filter(|(_, wanted)| wanted.due.is_some_and(|due| due <= now));
            due.map(|(id, _)| id.clone()).collect()
        };
        let mut instances = self.instances(process, overdue.iter().map(String::as_str)).await?;
        instances.iter_mut().for_each(|instance| instance.leave_overdue(now));
        let born = Checkpoint { born: true, born_at: checkpoint.position, ..checkpoint };
        self.write_process(process, born, &instances).await
    }
}

/// An event that concerns an instance: its place among those asked about, the instance, and what it is to it; none for a note.
pub(super) type Correlated = (usize, String, Option<Correlation>);

/// Events that concern instances, and the instances as they stand.
pub(super) struct Concerned {
    pub(super) correlated: Vec<Correlated>,
    pub(super) instances: HashMap<String, Instance>,
}
