//! The fold: an instance, and what the log says next, become the instance after it. Pure.

use super::{
    Correlation, Failure, Instance, Manager, Origin, ProcessContext, ProcessError, ProcessState, Reaction,
    Schedule, Step, StepState, Timeout,
    note::{self, Note},
};
use crate::{command_id::derive, event::RecordedEvent, id::CommitId, time::Timestamp};
use std::sync::Arc;

/// The most steps that an instance may keep.
pub const MAX_STEPS: usize = 1_000;
/// From so many steps on, those are dropped that are done and that nothing makes up for.
const TIDY: usize = 64;
/// The longest name of a timeout, in bytes.
const MAX_NAME: usize = 128;

/// The moment that counts for a process: the authority's, or the device's while the event is pending.
fn moment(event: &RecordedEvent) -> Timestamp {
    event.recorded_at.unwrap_or_else(|| event.occurred_at())
}

fn context(instance: &str, event: &RecordedEvent) -> ProcessContext {
    ProcessContext { instance: instance.to_owned(), now: moment(event), pending: !event.is_confirmed() }
}

/// The instance after an event that is correlated with it; none if the event is for an instance that is not under way. `live`:
/// whether this device has to carry out what it leads to.
///
/// # Errors
/// [`ProcessError`] if the app's functions broke or ask for too much.
pub fn advance(
    manager: &dyn Manager,
    before: Option<Instance>,
    event: &RecordedEvent,
    correlation: &Correlation,
    live: bool,
) -> Result<Option<Instance>, ProcessError> {
    let (id, starts, stops) = match correlation {
        Correlation::Ignore => return Ok(before),
        Correlation::Start(id) => (id, true, false),
        Correlation::Continue(id) => (id, false, false),
        Correlation::Stop(id) => (id, false, true),
    };
    let status = before.as_ref().map(|it| it.status);
    let begins = starts && status != Some(ProcessState::Running);
    if !begins && matches!(status, None | Some(ProcessState::Ended)) {
        return Ok(before);
    }
    let context = context(id, event);
    // what is being made up for, or has been, hears of events but does nothing about them
    let reacts = begins || status == Some(ProcessState::Running);
    let state = before.as_ref().filter(|_| !begins).map(|it| it.state.clone());
    let (state, reactions) = manager.advance(state.as_ref(), event, &context, reacts)?;
    let mut instance = match before {
        Some(instance) if !begins => instance,
        before => begun(id, before, context.now),
    };
    instance.state = state;
    instance.updated_at = context.now;
    instance.apply(manager, reactions, event, &context, live)?;
    if stops && instance.status == ProcessState::Running {
        instance.status = ProcessState::Ended;
    }
    if instance.status != ProcessState::Running {
        instance.timeouts.clear();
    }
    Ok(Some(instance))
}

/// A run of an instance. What an earlier run has not settled stays with it: it may still have to be made up for.
fn begun(id: &str, before: Option<Instance>, now: Timestamp) -> Instance {
    let (run, mut steps) = before.map_or((0, Vec::new()), |before| (before.run, before.steps));
    steps.retain(|step| !step.is_settled());
    Instance { run: run + 1, steps, ..Instance::unborn(id, now) }
}

/// The instance after a note of its own stream.
///
/// # Errors
/// [`ProcessError`] if the app's `on_timeout` broke or asks for too much.
pub fn take_note(
    manager: &dyn Manager,
    mut instance: Instance,
    event: &RecordedEvent,
    live: bool,
) -> Result<Instance, ProcessError> {
    // a note of a newer version of this library, or of somebody else, says nothing to this one
    let Ok(said) = event.event.data.to::<Note>() else { return Ok(instance) };
    let now = moment(event);
    match &*event.event.event_type {
        note::STEP_FAILED => instance.failed(said, now, live),
        note::STEP_SKIPPED => instance.skipped(&said),
        note::RETRIED => instance.retried(live),
        note::TIMED_OUT => {
            let rang = instance.timeouts.iter().position(|timeout| {
                Some(&timeout.name) == said.timeout.as_ref()
                    && Some(timeout.due) == said.due
                    && Some(timeout.origin.event) == said.origin
            });
            // what was cancelled or put off before it rang in the authority's order does not ring
            let Some(rang) = rang else { return Ok(instance) };
            let timeout = instance.timeouts.remove(rang);
            let context = context(&instance.id, event);
            let reactions = manager.timed_out(&instance.state, &timeout.name, &context)?;
            instance.apply(manager, reactions, event, &context, live)?;
            if instance.status != ProcessState::Running {
                instance.timeouts.clear();
            }
        }
        _ => return Ok(instance),
    }
    instance.updated_at = now;
    Ok(instance)
}

