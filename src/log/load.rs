//! Reading one stream: only the blocks that hold it, and of those only its commits.

use super::{
    Log, LogError,
    block::{Block, BlockError, Heading, Record, Region, Standing},
    event_log::Inner,
    index::Provisional,
    open_blocks::{corrupt, damage},
    store::Store,
};
use crate::{
    commit::ConfirmedCommit,
    event::{Event, RecordedEvent},
    id::CommitId,
    stream::StreamName,
    version::Version,
};
use std::{rc::Rc, sync::Arc};

impl<S: Store> Log<S> {
    /// The events of a stream with a version above `after`, confirmed ones and then pending ones with the versions they
    /// would get.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if a block of the stream is damaged or missing, or storage failed.
    pub async fn load(&self, stream: &StreamName, after: Version) -> Result<Vec<RecordedEvent>, LogError> {
        self.inner.load(stream, after, Version::MAX, false).await
    }

    /// The events of a stream with a version above `after`, up to and including `to`, pending ones included.
    ///
    /// # Errors
    /// As [`Log::load`].
    pub async fn load_until(
        &self,
        stream: &StreamName,
        after: Version,
        to: Version,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        self.inner.load(stream, after, to, false).await
    }

    /// The confirmed events of a stream with a version above `after`.
    ///
    /// # Errors
    /// As [`Log::load`].
    pub async fn load_confirmed(
        &self,
        stream: &StreamName,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        self.inner.load(stream, after, Version::MAX, true).await
    }

    /// The confirmed commit of a stream with this id, if there is one. Looks through the stream's blocks, the latest first.
    ///
    /// # Errors
    /// As [`Log::load`].
    pub async fn confirmed_commit(
        &self,
        stream: &StreamName,
        id: CommitId,
    ) -> Result<Option<ConfirmedCommit>, LogError> {
        self.inner.find_confirmed(stream, id, 0).await
    }
}

fn find(block: &Block, stream: &StreamName, id: CommitId) -> Result<Option<ConfirmedCommit>, BlockError> {
    for record in block.records() {
        let record = record?;
        if record.stream_name() != stream || record.id()? != id {
            continue;
        }
        let stored = record.decode()?;
        if let Standing::Confirmed { first_version, recorded_at } = stored.standing {
            let (first_position, commit) = (stored.key, stored.commit);
            return Ok(Some(ConfirmedCommit { first_version, first_position, recorded_at, commit }));
        }
    }
    Ok(None)
}

/// What loading a stream takes, as of one moment.
struct Wanted {
    epoch: u64,
    confirmed_version: Version,
    version: Version,
    confirmed: usize,
    pending: Vec<Provisional>,
    blocks: Vec<(Region, u64)>,
}

impl<S: Store> Inner<S> {
    /// The confirmed commit of a stream with this id, if it stands above a version.
    pub(super) async fn find_confirmed(
        &self,
        stream: &StreamName,
        id: CommitId,
        after: Version,
    ) -> Result<Option<ConfirmedCommit>, LogError> {
        'anew: loop {
            let (epoch, mut keys) = {
                let view = self.view.borrow();
                (view.epoch, view.index.stream_blocks(stream, after, Version::MAX))
            };
            keys.reverse();
            for key in keys {
                let wanted = [(Region::Confirmed, key)];
                let Some(blocks) = self.open_blocks(epoch, &wanted).await? else { continue 'anew };
                for block in blocks {
                    let block = block?;
                    if let Some(stored) = find(&block, stream, id).map_err(|error| damage(&block, &error))? {
                        return Ok(Some(stored));
                    }
                }
            }
            return Ok(None);
        }
    }

    pub(super) async fn load(
        &self,
        stream: &StreamName,
        after: Version,
        to: Version,
        confirmed_only: bool,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        loop {
            let wanted = self.wanted(stream, after, to, confirmed_only);
            let Some(blocks) = self.open_blocks(wanted.epoch, &wanted.blocks).await? else { continue };
            let blocks = blocks.into_iter().collect::<Result<Vec<_>, _>>()?;
            let (confirmed, pending) = blocks.split_at(wanted.confirmed);
            let mut events = Vec::new();
            let mut reached = after;
            for block in confirmed {
                read_confirmed(block, stream, &mut reached, &mut events)?;
            }
            if reached < wanted.confirmed_version.max(after) {
                return Err(missing_version(&wanted.blocks, stream, reached + 1));
            }
            read_pending(pending, stream, &wanted.pending, after, &mut events)?;
            events.truncate(events.partition_point(|event| event.version <= to));
            let last = events.last().map_or(after, |event| event.version);
            if last < wanted.version.max(after) {
                return Err(missing_version(&wanted.blocks, stream, last + 1));
            }
            return Ok(events);
        }
    }

