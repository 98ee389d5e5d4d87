//! Reading blocks. Any bytes give commits or an error; nothing is trusted that the checksums do not vouch for, and nothing
//! larger than the block is allocated on its word.

use super::{
    BlockError, Region, Standing, Stored,
    directory::Directory,
    encode::{commit_bits, event_bits},
    wire::Reader,
};
use crate::{
    commit::{Command, Commit, Policy},
    event::Event,
    id::{CommitId, DeviceId, EventId, SessionId},
    json::Json,
    log::store::Bytes,
    metadata::Metadata,
    stream::StreamName,
    time::Timestamp,
    version::{ExpectedVersion, Position, Version},
};
use std::sync::Arc;
use uuid::Uuid;

/// A block whose checksums hold, open for reading. Commits are decoded one by one, as they are asked for.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Bytes,
    directory: Directory,
    strings: Vec<Arc<str>>,
    ids: Vec<Uuid>,
    /// Where the records begin.
    records: usize,
}

impl Block {
    /// Opens a block of a region.
    pub(crate) fn open(bytes: Bytes, region: Region) -> Result<Self, BlockError> {
        let (directory, expected) = Directory::open(&bytes, region)?;
        let mut reader = Reader::new(expected.of(&bytes)?);
        let mut strings = Vec::new();
        for _ in 0..reader.count(1)? {
            strings.push(reader.text()?.into());
        }
        let count = reader.count(16)?;
        let ids = (0..count).map(|_| reader.id()).collect::<Result<_, _>>()?;
        let records = bytes.len() - reader.remaining();
        Ok(Self { bytes, directory, strings, ids, records })
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + 96 * self.directory.streams.len() + 48 * self.strings.len() + 256
    }

    /// The commits in the order of the block.
    pub(crate) fn records(&self) -> Records<'_> {
        Records {
            block: self,
            reader: Reader::new(&self.bytes[self.records..]),
            key: self.directory.first,
            occurred_at: 0,
            recorded_at: 0,
        }
    }

    /// Whether any event or command in it has one of these types. Without a look at the records, so an actor of the same
    /// name counts too.
    pub(crate) fn mentions_any(&self, types: &[Arc<str>]) -> bool {
        self.strings.iter().any(|text| types.contains(text))
    }

    fn string(&self, number: u64) -> Result<&Arc<str>, BlockError> {
        let at = usize::try_from(number).ok();
        at.and_then(|at| self.strings.get(at))
            .ok_or(BlockError::Malformed("a text is missing from its table"))
    }

    fn id(&self, number: u64) -> Result<Uuid, BlockError> {
        let at = usize::try_from(number).ok();
        at.and_then(|at| self.ids.get(at))
            .copied()
            .ok_or(BlockError::Malformed("an id is missing from its table"))
    }
}

/// The commits of a block, not yet decoded.
pub(crate) struct Records<'b> {
    block: &'b Block,
    reader: Reader<'b>,
    key: u64,
    occurred_at: i64,
    recorded_at: i64,
}

impl<'b> Iterator for Records<'b> {
    type Item = Result<Record<'b>, BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let record = self.read();
        if record.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(record)
    }
}

impl<'b> Records<'b> {
    fn read(&mut self) -> Result<Record<'b>, BlockError> {
        let mut reader = Reader::new(self.reader.bytes()?);
        let directory = &self.block.directory;
        let stream = usize::try_from(reader.number()?).map_err(|_| BlockError::CutShort)?;
        if stream >= directory.streams.len() {
            return Err(BlockError::Malformed("a commit names a stream that the directory lacks"));
        }
        self.key = self.key.wrapping_add_signed(reader.signed()?);
        if self.key < directory.first || self.key > directory.last {
            return Err(BlockError::Malformed("a commit stands outside of the block's range"));
        }
        self.occurred_at = self.occurred_at.wrapping_add(reader.signed()?);
        let confirmed = match directory.region() {
            Region::Confirmed => {
                let first_version = reader.number()?;
                self.recorded_at = self.recorded_at.wrapping_add(reader.signed()?);
                if first_version == 0 || first_version > u64::MAX >> 1 {
                    return Err(BlockError::Malformed("a commit's version is out of bounds"));
                }
                Some((first_version, Timestamp(self.recorded_at)))
            }
            Region::Pending => None,
        };
        let occurred_at = Timestamp(self.occurred_at);
        Ok(Record { block: self.block, key: self.key, stream, confirmed, occurred_at, rest: reader })
    }
}

