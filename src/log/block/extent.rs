//! What the events of a block have between them: enough to know that a block can't hold what somebody looks for.

use super::{
    BlockError, crc32,
    wire::{Reader, put_number, put_signed},
};
use crate::{log::Query, time::Timestamp};

/// The moments and the types of a block's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// When the earliest of them occurred.
    first: i64,
    /// When the latest of them occurred.
    last: i64,
    /// One bit for each type, by its checksum: types may share a bit, so a bit that is set promises nothing.
    types: u64,
}

impl Extent {
    /// No event yet.
    pub(super) const NOTHING: Self = Self { first: i64::MAX, last: i64::MIN, types: 0 };
    /// Nobody knows.
    pub(crate) const ANYTHING: Self = Self { first: i64::MIN, last: i64::MAX, types: u64::MAX };

    fn bit(event_type: &str) -> u64 {
        1 << (crc32(&[event_type.as_bytes()]) & 63)
    }

    /// Takes in an event.
    pub(super) fn add(&mut self, event_type: &str, occurred_at: Timestamp) {
        self.first = self.first.min(occurred_at.0);
        self.last = self.last.max(occurred_at.0);
        self.types |= Self::bit(event_type);
    }

    /// Whether the block may hold an event that is asked for, as far as types and moments tell.
    pub(crate) fn may_hold(&self, query: &Query) -> bool {
        query.from.is_none_or(|from| self.last >= from.0)
            && query.to.is_none_or(|to| self.first < to.0)
            && (query.types.is_empty() || query.types.iter().any(|it| self.types & Self::bit(it) != 0))
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, self.first);
        put_signed(out, self.last);
        put_number(out, self.types);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, BlockError> {
        Ok(Self { first: reader.signed()?, last: reader.signed()?, types: reader.number()? })
    }
}
