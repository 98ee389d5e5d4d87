//! The rows that confirmed events make, and which of them are stored where.
//!
//! Rows are stored in segments, as a log: what changed since the last write goes into a new segment, and of a key the segment with
//! the highest number counts. So that segments stay few and mostly hold what counts, a write takes in the last segments while they are
//! small beside it, and those of the others that are mostly outdated.

use super::segment::{self, Damaged};
use crate::{json::Json, log::store::Bytes};
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// The size that segments are filled up to, in bytes: rows of 60 to 130 KiB are the quickest in IndexedDB per byte.
const FULL: usize = 96 << 10;
/// The most bytes that outdated rows may take beyond as many as those that count.
const SLACK: usize = 256 << 10;

/// A row, or that there is none any more, and the segment where it stands; 0: not stored yet.
struct Kept {
    row: Option<Json>,
    segment: u32,
}

/// Told of a key whose row changed, with the row before and after.
type Noting<'a> = dyn FnMut(&Rc<str>, Option<&Json>, Option<&Json>) + 'a;
/// Asked whether a row of a segment counts against the one at hand.
type Choosing<'a> = dyn FnMut(&Rc<str>, Option<&Kept>, Option<&Json>) -> bool + 'a;

/// A stored segment.
struct Segment {
    number: u32,
    /// What its rows take, and of that what the rows take that count.
    bytes: usize,
    live: usize,
    keys: Vec<Rc<str>>,
}

/// The rows of a layer.
#[derive(Default)]
pub(crate) struct Layer {
    rows: BTreeMap<Rc<str>, Kept>,
    segments: Vec<Segment>,
    unsaved: Vec<Rc<str>>,
    removed: usize,
    next: u32,
}

/// What a write of a layer consists of.
pub(crate) struct Plan {
    /// Numbers of segments that are no longer needed.
    pub(crate) gone: Vec<u32>,
    /// New segments by number.
    pub(crate) written: Vec<(u32, Bytes)>,
    kept: Vec<Segment>,
    forgets_removed: bool,
}

impl Plan {
    /// The number after those of its segments.
    pub(crate) fn next(&self) -> Option<u32> {
        self.written.last().map(|(number, _)| number + 1)
    }
}

impl Layer {
    /// The layer of some stored segments.
    pub(crate) fn of_segments(segments: Vec<(u32, Bytes)>, next: u32) -> Result<Self, Damaged> {
        let mut layer = Self { next, ..Self::default() };
        for (number, bytes) in segments {
            layer.take_segment(number, &bytes, &mut |_, _, _| true)?;
        }
        layer.recount();
        Ok(layer)
    }

    /// Takes in what another holder stored: `numbers` are all its segments, `fresh` those that this one has not seen. If it stored
    /// a later state than this one's, its rows count, else only where they stand. Calls `changed` with what was there before.
    pub(crate) fn adopt(
        &mut self,
        numbers: &[u32],
        fresh: Vec<(u32, Bytes)>,
        is_later: bool,
        changed: &mut Noting<'_>,
    ) -> Result<(), Damaged> {
        for (number, bytes) in fresh {
            self.take_segment(number, &bytes, &mut |key, before, after| {
                if is_later {
                    changed(key, before.and_then(|kept| kept.row.as_ref()), after);
                    return true;
                }
                false
            })?;
        }
        self.segments.retain(|segment| numbers.contains(&segment.number));
        if is_later {
            self.unsaved.clear();
        }
        for (key, kept) in &mut self.rows {
            if numbers.binary_search(&kept.segment).is_ok() || (kept.segment == 0 && !is_later) {
                continue;
            }
            // it stands nowhere any more: removed by the other holder, and forgotten
            kept.segment = 0;
            if is_later {
                changed(key, kept.row.as_ref(), None);
                kept.row = None;
            } else {
                self.unsaved.push(Rc::clone(key));
            }
        }
        if is_later {
            self.rows.retain(|_, kept| kept.segment > 0);
        }
        self.recount();
        Ok(())
    }

    /// Takes in a segment; `wins` is asked whether its row counts against the one at hand.
    fn take_segment(&mut self, number: u32, bytes: &[u8], wins: &mut Choosing<'_>) -> Result<(), Damaged> {
        let mut keys = Vec::new();
        for (key, row) in segment::read(bytes)? {
            let before = self.rows.get(&key);
            if wins(&key, before, row.as_ref()) {
                self.rows.insert(Rc::clone(&key), Kept { row, segment: number });
            } else {
                match self.rows.get_mut(&key) {
                    Some(kept) if kept.segment == 0 => {}
                    Some(kept) => kept.segment = number,
                    None => {
                        // stored by a function that is not pure: here there is no such row
                        self.rows.insert(Rc::clone(&key), Kept { row: None, segment: 0 });
                        self.unsaved.push(Rc::clone(&key));
                    }
                }
            }
            keys.push(key);
        }
        self.segments.push(Segment { number, bytes: bytes.len(), live: 0, keys });
        self.next = self.next.max(number + 1);
        Ok(())
    }

    /// Counts anew what follows from the rows.
    fn recount(&mut self) {
        let mut live: BTreeMap<u32, usize> = BTreeMap::new();
        self.removed = 0;
        for (key, kept) in &self.rows {
            *live.entry(kept.segment).or_default() += segment::size(key, kept.row.as_ref());
            self.removed += usize::from(kept.row.is_none());
        }
        for segment in &mut self.segments {
            segment.live = live.get(&segment.number).copied().unwrap_or_default();
        }
    }

