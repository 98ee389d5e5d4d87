//! Carrying out steps, and making up for them.

use super::Process;
use crate::{
    commit::Policy,
    engine::{CommandContext, Inner, WriteError, WriteOptions},
    id::CommitId,
    log::{AppendError, Head, Seen, store::Store},
    process::{Errand, Instance, Origin, ProcessState, Step, StepState, note, note::Note},
    stream::StreamName,
    version::ExpectedVersion,
};

/// Where the commit of a step is.
enum Whereabouts {
    /// Nowhere: it has not been given, or it was absorbed or discarded.
    Nowhere,
    /// On the rejected list, and why.
    Rejected(String, String),
    /// In the queue.
    Pending,
    /// Confirmed.
    Done,
    /// A note stands in its place, pending or confirmed; once it is confirmed, the fold takes it in.
    Noted,
}

/// Where notes go, and the log that they were decided on.
struct Place<'a> {
    notes: &'a StreamName,
    head: Head,
}

/// A note and its type.
type Said<'a> = (&'a Note, &'static str);

/// What an attempt at a step came to.
#[derive(PartialEq, Eq)]
enum Attempt {
    /// It is confirmed.
    Done,
    /// It waits for the server, or for what the fold will say.
    Waits,
    /// It was refused, or is not for this device: what builds on it has to wait.
    Holds,
}

impl<S: Store> Inner<S> {
    /// Looks after all instances with open steps.
    pub(super) async fn work(&self, process: &Process) -> Result<(), WriteError> {
        let head = self.log.head();
        let seen = |number| Some((head.epoch, head.position, number));
        let number = self.remember_process(process).await?.number;
        let had_trouble = process.trouble.borrow_mut().take().is_some();
        if process.worked.get() == seen(number) && !had_trouble {
            return Ok(());
        }
        let mut open: Vec<String> = {
            let agenda = process.agenda.borrow();
            agenda.iter().filter(|(_, wanted)| wanted.open).map(|(id, _)| id.clone()).collect()
        };
        crate::order::sort(&mut open);
        for id in open {
            let found = self.instances(process, std::iter::once(&*id)).await?;
            for mut instance in found {
                let before = instance.clone();
                if let Err(error) = self.look_after(process, &mut instance).await {
                    // the others go on
                    process.note_trouble(&error, Some(&id));
                }
                if instance != before {
                    let checkpoint = self.remember_process(process).await?;
                    if !self.write_process(process, checkpoint, &[instance]).await? {
                        return Ok(()); // another tab works on it: look again
                    }
                }
            }
        }
        let number = self.remember_process(process).await?.number;
        process.worked.set(seen(number));
        Ok(())
    }

    /// Makes up for what has to be made up for, then carries out what is open.
    async fn look_after(&self, process: &Process, instance: &mut Instance) -> Result<(), WriteError> {
        let notes = StreamName::of(process.name(), &instance.id)?;
        if !self.make_up(&notes, instance).await? {
            return Ok(());
        }
        for step in instance.steps.iter_mut().filter(|step| !step.undo) {
            if step.state == StepState::Open && self.attempt(&notes, step, false).await? == Attempt::Holds {
                break;
            }
        }
        Ok(())
    }

    /// Makes up for steps, the latest first; whether nothing is left to make up for.
    async fn make_up(&self, notes: &StreamName, instance: &mut Instance) -> Result<bool, WriteError> {
        let mut all = true;
        for step in instance.steps.iter_mut().rev().filter(|step| step.undo) {
            if step.state == StepState::Open {
                match self.call_off(notes, step).await? {
                    true => step.state = StepState::Done,
                    false => return Ok(false),
                }
            }
            if step.state == StepState::Stuck {
                return Ok(false);
            }
            if step.state != StepState::Done {
                continue;
            }
            if step.errand.compensation.is_none() {
                step.state = StepState::Undone;
                continue;
            }
            match self.attempt(notes, step, true).await? {
                Attempt::Holds => return Ok(false),
                Attempt::Waits => all = false,
                Attempt::Done => {}
            }
        }
        if all && instance.status == ProcessState::Compensating {
            instance.settle();
        }
        Ok(all)
    }

    /// A step that is not known to be settled, of an instance that is compensating: whether it turns out to be done. One that was
    /// not begun is called off, in the authority's order, so that no other device begins it.
    async fn call_off(&self, notes: &StreamName, step: &Step) -> Result<bool, WriteError> {
        let place = Place { notes, head: self.log.head() };
        match self.whereabouts(&step.errand, step.id, notes).await? {
            Whereabouts::Done => return Ok(true),
            Whereabouts::Pending | Whereabouts::Noted => {}
            nowhere => {
                if step.live {
                    let resolves = matches!(nowhere, Whereabouts::Rejected(..));
                    let note = Note::of_step(step.id, &step.errand, None);
                    let said = (&note, note::STEP_SKIPPED);
                    self.leave(&place, step.id, said, &step.origin, resolves).await?;
                }
            }
        }
        Ok(false)
    }

