//! Open blocks at hand, the ones used last, within a bound of bytes.

use super::{
    block::{Block, Region},
    sorted::Sorted,
};
use std::rc::Rc;

/// Open blocks by key, in two generations: what is used moves to the young one, and when that has grown to half the limit, the
/// old one is let go and the young one is the old. An entry counts only for the fingerprint it was put in with: a block that
/// replaced another under the same key is never mistaken for it.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    weight: usize,
    young: Sorted<(Region, u64), Rc<Block>>,
    old: Sorted<(Region, u64), Rc<Block>>,
}

impl Cache {
    /// An empty cache for about `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, weight: 0, young: Sorted::default(), old: Sorted::default() }
    }

    /// The block under a key, if it is at hand with this fingerprint.
    pub(super) fn get(&mut self, region: Region, key: u64, fingerprint: u32) -> Option<Rc<Block>> {
        let place = (region, key);
        let block = self.young.get(&place).or_else(|| self.old.get(&place)).cloned()?;
        if block.directory().fingerprint != fingerprint {
            return None;
        }
        if !self.young.contains(&place) {
            self.put(&block);
        }
        Some(block)
    }

    /// Keeps a block.
    pub(super) fn put(&mut self, block: &Rc<Block>) {
        let directory = block.directory();
        self.weight += block.weight();
        if let Some(before) = self.young.insert((directory.region(), directory.first), Rc::clone(block)) {
            self.weight -= before.weight();
        }
        if self.weight > self.limit / 2 {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
    }
}
