//! Threads that own the connections: SQLite blocks, and the threads of the async runtime must not.

use crate::storage::StorageError;
use rusqlite::Connection;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};
use tokio::sync::{mpsc, oneshot};

/// How many pieces of work may wait before a sender has to wait itself.
const QUEUE: usize = 64;

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

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
        let Some(queue) = &self.queue else { return Err(StorageError::Stopped.into()) };
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            if !answer.is_closed() {
                // The caller may have gone meanwhile; then nobody waits for the answer.
                let _ = answer.send(work(connection));
            }
        });
        if queue.send(work).await.is_err() {
            return Err(StorageError::Stopped.into());
        }
        answered.await.unwrap_or_else(|_| Err(StorageError::Stopped.into()))
    }

    /// Whether every thread is still there.
    pub(super) fn are_alive(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }
}

fn serve(mut connection: Connection, work: &Mutex<mpsc::Receiver<Work>>) {
    loop {
        // The lock is held while waiting, and free before the work begins.
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(work) = next else { return };
        work(&mut connection);
    }
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
