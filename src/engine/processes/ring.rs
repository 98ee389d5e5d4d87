//! Timeouts.

use super::{Process, work::handed_on};
use crate::{
    command_id::CommandId,
    engine::{Inner, WriteError},
    log::store::Store,
    process::{note, note::Note},
    stream::StreamName,
    time::Timestamp,
};

impl<S: Store> Inner<S> {
    /// Lets those timeouts ring that are due: notes it, once over all tabs and devices, in the process's own stream. What a timeout
    /// leads to happens when its note has been confirmed and the instance still waits for it.
    pub(super) async fn ring(&self, process: &Process) -> Result<(), WriteError> {
        if !process.checkpoint.borrow().is_some_and(|checkpoint| checkpoint.born) {
            return Ok(());
        }
        let now = self.surroundings.now()?;
        let due: Vec<String> = {
            let agenda = process.agenda.borrow();
            let due = agenda.iter().filter(|(_, wanted)| wanted.due.is_some_and(|due| due <= now));
            due.map(|(id, _)| id.clone()).collect()
        };
        for instance in self.instances(process, due.iter().map(String::as_str)).await? {
            let notes = StreamName::of(process.name(), &instance.id)?;
            for timeout in instance.timeouts.iter().filter(|timeout| timeout.live && timeout.due <= now) {
                let id = instance.timeout_id(process.name(), timeout);
                if self.log.pending_sequence(id).is_some() || self.log.is_rejected(id) {
                    continue;
                }
                let mut options = handed_on(&timeout.origin);
                options.command_id = Some(CommandId::from(id));
                let note = Note {
                    timeout: Some(timeout.name.clone()),
                    due: Some(timeout.due),
                    origin: Some(timeout.origin.event),
                    ..Note::default()
                };
                self.append(notes.clone(), vec![note.event(note::TIMED_OUT)], options, None).await?;
            }
        }
        Ok(())
    }

    /// When the next timeout of a process rings that has not been noted yet.
    pub(super) fn next_due(&self, process: &Process, now: Timestamp) -> Option<Timestamp> {
        let agenda = process.agenda.borrow();
        agenda.values().filter_map(|wanted| wanted.due).filter(|due| *due > now).min()
    }
}