    fn wanted(&self, stream: &StreamName, after: Version, to: Version, confirmed_only: bool) -> Wanted {
        let view = self.view.borrow();
        let index = &view.index;
        let confirmed_only = confirmed_only || to <= index.confirmed_version(stream);
        let confirmed_version = index.confirmed_version(stream).min(to);
        let blocks = index.stream_blocks(stream, after, to).into_iter();
        let mut blocks: Vec<_> = blocks.map(|key| (Region::Confirmed, key)).collect();
        let confirmed = blocks.len();
        let mut pending = if confirmed_only { Vec::new() } else { index.provisional(stream) };
        // The last one that begins at or before the first version wanted may hold it.
        let from = pending.partition_point(|(_, first)| *first <= after.saturating_add(1)).saturating_sub(1);
        pending.drain(..from);
        let block_of = |sequence: u64| index.block_at(Region::Pending, sequence).map(|(key, _)| key);
        blocks.extend(pending.iter().filter_map(|(at, _)| block_of(*at)).map(|key| (Region::Pending, key)));
        blocks.dedup();
        let version = if confirmed_only { confirmed_version } else { index.version(stream).min(to) };
        Wanted { epoch: view.epoch, confirmed_version, version, confirmed, pending, blocks }
    }
}

fn missing_version(blocks: &[(Region, u64)], stream: &StreamName, version: Version) -> LogError {
    let (region, key) = blocks.last().copied().unwrap_or((Region::Confirmed, 0));
    corrupt(
        region,
        key,
        &format!("version {version} of stream {stream} should stand here or before, and does not"),
    )
}

/// The commits of a stream in a block.
fn records_of<'b>(
    block: &'b Block,
    stream: &StreamName,
) -> impl Iterator<Item = Result<Record<'b>, LogError>> {
    let number = block.directory().streams.iter().position(|name| name == stream);
    block.records().filter_map(move |record| match record {
        Ok(record) if Some(record.stream) == number => Some(Ok(record)),
        Ok(_) => None,
        Err(error) => Some(Err(damage(block, &error))),
    })
}

fn read_confirmed(
    block: &Rc<Block>,
    stream: &StreamName,
    reached: &mut Version,
    into: &mut Vec<RecordedEvent>,
) -> Result<(), LogError> {
    for record in records_of(block, stream) {
        let record = record?;
        let Some((first_version, _)) = record.confirmed else { continue };
        let (_, events) = record.open().map_err(|error| damage(block, &error))?;
        let last = first_version + events.left() as u64 - 1;
        if last <= *reached {
            continue;
        }
        if first_version > *reached + 1 {
            let key = block.directory().first;
            let reason = format!("version {} of stream {stream} is missing before it", *reached + 1);
            return Err(corrupt(Region::Confirmed, key, &reason));
        }
        record_events(block, &record, first_version, *reached + 1 - first_version, into)?;
        *reached = last;
    }
    Ok(())
}

fn read_pending(
    blocks: &[Rc<Block>],
    stream: &StreamName,
    pending: &[Provisional],
    after: Version,
    into: &mut Vec<RecordedEvent>,
) -> Result<(), LogError> {
    for block in blocks {
        for record in records_of(block, stream) {
            let record = record?;
            let Ok(at) = pending.binary_search_by_key(&record.key, |(sequence, _)| *sequence) else {
                continue;
            };
            let first_version = pending[at].1;
            let skip = after.saturating_add(1).saturating_sub(first_version);
            record_events(block, &record, first_version, skip, into)?;
        }
    }
    Ok(())
}

/// Decodes the events of a commit from one on.
fn record_events(
    block: &Block,
    record: &Record<'_>,
    first_version: Version,
    skip: u64,
    into: &mut Vec<RecordedEvent>,
) -> Result<(), LogError> {
    let (heading, events) = record.open().map_err(|error| damage(block, &error))?;
    for (event, offset) in events.zip(0..).skip(usize::try_from(skip).unwrap_or(usize::MAX)) {
        let event = event.and_then(|event| event.decode()).map_err(|error| damage(block, &error))?;
        into.push(recorded(record, &heading, event, first_version, offset));
    }
    Ok(())
}

/// An event of a commit as a reader sees it.
pub(super) fn recorded(
    record: &Record<'_>,
    heading: &Heading<'_>,
    event: Event,
    first_version: Version,
    offset: u64,
) -> RecordedEvent {
    RecordedEvent {
        event,
        stream: record.stream_name().clone(),
        version: first_version.saturating_add(offset),
        position: record.position().map(|position| position.saturating_add(offset)),
        recorded_at: record.confirmed.map(|(_, at)| at),
        commit_id: heading.id,
        metadata: Arc::clone(&heading.metadata),
    }
}
