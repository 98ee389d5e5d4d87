//! What the servers on one database tell each other: that a log has grown.
//!
//! A notice is sent after its push has been committed, not within: `NOTIFY` within a transaction holds one lock for the
//! whole database cluster until the commit is on the disk, and so all pushes of all logs would commit one after another.
//! A notice is a hint; one that is lost (a server killed just then, a connection that broke) is made up for when the
//! connection is there again, and by looking at the listened logs now and then.

use super::{
    failure::failure,
    sessions::{self, Sessions},
};
use crate::{
    log_name::LogName,
    storage::{Bell, StorageError},
};
use std::{collections::HashMap, future::poll_fn, sync::Arc, time::Duration};
use tidelog::version::Position;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{self, Instant},
};
use tokio_postgres::Client;

/// What the notices are sent on. The text of one is `LOG POSITION`.
const CHANNEL: &str = "tidelog";
/// How long to wait before connecting again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often every listened log is rung without a notice, for those that got lost. Whoever is woken looks once.
const SWEEP: Duration = Duration::from_secs(30);

/// Sends notices, and rings the bell for those that arrive, until it is dropped.
pub(super) struct Notices {
    grown: mpsc::UnboundedSender<(LogName, Position)>,
    task: JoinHandle<()>,
}

impl Notices {
    /// Begins; resolves once the first connection listens, so that nothing is missed from then on.
    pub(super) async fn begin(sessions: Arc<Sessions>, bell: Arc<Bell>) -> Result<Self, StorageError> {
        let (grown, growing) = mpsc::unbounded_channel();
        let line = Line::open(&sessions, &bell).await?;
        let task = tokio::spawn(carry(sessions, bell, growing, line));
        Ok(Self { grown, task })
    }

    /// Tells the other servers.
    pub(super) fn send(&self, log: &LogName, position: Position) {
        // Only while the storage is being dropped does nobody take it.
        let _ = self.grown.send((log.clone(), position));
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A connection that listens and sends.
struct Line {
    client: Client,
    /// Resolves when the connection has ended.
    ended: oneshot::Receiver<()>,
}

impl Line {
    async fn open(sessions: &Sessions, bell: &Arc<Bell>) -> Result<Self, StorageError> {
        let (client, mut connection) = sessions.single().await?;
        let (end, ended) = oneshot::channel();
        let bell = Arc::clone(bell);
        tokio::spawn(async move {
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    Some(Ok(message)) => {
                        if let Some(notice) = sessions::is_notification(message) {
                            ring(&bell, notice.payload());
                        }
                    }
                    Some(Err(error)) => {
                        tracing::warn!("news of other servers is interrupted: {}", failure(&error));
                        break;
                    }
                    None => break,
                }
            }
            let _ = end.send(());
        });
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(|error| failure(&error))?;
        Ok(Self { client, ended })
    }
}

/// Rings for a notice. One that can't be read comes from a newer server, or a stranger.
fn ring(bell: &Bell, notice: &str) {
    let Some((log, position)) = notice.split_once(' ') else { return };
    if let (Ok(log), Ok(position)) = (LogName::parse(log), position.parse()) {
        bell.ring(&log, position);
    }
}

async fn carry(
    sessions: Arc<Sessions>,
    bell: Arc<Bell>,
    mut growing: mpsc::UnboundedReceiver<(LogName, Position)>,
    mut line: Line,
) {
    let mut sweep = time::interval_at(Instant::now() + SWEEP, SWEEP);
    // What is to be told, and whether it is already on its way.
    let mut waiting: HashMap<LogName, Position> = HashMap::new();
    loop {
        tokio::select! {
            grown = growing.recv() => {
                let Some(grown) = grown else { return };
                waiting.extend([grown]);
                // Pushes that were committed meanwhile go along.
                while let Ok(more) = growing.try_recv() {
                    waiting.extend([more]);
                }
                if tell(&line.client, &waiting).await.is_ok() {
                    waiting.clear();
                }
            }
            _ = sweep.tick() => bell.ring_all(),
            _ = &mut line.ended => {
                line = reopen(&sessions, &bell).await;
                // Others may have written meanwhile, and they may not have heard of us.
                bell.ring_all();
                if tell(&line.client, &waiting).await.is_ok() {
                    waiting.clear();
                }
            }
        }
    }
}

/// Tells of all logs in one statement.
async fn tell(client: &Client, grown: &HashMap<LogName, Position>) -> Result<(), tokio_postgres::Error> {
    let notices: Vec<String> = grown.iter().map(|(log, position)| format!("{log} {position}")).collect();
    client
        .execute("SELECT pg_notify($1, notice) FROM unnest($2::text[]) AS notice", &[&CHANNEL, &notices])
        .await?;
    Ok(())
}

/// Connects again, however long it takes.
async fn reopen(sessions: &Sessions, bell: &Arc<Bell>) -> Line {
    let (mut wait, longest) = AGAIN;
    loop {
        match Line::open(sessions, bell).await {
            Ok(line) => return line,
            Err(error) => tracing::warn!("news of other servers is still interrupted: {error}"),
        }
        time::sleep(wait).await;
        wait = longest.min(2 * wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_rings_and_nonsense_does_not() {
        let (bell, log) = (Bell::default(), LogName::parse("academy").unwrap());
        let heard = bell.listen(&log);
        for nonsense in ["", "academy", "academy ", "academy -1", "academy 1 2", "ACADEMY 7", "other 7"] {
            ring(&bell, nonsense);
            assert!(!heard.has_changed().unwrap(), "{nonsense:?}");
        }
        ring(&bell, "academy 7");
        assert_eq!(*heard.borrow(), 7);
    }
}
