//! Processes that act on pending events.

use super::Process;
use crate::{
    engine::{Inner, WriteError},
    log::{AppendError, Place, store::Store},
    process::{Instance, advance},
    stream::StreamName,
};
use std::collections::{HashMap, HashSet};

impl<S: Store> Inner<S> {
    /// Carries out what the pending events of this device lead to, on copies of the instances: nothing of it is kept. When an event
    /// is confirmed the process comes to the same steps, with the same ids, and finds them carried out.
    pub(super) async fn look_ahead(&self, process: &Process) -> Result<(), WriteError> {
        if !process.manager.on_pending() || self.log.head().pending_commits == 0 {
            return Ok(());
        }
        let head = self.log.head();
        let mut from = Place::Confirmed(head.position);
        let mut events = Vec::new();
        loop {
            let page = self.log.read(&self.query(process, false), from, 500).await?;
            events.extend(page.events.into_iter().filter(|event| !event.is_confirmed()));
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        let events = self.decoder.decode(events).map_err(crate::engine::ReadError::from)?;
        let concerned = self.concerned(process, &events).await?;
        let mut instances: HashMap<String, Instance> = concerned.instances;
        let mut broken = HashSet::new();
        for (index, id, correlation) in concerned.correlated {
            let Some(correlation) = correlation else { continue };
            if broken.contains(&id) || instances.get(&id).is_some_and(|instance| instance.parked.is_some()) {
                continue;
            }
            let manager = &*process.manager;
            let before = instances.remove(&id);
            let known = before.as_ref().map_or(0, |before| before.steps.len());
            let after = match advance(manager, before, &events[index], &correlation, true) {
                Ok(Some(after)) => after,
                Ok(None) => continue,
                // it is parked when the event has been confirmed
                Err(_) => {
                    broken.insert(id);
                    continue;
                }
            };
            for step in after.steps.iter().skip(known) {
                if !step.undo && process.ahead.borrow_mut().insert(step.id) {
                    let notes = StreamName::of(process.name(), &after.id)?;
                    match self.give(&step.errand, step.id, &step.origin, &notes).await {
                        // refused now: what counts is the answer when the event is confirmed
                        Ok(_)
                        | Err(
                            WriteError::Decide(_)
                            | WriteError::Rejected { .. }
                            | WriteError::CommandIdTaken { .. }
                            | WriteError::Append(AppendError::CauseRejected { .. }),
                        ) => {}
                        Err(error) => {
                            process.ahead.borrow_mut().remove(&step.id);
                            return Err(error);
                        }
                    }
                }
            }
            instances.insert(id, after);
        }
        Ok(())
    }
}
