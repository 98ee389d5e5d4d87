//! A log of an authority in memory.

use super::{
    ArchiveMark, Fenced, Filling, Gap, InvalidCursor, LastPush, Leaving, MAX_MISSING_BYTES, Offer, PageLimit,
    Rights, Streams,
    candidate::Candidate,
    cursor::Mark,
    domain::Overtaken,
    judge::{Behind, Facts, Judgement, Standing, judge},
};
use crate::{
    commit::ConfirmedCommit,
    id::{CommitId, DeviceId, EventId},
    json::{Json, NotJson},
    mistake::{Mistake, made},
    stream::StreamName,
    sync::protocol::{Archived, ArchivedPage, Cursor, Gone, MAX_MISSING_EVENTS, Page, Pushed},
    time::Timestamp,
    version::{Position, Version},
};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// A log as the authority keeps it, in memory; it ends with the value.
///
/// It keeps the contract of the server's storages (their suite in `server/tests` plays it too) as long as one caller at a time
/// holds it.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    id: Uuid,
    commits: Vec<Kept>,
    standings: HashMap<CommitId, Standing>,
    events: HashSet<EventId>,
    versions: HashMap<StreamName, Version>,
    producers: HashMap<DeviceId, LastPush>,
    archived: Vec<Archived>,
    most: PageLimit,
}

