//! A storage that counts what it is asked: where two requests make the same calls, they differ in nothing that could take time.

use futures_util::future::BoxFuture;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tidelog::{
    id::CommitId,
    stream::StreamName,
    sync::protocol::{Archived, ArchivedPage, Cursor, Page, Pushed},
    version::Version,
};
use tidelog_server::{
    LogName, Sqlite, Storage,
    storage::{Bell, History, Leaving, Offer, PageError, PageLimit, PushError, StorageError, Streams},
};

pub(super) struct Counting {
    inner: Sqlite,
    calls: AtomicUsize,
}

impl Counting {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { inner: Sqlite::in_memory().unwrap(), calls: AtomicUsize::new(0) })
    }

    /// How often it was asked since the last call.
    pub(super) fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

impl Storage for Counting {
    fn push<'a>(&'a self, log: &'a LogName, offer: Offer) -> BoxFuture<'a, Result<Pushed, PushError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.push(log, offer)
    }

    fn page<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: PageLimit,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<Page, PageError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.page(log, after, limit, streams)
    }

    fn end<'a>(&'a self, log: &'a LogName) -> BoxFuture<'a, Result<Option<Cursor>, StorageError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.end(log)
    }

    fn standing<'a>(
        &'a self,
        log: &'a LogName,
        commits: &'a [CommitId],
    ) -> BoxFuture<'a, Result<HashSet<CommitId>, StorageError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.standing(log, commits)
    }

    fn history<'a>(
        &'a self,
        log: &'a LogName,
        stream: &'a StreamName,
        after: Version,
        bytes: usize,
    ) -> BoxFuture<'a, Result<History, StorageError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.history(log, stream, after, bytes)
    }

    fn archived<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: usize,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<ArchivedPage, PageError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.archived(log, after, limit, streams)
    }

    fn archive<'a>(
        &'a self,
        log: &'a LogName,
        streams: Vec<Leaving>,
    ) -> BoxFuture<'a, Result<Vec<Archived>, StorageError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.archive(log, streams)
    }

    fn bell(&self) -> &Bell {
        self.inner.bell()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        self.inner.ping()
    }
}