    /// Carries out a step, or what makes up for it.
    async fn attempt(&self, notes: &StreamName, step: &mut Step, undo: bool) -> Result<Attempt, WriteError> {
        let id = if undo { step.undo_id() } else { step.id };
        let errand = match step.errand.compensation.as_deref() {
            Some(compensation) if undo => compensation,
            _ => &step.errand,
        };
        let place = Place { notes, head: self.log.head() };
        let attempt = match self.whereabouts(errand, id, notes).await? {
            Whereabouts::Done => Attempt::Done,
            Whereabouts::Pending => Attempt::Waits,
            // done for nothing, or refused: the fold will say
            Whereabouts::Noted => Attempt::Holds,
            _ if !step.live => Attempt::Holds,
            Whereabouts::Rejected(code, message) => {
                let note = Note::of_step(id, errand, Some((code, message)));
                self.leave(&place, id, (&note, note::STEP_FAILED), &step.origin, true).await?;
                Attempt::Holds
            }
            Whereabouts::Nowhere => match self.give(errand, id, &step.origin, notes).await {
                Ok(Some(true)) => Attempt::Done,
                Ok(Some(false)) => Attempt::Waits,
                Ok(None) => {
                    let note = Note::of_step(id, errand, None);
                    self.leave(&place, id, (&note, note::STEP_SKIPPED), &step.origin, false).await?;
                    Attempt::Waits
                }
                // another tab has come to another answer
                Err(WriteError::CommandIdTaken { .. }) => Attempt::Holds,
                Err(WriteError::Append(AppendError::CauseRejected { .. })) => Attempt::Waits,
                Err(error) => match refusal(&error) {
                    Some(failure) => {
                        let note = Note::of_step(id, errand, Some(failure));
                        self.leave(&place, id, (&note, note::STEP_FAILED), &step.origin, false).await?;
                        Attempt::Holds
                    }
                    None => return Err(error),
                },
            },
        };
        if attempt == Attempt::Done {
            step.state = if undo { StepState::Undone } else { StepState::Done };
        }
        Ok(attempt)
    }

    /// Gives a command: whether it is confirmed; none if it had nothing to say.
    pub(super) async fn give(
        &self,
        errand: &Errand,
        id: CommitId,
        origin: &Origin,
        notes: &StreamName,
    ) -> Result<Option<bool>, WriteError> {
        let instead = Some(notes.clone());
        let options = WriteOptions { command_id: Some(id.into()), instead, ..handed_on(origin) };
        let context = CommandContext {
            aggregate: errand.aggregate.to_string(),
            id: errand.id.to_string(),
            command: errand.command.clone(),
            options,
        };
        let receipt = self.command(context, None).await?;
        Ok((!receipt.events.is_empty()).then_some(receipt.confirmed))
    }

    /// Writes a note about a step in the process's own stream, if the log is still as it was when that was decided: a step that is
    /// refused in a tab that slept may have been carried out in another. If it is not, the next look decides anew.
    async fn leave(
        &self,
        place: &Place<'_>,
        id: CommitId,
        note: Said<'_>,
        origin: &Origin,
        resolves: bool,
    ) -> Result<(), WriteError> {
        let options = WriteOptions { command_id: Some(id.into()), ..handed_on(origin) };
        let (notes, events) = (place.notes.clone(), vec![note.0.event(note.1)]);
        let commit =
            self.commit(notes, ExpectedVersion::Any, (None, events, self.surroundings.now()?), &options)?;
        let resolves = resolves.then_some(id);
        match self.write(commit, Policy::Keep, resolves, Seen::all_of(&place.head)).await {
            Ok(_) => {
                self.wrote(Some(vec![place.notes.as_str().to_owned()]));
                Ok(())
            }
            Err(
                AppendError::Moved
                | AppendError::Conflict { .. }
                | AppendError::AlreadyPending { .. }
                | AppendError::NotRejected { .. }
                | AppendError::CauseRejected { .. },
            ) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn whereabouts(
        &self,
        errand: &Errand,
        id: CommitId,
        notes: &StreamName,
    ) -> Result<Whereabouts, WriteError> {
        loop {
            let epoch = self.log.head().epoch;
            if let Some(stream) = self.log.pending_stream(id) {
                return Ok(if stream == *notes { Whereabouts::Noted } else { Whereabouts::Pending });
            }
            // done counts before any note: without a server two tabs may have come to different answers
            if let Some(stream) = errand.stream()
                && self.log.confirmed_commit(&stream, id).await?.is_some()
            {
                return Ok(Whereabouts::Done);
            }
            if self.log.confirmed_commit(notes, id).await?.is_some() {
                return Ok(Whereabouts::Noted);
            }
            if self.log.is_rejected(id) {
                let rejected = self.log.rejected().await?;
                if let Some(found) = rejected.into_iter().find(|rejected| rejected.commit.id == id) {
                    let code = found.reason.detail.unwrap_or_else(|| found.reason.code.to_string());
                    return Ok(Whereabouts::Rejected(code, found.reason.message));
                }
                self.log.catch_up().await?;
            }
            if self.log.head().epoch == epoch {
                return Ok(Whereabouts::Nowhere);
            }
        }
    }
}

/// What goes with a command that an event caused.
pub(super) fn handed_on(origin: &Origin) -> WriteOptions {
    WriteOptions {
        actor: origin.actor.clone(),
        correlation_id: Some(origin.correlation),
        causation_id: Some(origin.event),
        traceparent: origin.traceparent.clone(),
        ..WriteOptions::default()
    }
}

/// The code and message of an error that will not pass, whoever tries again; none if another attempt may help.
fn refusal(error: &WriteError) -> Option<(String, String)> {
    use crate::aggregate::DecideError;
    let code = match error {
        WriteError::Decide(DecideError::Refused { code: Some(code), .. }) => code.clone(),
        error
            if matches!(
                error.code(),
                "refused"
                    | "unknown-command"
                    | "invalid-stream"
                    | "invalid-event"
                    | "invalid-command"
                    | "too-large"
                    | "stream-archived"
            ) =>
        {
            error.code().to_owned()
        }
        _ => return None,
    };
    Some((code, error.to_string()))
}
