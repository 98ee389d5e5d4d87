//! Writing blocks.

use super::{
    Block, BlockError, Extent, Region, Standing, TARGET,
    directory::{Contents, Directory, Portion, Queued, is_large},
    wire::{put_bytes, put_id, put_number, put_signed},
};
use crate::{
    commit::{Commit, Policy},
    event::Event,
    log::{
        sorted::Sorted,
        store::{Bytes, Key, Write},
    },
    stream::StreamName,
    time::Timestamp,
    version::ExpectedVersion,
};
use std::sync::Arc;
use uuid::Uuid;

/// What a commit has beside what every commit has: bits of its first number.
pub(super) mod commit_bits {
    pub(crate) const OWN_CORRELATION: u64 = 1;
    pub(crate) const CAUSATION: u64 = 1 << 1;
    pub(crate) const ACTOR: u64 = 1 << 2;
    pub(crate) const TRACEPARENT: u64 = 1 << 3;
    pub(crate) const COMMAND: u64 = 1 << 4;
    pub(crate) const GENERATION: u64 = 1 << 5;
    /// Two bits: any, exists, none, exact.
    pub(crate) const EXPECTED: u32 = 6;
    /// The rest: redecide, keep, reject, ask, merge.
    pub(crate) const POLICY: u32 = 8;
    /// How many bits the policy may take.
    pub(crate) const POLICY_MASK: u64 = 7;
    pub(crate) const REOFFERED: u64 = 1 << 11;
    pub(crate) const SINCE: u64 = 1 << 12;
}

/// What an event has beside what every event has.
pub(super) mod event_bits {
    pub(crate) const SCHEMA_VERSION: u64 = 1;
    pub(crate) const OCCURRED_AT: u64 = 1 << 1;
    pub(crate) const CUSTOM: u64 = 1 << 2;
}

/// A block ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) directory: Directory,
    /// Head and directory, if they also get a row of their own.
    directory_row: Option<Bytes>,
}

impl Encoded {
    /// Whether it has a directory row.
    pub(crate) fn has_directory_row(&self) -> bool {
        self.directory_row.is_some()
    }

    /// The block, open for reading.
    pub(crate) fn open(&self) -> Result<Block, BlockError> {
        Block::open(self.bytes.clone(), self.directory.region())
    }

    /// The writes of a block under a key that is free.
    pub(crate) fn add(&self, writes: &mut Vec<Write>) {
        let (region, key) = (self.directory.region(), Key::Number(self.directory.first));
        writes.push(Write::Add(region.table(), key.clone(), self.bytes.clone()));
        if let Some(row) = &self.directory_row {
            writes.push(Write::Put(region.directories(), key, row.clone()));
        }
    }
}

/// Packs commits into blocks of about [`TARGET`] bytes. A commit is never cut; a large one makes a large block.
pub(crate) struct Packer {
    region: Region,
    target: usize,
    block: BlockWriter,
    done: Vec<Encoded>,
}

impl Packer {
    pub(crate) fn new(region: Region) -> Self {
        Self { region, target: TARGET, block: BlockWriter::new(region), done: Vec::new() }
    }

    /// One that makes a single block, for commits that are known to fit.
    pub(crate) fn single(region: Region) -> Self {
        Self { target: usize::MAX, ..Self::new(region) }
    }

    /// Adds the next commit. Keys rise.
    pub(crate) fn push(&mut self, key: u64, standing: Standing, commit: &Commit) {
        if self.block.commits > 0 && self.block.size() + size_hint(commit) > self.target {
            self.finish_block();
        }
        self.block.push(key, standing, commit);
    }

    fn finish_block(&mut self) {
        let block = std::mem::replace(&mut self.block, BlockWriter::new(self.region));
        self.done.push(block.finish());
    }

    /// The blocks.
    pub(crate) fn finish(mut self) -> Vec<Encoded> {
        if self.block.commits > 0 {
            self.finish_block();
        }
        self.done
    }
}

/// About how many bytes a commit will take.
pub(crate) fn size_hint(commit: &Commit) -> usize {
    let event =
        |event: &Event| 20 + event.data.len() + event.custom.as_ref().map_or(0, |custom| custom.len());
    let command = commit.command.as_ref().map_or(0, |command| command.data.len());
    40 + command + commit.events.iter().map(event).sum::<usize>()
}

