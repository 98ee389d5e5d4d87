//! What a block says about itself, apart from its body: enough to build the index from.

use super::{
    BlockError, Extent, FORMAT, Region, crc32,
    wire::{Reader, put_bytes, put_id, put_number},
};
use crate::{id::CommitId, stream::StreamName, version::Version};

const MAGIC: &[u8; 4] = b"TdLg";
/// The bytes before the directory.
const HEAD: usize = 14;
const PENDING: u8 = 1;
/// The most bytes that the names of one directory may add up to once their shared beginnings are written out.
const MAX_NAMES: usize = 64 << 20;

/// A stream's part of a confirmed block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    /// The lowest version of the stream in the block.
    pub(crate) first_version: Version,
    /// How many versions from there on.
    pub(crate) events: u64,
}

/// A commit of a pending block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queued {
    pub(crate) sequence: u64,
    pub(crate) id: CommitId,
    /// Its stream, by its place among the streams of the directory.
    pub(crate) stream: usize,
    pub(crate) events: u64,
}

/// What the directory lists, by region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// One portion for each stream, in the same order.
    Confirmed(Vec<Portion>),
    /// The commits, by rising sequence.
    Pending(Vec<Queued>),
}

/// What a block says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    /// The key of the block: the position of its first event, or the sequence of its first commit.
    pub(crate) first: u64,
    /// The position of its last event, or the sequence of its last commit.
    pub(crate) last: u64,
    pub(crate) commits: u64,
    pub(crate) events: u64,
    /// What the events have between them.
    pub(crate) extent: Extent,
    /// The length of the whole block in bytes.
    pub(crate) length: usize,
    /// A checksum over the directory and, through it, the body: tells apart two blocks under one key.
    pub(crate) fingerprint: u32,
    pub(crate) streams: Vec<StreamName>,
    pub(crate) contents: Contents,
}

/// Whether a block is large enough that its directory is also kept in a row of its own: then opening need not read it.
pub(crate) fn is_large(directory: &Directory) -> bool {
    directory.events >= 64 || directory.length >= 16 << 10
}

impl Directory {
    pub(crate) fn region(&self) -> Region {
        match self.contents {
            Contents::Confirmed(_) => Region::Confirmed,
            Contents::Pending(_) => Region::Pending,
        }
    }

    /// Writes head and directory in front of a body and takes note of length and fingerprint; the block and the length of
    /// its head and directory.
    pub(super) fn seal(&mut self, body: &[u8]) -> (Vec<u8>, usize) {
        let mut out = Vec::with_capacity(body.len() + 64 + 24 * self.streams.len());
        out.extend_from_slice(MAGIC);
        out.push(FORMAT);
        out.push(if self.region() == Region::Pending { PENDING } else { 0 });
        out.extend_from_slice(&[0; 8]);
        put_number(&mut out, body.len() as u64);
        out.extend_from_slice(&crc32(&[body]).to_le_bytes());
        for number in [self.first, self.last - self.first, self.commits, self.events] {
            put_number(&mut out, number);
        }
        self.extent.put(&mut out);
        put_number(&mut out, self.streams.len() as u64);
        let mut before: &[u8] = b"";
        for stream in &self.streams {
            let name = stream.as_str().as_bytes();
            let shared = before.iter().zip(name).take_while(|(a, b)| a == b).count();
            put_number(&mut out, shared as u64);
            put_bytes(&mut out, &name[shared..]);
            before = name;
        }
        match &self.contents {
            Contents::Confirmed(portions) => {
                for portion in portions {
                    put_number(&mut out, portion.first_version);
                    put_number(&mut out, portion.events);
                }
            }
            Contents::Pending(queue) => {
                let mut before = self.first;
                for queued in queue {
                    put_number(&mut out, queued.sequence - before);
                    put_id(&mut out, queued.id.0);
                    put_number(&mut out, queued.stream as u64);
                    put_number(&mut out, queued.events);
                    before = queued.sequence;
                }
            }
        }
        let end = out.len();
        let length = u32::try_from(end - HEAD).unwrap_or(u32::MAX);
        out[6..10].copy_from_slice(&length.to_le_bytes());
        self.fingerprint = checksum(&out[..end]);
        out[10..HEAD].copy_from_slice(&self.fingerprint.to_le_bytes());
        out.extend_from_slice(body);
        self.length = out.len();
        (out, end)
    }

    /// Reads head and directory of a block or of a directory row: the directory, and what the body must be.
    pub(super) fn open(bytes: &[u8], region: Region) -> Result<(Self, ExpectedBody), BlockError> {
        let head = bytes.get(..HEAD).ok_or(BlockError::CutShort)?;
        if !head.starts_with(MAGIC) {
            return Err(BlockError::Foreign);
        }
        if head[4] > FORMAT {
            return Err(BlockError::Newer { found: head[4] });
        }
        let mut reader = Reader::new(&head[6..]);
        let (length, fingerprint) = (reader.fixed()? as usize, reader.fixed()?);
        let end = HEAD.checked_add(length).ok_or(BlockError::CutShort)?;
        let whole = bytes.get(..end).ok_or(BlockError::CutShort)?;
        if checksum(whole) != fingerprint {
            return Err(BlockError::Checksum { part: "directory" });
        }
        if (head[5] == PENDING) != (region == Region::Pending) {
            return Err(BlockError::OtherRegion);
        }
        Self::parse(Reader::new(&whole[HEAD..]), head[4], region, end, fingerprint)
    }

