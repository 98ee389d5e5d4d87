//! What is where: every stream's version and the blocks that hold it. Built from directories, never from events.

use super::{
    Query,
    block::{Contents, Directory, Extent, Region},
    sorted::Sorted,
};
use crate::{id::CommitId, stream::StreamName, version::Version};
use std::{collections::HashMap, rc::Rc};

/// What is known about a block.
#[derive(Clone, Debug)]
pub(super) struct BlockInfo {
    /// The position of its last event, or the sequence of its last commit.
    pub(super) last: u64,
    pub(super) events: u64,
    pub(super) length: usize,
    pub(super) fingerprint: u32,
    /// What its events have between them.
    pub(super) extent: Extent,
    /// The aggregates of its streams, a bit for each.
    aggregates: Aggregates,
    pub(super) has_directory_row: bool,
    /// What is wrong with it, once something was found.
    pub(super) damage: Option<Rc<str>>,
    /// Whether not even its directory can be read: then nobody knows which streams it holds.
    pub(super) opaque: bool,
}

/// A set of aggregates: a bit for each of the first 63 that the index met, and one for all others.
type Aggregates = u64;

/// A commit of the queue.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) id: CommitId,
    pub(super) stream: StreamName,
    pub(super) events: u64,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    confirmed: Version,
    /// The confirmed blocks that hold it, with the lowest of its versions in each, rising.
    blocks: Vec<(u64, Version)>,
    /// The sequences of its pending commits, rising.
    pending: Vec<u64>,
    pending_events: u64,
    /// Whether some of the sequences have left the queue.
    is_stale: bool,
}

/// The index of one moment of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    streams: HashMap<StreamName, Stream>,
    /// The aggregates met so far, by the number of their bit.
    aggregates: Vec<Rc<str>>,
    confirmed: Sorted<u64, BlockInfo>,
    pending: Sorted<u64, BlockInfo>,
    queue: Sorted<u64, Waiting>,
    sequences: HashMap<CommitId, u64>,
    confirmed_events: u64,
    pending_events: u64,
}

/// A pending commit of a stream: its sequence, and the version of its first event as it stands.
pub(super) type Provisional = (u64, Version);

impl Index {
    pub(super) fn blocks(&self, region: Region) -> &Sorted<u64, BlockInfo> {
        match region {
            Region::Confirmed => &self.confirmed,
            Region::Pending => &self.pending,
        }
    }

    fn blocks_mut(&mut self, region: Region) -> &mut Sorted<u64, BlockInfo> {
        match region {
            Region::Confirmed => &mut self.confirmed,
            Region::Pending => &mut self.pending,
        }
    }

    /// The block under a key or, between two keys, the one before it.
    pub(super) fn block_at(&self, region: Region, key: u64) -> Option<(u64, &BlockInfo)> {
        self.blocks(region).at_or_before(&key).map(|(key, info)| (*key, info))
    }

    /// The key of the block after a key.
    pub(super) fn block_after(&self, region: Region, key: u64) -> Option<u64> {
        self.blocks(region).from(&key).iter().map(|(next, _)| *next).find(|next| *next > key)
    }

    /// The first key beyond all blocks of a region.
    pub(super) fn end(&self, region: Region) -> u64 {
        self.blocks(region).entries().last().map_or(1, |(_, info)| info.last.saturating_add(1))
    }

    /// Takes in a block at the end of its region.
    pub(super) fn push(&mut self, directory: &Directory, has_directory_row: bool) {
        let key = directory.first;
        let aggregates = self.aggregates_of(&directory.streams);
        let info = BlockInfo {
            last: directory.last,
            events: directory.events,
            length: directory.length,
            fingerprint: directory.fingerprint,
            extent: directory.extent,
            aggregates,
            has_directory_row,
            damage: None,
            opaque: false,
        };
        match &directory.contents {
            Contents::Confirmed(portions) => {
                for (name, portion) in directory.streams.iter().zip(portions) {
                    let stream = self.streams.entry(name.clone()).or_default();
                    stream.confirmed = stream.confirmed.max(portion.first_version + portion.events - 1);
                    stream.blocks.push((key, portion.first_version));
                }
                self.confirmed_events = self.confirmed_events.saturating_add(directory.events);
            }
            Contents::Pending(queue) => {
                for queued in queue {
                    let waiting = Waiting {
                        id: queued.id,
                        stream: directory.streams[queued.stream].clone(),
                        events: queued.events,
                    };
                    self.enqueue(queued.sequence, waiting);
                }
            }
        }
        self.blocks_mut(directory.region()).insert(key, info);
    }