/// A push is refused as a whole; nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushRefused {
    /// It was made on another history than the log has.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// Somebody else pushes as the same producer.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The rules were asked about another state of the log.
    #[error(transparent)]
    Overtaken(#[from] Overtaken),
    /// A commit can't be written as JSON.
    #[error(transparent)]
    NotJson(#[from] NotJson),
}

/// A page is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PageRefused {
    /// The cursor was not made by this log, or by another history of it.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// Some of it was archived, and the reader does not say that it knows.
    #[error(transparent)]
    Gap(#[from] Gap),
}

#[derive(Clone, Debug)]
struct Kept {
    confirmed: ConfirmedCommit,
    /// The length of the commit as JSON: what pages are bounded by.
    bytes: usize,
}

impl MemoryLog {
    /// An empty log with this identity.
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        Self {
            id,
            commits: Vec::new(),
            standings: HashMap::new(),
            events: HashSet::new(),
            versions: HashMap::new(),
            producers: HashMap::new(),
            archived: Vec::new(),
            most: PageLimit::default(),
        }
    }

    /// No page holds or passes over more than this, whatever is asked for.
    #[must_use]
    pub fn with_pages(self, most: PageLimit) -> Self {
        Self { most, ..self }
    }

    /// What a page holds for which so many events are asked.
    pub(super) fn page_limit(&self, events: usize) -> PageLimit {
        PageLimit { events: events.min(self.most.events), ..self.most }
    }

    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    /// Whether a commit stands in it.
    #[must_use]
    pub fn has(&self, commit: CommitId) -> bool {
        self.standings.contains_key(&commit)
    }

    /// The commits of a stream whose first events are beyond a version, in order.
    pub fn history<'a>(
        &'a self,
        stream: &'a StreamName,
        after: Version,
    ) -> impl Iterator<Item = &'a ConfirmedCommit> {
        let is_here = |it: &&ConfirmedCommit| self.marker(&it.commit.stream).is_none();
        let wanted = move |it: &&ConfirmedCommit| it.commit.stream == *stream && it.first_version > after;
        self.commits().filter(wanted).filter(is_here)
    }

    /// What was accepted, in the order of positions.
    pub fn commits(&self) -> impl Iterator<Item = &ConfirmedCommit> {
        self.commits.iter().map(|kept| &kept.confirmed)
    }

    /// The position of the last event; 0 if there is none.
    #[must_use]
    pub fn position(&self) -> Position {
        self.commits.last().map_or(0, |kept| kept.confirmed.last_position())
    }

    /// The cursor at its end.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        let end = self.commits.last().map(|kept| &kept.confirmed);
        let mark =
            end.map(|last| Mark::after(self.id, last.last_position(), last.commit.id, last.recorded_at));
        mark.unwrap_or_else(|| Mark::start(self.id)).write()
    }

    /// Judges commits in order and keeps those that are accepted, as recorded at `now`.
    ///
    /// # Errors
    /// [`PushRefused`]; nothing is kept then.
    pub fn push(&mut self, offer: impl Into<Offer>, now: Timestamp) -> Result<Pushed, PushRefused> {
        let offer = offer.into();
        if let Some(cursor) = &offer.cursor
            && !made(Mistake::PushCursorIgnored)
        {
            self.mark(cursor)?;
        }
        let producer = offer.producer.map(|producer| producer.id);
        let last = offer.admit(producer.and_then(|id| self.producers.get(&id).copied()))?;
        let Offer { commits: candidates, rights, rulings, .. } = offer;
        let facts = self.facts(&candidates, &rights);
        let Judgement { mut outcomes, accepted, conflicts } =
            judge(facts, candidates, &rights, &rulings, now)?;
        let kept = accepted.into_iter().map(|confirmed| {
            let bytes = Json::of(&confirmed.commit)?.len();
            Ok(Kept { confirmed, bytes })
        });
        for kept in kept.collect::<Result<Vec<_>, NotJson>>()? {
            let ConfirmedCommit { first_version, first_position, ref commit, .. } = kept.confirmed;
            let stream = commit.stream.clone();
            self.standings.insert(commit.id, Standing { stream, first_version, first_position });
            self.events.extend(commit.events.iter().map(|event| event.id));
            self.versions.insert(commit.stream.clone(), first_version + commit.count() - 1);
            self.commits.push(kept);
        }
        self.producers.extend(producer.zip(last));
        let mut bytes = 0;
        for behind in conflicts {
            outcomes[behind.outcome].missing = self.missing(&behind, &mut bytes);
        }
        Ok(Pushed { log_id: self.id.to_string(), outcomes })
    }

    fn facts(&self, candidates: &[Candidate], rights: &Rights) -> Facts {
        let mut facts = Facts { position: self.position(), ..Facts::default() };
        for candidate in candidates {
            let Candidate::Commit(commit) = candidate else { continue };
            if let Some(standing) = self.standings.get(&commit.id) {
                facts.commits.insert(commit.id, standing.clone());
                continue;
            }
            if !rights.write.includes(commit.stream.as_str()) {
                continue;
            }
            let known = commit.events.iter().map(|event| event.id).filter(|id| self.events.contains(id));
            facts.events.extend(known);
            let version = self.versions.get(&commit.stream).copied().unwrap_or(0);
            facts.versions.insert(commit.stream.clone(), version);
            if let Some(marker) = self.marker(&commit.stream) {
                facts.archived.insert(commit.stream.clone(), marker.clone());
            }
        }
        facts
    }

    /// The whole commits of the stream beyond the expected version, as far as the bounds allow. `bytes` counts over the push.
    fn missing(&self, behind: &Behind, bytes: &mut usize) -> Vec<ConfirmedCommit> {
        let beyond = |kept: &&Kept| {
            let ConfirmedCommit { first_version, commit, .. } = &kept.confirmed;
            commit.stream == behind.stream && first_version + commit.count() - 1 > behind.version
        };
        let mut events = 0;
        let within = |kept: &&Kept| {
            events += kept.confirmed.commit.events.len();
            *bytes += kept.bytes;
            events <= MAX_MISSING_EVENTS && *bytes <= MAX_MISSING_BYTES
        };
        let missing = self.commits.iter().filter(beyond).take_while(within);
        missing.map(|kept| kept.confirmed.clone()).collect()
    }

    /// Where a cursor stands, and how many commits stand before it.
    fn mark(&self, cursor: &Cursor) -> Result<(Mark, usize), InvalidCursor> {
        let mark = Mark::of(cursor, self.id, self.position())?;
        let next = self.commits.partition_point(|kept| kept.confirmed.last_position() <= mark.position);
        let before = next.checked_sub(1).map(|index| &self.commits[index].confirmed);
        let there = before.filter(|commit| commit.last_position() == mark.position);
        let mark = mark.check(there.map(|confirmed| (confirmed.commit.id, confirmed.recorded_at)))?;
        Ok((mark, next))
    }

    /// Whole commits of these streams after a cursor, within `limit`, but at least one if there is one within what is passed over.
    ///
    /// # Errors
    /// [`PageRefused`].
    pub fn page(&self, after: &Cursor, limit: PageLimit, streams: &Streams) -> Result<Page, PageRefused> {
        let (mark, next) = self.mark(after)?;
        let skipped = usize::from(made(Mistake::PageSkips) && next + 1 < self.commits.len());
        let mut page = Filling::new(self.id, mark, limit, streams);
        for Kept { confirmed, bytes } in &self.commits[next + skipped..] {
            let is_seen = streams.includes(confirmed.commit.stream.as_str());
            let is_gone = self.marker(&confirmed.commit.stream).is_some();
            if !is_seen || is_gone {
                if !page.may_pass() {
                    break;
                }
                if is_seen {
                    page.note_gap();
                }
                page.pass(confirmed.last_position(), confirmed.commit.id, confirmed.recorded_at);
            } else if page.has_room(confirmed.commit.events.len(), *bytes) {
                page.take(confirmed.clone());
            } else {
                break;
            }
        }
        let end = self.archive_mark(self.archived.len());
        if page.hides(end) {
            return Err(Gap(self.gone(mark.position, streams)).into());
        }
        Ok(page.page(end))
    }

    /// A stream as it stands, to be archived as it is; none that is not there, or that is gone.
    #[must_use]
    pub fn leaving(&self, stream: &str, digest: &str, archive: &str) -> Option<Leaving> {
        let commits: Vec<_> = self.commits().filter(|it| it.commit.stream.as_str() == stream).collect();
        let last = commits.last()?;
        Some(Leaving {
            stream: last.commit.stream.clone(),
            version: last.first_version + last.commit.count() - 1,
            commits: commits.len() as u64,
            position: last.last_position(),
            digest: digest.into(),
            archive: archive.into(),
        })
    }

    /// Archives whole streams: those that still stand where they are said to, and are not archived yet. Their markers.
    pub fn archive(&mut self, streams: Vec<Leaving>, now: Timestamp) -> Vec<Archived> {
        let mut markers = Vec::new();
        for Leaving { stream, version, commits, position, digest, archive } in streams {
            let of_it = self.commits().filter(|it| it.commit.stream == stream);
            let (count, last) =
                of_it.fold((0_u64, 0), |(count, _), confirmed| (count + 1, confirmed.last_position()));
            let stands = self.versions.get(&stream) == Some(&version) && (count, last) == (commits, position);
            if stands && self.marker(&stream).is_none() {
                let marker =
                    Archived { stream, version, commits, position, digest, archived_at: now, archive };
                self.archived.push(marker.clone());
                markers.push(marker);
            }
        }
        markers
    }

    /// The markers of archived streams, of those among `streams`, after a cursor of markers, at most `limit`.
    ///
    /// # Errors
    /// [`InvalidCursor`] if this log has not, or no longer, the markers that the cursor stands for.
    pub fn archived(
        &self,
        after: &Cursor,
        limit: usize,
        streams: &Streams,
    ) -> Result<ArchivedPage, InvalidCursor> {
        let held = ArchiveMark::read(after)?;
        let from = usize::try_from(held.number).unwrap_or(usize::MAX);
        if from > self.archived.len() || self.archive_mark(from) != held {
            return Err(InvalidCursor::OtherMarkers);
        }
        let (mut archived, mut read) = (Vec::new(), from);
        for marker in &self.archived[from..] {
            if archived.len() == limit {
                break;
            }
            read += 1;
            if streams.includes(marker.stream.as_str()) {
                archived.push(marker.clone());
            }
        }
        let (cursor, up_to_date) = (self.archive_mark(read).write(), read == self.archived.len());
        Ok(ArchivedPage { log_id: self.id.to_string(), archived, cursor, up_to_date })
    }

    fn marker(&self, stream: &StreamName) -> Option<&Archived> {
        self.archived.iter().find(|marker| marker.stream == *stream)
    }

    fn archive_mark(&self, number: usize) -> ArchiveMark {
        self.archived.iter().take(number).fold(ArchiveMark::default(), ArchiveMark::with)
    }

    fn gone(&self, after: Position, streams: &Streams) -> Gone {
        let mut gone = Gone::default();
        for marker in &self.archived {
            if marker.position > after && streams.includes(marker.stream.as_str()) {
                gone.count(marker.version, marker.position);
            }
        }
        gone
    }
}
