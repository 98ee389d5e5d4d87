//! A map as a sorted list: little code and little memory, and quick where keys mostly come in order, as positions, sequences
//! and time-ordered ids do.

/// A map as a sorted list.
#[derive(Clone, Debug)]
pub(super) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    fn find(&self, key: &K) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if last < key => Err(self.0.len()),
            _ => self.0.binary_search_by(|(at, _)| at.cmp(key)),
        }
    }

    /// The entries in the order of their keys.
    pub(super) fn entries(&self) -> &[(K, V)] {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// The entries from a key on.
    pub(super) fn from(&self, key: &K) -> &[(K, V)] {
        &self.0[self.find(key).unwrap_or_else(|at| at)..]
    }

    /// The entry under a key or, if there is none, the one before.
    pub(super) fn at_or_before(&self, key: &K) -> Option<&(K, V)> {
        match self.find(key) {
            Ok(at) => self.0.get(at),
            Err(at) => self.0.get(at.checked_sub(1)?),
        }
    }

    /// Sets an entry; what was there before.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    /// Takes out the entries from one key up to and including another.
    pub(super) fn take(&mut self, first: &K, last: &K) -> Vec<(K, V)> {
        let from = self.find(first).unwrap_or_else(|at| at);
        let to = self.find(last).map_or_else(|at| at, |at| at + 1);
        self.0.drain(from..to.max(from)).collect()
    }
}

/// Sorts a short or nearly sorted list, without the code of a sort for long ones.
pub(super) fn sort_short<T>(list: &mut [T], is_before: impl Fn(&T, &T) -> bool) {
    for end in 1..list.len() {
        let mut at = end;
        while at > 0 && is_before(&list[at], &list[at - 1]) {
            list.swap(at, at - 1);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_behaves_as_a_map() {
        let (mut sorted, mut map, mut seed) = (Sorted::default(), BTreeMap::new(), 1_u64);
        for _ in 0..3_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (key, what) = (seed >> 33 & 63, seed >> 60);
            match what {
                0..=8 => assert_eq!(sorted.insert(key, seed), map.insert(key, seed)),
                9..=11 => assert_eq!(sorted.remove(&key), map.remove(&key)),
                12 => {
                    let taken: Vec<_> = map.extract_if(key..=key + 2, |_, _| true).collect();
                    assert_eq!(sorted.take(&key, &(key + 2)), taken);
                }
                _ => assert_eq!(sorted.get(&key), map.get(&key)),
            }
            assert!(sorted.entries().iter().map(|(k, v)| (k, v)).eq(map.iter()));
            assert!(sorted.from(&key).iter().map(|(k, v)| (k, v)).eq(map.range(key..)));
            assert_eq!(sorted.at_or_before(&key).map(|(k, v)| (k, v)), map.range(..=key).next_back());
        }
    }

    #[test]
    fn short_lists_are_sorted_and_equals_keep_their_order() {
        let mut list = vec![(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd'), (1, 'e')];
        sort_short(&mut list, |a, b| a.0 < b.0);
        assert_eq!(list, [(1, 'b'), (1, 'e'), (2, 'd'), (3, 'a'), (3, 'c')]);
    }
}