    /// The aggregates of these streams, which mostly come together.
    fn aggregates_of(&mut self, streams: &[StreamName]) -> Aggregates {
        let (mut set, mut last) = (0, "");
        for stream in streams {
            if stream.aggregate() != last {
                last = stream.aggregate();
                if !self.aggregates.iter().any(|known| **known == *last) {
                    self.aggregates.push(last.into());
                }
                set |= self.bit(last);
            }
        }
        set
    }

    /// The bit of an aggregate; none if no stream of it was met.
    fn bit(&self, aggregate: &str) -> Aggregates {
        let at = self.aggregates.iter().position(|known| **known == *aggregate);
        at.map_or(0, |at| 1 << at.min(63))
    }

    /// Whether a block may hold what a query asks for, as far as its directory tells.
    pub(super) fn may_hold(&self, info: &BlockInfo, query: &Query) -> bool {
        let aggregate = query.aggregate.as_ref();
        info.extent.may_hold(query)
            && aggregate.is_none_or(|aggregate| info.opaque || info.aggregates & self.bit(aggregate) != 0)
    }

    /// Takes in a block of which not even the directory can be read.
    pub(super) fn push_opaque(&mut self, region: Region, key: u64, length: usize, damage: &str) {
        let info = BlockInfo {
            last: key,
            events: 0,
            length,
            fingerprint: 0,
            extent: Extent::ANYTHING,
            aggregates: Aggregates::MAX,
            has_directory_row: false,
            damage: Some(damage.into()),
            opaque: true,
        };
        self.blocks_mut(region).insert(key, info);
    }

    /// Notes that a block turned out to be damaged.
    pub(super) fn note_damage(&mut self, region: Region, key: u64, damage: &str) {
        if let Some(info) = self.blocks_mut(region).get_mut(&key) {
            info.damage = Some(damage.into());
        }
    }

