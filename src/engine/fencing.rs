//! The client's half of the fence (docs/protocol.md, "Producers"): pushes are counted, and a database that turns out to be a copy takes
//! an id of its own.

use super::{Inner, pulling::failure, status::Renamed};
use crate::{
    commit::Commit,
    id::{CommitId, DeviceId},
    log::{LogError, store::Store},
    sync::{
        machine::{Failure, Input},
        protocol::Producer,
    },
};
use std::cell::{Cell, RefCell};

/// What the loop remembers of its pushes. It may be lost.
#[derive(Default)]
pub(super) struct Fence {
    /// The last push, until it is answered.
    unanswered: RefCell<Option<Sent>>,
    /// Whether this device has taken another id and no push was taken since.
    is_fresh: Cell<bool>,
}

/// A push as it was counted: sent once more, it is the same one.
struct Sent {
    producer: Producer,
    /// The ids and generations of its commits.
    offered: Vec<(CommitId, u32)>,
}

impl Fence {
    /// A push was taken.
    pub(super) fn passed(&self) {
        self.unanswered.take();
        self.is_fresh.set(false);
    }
}

impl<S: Store> Inner<S> {
    /// Who pushes these commits, and under which number: written down before it is sent. A push whose answer did not come goes out
    /// under the number it had.
    pub(super) async fn count(&self, fence: &Fence, commits: &[Commit]) -> Result<Producer, LogError> {
        let offered: Vec<(CommitId, u32)> = commits.iter().map(|it| (it.id, it.generation)).collect();
        if let Some(sent) = &*fence.unanswered.borrow()
            && sent.offered == offered
            && sent.producer.id == self.log.device()
        {
            return Ok(sent.producer);
        }
        let identity = self.log.count_push().await?;
        let producer = Producer { id: identity.device, epoch: 0, sequence: identity.pushes };
        *fence.unanswered.borrow_mut() = Some(Sent { producer, offered });
        Ok(producer)
    }

    /// The server knows a later push of this device than the one that it refused. If no other tab has pushed meanwhile, another copy of
    /// this database has: this one goes on under an id of its own, with its queue as it is.
    pub(super) async fn fenced(
        &self,
        fence: &Fence,
        sent: Producer,
        refusal: Failure,
    ) -> Result<Input, Failure> {
        fence.unanswered.take();
        // nobody knows a fresh id: a server that refuses it too would go on doing so
        if fence.is_fresh.get() {
            return Err(refusal);
        }
        let now = self.surroundings.now().map_err(|error| failure("app", error.to_string()))?;
        let to = DeviceId(self.surroundings.id_at(now));
        if !self.log.rename((sent.id, sent.sequence), to).await? {
            return Ok(Input::Pushed { accepted: false });
        }
        fence.is_fresh.set(true);
        self.driver.note_renamed(Renamed { at: now.millis(), from: sent.id, to });
        self.wrote(Some(vec![]));
        Ok(Input::Pushed { accepted: true })
    }
}
