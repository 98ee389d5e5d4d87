//! Catching up: a view takes in what other holders of the database wrote.

use super::{
    LogError,
    block::{Block, Directory, Region, is_large},
    event_log::Inner,
    store::{Bytes, Closing, Key, Selection, Store, StoreError},
    view::fetch,
};
use crate::mistake::{Mistake, made};
use std::rc::Rc;

impl<S: Store> Inner<S> {
    /// Takes in what other holders wrote. True if anything changed.
    pub(super) async fn refresh(&self) -> Result<bool, LogError> {
        let (epoch, selections) = {
            let view = self.view.borrow();
            let tail = |region: Region| Selection::From(region.table(), view.next_key(region));
            (view.epoch, Region::BOTH.map(tail))
        };
        let loaded = self.store.load(&selections).await?;
        if loaded.epoch < epoch {
            return Err(StoreError::Closed { why: Closing::Deleted }.into());
        }
        if loaded.epoch > self.view.borrow().epoch && !made(Mistake::RefreshKeepsOldView) {
            return self.reload().await;
        }
        if loaded.epoch < self.view.borrow().epoch {
            return Ok(true); // this view moved on meanwhile
        }
        let mut changed = false;
        for (region, rows) in Region::BOTH.into_iter().zip(loaded.rows) {
            for (key, row) in rows {
                let Key::Number(key) = key else { continue };
                if key >= self.view.borrow().next_key(region) {
                    changed = true;
                    self.take_tail(region, key, row);
                }
            }
        }
        Ok(changed)
    }

    /// Takes in a block that another holder appended.
    fn take_tail(&self, region: Region, key: u64, row: Bytes) {
        let mut view = self.view.borrow_mut();
        let has_directory_row = match Directory::read(&row, region) {
            Ok(directory) => is_large(&directory),
            Err(_) => false,
        };
        view.take_row(region, key, &row, has_directory_row);
        match Block::open(row, region) {
            Ok(block) => self.cache.borrow_mut().put(&Rc::new(block)),
            Err(damage) => view.index.note_damage(region, key, &damage.to_string()),
        }
    }

    /// Builds the view anew. True: something changed.
    pub(super) async fn reload(&self) -> Result<bool, LogError> {
        let authority = self.view.borrow().record.authority;
        let mut fresh = fetch(&self.store, authority).await?;
        let mut view = self.view.borrow_mut();
        if fresh.is_no_older_than(&view) {
            fresh.keep_damage_of(&view);
            *view = fresh;
        }
        Ok(true)
    }
}
