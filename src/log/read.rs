//! Reading in the order of the log, forwards and backwards, page by page.

use super::{
    EventPage, Log, LogError, Place, Query,
    block::{Block, BlockError, Record, Region, Standing, size_hint},
    course::{Course, first_place_before},
    event_log::Inner,
    load::recorded,
    open_blocks::damage,
    sorted::sort_short,
    store::Store,
};
use crate::{
    commit::{ConfirmedCommit, PendingCommit},
    event::RecordedEvent,
    version::Position,
};

impl<S: Store> Log<S> {
    /// A page of at most `limit` events: those after `from`, or, backwards, those before it, latest first. To begin, give
    /// [`Place::START`] or [`Place::END`]; to go on, what the page says.
    ///
    /// The work of one call is bounded: a page may hold fewer events than asked for, even none, and still have a next.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if the next block is damaged; [`Log::place_beyond`] tells where to go on. Or storage failed.
    pub async fn read(&self, query: &Query, from: Place, limit: usize) -> Result<EventPage, LogError> {
        if limit == 0 {
            return Ok(EventPage { events: Vec::new(), next: Some(from) });
        }
        loop {
            if let Some(page) = self.inner.read(query, from, limit).await? {
                return Ok(page);
            }
        }
    }

    /// The confirmed commits that begin after a position, with at most `limit_events` events, but at least one commit if
    /// there is one.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if the next block is damaged, or storage failed.
    pub async fn confirmed_commits(
        &self,
        after: Position,
        limit_events: usize,
    ) -> Result<Vec<ConfirmedCommit>, LogError> {
        let limits = Limits { events: limit_events, ..Limits::NONE };
        let commits = self.inner.commits(Region::Confirmed, after, limits, |record, _| {
            let stored = record.decode()?;
            let Standing::Confirmed { first_version, recorded_at } = stored.standing else {
                return Err(BlockError::OtherRegion);
            };
            let (first_position, commit) = (stored.key, stored.commit);
            let bytes = size_hint(&commit);
            let events = commit.events.len();
            Ok((ConfirmedCommit { first_version, first_position, recorded_at, commit }, events, bytes))
        });
        commits.await
    }

    /// The pending commits with a sequence above `after_sequence`, in order, within both bounds, but at least one if there
    /// is one.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if the next block is damaged, or storage failed.
    pub async fn pending(
        &self,
        after_sequence: u64,
        max_commits: usize,
        max_bytes: usize,
    ) -> Result<Vec<PendingCommit>, LogError> {
        self.inner.pending(after_sequence, max_commits, max_bytes).await
    }
}

/// How much a page of commits may hold.
#[derive(Clone, Copy)]
struct Limits {
    commits: usize,
    events: usize,
    bytes: usize,
}

impl Limits {
    const NONE: Self = Self { commits: usize::MAX, events: usize::MAX, bytes: usize::MAX };
}

impl<S: Store> Inner<S> {
    pub(super) async fn pending(
        &self,
        after_sequence: u64,
        max_commits: usize,
        max_bytes: usize,
    ) -> Result<Vec<PendingCommit>, LogError> {
        let limits = Limits { commits: max_commits, bytes: max_bytes, ..Limits::NONE };
        let commits = self.commits(Region::Pending, after_sequence, limits, |record, course| {
            let stored = record.decode()?;
            let Standing::Pending { policy, reoffered } = stored.standing else {
                return Err(BlockError::OtherRegion);
            };
            let (sequence, commit) = (stored.key, stored.commit);
            let (events, bytes) = (commit.events.len(), size_hint(&commit));
            Ok((
                PendingCommit {
                    sequence,
                    first_version: course.version(sequence),
                    policy,
                    reoffered,
                    commit,
                },
                events,
                bytes,
            ))
        });
        commits.await
    }