struct BlockWriter {
    region: Region,
    first: u64,
    last: u64,
    last_key: u64,
    commits: u64,
    events: u64,
    extent: Extent,
    streams: Vec<StreamName>,
    stream_numbers: Sorted<StreamName, usize>,
    portions: Vec<Portion>,
    queue: Vec<Queued>,
    directory_size: usize,
    strings: Vec<Arc<str>>,
    string_numbers: Sorted<Arc<str>, usize>,
    strings_size: usize,
    ids: Vec<Uuid>,
    recorded_at: i64,
    occurred_at: i64,
    records: Vec<u8>,
    record: Vec<u8>,
}

impl BlockWriter {
    fn new(region: Region) -> Self {
        Self {
            region,
            first: 0,
            last: 0,
            last_key: 0,
            commits: 0,
            events: 0,
            extent: Extent::NOTHING,
            streams: Vec::new(),
            stream_numbers: Sorted::default(),
            portions: Vec::new(),
            queue: Vec::new(),
            directory_size: 0,
            strings: Vec::new(),
            string_numbers: Sorted::default(),
            strings_size: 0,
            ids: Vec::new(),
            recorded_at: 0,
            occurred_at: 0,
            records: Vec::new(),
            record: Vec::new(),
        }
    }

    fn size(&self) -> usize {
        64 + self.directory_size + self.strings_size + 16 * self.ids.len() + self.records.len()
    }

    fn stream(&mut self, stream: &StreamName) -> usize {
        if let Some(number) = self.stream_numbers.get(stream) {
            return *number;
        }
        self.streams.push(stream.clone());
        self.stream_numbers.insert(stream.clone(), self.streams.len() - 1);
        self.directory_size += 8 + stream.as_str().len();
        self.streams.len() - 1
    }

    fn string(&mut self, text: &Arc<str>) -> u64 {
        if let Some(number) = self.string_numbers.get(text) {
            return *number as u64;
        }
        self.strings.push(Arc::clone(text));
        self.string_numbers.insert(Arc::clone(text), self.strings.len() - 1);
        self.strings_size += 2 + text.len();
        self.strings.len() as u64 - 1
    }

    fn id(&mut self, id: Uuid) -> u64 {
        let at = self.ids.iter().rposition(|known| *known == id).unwrap_or_else(|| {
            self.ids.push(id);
            self.ids.len() - 1
        });
        at as u64
    }

    fn push(&mut self, key: u64, standing: Standing, commit: &Commit) {
        let stream = self.stream(&commit.stream);
        let count = commit.count();
        if self.commits == 0 {
            (self.first, self.last_key) = (key, key);
        }
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        put_number(&mut record, stream as u64);
        put_signed(&mut record, key.wrapping_sub(self.last_key).cast_signed());
        let occurred_at = commit.metadata.occurred_at.0;
        put_signed(&mut record, occurred_at.wrapping_sub(self.occurred_at));
        let (mut policy, mut is_reoffered) = (Policy::Redecide, false);
        match standing {
            Standing::Confirmed { first_version, recorded_at } => {
                put_number(&mut record, first_version);
                put_signed(&mut record, recorded_at.0.wrapping_sub(self.recorded_at));
                self.recorded_at = recorded_at.0;
                self.extend_portion(stream, first_version, count);
                self.last = self.last.max(key + count.saturating_sub(1));
            }
            Standing::Pending { policy: its, reoffered } => {
                (policy, is_reoffered) = (its, reoffered);
                self.queue.push(Queued { sequence: key, id: commit.id, stream, events: count });
                self.directory_size += 22;
                self.last = key;
            }
        }
        (self.last_key, self.occurred_at) = (key, occurred_at);
        self.put_commit(&mut record, commit, policy, is_reoffered);
        for event in &commit.events {
            self.put_event(&mut record, event, commit.metadata.occurred_at);
        }
        self.commits += 1;
        self.events += count;
        put_bytes(&mut self.records, &record);
        self.record = record;
    }

    fn extend_portion(&mut self, stream: usize, first_version: u64, count: u64) {
        match self.portions.get_mut(stream) {
            Some(portion) => {
                let end = (portion.first_version + portion.events).max(first_version + count);
                portion.first_version = portion.first_version.min(first_version);
                portion.events = end - portion.first_version;
            }
            None => self.portions.push(Portion { first_version, events: count }),
        }
    }