    fn parse(
        mut reader: Reader<'_>,
        format: u8,
        region: Region,
        start: usize,
        fingerprint: u32,
    ) -> Result<(Self, ExpectedBody), BlockError> {
        let length = usize::try_from(reader.number()?).map_err(|_| BlockError::CutShort)?;
        let body = ExpectedBody { start, length, checksum: reader.fixed()? };
        let first = reader.number()?;
        let last = sum(first, reader.number()?)?;
        if first == 0 {
            return Err(BlockError::Malformed("its key is 0; the first is 1"));
        }
        let (commits, events) = (reader.number()?, reader.number()?);
        let extent = if format >= 2 { Extent::read(&mut reader)? } else { Extent::ANYTHING };
        let streams = names(&mut reader)?;
        let contents = match region {
            Region::Confirmed => Contents::Confirmed(portions(&mut reader, streams.len())?),
            Region::Pending => Contents::Pending(queue(&mut reader, first, streams.len(), commits)?),
        };
        if !reader.is_empty() {
            return Err(BlockError::Malformed("its directory has bytes left over"));
        }
        let length = start.checked_add(length).ok_or(BlockError::CutShort)?;
        Ok((Self { first, last, commits, events, extent, length, fingerprint, streams, contents }, body))
    }

    /// Reads a directory row, or the directory of a block without looking at its body.
    pub(crate) fn read(bytes: &[u8], region: Region) -> Result<Self, BlockError> {
        Self::open(bytes, region).map(|(directory, _)| directory)
    }
}

/// Where the body of a block stands and what its checksum is.
pub(super) struct ExpectedBody {
    start: usize,
    length: usize,
    checksum: u32,
}

impl ExpectedBody {
    /// The body, with a checksum that holds.
    pub(super) fn of<'a>(&self, block: &'a [u8]) -> Result<&'a [u8], BlockError> {
        let body = block.get(self.start..).ok_or(BlockError::CutShort)?;
        if body.len() != self.length {
            return Err(BlockError::CutShort);
        }
        if crc32(&[body]) != self.checksum {
            return Err(BlockError::Checksum { part: "body" });
        }
        Ok(body)
    }
}

fn checksum(head_and_directory: &[u8]) -> u32 {
    crc32(&[&head_and_directory[..10], &head_and_directory[HEAD..]])
}

fn sum(first: u64, more: u64) -> Result<u64, BlockError> {
    first.checked_add(more).ok_or(BlockError::Malformed("a key is over 64 bits"))
}

fn names(reader: &mut Reader<'_>) -> Result<Vec<StreamName>, BlockError> {
    let count = reader.count(2)?;
    let mut streams = Vec::with_capacity(count);
    let mut name: Vec<u8> = Vec::new();
    let mut total = 0;
    for _ in 0..count {
        let shared = usize::try_from(reader.number()?).map_err(|_| BlockError::CutShort)?;
        if shared > name.len() {
            return Err(BlockError::Malformed("a stream's name shares more than the one before it has"));
        }
        name.truncate(shared);
        name.extend_from_slice(reader.bytes()?);
        total += name.len();
        if total > MAX_NAMES {
            return Err(BlockError::Malformed("its streams' names add up to more than 64 MiB"));
        }
        let text =
            std::str::from_utf8(&name).map_err(|_| BlockError::Malformed("a stream's name is not UTF-8"))?;
        streams.push(
            StreamName::parse(text).map_err(|_| BlockError::Malformed("a stream's name is not valid"))?,
        );
    }
    Ok(streams)
}

fn portions(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Portion>, BlockError> {
    let mut portions = Vec::with_capacity(count);
    for _ in 0..count {
        let (first_version, events) = (reader.number()?, reader.number()?);
        if first_version == 0 || first_version.checked_add(events).is_none() {
            return Err(BlockError::Malformed("a stream's versions are out of bounds"));
        }
        portions.push(Portion { first_version, events });
    }
    Ok(portions)
}

fn queue(
    reader: &mut Reader<'_>,
    first: u64,
    streams: usize,
    commits: u64,
) -> Result<Vec<Queued>, BlockError> {
    let mut queue = Vec::new();
    let mut sequence = first;
    while !reader.is_empty() {
        sequence = sum(sequence, reader.number()?)?;
        let id = CommitId(reader.id()?);
        let stream = usize::try_from(reader.number()?).map_err(|_| BlockError::CutShort)?;
        if stream >= streams {
            return Err(BlockError::Malformed("a commit names a stream that the directory lacks"));
        }
        queue.push(Queued { sequence, id, stream, events: reader.number()? });
    }
    if queue.len() as u64 != commits {
        return Err(BlockError::Malformed("its directory does not list as many commits as it says"));
    }
    Ok(queue)
}