    /// One page; none if the view moved on in the middle.
    async fn read(&self, query: &Query, from: Place, limit: usize) -> Result<Option<EventPage>, LogError> {
        let course = Course::of_query(&self.view.borrow(), query, from, limit);
        let mut page = Page { query, from, limit, events: Vec::new(), last: None };
        let mut left: usize = course.bunches.iter().map(Vec::len).sum();
        for bunch in &course.bunches {
            let Some(blocks) = self.open_blocks(course.epoch, bunch).await? else { return Ok(None) };
            for block in blocks {
                left -= 1;
                let read = block.and_then(|block| {
                    page.take(&block, &course)
                        .map_err(|error| damage(&block, &error))
                        .map(|done| (done, block))
                });
                match read {
                    Ok((Taken::All, _)) => {}
                    Ok((Taken::Full { more_here }, _)) => {
                        let is_over = !more_here && left == 0 && course.beyond.is_none();
                        let next = if is_over { None } else { page.last };
                        return Ok(Some(EventPage { events: page.events, next }));
                    }
                    // What was read before the damage is a page of its own; the next one begins with it.
                    Err(_) if page.last.is_some() => {
                        return Ok(Some(EventPage { events: page.events, next: page.last }));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Some(EventPage { events: page.events, next: course.beyond }))
    }

    /// The commits of a region after a key; `take` makes one out of a record, and says how many events and bytes it has.
    async fn commits<T>(
        &self,
        region: Region,
        after: u64,
        limits: Limits,
        take: impl Fn(&Record<'_>, &Course) -> Result<(T, usize, usize), BlockError>,
    ) -> Result<Vec<T>, LogError> {
        'anew: loop {
            let enough = limits.events.min(limits.commits);
            let course = Course::of_region(&self.view.borrow(), region, after.saturating_add(1), enough);
            let (mut commits, mut events, mut bytes) = (Vec::new(), 0_usize, 0_usize);
            for bunch in &course.bunches {
                let Some(blocks) = self.open_blocks(course.epoch, bunch).await? else { continue 'anew };
                for block in blocks {
                    let block = match block {
                        Err(_) if !commits.is_empty() => return Ok(commits),
                        other => other?,
                    };
                    let records = sorted(&block).map_err(|error| damage(&block, &error))?;
                    for record in records.iter().filter(|record| record.key > after) {
                        let (commit, its_events, its_bytes) =
                            take(record, &course).map_err(|error| damage(&block, &error))?;
                        events = events.saturating_add(its_events);
                        bytes = bytes.saturating_add(its_bytes);
                        let is_full =
                            commits.len() >= limits.commits || events > limits.events || bytes > limits.bytes;
                        if is_full && !commits.is_empty() {
                            return Ok(commits);
                        }
                        commits.push(commit);
                    }
                }
            }
            return Ok(commits);
        }
    }
}

/// The records of a block by key.
fn sorted(block: &Block) -> Result<Vec<Record<'_>>, BlockError> {
    let mut records = block.records().collect::<Result<Vec<_>, _>>()?;
    sort_short(&mut records, |a, b| a.key < b.key);
    Ok(records)
}

/// A page in the making.
struct Page<'q> {
    query: &'q Query,
    from: Place,
    limit: usize,
    events: Vec<RecordedEvent>,
    /// Where to go on after the last event or block that was read; none before the first.
    last: Option<Place>,
}

enum Taken {
    /// The block was read to its end.
    All,
    /// The page is full.
    Full {
        /// Whether the block holds another event that was asked for.
        more_here: bool,
    },
}

impl Page<'_> {
    /// Takes what the query asks for out of a block.
    fn take(&mut self, block: &Block, course: &Course) -> Result<Taken, BlockError> {
        let query = self.query;
        let streams = &block.directory().streams;
        let wanted: Vec<bool> = streams.iter().map(|name| query.wants_stream(name)).collect();
        let is_skipped = !query.types.is_empty() && !block.mentions_any(&query.types);
        if !is_skipped && wanted.contains(&true) {
            let mut records = sorted(block)?;
            if query.backwards {
                records.reverse();
            }
            for record in records.iter().filter(|record| wanted[record.stream]) {
                if !self.take_commit(record, course)? {
                    return Ok(Taken::Full { more_here: true });
                }
            }
        }
        let directory = block.directory();
        self.last = Some(match (directory.region(), query.backwards) {
            (Region::Confirmed, false) => Place::Confirmed(directory.last),
            (Region::Confirmed, true) => Place::Confirmed(directory.first - 1),
            (Region::Pending, false) => Place::Pending(directory.last.saturating_add(1), 0),
            (Region::Pending, true) => Place::Pending(directory.first, 0),
        });
        Ok(if self.events.len() == self.limit { Taken::Full { more_here: false } } else { Taken::All })
    }

    /// Takes what the query asks for out of a commit; false if the page is full and there would be more.
    fn take_commit(&mut self, record: &Record<'_>, course: &Course) -> Result<bool, BlockError> {
        let query = self.query;
        let (heading, events) = record.open()?;
        if query.correlation.is_some_and(|chain| chain != heading.metadata.correlation_id) {
            return Ok(true);
        }
        let mut events = events
            .zip(0_u64..)
            .map(|(event, at)| event.map(|event| (event, at)))
            .collect::<Result<Vec<_>, _>>()?;
        if query.backwards {
            events.reverse();
        }
        let first_version =
            record.confirmed.map_or_else(|| course.version(record.key), |(version, _)| version);
        for (event, offset) in events {
            let position = record.position().map(|position| position.saturating_add(offset));
            let place = position.map_or(Place::Pending(record.key, offset + 1), Place::Confirmed);
            let is_wanted = (if query.backwards { place <= self.from } else { place > self.from })
                && (query.types.is_empty() || query.types.contains(event.event_type))
                && query.wants_moment(event.occurred_at)
                && query.positions.contains(&position.unwrap_or(u64::MAX))
                && query.versions.contains(&first_version.saturating_add(offset));
            if !is_wanted {
                continue;
            }
            if self.events.len() == self.limit {
                return Ok(false);
            }
            self.last = Some(if query.backwards { first_place_before(place) } else { place });
            self.events.push(recorded(record, &heading, event.decode()?, first_version, offset));
        }
        Ok(true)
    }
}