    fn put_commit(&mut self, out: &mut Vec<u8>, commit: &Commit, policy: Policy, is_reoffered: bool) {
        use commit_bits as bits;
        let metadata = &commit.metadata;
        let expected = match commit.expected_version {
            ExpectedVersion::Any => 0,
            ExpectedVersion::Exists => 1,
            ExpectedVersion::None => 2,
            ExpectedVersion::Exact(_) => 3,
        };
        let policy = match policy {
            Policy::Redecide => 0,
            Policy::Keep => 1,
            Policy::Reject => 2,
            Policy::Ask => 3,
            Policy::Merge => 4,
        };
        let own_correlation = metadata.correlation_id == commit.id.0;
        let mut flags: u64 = expected << bits::EXPECTED | policy << bits::POLICY;
        for (bit, holds) in [
            (bits::OWN_CORRELATION, own_correlation),
            (bits::CAUSATION, metadata.causation_id.is_some()),
            (bits::ACTOR, metadata.actor.is_some()),
            (bits::TRACEPARENT, metadata.traceparent.is_some()),
            (bits::COMMAND, commit.command.is_some()),
            (bits::GENERATION, commit.generation > 0),
            (bits::REOFFERED, is_reoffered),
            (bits::SINCE, commit.since.is_some()),
        ] {
            flags |= if holds { bit } else { 0 };
        }
        put_number(out, flags);
        put_id(out, commit.id.0);
        let (device, session) = (self.id(metadata.device_id.0), self.id(metadata.session_id.0));
        put_number(out, device);
        put_number(out, session);
        if let ExpectedVersion::Exact(version) = commit.expected_version {
            put_number(out, version);
        }
        if !own_correlation {
            put_id(out, metadata.correlation_id);
        }
        if let Some(causation) = metadata.causation_id {
            put_id(out, causation);
        }
        if let Some(actor) = &metadata.actor {
            let actor = self.string(&actor.as_str().into());
            put_number(out, actor);
        }
        if let Some(traceparent) = &metadata.traceparent {
            put_bytes(out, traceparent.as_bytes());
        }
        if commit.generation > 0 {
            put_number(out, u64::from(commit.generation));
        }
        if let Some(since) = commit.since {
            put_number(out, since);
        }
        if let Some(command) = &commit.command {
            let command_type = self.string(&command.command_type);
            put_number(out, command_type);
            put_bytes(out, command.data.as_str().as_bytes());
        }
        put_number(out, commit.count());
    }

    fn put_event(&mut self, out: &mut Vec<u8>, event: &Event, commit_time: Timestamp) {
        use event_bits as bits;
        let mut flags = 0;
        for (bit, holds) in [
            (bits::SCHEMA_VERSION, event.schema_version != 1),
            (bits::OCCURRED_AT, event.occurred_at.is_some()),
            (bits::CUSTOM, event.custom.is_some()),
        ] {
            flags |= if holds { bit } else { 0 };
        }
        put_number(out, flags);
        put_id(out, event.id.0);
        self.extent.add(&event.event_type, event.occurred_at.unwrap_or(commit_time));
        let event_type = self.string(&event.event_type);
        put_number(out, event_type);
        if event.schema_version != 1 {
            put_number(out, u64::from(event.schema_version));
        }
        if let Some(at) = event.occurred_at {
            put_signed(out, at.0.wrapping_sub(commit_time.0));
        }
        put_bytes(out, event.data.as_str().as_bytes());
        if let Some(custom) = &event.custom {
            put_bytes(out, custom.as_str().as_bytes());
        }
    }

    fn finish(self) -> Encoded {
        let mut body = Vec::with_capacity(self.strings_size + 16 * self.ids.len() + self.records.len() + 16);
        put_number(&mut body, self.strings.len() as u64);
        for text in &self.strings {
            put_bytes(&mut body, text.as_bytes());
        }
        put_number(&mut body, self.ids.len() as u64);
        for id in &self.ids {
            put_id(&mut body, *id);
        }
        body.extend_from_slice(&self.records);
        let mut directory = Directory {
            first: self.first,
            last: self.last,
            commits: self.commits,
            events: self.events,
            extent: self.extent,
            length: 0,
            fingerprint: 0,
            streams: self.streams,
            contents: match self.region {
                Region::Confirmed => Contents::Confirmed(self.portions),
                Region::Pending => Contents::Pending(self.queue),
            },
        };
        let (bytes, directory_end) = directory.seal(&body);
        let directory_row = is_large(&directory).then(|| bytes[..directory_end].into());
        Encoded { bytes: bytes.into(), directory, directory_row }
    }
}