    /// Puts one confirmed block in the place of several neighbours that held the same commits.
    pub(super) fn merge_confirmed(&mut self, keys: &[u64], directory: &Directory, has_directory_row: bool) {
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return };
        for key in keys {
            if let Some(info) = self.confirmed.remove(key) {
                self.confirmed_events = self.confirmed_events.saturating_sub(info.events);
            }
        }
        let merged: Vec<_> = match &directory.contents {
            Contents::Confirmed(portions) => directory.streams.iter().zip(portions).collect(),
            Contents::Pending(_) => Vec::new(),
        };
        // The block goes where the neighbours stood, not at the end of every stream's list.
        let streams: Vec<_> = merged
            .iter()
            .map(|(name, portion)| {
                let mut blocks =
                    self.streams.get_mut(*name).map(|s| std::mem::take(&mut s.blocks)).unwrap_or_default();
                let from = blocks.partition_point(|(key, _)| key < first);
                let to = blocks.partition_point(|(key, _)| key <= last);
                blocks.splice(from..to, [(directory.first, portion.first_version)]);
                blocks
            })
            .collect();
        self.push(directory, has_directory_row);
        for ((name, _), blocks) in merged.into_iter().zip(streams) {
            if let Some(stream) = self.streams.get_mut(name) {
                stream.blocks = blocks;
            }
        }
    }

    /// Removes pending blocks and all their commits; [`Index::push`] brings back what is left of them.
    pub(super) fn remove_pending(&mut self, keys: &[u64]) {
        let mut touched: Vec<StreamName> = Vec::new();
        for key in keys {
            let Some(info) = self.pending.remove(key) else { continue };
            for (_, waiting) in self.queue.take(key, &info.last) {
                self.sequences.remove(&waiting.id);
                self.pending_events = self.pending_events.saturating_sub(waiting.events);
                let Some(stream) = self.streams.get_mut(&waiting.stream) else { continue };
                stream.pending_events = stream.pending_events.saturating_sub(waiting.events);
                if !std::mem::replace(&mut stream.is_stale, true) {
                    touched.push(waiting.stream);
                }
            }
        }
        for name in touched {
            let Some(stream) = self.streams.get_mut(&name) else { continue };
            let queue = &self.queue;
            stream.pending.retain(|sequence| queue.contains(sequence));
            stream.is_stale = false;
            if stream.confirmed == 0 && stream.pending.is_empty() && stream.blocks.is_empty() {
                self.streams.remove(&name);
            }
        }
    }

    fn enqueue(&mut self, sequence: u64, waiting: Waiting) {
        let stream = self.streams.entry(waiting.stream.clone()).or_default();
        let at = stream.pending.partition_point(|before| *before < sequence);
        stream.pending.insert(at, sequence);
        stream.pending_events = stream.pending_events.saturating_add(waiting.events);
        self.pending_events = self.pending_events.saturating_add(waiting.events);
        self.sequences.insert(waiting.id, sequence);
        self.queue.insert(sequence, waiting);
    }

    /// The number of confirmed events of a stream.
    pub(super) fn confirmed_version(&self, stream: &StreamName) -> Version {
        self.streams.get(stream).map_or(0, |stream| stream.confirmed)
    }

    /// The number of events of a stream, pending ones too.
    pub(super) fn version(&self, stream: &StreamName) -> Version {
        self.streams.get(stream).map_or(0, |stream| stream.confirmed.saturating_add(stream.pending_events))
    }

    /// The names of the streams, or those of one aggregate, sorted.
    pub(super) fn names(&self, aggregate: Option<&str>) -> Vec<StreamName> {
        let wanted = |name: &&StreamName| aggregate.is_none_or(|aggregate| name.aggregate() == aggregate);
        let mut names: Vec<_> = self.streams.keys().filter(wanted).cloned().collect();
        crate::order::sort(&mut names);
        names
    }

    /// The keys of the confirmed blocks that may hold versions of a stream above `after`, up to and including `to`.
    pub(super) fn stream_blocks(&self, stream: &StreamName, after: Version, to: Version) -> Vec<u64> {
        let Some(stream) = self.streams.get(stream) else { return Vec::new() };
        if after >= stream.confirmed {
            return Vec::new();
        }
        let from = stream.blocks.partition_point(|(_, first)| *first <= after + 1).saturating_sub(1);
        let blocks = stream.blocks[from..].iter();
        blocks.take_while(|(_, first)| *first <= to).map(|(key, _)| *key).collect()
    }

    /// The pending commits of a stream with the versions that they have here, in order.
    pub(super) fn provisional(&self, name: &StreamName) -> Vec<Provisional> {
        let Some(stream) = self.streams.get(name) else { return Vec::new() };
        let mut version = stream.confirmed + 1;
        let mut commits = Vec::with_capacity(stream.pending.len());
        for sequence in &stream.pending {
            commits.push((*sequence, version));
            version = version.saturating_add(self.queue.get(sequence).map_or(0, |waiting| waiting.events));
        }
        commits
    }

    /// The sequences of a stream's pending commits, rising.
    pub(super) fn pending_of(&self, stream: &StreamName) -> Vec<u64> {
        self.streams.get(stream).map_or_else(Vec::new, |stream| stream.pending.clone())
    }

    /// The sequence of a pending commit.
    pub(super) fn sequence(&self, id: CommitId) -> Option<u64> {
        self.sequences.get(&id).copied()
    }

    /// The queue by sequence.
    pub(super) fn queue(&self) -> &Sorted<u64, Waiting> {
        &self.queue
    }

    pub(super) fn confirmed_events(&self) -> u64 {
        self.confirmed_events
    }

    pub(super) fn pending_events(&self) -> u64 {
        self.pending_events
    }

    /// The damaged blocks, with what is wrong with each.
    pub(super) fn damaged(&self) -> impl Iterator<Item = (Region, u64, &BlockInfo)> {
        Region::BOTH.into_iter().flat_map(|region| {
            let blocks = self.blocks(region).entries().iter();
            blocks.filter(|(_, info)| info.damage.is_some()).map(move |(key, info)| (region, *key, info))
        })
    }
}
