//! Layers: what is stored, what is loaded, and what others stored.

use super::*;

/// A store of segments, as the engine keeps it.
#[derive(Default)]
struct Stored(BTreeMap<u32, Bytes>);

impl Stored {
    fn save(&mut self, layer: &mut Layer) -> usize {
        let Some(plan) = layer.plan() else { return 0 };
        for number in &plan.gone {
            self.0.remove(number).unwrap();
        }
        for (number, bytes) in &plan.written {
            assert!(self.0.insert(*number, Rc::clone(bytes)).is_none(), "segment {number} is taken");
        }
        let numbers = layer.numbers(Some(&plan));
        let written = plan.written.iter().map(|(_, bytes)| bytes.len()).sum();
        layer.written(plan);
        assert_eq!(numbers, self.0.keys().copied().collect::<Vec<_>>());
        assert_eq!(numbers, layer.numbers(None));
        written
    }

    fn load(&self, next: u32) -> Layer {
        Layer::of_segments(self.0.iter().map(|(number, bytes)| (*number, Rc::clone(bytes))).collect(), next)
            .unwrap()
    }
}

fn rows(layer: &Layer) -> Vec<(String, String)> {
    layer.all().map(|(key, row)| (key.as_ref().to_owned(), row.as_str().to_owned())).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn change(&mut self, layer: &mut Layer, keys: u64) {
        let key: Rc<str> = format!("key {}", self.below(keys)).into();
        let length = self.below(400) as usize;
        let row = match self.below(10) {
            0 | 1 => None,
            _ => Some(Json::parse(format!("\"{}{}\"", self.below(1_000), "x".repeat(length))).unwrap()),
        };
        layer.set(key, row);
    }
}

#[test]
fn what_is_loaded_is_what_was_saved_whatever_was_written_in_between() {
    for seed in 1..30 {
        let mut random = Random(seed);
        let (mut layer, mut stored) = (Layer::default(), Stored::default());
        let keys = [3, 40, 2_000][seed as usize % 3];
        for _ in 0..60 {
            for _ in 0..random.below(200) {
                random.change(&mut layer, keys);
            }
            stored.save(&mut layer);
            let loaded = stored.load(layer.next());
            assert_eq!(rows(&loaded), rows(&layer), "seed {seed}");
            assert_eq!(loaded.len(), rows(&layer).len());
            if random.below(5) == 0 {
                layer = loaded;
            }
        }
    }
}

#[test]
fn segments_stay_few_and_what_is_stored_stays_near_what_counts() {
    let mut random = Random(7);
    let (mut layer, mut stored) = (Layer::default(), Stored::default());
    let (mut changed, mut written) = (0, 0);
    for round in 0..4_000 {
        let key: Rc<str> = format!("key {}", random.below(1_500)).into();
        let row = Json::parse(format!("\"{}{}\"", random.below(1_000), "x".repeat(200))).unwrap();
        changed += segment::size(&key, Some(&row));
        layer.set(key, Some(row));
        written += stored.save(&mut layer);
        if round % 500 == 0 {
            let live: usize = layer.all().map(|(key, row)| segment::size(key, Some(row))).sum();
            let bytes: usize = stored.0.values().map(|bytes| bytes.len()).sum();
            assert!(bytes <= 2 * live + SLACK + FULL, "{bytes} bytes stored for {live} that count");
            assert!(stored.0.len() <= 16 + 2 * bytes / (FULL / 2), "{} segments", stored.0.len());
        }
    }
    // one row a write is the worst case: each row is written again as small segments are joined
    assert!(written < 16 * changed, "{written} bytes written for {changed} changed");
}

#[test]
fn what_another_holder_stored_is_taken_in() {
    for seed in 1..40 {
        let mut random = Random(seed);
        let (mut layer, mut stored) = (Layer::default(), Stored::default());
        for _ in 0..300 {
            random.change(&mut layer, 60);
        }
        stored.save(&mut layer);
        // both go on from here; the other one stores what it has in several steps
        let mut other = stored.load(layer.next());
        let is_later = seed % 2 == 0;
        let mut ours = Vec::new();
        for step in 0..4 {
            let changes: Vec<u64> = (0..40).map(|_| random.below(u64::MAX)).collect();
            for change in changes {
                Random(change).change(&mut other, 60);
                // a holder that is later knows all of it, one that is earlier a part
                if !is_later || step < 2 {
                    Random(change).change(&mut layer, 60);
                }
            }
            stored.save(&mut other);
        }
        for _ in 0..if is_later { 0 } else { 50 } {
            random.change(&mut layer, 60);
            ours = rows(&layer);
        }
        let known = layer.numbers(None);
        let fresh: Vec<_> = stored.0.iter().filter(|(number, _)| !known.contains(number)).collect();
        let fresh = fresh.into_iter().map(|(number, bytes)| (*number, Rc::clone(bytes))).collect();
        let numbers: Vec<u32> = stored.0.keys().copied().collect();
        let before = rows(&layer);
        let mut noted = BTreeMap::new();
        layer
            .adopt(&numbers, fresh, is_later, &mut |key, before, after| {
                let text = |row: Option<&Json>| row.map(|row| row.as_str().to_owned());
                let entry = noted.entry(key.as_ref().to_owned()).or_insert_with(|| (text(before), None));
                entry.1 = text(after);
            })
            .unwrap();
        if is_later {
            assert_eq!(rows(&layer), rows(&other), "seed {seed}");
            let mut replayed: BTreeMap<String, String> = before.into_iter().collect();
            for (key, (before, after)) in noted {
                assert_eq!(replayed.get(&key).cloned(), before);
                match after {
                    Some(after) => replayed.insert(key, after),
                    None => replayed.remove(&key),
                };
            }
            assert_eq!(replayed.into_iter().collect::<Vec<_>>(), rows(&layer));
        } else if !ours.is_empty() {
            assert_eq!(rows(&layer), ours, "seed {seed}");
        }
        stored.save(&mut layer);
        assert_eq!(rows(&stored.load(1)), rows(&layer), "seed {seed}");
    }
}
