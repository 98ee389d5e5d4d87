//! The authority's logs in memory under the contract of the storages: whoever plays a server with them gets the same answers.

use super::{Place, Still};
use crate::kit::NOW;
use futures_util::future::BoxFuture;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};
use tidelog::{
    authority::{MemoryLog, PageRefused, PushRefused},
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
use uuid::Uuid;

/// One set of logs, however often it is opened.
#[derive(Default)]
pub(crate) struct Shelf(Arc<Logs>);

#[derive(Default)]
struct Logs {
    logs: Mutex<HashMap<LogName, MemoryLog>>,
    bell: Bell,
}

impl Logs {
    fn with<T>(&self, name: &LogName, run: impl FnOnce(&mut MemoryLog) -> T) -> T {
        let mut logs = self.logs.lock().unwrap();
        let id = Uuid::from_u128((logs.len() as u128 + 1) << 64);
        run(logs.entry(name.clone()).or_insert_with(|| MemoryLog::new(id)))
    }
}

impl Place for Shelf {
    fn open(&self) -> Arc<dyn Storage> {
        Arc::<Logs>::clone(&self.0)
    }

    fn reopen(&self) -> Option<Arc<dyn Storage>> {
        None
    }
}

impl Storage for Logs {
    fn push<'a>(&'a self, log: &'a LogName, offer: Offer) -> BoxFuture<'a, Result<Pushed, PushError>> {
        let push = |log: &mut MemoryLog| {
            let pushed = log.push(offer, Still(NOW).now());
            (pushed, log.commits().last().map(ConfirmedCommit::last_position))
        };
        Box::pin(async move {
            let (pushed, reached) = self.with(log, push);
            if let Some(position) = reached {
                self.bell.ring(log, position);
            }
            pushed.map_err(|error| match error {
                PushRefused::Cursor(error) => PushError::from(error),
                PushRefused::Fenced(error) => error.into(),
                PushRefused::Overtaken(error) => error.into(),
                other => StorageError::Failed(other.into()).into(),
            })
        })
    }

    fn page<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: PageLimit,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<Page, PageError>> {
        Box::pin(async move {
            self.with(log, |log| log.page(after, limit, streams)).map_err(|refused| match refused {
                PageRefused::Cursor(error) => error.into(),
                PageRefused::Gap(gap) => gap.into(),
                other => StorageError::Failed(other.into()).into(),
            })
        })
    }

    fn end<'a>(&'a self, log: &'a LogName) -> BoxFuture<'a, Result<Option<Cursor>, StorageError>> {
        Box::pin(async move { Ok(self.logs.lock().unwrap().get(log).map(MemoryLog::cursor)) })
    }

    fn standing<'a>(
        &'a self,
        log: &'a LogName,
        commits: &'a [CommitId],
    ) -> BoxFuture<'a, Result<HashSet<CommitId>, StorageError>> {
        let has = |log: &mut MemoryLog| commits.iter().copied().filter(|commit| log.has(*commit)).collect();
        Box::pin(async move { Ok(self.with(log, has)) })
    }

    fn history<'a>(
        &'a self,
        log: &'a LogName,
        stream: &'a StreamName,
        after: Version,
        _: usize,
    ) -> BoxFuture<'a, Result<History, StorageError>> {
        let read = move |log: &mut MemoryLog| log.history(stream, after).cloned().collect();
        Box::pin(async move { Ok(History { commits: self.with(log, read), is_end: true }) })
    }

    fn archived<'a>(
        &'a self,
        log: &'a LogName,
        after: &'a Cursor,
        limit: usize,
        streams: &'a Streams,
    ) -> BoxFuture<'a, Result<ArchivedPage, PageError>> {
        Box::pin(async move { Ok(self.with(log, |log| log.archived(after, limit, streams))?) })
    }

    /// What is in the commits is not compared.
    fn archive<'a>(
        &'a self,
        log: &'a LogName,
        streams: Vec<Leaving>,
    ) -> BoxFuture<'a, Result<Vec<Archived>, StorageError>> {
        let archive = |log: &mut MemoryLog| log.archive(streams, Still(NOW).now());
        Box::pin(async move { Ok(self.logs.lock().unwrap().get_mut(log).map(archive).unwrap_or_default()) })
    }

    fn bell(&self) -> &Bell {
        &self.bell
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async { Ok(()) })
    }
}
