//! Parked instances: a function of the process failed at one of their events, and they are taken further once it is mended.

use super::{Process, feed::BATCH, rows::Checkpoint};
use crate::{
    engine::{Inner, ReadError},
    event::RecordedEvent,
    log::{Place, store::Store},
    process::{Instance, Parked, ProcessError},
};

impl<S: Store> Inner<S> {
    pub(super) fn parked_at(&self, event: &RecordedEvent, error: &ProcessError) -> Parked {
        Parked {
            position: event.position.unwrap_or_default(),
            message: error.to_string(),
            at: self.surroundings.stated(),
        }
    }

    /// How many instances wait for a person, as far as this tab knows.
    pub(in crate::engine) fn stuck_instances(&self, process: &Process) -> u64 {
        process.agenda.borrow().values().filter(|wanted| wanted.stuck).count() as u64
    }

    /// Takes all parked instances further: once an opening, for an app that is opened may have been mended.
    pub(super) async fn try_parked(&self, process: &Process) -> Result<(), ReadError> {
        if process.tried_parked.get() {
            return Ok(());
        }
        self.remember_process(process).await?;
        let stuck: Vec<String> = {
            let agenda = process.agenda.borrow();
            agenda.iter().filter(|(_, wanted)| wanted.stuck).map(|(id, _)| id.clone()).collect()
        };
        for id in stuck {
            match self.take_further(process, &id).await {
                // what it is to the process can't be said: it stays parked, and the others go on
                Ok(_) | Err(ReadError::Process(_)) => {}
                Err(error) => return Err(error),
            }
        }
        process.tried_parked.set(true);
        Ok(())
    }

    /// Takes a parked instance further, by its events from the one at which it is parked to where the process is: what failed again,
    /// if something did. None if it is not parked.
    pub(super) async fn take_further(
        &self,
        process: &Process,
        id: &str,
    ) -> Result<Option<Result<(), ProcessError>>, ReadError> {
        loop {
            let checkpoint = self.remember_process(process).await?;
            let Some(mut instance) = self.instances(process, std::iter::once(id)).await?.pop() else {
                return Ok(None);
            };
            let Some(parked) = instance.parked.take() else { return Ok(None) };
            let (instance, failed) = self.catch_up_instance(process, &checkpoint, instance, &parked).await?;
            if self.write_process(process, checkpoint, &[instance]).await? {
                return Ok(Some(failed.map_or(Ok(()), Err)));
            }
            // another tab was faster: look again
        }
    }

    async fn catch_up_instance(
        &self,
        process: &Process,
        checkpoint: &Checkpoint,
        instance: Instance,
        parked: &Parked,
    ) -> Result<(Instance, Option<ProcessError>), ReadError> {
        let id = instance.id.clone();
        let unborn = instance.clone();
        let mut current = (instance.run > 0).then_some(instance);
        let now = self.surroundings.stated();
        let mut is_history = checkpoint.born && parked.position <= checkpoint.born_at;
        let mut from = Place::Confirmed(parked.position.saturating_sub(1));
        loop {
            let mut page = self.log.read(&self.query(process, true), from, BATCH).await?;
            page.events.retain(|event| event.position <= Some(checkpoint.position));
            let events = self.decoder.decode(page.events)?;
            for (index, concerned, correlation) in self.correlated(process, &events)? {
                if concerned != id {
                    continue;
                }
                let event = &events[index];
                if is_history && event.position > Some(checkpoint.born_at) {
                    is_history = false;
                    current.iter_mut().for_each(|instance| instance.leave_overdue(now));
                }
                match self.take_event(process, checkpoint, current.clone(), event, correlation) {
                    Ok(after) => current = after,
                    Err(error) => {
                        let parked = self.parked_at(event, &error);
                        return Ok((Instance::park(current, &id, parked), Some(error)));
                    }
                }
            }
            match page.next {
                Some(next) if next < Place::Confirmed(checkpoint.position) => from = next,
                _ => break,
            }
        }
        if is_history {
            current.iter_mut().for_each(|instance| instance.leave_overdue(now));
        }
        Ok((current.unwrap_or(unborn), None))
    }
}
