//! Threads that own the connections: SQLite blocks, and the threads of the async runtime must not.

use super::group::{MOST_COMMITS, MOST_PUSHES, Waiting, work_off};
use crate::{
    clock::Clock,
    log_name::LogName,
    storage::{Offer, PushError, StorageError},
};
use rusqlite::Connection;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};
use tidelog::{sync::protocol::Pushed, version::Position};
use tokio::sync::{mpsc, oneshot};

/// How many pieces of work may wait before a sender has to wait itself.
const QUEUE: usize = 64;

enum Work {
    Push(Box<Waiting>),
    Other(Box<dyn FnOnce(&mut Connection) + Send>),
}

/// Threads with one connection each, fed by one queue. Dropping them waits for the work under way and closes the
/// connections.
pub(super) struct Workers {
    queue: Option<mpsc::Sender<Work>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// One thread for each connection.
    pub(super) fn start(name: &str, connections: Vec<Connection>) -> io::Result<Self> {
        let (queue, work) = mpsc::channel(QUEUE);
        let work = Arc::new(Mutex::new(work));
        let mut threads = Vec::with_capacity(connections.len());
        for connection in connections {
            let work = Arc::clone(&work);
            let thread = thread::Builder::new().name(name.to_owned());
            threads.push(thread.spawn(move || serve(connection, &work))?);
        }
        Ok(Self { queue: Some(queue), threads })
    }

    /// Runs `work` on one of the connections. Work whose caller has gone before it began is left out; work that has begun
    /// ends.
    pub(super) async fn run<T, E>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StorageError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work = Work::Other(Box::new(move |connection| {
            if !answer.is_closed() {
                // The caller may have gone meanwhile; then nobody waits for the answer.
                let _ = answer.send(work(connection));
            }
        }));
        self.send(work).await?;
        answered.await.unwrap_or_else(|_| Err(StorageError::Stopped.into()))
    }

    /// Pushes on one of the connections, in one transaction with others that wait. `pushed` is called with the log's last
    /// position once that is durable, if anything was written.
    pub(super) async fn push(
        &self,
        log: LogName,
        offer: Offer,
        clock: Arc<dyn Clock>,
        pushed: impl FnOnce(Position) + Send + 'static,
    ) -> Result<Pushed, PushError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { log, offer, clock, answer, pushed: Box::new(pushed) };
        self.send(Work::Push(Box::new(waiting))).await?;
        answered.await.unwrap_or_else(|_| Err(StorageError::Stopped.into()))
    }

    async fn send(&self, work: Work) -> Result<(), StorageError> {
        let Some(queue) = &self.queue else { return Err(StorageError::Stopped) };
        queue.send(work).await.map_err(|_| StorageError::Stopped)
    }

    /// Whether every thread is still there.
    pub(super) fn are_alive(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }
}

fn serve(mut connection: Connection, queue: &Mutex<mpsc::Receiver<Work>>) {
    // What came behind a group of pushes and is none of it.
    let mut held = None;
    loop {
        // The lock is held while waiting, and free before the work begins.
        let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
        let next = held.take().or_else(|| lock().blocking_recv());
        match next {
            None => return,
            Some(Work::Other(work)) => work(&mut connection),
            Some(Work::Push(first)) => {
                let mut group = Vec::new();
                held = gather(*first, &mut group, || lock().try_recv().ok());
                work_off(&mut connection, group);
            }
        }
    }
}

/// Takes the pushes that wait for one transaction; what came behind them, if something was taken that does not belong to them.
fn gather(first: Waiting, group: &mut Vec<Waiting>, mut next: impl FnMut() -> Option<Work>) -> Option<Work> {
    let mut commits = first.offer.commits.len();
    group.push(first);
    while group.len() < MOST_PUSHES {
        match next()? {
            Work::Push(push) if commits.saturating_add(push.offer.commits.len()) <= MOST_COMMITS => {
                commits += push.offer.commits.len();
                group.push(*push);
            }
            other => return Some(other),
        }
    }
    None
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a database thread had panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use tidelog::{
        authority::candidate::{Candidate, Malformed},
        id::CommitId,
    };
    use uuid::Uuid;

    fn workers() -> Workers {
        Workers::start("test", vec![Connection::open_in_memory().unwrap()]).unwrap()
    }

    #[tokio::test]
    async fn a_thread_that_dies_is_noticed() {
        let workers = workers();
        assert!(workers.are_alive());
        let answer = workers.run(|_| -> Result<(), StorageError> { panic!("as a bug would") }).await;
        assert!(matches!(answer, Err(StorageError::Stopped)));
        // The answer is given up while the thread still unwinds.
        while workers.are_alive() {
            tokio::task::yield_now().await;
        }
        let answer = workers.run(|_| Ok::<_, StorageError>(())).await;
        assert!(matches!(answer, Err(StorageError::Stopped)));
    }

    #[test]
    fn pushes_that_wait_are_gathered_up_to_other_work_and_the_bounds() {
        let push = |commits: usize| {
            let malformed = || {
                let (id, detail) = (CommitId(Uuid::nil()), String::new());
                Candidate::Malformed(Malformed {
                    id,
                    generation: 0,
                    stream: None,
                    events: Vec::new(),
                    detail,
                })
            };
            let offer = Offer::from((0..commits).map(|_| malformed()).collect::<Vec<_>>());
            let (log, clock) = (LogName::parse("academy").unwrap(), Arc::new(SystemClock));
            Waiting { log, offer, clock, answer: oneshot::channel().0, pushed: Box::new(|_| ()) }
        };
        let gathered = |first: usize, then: Vec<Work>| {
            let (mut group, mut then) = (Vec::new(), then.into_iter());
            let held = gather(push(first), &mut group, || then.next());
            (group.len(), held.is_some(), then.count())
        };
        let pushes = |sizes: &[usize]| sizes.iter().map(|&size| Work::Push(Box::new(push(size)))).collect();
        assert_eq!(gathered(1, pushes(&[])), (1, false, 0));
        assert_eq!(gathered(1_500, pushes(&[1])), (1, true, 0));
        assert_eq!(gathered(400, pushes(&[400, 200, 1, 1])), (3, true, 1));
        assert_eq!(gathered(1, pushes(&[1; 40])), (32, false, 9));
        let mut mixed: Vec<Work> = pushes(&[1, 1]);
        mixed.insert(1, Work::Other(Box::new(|_| ())));
        assert_eq!(gathered(1, mixed), (2, true, 1));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_left_out() {
        let workers = workers();
        let (enter, entered) = std::sync::mpsc::channel::<()>();
        let occupied = workers.run(move |_| Ok::<_, StorageError>(entered.recv().is_ok()));
        let (done, mut was_done) = oneshot::channel::<()>();
        let given_up = workers.run(move |_| Ok::<_, StorageError>(done.send(()).is_ok()));
        let mut occupied = Box::pin(occupied);
        assert!(futures_util::poll!(&mut occupied).is_pending());
        {
            let mut given_up = Box::pin(given_up);
            assert!(futures_util::poll!(&mut given_up).is_pending());
        }
        enter.send(()).unwrap();
        assert!(occupied.await.unwrap());
        workers.run(|_| Ok::<_, StorageError>(())).await.unwrap();
        assert_eq!(was_done.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
