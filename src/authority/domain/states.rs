//! A bounded cache of states: those used least recently go first.

use super::Foot;
use crate::{aggregate::State, stream::StreamName, version::Version};
use std::{collections::BTreeMap, sync::Arc};

type Key = (Arc<str>, StreamName, Version);

/// A state, or why there is none: a function or upcaster of the app that broke.
pub(super) type Folded = Result<State, String>;

struct Kept {
    used: u64,
    foot: Foot,
    state: Folded,
}

/// States by log, stream and version.
pub(super) struct States {
    most: usize,
    clock: u64,
    kept: BTreeMap<Key, Kept>,
    /// The same by when they were last used.
    order: BTreeMap<u64, Key>,
}

impl States {
    pub(super) fn new(most: usize) -> Self {
        Self { most, clock: 0, kept: BTreeMap::new(), order: BTreeMap::new() }
    }

    /// The nearest one at or below a version.
    pub(super) fn nearest(&mut self, log: &Arc<str>, stream: &StreamName, to: Version) -> Option<Foot> {
        let range = (Arc::clone(log), stream.clone(), 0)..=(Arc::clone(log), stream.clone(), to);
        self.kept.range(range).next_back().map(|(_, kept)| kept.foot)
    }

    /// The one that stands there.
    pub(super) fn get(&mut self, log: &Arc<str>, stream: &StreamName, foot: &Foot) -> Option<Folded> {
        let key = (Arc::clone(log), stream.clone(), foot.version);
        let kept = self.kept.get_mut(&key).filter(|kept| kept.foot == foot.unchecked())?;
        self.clock += 1;
        self.order.remove(&kept.used);
        kept.used = self.clock;
        self.order.insert(self.clock, key);
        Some(kept.state.clone())
    }

    pub(super) fn put(&mut self, log: &Arc<str>, stream: &StreamName, foot: &Foot, state: Folded) {
        let key = (Arc::clone(log), stream.clone(), foot.version);
        self.remove(&key);
        while self.kept.len() >= self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.kept.remove(&oldest);
        }
        self.clock += 1;
        self.order.insert(self.clock, key.clone());
        self.kept.insert(key, Kept { used: self.clock, foot: foot.unchecked(), state });
    }

    /// Forgets one: the stream has gone on from it.
    pub(super) fn drop_one(&mut self, log: &Arc<str>, stream: &StreamName, version: Version) {
        self.remove(&(Arc::clone(log), stream.clone(), version));
    }

    /// Forgets all of a stream.
    pub(super) fn forget(&mut self, log: &Arc<str>, stream: &StreamName) {
        let range = (Arc::clone(log), stream.clone(), 0)..=(Arc::clone(log), stream.clone(), Version::MAX);
        let keys: Vec<Key> = self.kept.range(range).map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| self.remove(key));
    }

    fn remove(&mut self, key: &Key) {
        if let Some(kept) = self.kept.remove(key) {
            self.order.remove(&kept.used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn the_least_recently_used_goes_first() {
        let (log, mut states) = (Arc::from("academy"), States::new(2));
        let stream = |name| StreamName::parse(name).unwrap();
        let foot = Foot::at;
        let put = |states: &mut States, name, version| {
            states.put(&log, &stream(name), &foot(version), Ok(Rc::new(version)));
        };
        put(&mut states, "course-a", 3);
        put(&mut states, "course-a", 7);
        let nearest =
            |states: &mut States, to| states.nearest(&log, &stream("course-a"), to).map(|foot| foot.version);
        assert_eq!(
            [2, 3, 6, 7, 9].map(|to| nearest(&mut states, to)),
            [None, Some(3), Some(3), Some(7), Some(7)]
        );
        assert!(states.get(&log, &stream("course-a"), &foot(3)).is_some());
        put(&mut states, "course-b", 1);
        assert_eq!(nearest(&mut states, 9), Some(3), "7 was used before 3");
        assert!(states.get(&log, &stream("course-a"), &foot(7)).is_none());
        states.forget(&log, &stream("course-a"));
        assert_eq!(nearest(&mut states, 9), None);
        assert_eq!((states.kept.len(), states.order.len()), (1, 1));
    }
}
