//! Which blocks a reader goes through, and in which order, as of one moment.

use super::{
    Place, Query,
    block::Region,
    index::{BlockInfo, Index, Provisional},
    sorted::Sorted,
    view::View,
};
use crate::{stream::StreamName, version::Version};

/// A query reads blocks up to about this many bytes, whether they hold what was asked for or not.
const SCAN: usize = 4 << 20;
/// Blocks are fetched from the store in bunches of about this many bytes; the first is a single block.
const BUNCH: usize = 512 << 10;

/// The blocks that one call reads.
pub(super) struct Course {
    /// The moment.
    pub(super) epoch: u64,
    /// The blocks in the order of reading, in bunches to fetch together.
    pub(super) bunches: Vec<Vec<(Region, u64)>>,
    /// Where to go on after the last of them; none if that is the end of the log.
    pub(super) beyond: Option<Place>,
    /// The versions that the pending commits among them have at that moment, by sequence.
    versions: Sorted<u64, Version>,
}

impl Course {
    /// The course of a query from a place on, for about `events` events.
    pub(super) fn of_query(view: &View, query: &Query, from: Place, events: usize) -> Self {
        let index = &view.index;
        let mut candidates = Vec::new();
        match &query.stream {
            Some(stream) => {
                let (first, last) = (*query.versions.start(), *query.versions.end());
                let confirmed = index.stream_blocks(stream, first.saturating_sub(1), last);
                candidates.extend(confirmed.into_iter().map(|key| (Region::Confirmed, key)));
                let pending = index.pending_of(stream);
                let block_of = |sequence| index.block_at(Region::Pending, sequence).map(|(key, _)| key);
                candidates.extend(pending.into_iter().filter_map(block_of).map(|key| (Region::Pending, key)));
                candidates.dedup();
            }
            None => {
                for region in Region::BOTH {
                    candidates.extend(index.blocks(region).entries().iter().map(|(key, _)| (region, *key)));
                }
            }
        }
        let (first_position, last_position) = (*query.positions.start(), *query.positions.end());
        candidates.retain(|(region, key)| match region {
            Region::Confirmed => *key <= last_position,
            Region::Pending => query.wants_pending(),
        });
        let info = |(region, key): &(Region, u64)| index.blocks(*region).get(key);
        candidates.retain(|block| {
            info(block).is_some_and(|info| {
                let (first, last) = span(*block, info, index);
                (if query.backwards { first <= from } else { last > from })
                    && last >= Place::Confirmed(first_position)
                    && index.may_hold(info, query)
            })
        });
        if query.backwards {
            candidates.reverse();
        }
        let enough = if query.is_filtered() { u64::MAX } else { events as u64 };
        Self::through(view, candidates, enough, SCAN, query.backwards)
    }

    /// The course through one region, forwards from a key on, for about `events` events.
    pub(super) fn of_region(view: &View, region: Region, from: u64, events: usize) -> Self {
        let blocks = view.index.blocks(region);
        let reaches = |(key, info): &&(u64, BlockInfo)| info.last >= from || *key >= from;
        let candidates = blocks.entries().iter().filter(reaches).map(|(key, _)| (region, *key)).collect();
        Self::through(view, candidates, events as u64, usize::MAX, false)
    }

    fn through(
        view: &View,
        candidates: Vec<(Region, u64)>,
        enough: u64,
        scan: usize,
        backwards: bool,
    ) -> Self {
        let index = &view.index;
        let mut versions = Versions::default();
        let mut course =
            Self { epoch: view.epoch, bunches: Vec::new(), beyond: None, versions: Sorted::default() };
        let (mut scanned, mut events, mut bunch) = (0, 0_u64, BUNCH);
        let mut last: Option<((Region, u64), &BlockInfo)> = None;
        for block in candidates {
            let Some(info) = index.blocks(block.0).get(&block.1) else { continue };
            // The first block may begin before the place, and so hold fewer than it says.
            if let Some((before, info)) = last
                && (scanned >= scan || events >= enough)
            {
                let (first, last) = span(before, info, index);
                course.beyond = Some(if backwards { first_place_before(first) } else { last });
                break;
            }
            if last.is_some() {
                events = events.saturating_add(info.events);
            }
            scanned += info.length;
            if bunch + info.length > BUNCH {
                course.bunches.push(Vec::new());
                bunch = if course.bunches.len() == 1 { BUNCH } else { 0 };
            }
            bunch += info.length;
            if let Some(bunch) = course.bunches.last_mut() {
                bunch.push(block);
            }
            if block.0 == Region::Pending {
                for (sequence, waiting) in
                    index.queue().from(&block.1).iter().take_while(|(key, _)| *key <= info.last)
                {
                    let version = versions.of(index, &waiting.stream, *sequence);
                    course.versions.insert(*sequence, version);
                }
            }
            last = Some((block, info));
        }
        course
    }

    /// The version of the first event of a pending commit.
    pub(super) fn version(&self, sequence: u64) -> Version {
        self.versions.get(&sequence).copied().unwrap_or(0)
    }
}

/// The places of the first and the last event of a block. Where even its directory can't be read, it reaches up to the
/// next block.
pub(super) fn span((region, key): (Region, u64), info: &BlockInfo, index: &Index) -> (Place, Place) {
    let last =
        if info.opaque { index.block_after(region, key).map_or(key, |next| next - 1) } else { info.last };
    match region {
        Region::Confirmed => (Place::Confirmed(key), Place::Confirmed(last)),
        Region::Pending => {
            let events = index.queue().get(&last).map_or(1, |waiting| waiting.events);
            (Place::Pending(key, 1), Place::Pending(last, events))
        }
    }
}

/// The place before the first event of a block.
pub(super) fn first_place_before(first: Place) -> Place {
    match first {
        Place::Confirmed(position) => Place::Confirmed(position.saturating_sub(1)),
        Place::Pending(sequence, nth) => Place::Pending(sequence, nth.saturating_sub(1)),
    }
}

/// The versions of pending commits, worked out once for each stream.
#[derive(Default)]
struct Versions(Sorted<StreamName, Vec<Provisional>>);

impl Versions {
    fn of(&mut self, index: &Index, stream: &StreamName, sequence: u64) -> Version {
        if !self.0.contains(stream) {
            self.0.insert(stream.clone(), index.provisional(stream));
        }
        let commits = self.0.get(stream).map(Vec::as_slice).unwrap_or_default();
        commits.binary_search_by_key(&sequence, |(at, _)| *at).map_or(0, |at| commits[at].1)
    }
}