/// One commit of a block, not yet decoded.
#[derive(Clone, Copy)]
pub(crate) struct Record<'b> {
    block: &'b Block,
    /// The position of its first event, or its sequence.
    pub(crate) key: u64,
    /// Its stream, by its place among the streams of the directory.
    pub(crate) stream: usize,
    /// The version of its first event and when it was recorded, in a confirmed block.
    pub(crate) confirmed: Option<(Version, Timestamp)>,
    occurred_at: Timestamp,
    rest: Reader<'b>,
}

impl<'b> Record<'b> {
    pub(crate) fn stream_name(&self) -> &'b StreamName {
        &self.block.directory.streams[self.stream]
    }

    /// The position of its first event, in a confirmed block.
    pub(crate) fn position(&self) -> Option<Position> {
        self.confirmed.map(|_| self.key)
    }

    /// The identity alone.
    pub(crate) fn id(&self) -> Result<CommitId, BlockError> {
        let mut reader = self.rest;
        reader.number()?;
        reader.id().map(CommitId)
    }

    /// What its events share, and the events.
    pub(crate) fn open(&self) -> Result<(Heading<'b>, Events<'b>), BlockError> {
        use commit_bits as bits;
        let (block, mut reader) = (self.block, self.rest);
        let flags = reader.number()?;
        let has = |bit| flags & bit != 0;
        let id = CommitId(reader.id()?);
        let device_id = DeviceId(block.id(reader.number()?)?);
        let session_id = SessionId(block.id(reader.number()?)?);
        let expected_version = match flags >> bits::EXPECTED & 3 {
            0 => ExpectedVersion::Any,
            1 => ExpectedVersion::Exists,
            2 => ExpectedVersion::None,
            _ => ExpectedVersion::Exact(reader.number()?),
        };
        let policy = match flags >> bits::POLICY & bits::POLICY_MASK {
            0 => Policy::Redecide,
            1 => Policy::Keep,
            2 => Policy::Reject,
            3 => Policy::Ask,
            4 => Policy::Merge,
            _ => return Err(BlockError::Malformed("a commit has a policy that is not known")),
        };
        let correlation_id = if has(bits::OWN_CORRELATION) { id.0 } else { reader.id()? };
        let causation_id = if has(bits::CAUSATION) { Some(reader.id()?) } else { None };
        let actor = if has(bits::ACTOR) { Some(block.string(reader.number()?)?.to_string()) } else { None };
        let traceparent = if has(bits::TRACEPARENT) { Some(reader.text()?.to_owned()) } else { None };
        let generation = if has(bits::GENERATION) { reader.small()? } else { 0 };
        let since = if has(bits::SINCE) { Some(reader.number()?) } else { None };
        let command =
            if has(bits::COMMAND) { Some((block.string(reader.number()?)?, reader.text()?)) } else { None };
        // An event takes at least a number for what it has, its id, its type and the length of its data.
        let left = reader.count(19)?;
        let metadata = Arc::new(Metadata {
            correlation_id,
            causation_id,
            actor,
            device_id,
            session_id,
            occurred_at: self.occurred_at,
            traceparent,
        });
        let events = Events { block, reader, left, occurred_at: self.occurred_at };
        let reoffered = has(bits::REOFFERED);
        Ok((
            Heading { id, expected_version, policy, reoffered, generation, since, metadata, command },
            events,
        ))
    }

    /// The whole commit.
    pub(crate) fn decode(&self) -> Result<Stored, BlockError> {
        let (heading, events) = self.open()?;
        let mut decoded = Vec::with_capacity(events.left);
        for event in events {
            decoded.push(event?.decode()?);
        }
        let command = match heading.command {
            Some((command_type, data)) => {
                Some(Command { command_type: Arc::clone(command_type), data: json(data)? })
            }
            None => None,
        };
        let standing = match self.confirmed {
            Some((first_version, recorded_at)) => Standing::Confirmed { first_version, recorded_at },
            None => Standing::Pending { policy: heading.policy, reoffered: heading.reoffered },
        };
        let commit = Commit {
            id: heading.id,
            stream: self.stream_name().clone(),
            expected_version: heading.expected_version,
            generation: heading.generation,
            since: heading.since,
            metadata: heading.metadata,
            command,
            events: decoded,
        };
        Ok(Stored { key: self.key, standing, commit })
    }
}

