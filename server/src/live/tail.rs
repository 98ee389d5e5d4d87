//! The end of a log, followed by one client.

use super::Stopping;
use crate::{
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
pub(super) enum Next {
    /// Commits.
    News(Page),
    /// None for as long as a heartbeat, or none yet among very many that the client may not see: an empty page, which may stand
    /// further on than the one before.
    Quiet(Page),
    /// The time is over, or the server stops.
    Over,
}

/// What one client follows, and for how long.
pub(crate) struct Tail {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) log: LogName,
    pub(crate) cursor: Cursor,
    pub(crate) limit: PageLimit,
    /// What the client may read.
    pub(crate) streams: Streams,
    pub(crate) rung: watch::Receiver<Position>,
    pub(crate) stopping: Stopping,
    pub(crate) tally: Tally,
    /// When following ends in any case: a token that is valid for less long ends it earlier.
    pub(crate) until: Instant,
    pub(crate) heartbeat: Duration,
    pub(crate) request_timeout: Duration,
    /// Held for as long as the client is connected.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) place: OwnedSemaphorePermit,
}

impl Tail {
    /// The page after the cursor, which moves on.
    pub(super) async fn page(&mut self) -> Result<Page, Refusal> {
        let page = self.storage.page(&self.log, &self.cursor, self.limit, &self.streams);
        let page = Deadline::after(self.request_timeout).bound(page).await.map_err(|_| Refusal::busy())??;
        self.cursor.clone_from(&page.cursor);
        self.tally.pulled(&page);
        Ok(page)
    }

    /// Waits for commits beyond the cursor. May be given up at any moment: nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Next, Refusal> {
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

    /// Whether it is to end now.
    pub(super) fn is_over(&mut self) -> bool {
        Instant::now() >= self.until || self.stopping.told().now_or_never().is_some()
    }
}
