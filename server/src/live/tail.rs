//! The end of a log, followed by one client.

use super::Stopping;
use crate::{
    app::Shared,
    deadline::Deadline,
    log_name::LogName,
    refusal::Refusal,
    requests::Tally,
    storage::{PageLimit, Storage, Streams},
};
use futures_util::FutureExt;
use std::{future::pending, sync::Arc, time::Duration};
use tidelog::{
    sync::protocol::{Cursor, Page},
    version::Position,
};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep, sleep_until},
};

/// What following came to.
pub(crate) enum Next {
    /// Commits.
    News(Page),
    /// None for as long as a heartbeat, or none yet among very many that the client may not see: an empty page, which may stand
    /// further on than the one before.
    Quiet(Page),
    /// The time is over, or the server stops.
    Over,
}

/// What is to be followed, and for how long.
pub(crate) struct Wanted {
    pub(crate) log: LogName,
    pub(crate) after: Cursor,
    pub(crate) limit: PageLimit,
    /// Those that the client follows, of those that it may read.
    pub(crate) streams: Streams,
    /// What stands for those that it may read.
    pub(crate) scope: Option<String>,
    /// When the client's token ends.
    pub(crate) until: Option<Instant>,
    pub(crate) time: Duration,
}

/// What one client follows, and for how long.
pub(crate) struct Tail {
    storage: Arc<dyn Storage>,
    log: LogName,
    pub(crate) cursor: Cursor,
    limit: PageLimit,
    streams: Streams,
    scope: Option<String>,
    rung: watch::Receiver<Position>,
    stopping: Stopping,
    tally: Tally,
    /// When following ends in any case: a token that is valid for less long ends it earlier.
    until: Instant,
    pub(crate) heartbeat: Duration,
    request_timeout: Duration,
    /// Held for as long as the client is connected.
    #[expect(dead_code, reason = "held, not read")]
    place: OwnedSemaphorePermit,
}

impl Tail {
    /// Begins to follow, if the server has a place for one more client.
    pub(crate) fn begin(
        shared: &Shared,
        wanted: Wanted,
        stopping: Stopping,
        tally: Tally,
    ) -> Result<Self, Refusal> {
        let Wanted { log, after: cursor, limit, streams, scope, until: end, time } = wanted;
        let until = Instant::now() + time;
        Ok(Self {
            place: shared.places.take()?,
            // Listened to before the first look: what comes between is not missed.
            rung: shared.storage.bell().listen(&log),
            storage: Arc::clone(&shared.storage),
            log,
            cursor,
            limit,
            streams,
            scope,
            stopping,
            tally,
            until: end.map_or(until, |end| end.min(until)),
            heartbeat: shared.limits.heartbeat,
            request_timeout: shared.limits.request_timeout,
        })
    }

    /// The page after the cursor, which moves on.
    pub(crate) async fn page(&mut self) -> Result<Page, Refusal> {
        let page = self.storage.page(&self.log, &self.cursor, self.limit, &self.streams);
        let page = Deadline::after(self.request_timeout).bound(page).await.map_err(|_| Refusal::busy())??;
        let page = Page { scope: self.scope.clone(), ..page };
        self.cursor.clone_from(&page.cursor);
        self.tally.pulled(&page);
        Ok(page)
    }

    /// Waits for commits beyond the cursor. May be given up at any moment: nothing is lost.
    pub(crate) async fn next(&mut self) -> Result<Next, Refusal> {
        loop {
            let page = self.page().await?;
            if !page.commits.is_empty() {
                return Ok(Next::News(page));
            }
            // It had to pass over so much that it did not come to the end.
            if !page.up_to_date {
                return Ok(Next::Quiet(page));
            }
            let rung = async {
                if self.rung.changed().await.is_err() {
                    pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = self.stopping.told() => return Ok(Next::Over),
                () = sleep_until(self.until) => return Ok(Next::Over),
                () = rung => (),
                () = sleep(self.heartbeat) => return Ok(Next::Quiet(page)),
            }
        }
    }

    /// Whether there may be commits that it passes over.
    pub(super) fn leaves_out(&self) -> bool {
        self.streams.names().is_some()
    }

    /// Whether it is to end now.
    pub(crate) fn is_over(&mut self) -> bool {
        Instant::now() >= self.until || self.stopping.told().now_or_never().is_some()
    }
}
