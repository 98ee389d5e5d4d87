//! A page while commits are put into it, one after the other.

use super::{ArchiveMark, PageLimit, Streams, cursor::Mark};
use crate::{
    commit::ConfirmedCommit, id::CommitId, sync::protocol::Page, time::Timestamp, version::Position,
};
use uuid::Uuid;

/// A page that is being filled: it keeps to its limit, and moves its cursor past what the reader may not see.
pub struct Filling {
    log: Uuid,
    mark: Mark,
    limit: PageLimit,
    scope: Option<String>,
    commits: Vec<ConfirmedCommit>,
    events: usize,
    bytes: usize,
    passed: usize,
    is_full: bool,
    has_gap: bool,
}

impl Filling {
    /// An empty page of this log after a mark, for a reader of these streams.
    #[must_use]
    pub fn new(log: Uuid, mark: Mark, limit: PageLimit, streams: &Streams) -> Self {
        let scope = streams.fingerprint();
        let commits = Vec::new();
        Self {
            log,
            mark,
            limit,
            scope,
            commits,
            events: 0,
            bytes: 0,
            passed: 0,
            is_full: false,
            has_gap: false,
        }
    }

    /// Whether there is room for the next commit that the reader may see; if so, [`take`](Self::take) it.
    pub fn has_room(&mut self, events: usize, bytes: usize) -> bool {
        self.events += events;
        self.bytes += bytes;
        self.is_full = !self.limit.holds(self.commits.len(), self.events, self.bytes);
        !self.is_full
    }

    /// Takes the next commit.
    pub fn take(&mut self, confirmed: ConfirmedCommit) {
        self.pass(confirmed.last_position(), confirmed.commit.id, confirmed.recorded_at);
        self.commits.push(confirmed);
    }

    /// Whether one more commit may be passed over that the reader may not see; if so, [`pass`](Self::pass) it.
    pub fn may_pass(&mut self) -> bool {
        self.is_full = self.passed >= self.limit.passed.max(1);
        self.passed += 1;
        !self.is_full
    }

    /// Moves the cursor behind the next commit, which ends at this position.
    pub fn pass(&mut self, last_position: Position, id: CommitId, recorded_at: Timestamp) {
        self.mark = Mark::after(self.log, last_position, id, recorded_at);
    }

    /// Notes that a commit that is passed over was archived, and the reader could have read it.
    pub fn note_gap(&mut self) {
        self.has_gap = true;
    }

    /// Whether it leads past archived commits that the reader could have read.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.has_gap
    }

    /// Whether it leads past archived commits that its reader does not know to be gone, in a log with these markers: then there is no page.
    #[must_use]
    pub fn hides(&self, archived: ArchiveMark) -> bool {
        self.has_gap && !self.limit.gaps.are_known(archived)
    }

    /// Ends it though the log goes on.
    pub fn end(&mut self) {
        self.is_full = true;
    }

    /// The page of a log with these markers, after the last commit of the log or the first one that there was no room for.
    #[must_use]
    pub fn page(self, archived: ArchiveMark) -> Page {
        let Self { log, mark, scope, commits, is_full, .. } = self;
        let archived = archived.told();
        Page { log_id: log.to_string(), commits, cursor: mark.write(), up_to_date: !is_full, scope, archived }
    }
}