    /// The row of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        self.rows.get(key)?.row.as_ref()
    }

    /// All rows, in the order of their keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Rc<str>, &Json)> {
        self.rows.iter().filter_map(|(key, kept)| Some((key, kept.row.as_ref()?)))
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() - self.removed
    }

    /// Whether some rows are not stored as they are.
    pub(crate) fn is_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// The numbers of the stored segments, rising, after what a plan changes.
    pub(crate) fn numbers(&self, plan: Option<&Plan>) -> Vec<u32> {
        let gone = plan.map_or(&[][..], |plan| &plan.gone);
        let old = self.segments.iter().map(|segment| segment.number).filter(|number| !gone.contains(number));
        old.chain(plan.iter().flat_map(|plan| plan.written.iter().map(|(number, _)| *number))).collect()
    }

    /// The number that the next segment gets.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Sets or removes a row; what was there before.
    pub(crate) fn set(&mut self, key: Rc<str>, row: Option<Json>) -> Option<Json> {
        let now_removed = row.is_none();
        match self.rows.get_mut(&key) {
            Some(kept) => {
                let before = std::mem::replace(&mut kept.row, row);
                let number = std::mem::take(&mut kept.segment);
                self.removed = self.removed + usize::from(now_removed) - usize::from(before.is_none());
                if number > 0 {
                    let size = segment::size(&key, before.as_ref());
                    if let Some(segment) = self.segments.iter_mut().find(|it| it.number == number) {
                        segment.live = segment.live.saturating_sub(size);
                    }
                    self.unsaved.push(key);
                }
                before
            }
            None if now_removed => None,
            None => {
                self.rows.insert(Rc::clone(&key), Kept { row, segment: 0 });
                self.unsaved.push(key);
                None
            }
        }
    }

    /// What to write so that all rows are stored; none if they are.
    pub(crate) fn plan(&self) -> Option<Plan> {
        if self.unsaved.is_empty() {
            return None;
        }
        let size = |key: &Rc<str>| segment::size(key, self.get(key));
        let gone = self.outdated(self.unsaved.iter().map(size).sum());
        let is_gone = |segment: &&Segment| gone.contains(&segment.number);
        // a removed row must be remembered as long as an older segment may hold it
        let forgets_removed = gone.len() == self.segments.len();
        let moved = self.segments.iter().filter(is_gone).flat_map(|segment| {
            let stands_here =
                |key: &&Rc<str>| self.rows.get(*key).is_some_and(|kept| kept.segment == segment.number);
            segment.keys.iter().filter(stands_here)
        });
        let mut plan = Plan { gone: Vec::new(), written: Vec::new(), kept: Vec::new(), forgets_removed };
        let (mut body, mut keys) = (Vec::new(), Vec::new());
        let mut number = self.next.max(1);
        let mut finish = |body: &mut Vec<u8>, keys: &mut Vec<Rc<str>>, plan: &mut Plan| {
            let bytes = segment::sealed(&std::mem::take(body));
            let keys = std::mem::take(keys);
            plan.kept.push(Segment { number, bytes: bytes.len(), live: 0, keys });
            plan.written.push((number, bytes));
            number += 1;
        };
        for key in self.unsaved.iter().chain(moved) {
            let row = self.get(key);
            if row.is_none() && forgets_removed {
                continue;
            }
            if body.len() + segment::size(key, row) > FULL && !body.is_empty() {
                finish(&mut body, &mut keys, &mut plan);
            }
            segment::put_row(&mut body, key, row);
            keys.push(Rc::clone(key));
        }
        if !body.is_empty() {
            finish(&mut body, &mut keys, &mut plan);
        }
        plan.gone = gone.into_iter().collect();
        Some(plan)
    }

    /// The segments that a write of so many bytes takes in.
    fn outdated(&self, mut bytes: usize) -> BTreeSet<u32> {
        if self.removed > 64 + self.rows.len() / 2 {
            return self.segments.iter().map(|segment| segment.number).collect();
        }
        let mut gone = BTreeSet::new();
        for last in self.segments.iter().rev() {
            if last.bytes >= FULL / 2 || last.bytes > 2 * bytes {
                break;
            }
            bytes += last.live;
            gone.insert(last.number);
        }
        let mut left: Vec<&Segment> =
            self.segments.iter().filter(|segment| !gone.contains(&segment.number)).collect();
        loop {
            let (stored, live) =
                left.iter().fold((0, 0), |(stored, live), it| (stored + it.bytes, live + it.live));
            if stored <= 2 * live + SLACK {
                return gone;
            }
            // the one of which the least counts
            let share = |it: &Segment| it.live * 1_000 / it.bytes.max(1);
            let Some(worst) = (0..left.len()).min_by_key(|at| share(left[*at])) else { return gone };
            gone.insert(left.swap_remove(worst).number);
        }
    }

    /// Notes that a plan was written. Nothing may have changed since it was made.
    pub(crate) fn written(&mut self, plan: Plan) {
        if plan.forgets_removed {
            self.rows.retain(|_, kept| kept.row.is_some());
            self.removed = 0;
        }
        self.segments.retain(|segment| !plan.gone.contains(&segment.number));
        for mut segment in plan.kept {
            for key in &segment.keys {
                if let Some(kept) = self.rows.get_mut(key) {
                    kept.segment = segment.number;
                    segment.live += segment::size(key, kept.row.as_ref());
                }
            }
            self.next = segment.number + 1;
            self.segments.push(segment);
        }
        self.unsaved.clear();
    }
}

#[cfg(test)]
mod tests;
