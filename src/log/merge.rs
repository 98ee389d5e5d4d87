//! Background merging: lone appends make small blocks, and a row costs the same whatever it holds.

use super::{
    LogError,
    block::{Packer, Region, TARGET},
    event_log::Inner,
    index::BlockInfo,
    sorted::Sorted,
    store::{Batch, Store, Written},
};
/// A run of this many blocks is merged, however small they are.
const RUN: usize = 16;
/// Shorter runs are merged once they fill a block this far.
const FULL: usize = TARGET / 4 * 3;
/// Blocks from this size on stay as they are: writing them again would cost more than the rows they save.
const LARGE: usize = TARGET / 2;

/// The first run of neighbours worth merging.
fn run(blocks: &Sorted<u64, BlockInfo>) -> Option<Vec<u64>> {
    let blocks = blocks.entries();
    for (at, _) in blocks.iter().enumerate() {
        let mut size = 0;
        let fits = |(_, info): &&(u64, BlockInfo)| {
            size += info.length;
            info.length < LARGE && info.damage.is_none() && size <= TARGET
        };
        let run: Vec<u64> = blocks[at..].iter().take_while(fits).map(|(key, _)| *key).collect();
        let length: usize = blocks[at..at + run.len()].iter().map(|(_, info)| info.length).sum();
        if run.len() >= RUN || run.len() >= 2 && length >= FULL {
            return Some(run);
        }
    }
    None
}

impl<S: Store> Inner<S> {
    /// Merges one run of blocks. True if there is more to do.
    pub(super) async fn merge(&self) -> Result<bool, LogError> {
        for region in Region::BOTH {
            let (epoch, run) = {
                let view = self.view.borrow();
                (view.epoch, run(view.index.blocks(region)))
            };
            if let Some(run) = run {
                self.merge_run(epoch, region, &run).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn merge_run(&self, epoch: u64, region: Region, run: &[u64]) -> Result<(), LogError> {
        let wanted: Vec<_> = run.iter().map(|key| (region, *key)).collect();
        let Some(blocks) = self.open_blocks(epoch, &wanted).await? else { return Ok(()) };
        let mut packer = Packer::single(region);
        for block in blocks {
            // A damaged block is noted by now and will not be part of a run again.
            let Ok(block) = block else { return Ok(()) };
            for record in block.records() {
                match record.and_then(|record| record.decode()) {
                    Ok(stored) => packer.push(stored.key, stored.standing, &stored.commit),
                    Err(damage) => {
                        let key = block.directory().first;
                        self.view.borrow_mut().index.note_damage(region, key, &damage.to_string());
                        return Ok(());
                    }
                }
            }
        }
        let Some(merged) = packer.finish().pop() else { return Ok(()) };
        let batch = {
            let view = self.view.borrow();
            if view.epoch != epoch {
                return Ok(()); // the view was read anew meanwhile
            }
            let mut writes = Vec::new();
            for key in run {
                super::apply::delete_block(&view, region, *key, &mut writes);
            }
            merged.add(&mut writes);
            Batch { epoch: Some(epoch), new_epoch: Some(epoch + 1), writes, ..Batch::default() }
        };
        if self.store.write(batch).await? == Written::Collision {
            self.refresh().await?;
            return Ok(());
        }
        let mut view = self.view.borrow_mut();
        if view.epoch == epoch {
            match region {
                Region::Confirmed => {
                    view.index.merge_confirmed(run, &merged.directory, merged.has_directory_row());
                }
                Region::Pending => {
                    view.index.remove_pending(run);
                    view.take(std::slice::from_ref(&merged));
                }
            }
            view.epoch = epoch + 1;
        }
        drop(view);
        self.keep_at_hand(&[merged]);
        Ok(())
    }
}
