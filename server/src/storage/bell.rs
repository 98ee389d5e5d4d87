//! Tells waiting readers that a log has grown.

use crate::log_name::LogName;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tidelog::version::Position;
use tokio::sync::watch;

/// Rung by a [`Storage`](super::Storage) after a push can be seen; listened to by whoever waits for one.
///
/// A ring is a hint: it says that looking again is worth it, and may come late, twice, or not at all (where another process
/// writes to the same file). So whoever listens also looks now and then. Logs that nobody listens to take no memory.
///
/// ```
/// use tidelog_server::{LogName, storage::Bell};
///
/// let (bell, log) = (Bell::default(), LogName::parse("academy")?);
/// let mut position = bell.listen(&log);
/// bell.ring(&log, 7);
/// assert!(position.has_changed()?);
/// assert_eq!(*position.borrow_and_update(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Bell(Mutex<Listened>);

#[derive(Debug, Default)]
struct Listened {
    logs: HashMap<LogName, watch::Sender<Position>>,
    /// How many logs were left when those without listeners were last taken away.
    kept: usize,
}

impl Bell {
    /// Says that the log now reaches up to `position`. A lower one than before wakes nobody.
    pub fn ring(&self, log: &LogName, position: Position) {
        let mut listened = self.lock();
        let Some(sender) = listened.logs.get(log) else { return };
        if sender.receiver_count() == 0 {
            listened.logs.remove(log);
        } else {
            sender.send_if_modified(|known| {
                let further = position > *known;
                *known = position.max(*known);
                further
            });
        }
    }

    /// Says of every log with listeners that it may have grown: for a storage that was cut off from those who write.
    pub fn ring_all(&self) {
        for sender in self.lock().logs.values() {
            sender.send_modify(|_| ());
        }
    }

    /// Hears every ring from now on: listen first, then look. The position is the highest that was rung while anybody
    /// listened, 0 before the first.
    pub fn listen(&self, log: &LogName) -> watch::Receiver<Position> {
        let mut listened = self.lock();
        if let Some(sender) = listened.logs.get(log) {
            return sender.subscribe();
        }
        // Each log is looked at once per doubling, so that listening stays cheap.
        if listened.logs.len() > 2 * listened.kept {
            listened.logs.retain(|_, sender| sender.receiver_count() > 0);
            listened.kept = listened.logs.len();
        }
        let (sender, receiver) = watch::channel(0);
        listened.logs.insert(log.clone(), sender);
        receiver
    }

    fn lock(&self) -> MutexGuard<'_, Listened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(number: usize) -> LogName {
        LogName::parse(&format!("log-{number}")).unwrap()
    }

    fn heard(receiver: &mut watch::Receiver<Position>) -> Option<Position> {
        receiver.has_changed().unwrap().then(|| *receiver.borrow_and_update())
    }

    #[test]
    fn a_ring_is_heard_by_all_who_listen_to_the_log() {
        let bell = Bell::default();
        bell.ring(&log(1), 3);
        let (mut first, mut other) = (bell.listen(&log(1)), bell.listen(&log(2)));
        assert_eq!(heard(&mut first), None);
        bell.ring(&log(1), 5);
        let mut late = bell.listen(&log(1));
        assert_eq!((heard(&mut first), heard(&mut other), heard(&mut late)), (Some(5), None, None));
        bell.ring(&log(1), 4);
        assert_eq!(heard(&mut first), None);
        bell.ring(&log(1), 6);
        assert_eq!((heard(&mut first), heard(&mut late)), (Some(6), Some(6)));
        bell.ring_all();
        assert_eq!((heard(&mut first), heard(&mut other)), (Some(6), Some(0)));
    }

    #[test]
    fn logs_that_nobody_listens_to_go_away() {
        let bell = Bell::default();
        let stays = bell.listen(&log(0));
        for number in 1..1_000 {
            drop(bell.listen(&log(number)));
            assert!(bell.lock().logs.len() <= 4);
        }
        drop(stays);
        bell.ring(&log(0), 1);
        assert!(!bell.lock().logs.contains_key(&log(0)));
    }
}
