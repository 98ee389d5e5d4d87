//! Blocks of the view, opened: out of the cache or the store, each checked against its directory.

use super::{
    LogError,
    block::{Block, BlockError, Encoded, Region},
    event_log::Inner,
    store::{Bytes, Key, Selection, Store},
};
use std::rc::Rc;

impl<S: Store> Inner<S> {
    /// The blocks that stood under these keys in an epoch, each with its own error if it is damaged; none if the epoch is
    /// over. Then the view has caught up: look the keys up again.
    pub(super) async fn open_blocks(
        &self,
        epoch: u64,
        wanted: &[(Region, u64)],
    ) -> Result<Option<Vec<Result<Rc<Block>, LogError>>>, LogError> {
        let mut found: Vec<Option<Result<Rc<Block>, LogError>>> = Vec::with_capacity(wanted.len());
        let mut fingerprints = Vec::with_capacity(wanted.len());
        let mut missing = Region::BOTH.map(|_| Vec::new());
        {
            let (view, mut cache) = (self.view.borrow(), self.cache.borrow_mut());
            if view.epoch != epoch {
                return Ok(None);
            }
            for &(region, key) in wanted {
                let info = view.index.blocks(region).get(&key);
                fingerprints.push(info.map(|info| info.fingerprint));
                found.push(match info.and_then(|info| info.damage.as_deref()) {
                    Some(damage) => Some(Err(corrupt(region, key, damage))),
                    None => info.and_then(|info| cache.get(region, key, info.fingerprint)).map(Ok),
                });
                if found.last().is_some_and(Option::is_none) {
                    missing[region as usize].push(Key::Number(key));
                }
            }
        }
        if missing.iter().all(Vec::is_empty) {
            return Ok(Some(found.into_iter().flatten().collect()));
        }
        let selections: Vec<_> = Region::BOTH
            .into_iter()
            .zip(missing)
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(region, keys)| (region, Selection::Keys(region.table(), keys)))
            .collect();
        let (regions, selections): (Vec<_>, Vec<_>) = selections.into_iter().unzip();
        let loaded = self.store.load(&selections).await?;
        if loaded.epoch != epoch {
            self.refresh().await?;
            return Ok(None);
        }
        // Rows come in the order asked for, less the missing ones.
        let mut rows = Region::BOTH.map(|_| Vec::new().into_iter().peekable());
        for (region, loaded) in regions.into_iter().zip(loaded.rows) {
            rows[region as usize] = loaded.into_iter().peekable();
        }
        for ((slot, &(region, key)), fingerprint) in found.iter_mut().zip(wanted).zip(fingerprints) {
            if slot.is_none() {
                let row =
                    rows[region as usize].next_if(|(at, _)| *at == Key::Number(key)).map(|(_, row)| row);
                let opened = open_row(region, row, fingerprint);
                *slot = Some(opened.map_err(|damage| self.note_damage(epoch, region, key, &damage)));
            }
            if let Some(Ok(block)) = slot {
                self.cache.borrow_mut().put(block);
            }
        }
        Ok(Some(found.into_iter().flatten().collect()))
    }

    /// Notes damage that was found in a block as of an epoch; the error to report.
    fn note_damage(&self, epoch: u64, region: Region, key: u64, damage: &str) -> LogError {
        let mut view = self.view.borrow_mut();
        if view.epoch == epoch {
            view.index.note_damage(region, key, damage);
        }
        corrupt(region, key, damage)
    }

    /// Keeps blocks that were just written in the cache: what was decided last is read first.
    pub(super) fn keep_at_hand(&self, blocks: &[Encoded]) {
        let mut cache = self.cache.borrow_mut();
        for block in blocks {
            if let Ok(block) = block.open() {
                cache.put(&Rc::new(block));
            }
        }
    }
}

/// Opens a row that should be a block with this fingerprint.
fn open_row(region: Region, row: Option<Bytes>, fingerprint: Option<u32>) -> Result<Rc<Block>, String> {
    let Some(row) = row else { return Err("the row is missing".to_owned()) };
    let block = Block::open(row, region).map_err(|error| error.to_string())?;
    if fingerprint.is_some_and(|fingerprint| fingerprint != block.directory().fingerprint) {
        return Err("it is not the block that its directory describes".to_owned());
    }
    Ok(Rc::new(block))
}

/// The error for a damaged block.
pub(super) fn corrupt(region: Region, key: u64, reason: &str) -> LogError {
    LogError::Corrupt { table: region.table(), key: key.into(), reason: reason.into() }
}

/// The error for a block whose records can't be decoded.
pub(super) fn damage(block: &Block, error: &BlockError) -> LogError {
    let directory = block.directory();
    corrupt(directory.region(), directory.first, &error.to_string())
}