impl Instance {
    fn apply(
        &mut self,
        manager: &dyn Manager,
        reactions: Vec<Reaction>,
        event: &RecordedEvent,
        context: &ProcessContext,
        live: bool,
    ) -> Result<(), ProcessError> {
        let place = format!("instance {}, event {} ({})", self.id, event.event.event_type, event.event.id);
        let failed = |reason: String| ProcessError {
            process: Arc::clone(manager.name()),
            place: place.clone(),
            reason,
        };
        if self.steps.len() + reactions.len() > TIDY {
            self.steps.retain(|step| {
                step.undo || step.state != StepState::Done || step.errand.compensation.is_some()
            });
        }
        if self.steps.len() + reactions.len() > MAX_STEPS {
            return Err(failed(format!("it would keep more than {MAX_STEPS} steps")));
        }
        let origin = Arc::new(Origin::of(event));
        for (index, reaction) in reactions.into_iter().enumerate() {
            match reaction {
                Reaction::Execute(errand) => {
                    let parts = [manager.name(), &*self.id, &origin.event.to_string(), &index.to_string()];
                    self.steps.push(Step {
                        id: CommitId(derive(&parts)),
                        errand,
                        origin: Arc::clone(&origin),
                        run: self.run,
                        attempt: 0,
                        live,
                        state: StepState::Open,
                        undo: false,
                        undo_attempt: 0,
                    });
                }
                Reaction::Schedule(Schedule { name, after, at }) => {
                    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
                        return Err(failed(format!(
                            "the name of a timeout has 1 to {MAX_NAME} bytes and no control characters"
                        )));
                    }
                    let due = match (after, at) {
                        (Some(after), _) => Timestamp(context.now.millis().saturating_add_unsigned(after)),
                        (None, Some(at)) => at,
                        (None, None) => return Err(failed(format!("timeout {name} has no moment"))),
                    };
                    self.timeouts.retain(|timeout| timeout.name != name);
                    self.timeouts.push(Timeout { name, due, origin: Arc::clone(&origin), live: true });
                }
                Reaction::Cancel(name) => self.timeouts.retain(|timeout| timeout.name != name),
                Reaction::Compensate(message) => {
                    self.failure =
                        Some(Failure { code: "asked".into(), message, command: None, at: context.now });
                    self.undo(self.run, live);
                }
            }
        }
        Ok(())
    }

    /// Everything of a run has to be made up for.
    fn undo(&mut self, run: u32, live: bool) {
        for step in self.steps.iter_mut().filter(|step| step.run == run) {
            step.undo = true;
            step.live = live;
        }
        if run == self.run {
            self.status = ProcessState::Compensating;
            self.timeouts.clear();
            self.settle();
        }
    }

    /// Compensating ends when nothing is left to make up for.
    pub fn settle(&mut self) {
        let run = self.run;
        let mut steps = self.steps.iter().filter(|step| step.run == run);
        if self.status == ProcessState::Compensating && steps.all(Step::is_settled) {
            self.status = ProcessState::Compensated;
        }
    }

    fn failed(&mut self, note: Note, now: Timestamp, live: bool) {
        let Some(id) = note.step else { return };
        for index in 0..self.steps.len() {
            let step = &mut self.steps[index];
            if step.id == id && step.state == StepState::Open {
                step.state = StepState::Failed;
                let (run, failure) = (step.run, note.failure(&step.errand, now));
                if !step.undo {
                    self.failure = Some(failure);
                    self.undo(run, live);
                }
                self.settle();
                return;
            }
            if step.undo && step.state != StepState::Undone && step.undo_id() == id {
                step.state = StepState::Stuck;
                let errand = step.errand.compensation.as_deref().unwrap_or(&step.errand);
                self.failure = Some(note.failure(errand, now));
                self.status = ProcessState::Failed;
                return;
            }
        }
    }

    fn skipped(&mut self, note: &Note) {
        let Some(id) = note.step else { return };
        for step in &mut self.steps {
            if step.id == id && step.state == StepState::Open {
                step.state = StepState::Skipped;
            } else if step.undo && step.state == StepState::Done && step.undo_id() == id {
                step.state = StepState::Undone;
            }
        }
        self.settle();
    }

    fn retried(&mut self, live: bool) {
        match self.status {
            ProcessState::Failed => {
                for step in &mut self.steps {
                    if step.state == StepState::Stuck {
                        step.state = StepState::Done;
                        step.undo_attempt += 1;
                    }
                    step.live |= live && step.undo;
                }
                self.status = ProcessState::Compensating;
            }
            ProcessState::Compensated => {
                for step in self.steps.iter_mut().filter(|step| step.undo && step.run == self.run) {
                    step.attempt += 1;
                    let parts = [&step.id.to_string(), "again", &step.attempt.to_string()];
                    step.id = CommitId(derive(&parts));
                    (step.state, step.undo, step.undo_attempt, step.live) = (StepState::Open, false, 0, live);
                }
                self.status = ProcessState::Running;
                self.failure = None;
            }
            // steps that were left to another device are taken over by the one that asks
            ProcessState::Parked
            | ProcessState::Running
            | ProcessState::Ended
            | ProcessState::Compensating => {
                for step in self.steps.iter_mut().filter(|step| !step.is_settled()) {
                    step.live |= live;
                }
            }
        }
    }
}
