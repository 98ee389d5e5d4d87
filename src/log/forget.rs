//! Forgetting: confirmed events of streams that are no longer followed leave this device. Pending commits never do.

use super::{
    Log, LogError,
    apply::delete_block,
    block::{Packer, Region, Standing},
    event_log::Inner,
    store::{Batch, Store, Write, Written},
};
use crate::stream::StreamName;
use std::{collections::HashSet, rc::Rc};

impl<S: Store> Log<S> {
    /// The streams with confirmed events here that are not followed any more, nor on the way to be: none unless they are to be
    /// forgotten. A stream with a pending commit is not among them: the commit stands on its events.
    #[must_use]
    pub fn forgettable(&self) -> Vec<StreamName> {
        let view = self.inner.view.borrow();
        let followed = &view.record.followed;
        if !followed.forget {
            return Vec::new();
        }
        let fetched = followed.fetching.as_ref().map(|fetching| &fetching.streams);
        let mut names = view.index.names(None);
        names.retain(|name| {
            let is_kept = [Some(&followed.wanted), Some(&followed.here), fetched];
            !is_kept.into_iter().flatten().any(|streams| streams.includes(name.as_str()))
                && view.index.pending_of(name).is_empty()
        });
        names
    }

    /// Takes the confirmed events of streams away, in one transaction, and what is derived from them alone; false if the log was changed
    /// meanwhile, or nothing is to be forgotten. Projections are made anew from what is left.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if a block that has to be written anew can't be read, or storage failed. Nothing is changed then.
    pub async fn forget(
        &self,
        streams: Vec<StreamName>,
        derived: fn(&StreamName) -> Write,
    ) -> Result<bool, LogError> {
        let inner = Rc::clone(&self.inner);
        self.inner.take_turn(async move { inner.forget(streams, derived).await }).await
    }
}

impl<S: Store> Inner<S> {
    async fn forget(
        &self,
        streams: Vec<StreamName>,
        derived: fn(&StreamName) -> Write,
    ) -> Result<bool, LogError> {
        let (epoch, mut record, mut keys) = {
            let view = self.view.borrow();
            view.certain()?;
            if streams.iter().any(|name| !view.index.pending_of(name).is_empty()) {
                return Ok(false);
            }
            let blocks = |name| view.index.stream_blocks(name, 0, u64::MAX);
            (view.epoch, view.record.clone(), streams.iter().flat_map(blocks).collect::<Vec<u64>>())
        };
        crate::order::sort(&mut keys);
        keys.dedup();
        let gone: HashSet<&StreamName> = streams.iter().collect();
        let (mut writes, mut blocks, mut first) = (Vec::new(), Vec::new(), None);
        for key in &keys {
            let Some(records) = self.stored(epoch, Region::Confirmed, *key).await? else { return Ok(false) };
            let mut packer = Packer::single(Region::Confirmed);
            for stored in records {
                match stored.standing {
                    Standing::Confirmed { .. } if !gone.contains(&stored.commit.stream) => {
                        packer.push(stored.key, stored.standing, &stored.commit);
                    }
                    _ => first = first.or(Some(stored.key)),
                }
            }
            blocks.extend(packer.finish());
        }
        let Some(first) = first else { return Ok(false) };
        {
            let view = self.view.borrow();
            keys.iter().for_each(|key| delete_block(&view, Region::Confirmed, *key, &mut writes));
        }
        for block in &blocks {
            block.add(&mut writes);
        }
        writes.extend(streams.iter().map(derived));
        // whatever was computed from them stands for other events now
        record.revision += 1;
        record.rewinds.push(first - 1);
        writes.push(record.row());
        let batch = Batch { epoch: Some(epoch), new_epoch: Some(epoch + 1), writes, ..Batch::default() };
        let written = self.store.write(batch).await?;
        self.reload().await?;
        Ok(written == Written::Done)
    }
}
