//! Instances as a reader sees them, and where a process stands.

use super::{Process, Trouble};
use crate::{
    commit::Command,
    engine::{Engine, ReadError, WriteError, WriteOptions},
    id::CommitId,
    json::Json,
    log::store::Store,
    process::{Failure, Instance, Parked, ProcessState, StepState, note, note::Note},
    stream::StreamName,
    time::Timestamp,
    version::Position,
};
use serde::Serialize;
use std::sync::Arc;

/// An instance of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedProcess {
    /// The process.
    pub process: Arc<str>,
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: ProcessState,
    /// What the process remembers of it.
    pub state: Json,
    /// How often it was started.
    pub run: u32,
    /// When it was started last.
    pub started_at: Timestamp,
    /// When something last came to it.
    pub updated_at: Timestamp,
    /// Its steps, in order.
    pub steps: Vec<ListedStep>,
    /// Its timeouts that have not rung.
    pub timeouts: Vec<ListedTimeout>,
    /// Why it is compensating, compensated, failed or parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A step of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedStep {
    /// The id of its commit.
    pub commit_id: CommitId,
    /// The stream that its command is for.
    pub stream: String,
    /// The command.
    pub command: Command,
    /// Where it stands.
    pub state: StepState,
    /// How often it was begun anew.
    pub attempt: u32,
    /// Whether it is for this device to carry out.
    pub here: bool,
}

/// A timeout of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedTimeout {
    /// Its name.
    pub name: Arc<str>,
    /// When it rings.
    pub due: Timestamp,
}

/// Where a process stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessStatus {
    /// The process.
    pub process: Arc<str>,
    /// The position of the last confirmed event it has taken in.
    pub position: Position,
    /// The position of the last confirmed event.
    pub head: Position,
    /// Whether it acts on what comes, and no longer only folds history.
    pub acting: bool,
    /// What keeps it, or an instance, from going on, as far as this tab knows: the tab that runs the processes does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

fn listed(process: &Process, instance: Instance) -> ListedProcess {
    let Instance { id, status, state, run, started_at, updated_at, steps, timeouts, failure, parked } =
        instance;
    let (status, failure) = match parked {
        Some(Parked { message, at, .. }) => {
            let failure = Failure { code: "process-failed".into(), message, command: None, at };
            (ProcessState::Parked, Some(failure))
        }
        None => (status, failure),
    };
    let steps = steps.into_iter().map(|step| ListedStep {
        commit_id: step.id,
        stream: format!("{}-{}", step.errand.aggregate, step.errand.id),
        command: step.errand.command,
        state: step.state,
        attempt: step.attempt,
        here: step.live,
    });
    let timeouts = timeouts.into_iter().map(|timeout| ListedTimeout { name: timeout.name, due: timeout.due });
    ListedProcess {
        process: Arc::clone(process.manager.name()),
        id,
        status,
        state,
        run,
        started_at,
        updated_at,
        steps: steps.collect(),
        timeouts: timeouts.collect(),
        failure,
    }
}

impl<S: Store> Engine<S> {
    /// The instances of a process as they were last written, by whatever tab, sorted by id.
    ///
    /// # Errors
    /// [`ReadError`]: an unknown process, or storage that fails.
    pub async fn processes(&self, process: &str) -> Result<Vec<ListedProcess>, ReadError> {
        let process = self.inner.process(process)?;
        let instances = self.inner.all_instances(process).await?;
        Ok(instances.into_iter().map(|instance| listed(process, instance)).collect())
    }

    /// One instance of a process, if there is one.
    ///
    /// # Errors
    /// As [`Engine::processes`].
    pub async fn process(&self, process: &str, id: &str) -> Result<Option<ListedProcess>, ReadError> {
        let process = self.inner.process(process)?;
        let found = self.inner.instances(process, std::iter::once(id)).await?;
        Ok(found.into_iter().next().map(|instance| listed(process, instance)))
    }

    /// Waits until there is an instance of which this holds, by whatever tab or device: `|it| it.status == ProcessState::Ended`. For a
    /// limit, select over it and a sleep of the host's.
    ///
    /// # Errors
    /// As [`Engine::processes`]; and once the engine is closed.
    pub async fn wait_for_process(
        &self,
        process: &str,
        id: &str,
        holds: &dyn Fn(&ListedProcess) -> bool,
    ) -> Result<ListedProcess, ReadError> {
        loop {
            // before looking: what changes meanwhile must not be missed
            let changed = self.inner.signal.next();
            self.inner.check_open()?;
            if let Some(found) = self.process(process, id).await?.filter(holds) {
                return Ok(found);
            }
            changed.await;
        }
    }

    /// Where a process stands.
    ///
    /// # Errors
    /// As [`Engine::processes`].
    pub async fn process_status(&self, process: &str) -> Result<ProcessStatus, ReadError> {
        let process = self.inner.process(process)?;
        let checkpoint = self.inner.stored_checkpoint(process).await?;
        Ok(ProcessStatus {
            process: Arc::clone(process.manager.name()),
            position: checkpoint.position,
            head: self.inner.log.head().position,
            acting: checkpoint.born,
            trouble: process.trouble.borrow().clone(),
        })
    }

    /// Asks for another attempt at an instance: the refused compensation of one that failed, all steps of one that was compensated,
    /// or the steps of one under way that history left to other devices. It is noted in the log, so that all devices agree; with a
    /// server it takes effect once confirmed. An instance that is parked is taken further at once, on this device alone.
    ///
    /// # Errors
    /// [`WriteError`]: an unknown process, a bad id, storage that fails, or a parked instance whose function fails again.
    pub async fn retry_process(&self, process: &str, id: &str) -> Result<(), WriteError> {
        let process = self.inner.process(process)?;
        let notes = StreamName::of(process.name(), id)?;
        let taken = {
            let _turn = process.turn.lock().await;
            self.inner.take_further(process, id).await?
        };
        if let Some(taken) = taken {
            return taken.map_err(|error| ReadError::from(error).into());
        }
        let event = Note::default().event(note::RETRIED);
        self.inner.append(notes, vec![event], WriteOptions::default(), None).await?;
        Ok(())
    }
}
