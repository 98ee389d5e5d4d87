//! How much an answer holds.

use super::archive::Gaps;

use crate::sync::protocol::MAX_PAGE_EVENTS;

/// The most bytes of stored commits in a page: 4 MiB. One commit alone may exceed it.
pub const MAX_PAGE_BYTES: usize = 4 << 20;
/// The most bytes of stored commits that all conflicts of one push carry as missing: 1 MiB.
pub const MAX_MISSING_BYTES: usize = 1 << 20;
/// The most commits that one page passes over because the reader may not see them. So much work may one request make at most; the
/// reader gets on from where it ended.
pub const MAX_PASSED: usize = 4_096;

/// How much a page may hold, and what may be missing from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// The most events, from 1. Default [`MAX_PAGE_EVENTS`].
    pub events: usize,
    /// The most bytes of stored commits, from 1. Default [`MAX_PAGE_BYTES`].
    pub bytes: usize,
    /// The most commits that are passed over because the reader may not see them, from 1. Default [`MAX_PASSED`].
    pub passed: usize,
    /// Which archived events the reader knows to be gone. Default: none.
    pub gaps: Gaps,
}

impl Default for PageLimit {
    fn default() -> Self {
        Self { events: MAX_PAGE_EVENTS, bytes: MAX_PAGE_BYTES, passed: MAX_PASSED, gaps: Gaps::default() }
    }
}

impl PageLimit {
    /// As many events as asked for.
    #[must_use]
    pub fn events(events: usize) -> Self {
        Self { events, ..Self::default() }
    }

    /// Whether a page that has `commits` may take one more and hold this much then. The first is always taken: a reader must get
    /// on.
    #[must_use]
    pub fn holds(self, commits: usize, events: usize, bytes: usize) -> bool {
        commits == 0 || (events <= self.events && bytes <= self.bytes)
    }
}