/// What the events of a commit share.
pub(crate) struct Heading<'b> {
    pub(crate) id: CommitId,
    expected_version: ExpectedVersion,
    policy: Policy,
    reoffered: bool,
    generation: u32,
    since: Option<Version>,
    pub(crate) metadata: Arc<Metadata>,
    command: Option<(&'b Arc<str>, &'b str)>,
}

/// The events of a commit, as they stand in the block.
pub(crate) struct Events<'b> {
    block: &'b Block,
    reader: Reader<'b>,
    left: usize,
    occurred_at: Timestamp,
}

impl Events<'_> {
    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }
}

impl<'b> Iterator for Events<'b> {
    type Item = Result<RawEvent<'b>, BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let event = self.read();
        self.left = if event.is_err() { 0 } else { self.left - 1 };
        Some(event)
    }
}

impl<'b> Events<'b> {
    fn read(&mut self) -> Result<RawEvent<'b>, BlockError> {
        use event_bits as bits;
        let reader = &mut self.reader;
        let flags = reader.number()?;
        let has = |bit| flags & bit != 0;
        let id = EventId(reader.id()?);
        let event_type = self.block.string(reader.number()?)?;
        let schema_version = if has(bits::SCHEMA_VERSION) { reader.small()? } else { 1 };
        let own_time = if has(bits::OCCURRED_AT) {
            Some(Timestamp(self.occurred_at.0.wrapping_add(reader.signed()?)))
        } else {
            None
        };
        let data = reader.text()?;
        let custom = if has(bits::CUSTOM) { Some(reader.text()?) } else { None };
        if self.left == 1 && !reader.is_empty() {
            return Err(BlockError::Malformed("a commit has bytes left over"));
        }
        let occurred_at = own_time.unwrap_or(self.occurred_at);
        Ok(RawEvent { id, event_type, schema_version, own_time, occurred_at, data, custom })
    }
}

/// An event as it stands in the block.
pub(crate) struct RawEvent<'b> {
    id: EventId,
    pub(crate) event_type: &'b Arc<str>,
    schema_version: u32,
    own_time: Option<Timestamp>,
    /// When it happened, by its own word or its commit's.
    pub(crate) occurred_at: Timestamp,
    data: &'b str,
    custom: Option<&'b str>,
}

impl RawEvent<'_> {
    pub(crate) fn decode(&self) -> Result<Event, BlockError> {
        Ok(Event {
            id: self.id,
            event_type: Arc::clone(self.event_type),
            schema_version: self.schema_version,
            data: json(self.data)?,
            occurred_at: self.own_time,
            custom: self.custom.map(json).transpose()?,
        })
    }
}

fn json(text: &str) -> Result<Json, BlockError> {
    Json::trusted(text).map_err(|_| BlockError::Malformed("a document is not JSON"))
}
