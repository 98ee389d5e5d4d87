//! The contract of `Storage` as a suite, for any implementation. A place says how its storages come to be; see the end of
//! this file for those that are tested.

mod archives;
mod eager;
mod fences;
mod histories;
mod memory;
mod model;
mod outcomes;
mod pages;
mod rights;
mod together;

use crate::{kit::NOW, postgres::Shared};
use memory::Shelf;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use tempfile::TempDir;
use tidelog::{
    commit::{Commit, ConfirmedCommit},
    sync::protocol::{Cursor, Page, Pushed},
    time::Timestamp,
};
use tidelog_server::{
    LogName, Sqlite, Storage,
    candidate::Candidate,
    clock::Clock,
    storage::{Offer, PageLimit, PushError, Streams},
};

/// A place where logs are kept, at first empty.
pub(crate) trait Place: Default + Send + Sync {
    /// Opens it once more, beside the storages that are open already: another process, where there are processes.
    fn open(&self) -> Arc<dyn Storage>;
    /// Opens it again after all storages were dropped; none if nothing outlives them.
    fn reopen(&self) -> Option<Arc<dyn Storage>>;
}

/// A clock that stands still.
pub(crate) struct Still(pub(crate) Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A file in a folder of its own.
pub(crate) struct File {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Default for File {
    fn default() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("logs.sqlite");
        Self { _folder: folder, path }
    }
}

impl Place for File {
    fn open(&self) -> Arc<dyn Storage> {
        Arc::new(Sqlite::open(&self.path).unwrap().with_clock(Still(NOW)))
    }

    fn reopen(&self) -> Option<Arc<dyn Storage>> {
        Some(self.open())
    }
}

/// SQLite in memory: one storage, however often it is opened.
#[derive(Default)]
pub(crate) struct Memory(OnceLock<Arc<Sqlite>>);

impl Place for Memory {
    fn open(&self) -> Arc<dyn Storage> {
        let open = || Arc::new(Sqlite::in_memory().unwrap().with_clock(Still(NOW)));
        Arc::<Sqlite>::clone(self.0.get_or_init(open))
    }

    fn reopen(&self) -> Option<Arc<dyn Storage>> {
        None
    }
}

pub(crate) fn academy() -> LogName {
    LogName::parse("academy").unwrap()
}

pub(crate) fn candidates(commits: &[Commit]) -> Vec<Candidate> {
    commits.iter().cloned().map(|commit| Candidate::Commit(Box::new(commit))).collect()
}

/// What the suite asks most often.
pub(crate) trait Asking {
    async fn try_push(&self, commits: &[Commit]) -> Result<Pushed, PushError>;
    async fn pushed(&self, commits: &[Commit]) -> Pushed;
    async fn page_after(&self, after: &Cursor, limit: PageLimit) -> Page;
    async fn pulled(&self, limit: PageLimit) -> Vec<ConfirmedCommit>;
    async fn pulled_from(&self, log: &LogName, limit: PageLimit) -> Vec<ConfirmedCommit>;
}

impl Asking for dyn Storage {
    async fn try_push(&self, commits: &[Commit]) -> Result<Pushed, PushError> {
        self.push(&academy(), candidates(commits).into()).await
    }

    async fn pushed(&self, commits: &[Commit]) -> Pushed {
        self.try_push(commits).await.unwrap()
    }

    async fn page_after(&self, after: &Cursor, limit: PageLimit) -> Page {
        self.page(&academy(), after, limit, &Streams::all()).await.unwrap()
    }

    async fn pulled(&self, limit: PageLimit) -> Vec<ConfirmedCommit> {
        self.pulled_from(&academy(), limit).await
    }

    async fn pulled_from(&self, log: &LogName, limit: PageLimit) -> Vec<ConfirmedCommit> {
        let (mut commits, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let page = self.page(log, &cursor, limit, &Streams::all()).await.unwrap();
            commits.extend(page.commits);
            cursor = page.cursor;
            if page.up_to_date {
                return commits;
            }
        }
    }
}

/// Makes one test of each case, for one place.
macro_rules! suite {
    ($place:ident: $($module:ident { $($case:ident)* })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$module::$case(super::$place::default()).await;
            }
        )*)*
    };
}

macro_rules! suites {
    ($($name:ident: $place:ident;)*) => {
        $(
            mod $name {
                suite! { $place:
                    outcomes {
                        a_log_keeps_its_identity
                        commits_follow_each_other
                        duplicates_are_told_by_the_commit_id_alone
                        an_event_id_belongs_to_one_commit
                        expectations_are_judged_in_order
                        bounds_are_kept
                        a_malformed_commit_is_refused_alone
                        what_builds_on_a_refused_commit_is_blocked
                        a_conflict_carries_what_is_missing
                        missing_events_are_bounded
                    }
                    fences {
                        a_push_names_the_history_it_was_decided_on
                        a_producer_that_is_behind_is_fenced
                    }
                    histories {
                        what_stands_is_known
                        a_history_is_that_of_one_stream_in_order
                        a_history_is_bounded_in_bytes
                    }
                    pages {
                        pages_hold_whole_commits
                        pages_are_bounded_in_bytes
                        cursors_are_checked
                        the_end_is_told_and_no_log_made
                        a_reader_of_an_empty_log_can_wait_for_its_first_event
                    }
                    archives {
                        an_archived_stream_is_closed_and_keeps_its_place
                        a_gap_is_told_to_who_does_not_know_it
                        what_is_not_what_was_copied_stays
                        markers_come_in_pages_to_those_who_may_see_them
                        pages_end_where_they_should_among_archived_commits
                    }
                    rights {
                        pages_pass_over_what_may_not_be_read
                        what_may_not_be_written_is_rejected_alone
                        what_may_not_be_known_has_no_influence
                        who_writes_without_reading_is_told_nothing
                    }
                    together {
                        concurrent_pushes_leave_no_hole_and_no_double
                        the_same_push_at_once_is_there_once
                        a_push_that_can_be_seen_has_rung_the_bell
                        a_push_given_up_is_there_whole_or_not_at_all
                        everything_outlives_the_storage
                    }
                    model {
                        random_pushes_end_as_in_the_model
                    }
                }
            }
        )*
    };
}

suites! {
    sqlite_file: File;
    sqlite_memory: Memory;
    authority_memory: Shelf;
    postgres: Shared;
}
