//! The hazard of a position that is taken before its commit can be seen (marten#1629, #2370, #3503): a reader passes the higher position
//! first, and never sees the lower one. A storage with that mistake does not pass the suite.

use super::{Place, Still, together};
use crate::kit::NOW;
use futures_util::future::BoxFuture;
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tidelog::{
    authority::MemoryLog,
    commit::ConfirmedCommit,
    id::CommitId,
    stream::StreamName,
    sync::protocol::{Archived, ArchivedPage, Cursor, Page, Pushed},
    version::Version,
};
use tidelog_server::{
    LogName, Storage,
    clock::Clock,
    storage::{Bell, History, Leaving, Offer, PageError, PageLimit, PushError, StorageError, Streams},
};
use tokio::sync::Notify;
use uuid::Uuid;

/// A log whose first push has its positions at once, and can be seen only after others that stand behind it.
#[derive(Default)]
struct Eager(Arc<Log>);

struct Log {
    judged: Mutex<MemoryLog>,
    seen: Mutex<Vec<ConfirmedCommit>>,
    is_first: AtomicBool,
    passed: Notify,
    bell: Bell,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            judged: Mutex::new(MemoryLog::new(Uuid::from_u128(7))),
            seen: Mutex::default(),
            is_first: AtomicBool::new(true),
            passed: Notify::new(),
            bell: Bell::default(),
        }
    }
}

impl Place for Eager {
    fn open(&self) -> Arc<dyn Storage> {
        Arc::<Log>::clone(&self.0)
    }

    fn reopen(&self) -> Option<Arc<dyn Storage>> {
        None
    }
}

impl Storage for Log {
    fn push<'a>(&'a self, _: &'a LogName, offer: Offer) -> BoxFuture<'a, Result<Pushed, PushError>> {
        Box::pin(async move {
            let (pushed, accepted, is_first) = {
                let mut judged = self.judged.lock().unwrap();
                let before = judged.commits().count();
                let pushed = judged.push(offer, Still(NOW).now()).unwrap();
                let accepted: Vec<_> = judged.commits().skip(before).cloned().collect();
                (pushed, accepted, self.is_first.swap(false, Ordering::SeqCst))
            };
            if is_first {
                // its transaction stays open until a reader has passed it
                self.passed.notified().await;
            }
            self.seen.lock().unwrap().extend(accepted);
            Ok(pushed)
        })
    }

    fn page<'a>(
        &'a self,
        _: &'a LogName,
        after: &'a Cursor,
        _: PageLimit,
        _: &'a Streams,
    ) -> BoxFuture<'a, Result<Page, PageError>> {
        Box::pin(async move {
            let mut position: u64 = after.0.parse().unwrap_or(0);
            let mut commits = self.seen.lock().unwrap().clone();
            commits.retain(|commit| commit.first_position > position);
            commits.sort_by_key(|commit| commit.first_position);
            if let Some(last) = commits.last() {
                position = last.last_position();
                self.passed.notify_one();
            }
            let cursor = Cursor(position.to_string());
            Ok(Page {
                log_id: "eager".into(),
                commits,
                cursor,
                up_to_date: true,
                scope: None,
                archived: None,
            })
        })
    }

    fn end<'a>(&'a self, _: &'a LogName) -> BoxFuture<'a, Result<Option<Cursor>, StorageError>> {
        let last = self.seen.lock().unwrap().iter().map(ConfirmedCommit::last_position).max();
        Box::pin(async move { Ok(Some(Cursor(last.unwrap_or(0).to_string()))) })
    }

    fn standing<'a>(
        &'a self,
        _: &'a LogName,
        _: &'a [CommitId],
    ) -> BoxFuture<'a, Result<HashSet<CommitId>, StorageError>> {
        Box::pin(async { Err(StorageError::Stopped) })
    }

    fn history<'a>(
        &'a self,
        _: &'a LogName,
        _: &'a StreamName,
        _: Version,
        _: usize,
    ) -> BoxFuture<'a, Result<History, StorageError>> {
        Box::pin(async { Err(StorageError::Stopped) })
    }

    fn archived<'a>(
        &'a self,
        _: &'a LogName,
        _: &'a Cursor,
        _: usize,
        _: &'a Streams,
    ) -> BoxFuture<'a, Result<ArchivedPage, PageError>> {
        Box::pin(async { Err(StorageError::Stopped.into()) })
    }

    fn archive<'a>(
        &'a self,
        _: &'a LogName,
        _: Vec<Leaving>,
    ) -> BoxFuture<'a, Result<Vec<Archived>, StorageError>> {
        Box::pin(async { Err(StorageError::Stopped) })
    }

    fn bell(&self) -> &Bell {
        &self.bell
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "position")]
async fn a_position_taken_before_its_commit_is_noticed() {
    together::concurrent_pushes_leave_no_hole_and_no_double(Eager::default()).await;
}
