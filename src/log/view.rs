//! One holder's view of the log: the index, and what does not follow from it. A cache of the rows, never the truth.

use super::{
    Authority, Head, LogError,
    archive::{ARCHIVE, Archive},
    block::{Directory, Encoded, Region},
    identity::{DEVICE, Known},
    index::Index,
    parked::{PARKED, parked_of_row},
    rows::{HEAD, HeadRecord, orphan_of_key, rejected_of_row},
    sorted::Sorted,
    store::{Bytes, Key, Loaded, Selection, Store, Table},
};
use crate::{commit::RejectedCommit, conflict::Parked, id::CommitId};
use std::rc::Rc;
use uuid::Uuid;

/// What a holder of the database knows of it.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) epoch: u64,
    /// Whether nothing was ever written to the database.
    pub(super) is_new: bool,
    pub(super) record: HeadRecord,
    pub(super) rejected: Sorted<CommitId, ()>,
    /// Rejected commits by what names them as a cause: their ids, and those of their events.
    rejected_causes: Sorted<Uuid, CommitId>,
    pub(super) parked: Vec<Parked>,
    /// Streams that the server has archived.
    pub(super) archive: Rc<Archive>,
    /// Who this database is; nobody before that is settled.
    pub(super) identity: Rc<Known>,
    /// Commits of other devices that can't be brought back.
    pub(super) orphans: Sorted<CommitId, ()>,
    pub(super) index: Index,
    /// Rows other than blocks that can't be read.
    pub(super) bad_rows: Vec<(Table, Key, String)>,
}

/// The rows that a view is built from: directories, and whole blocks only where they are small.
const SOURCES: [Selection; 6] = [
    Selection::All(Table::Meta),
    Selection::All(Table::Rejected),
    Selection::All(Table::ConfirmedDirectory),
    Selection::Without(Table::Confirmed, Table::ConfirmedDirectory),
    Selection::All(Table::PendingDirectory),
    Selection::Without(Table::Pending, Table::PendingDirectory),
];

/// Reads a view from the store. `authority` counts for a new database; an old one knows its own.
pub(super) async fn fetch<S: Store>(store: &S, authority: Authority) -> Result<View, LogError> {
    loop {
        let loaded = store.load(&SOURCES).await?;
        let mut draft = Draft::new(loaded, authority)?;
        let doubtful = draft.doubtful();
        if !doubtful.is_empty() {
            // A directory row is damaged: the block itself holds the same directory.
            let selections = doubtful.map(|(region, keys)| Selection::Keys(region.table(), keys));
            let again = store.load(&selections).await?;
            if again.epoch != draft.view.epoch {
                continue;
            }
            draft.settle(again);
        }
        return Ok(draft.finish());
    }
}

/// Whether a block's directory came from a row of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    DirectoryRow,
    Block,
}

/// A view in the making.
struct Draft {
    view: View,
    blocks: [Sorted<u64, (Source, Bytes)>; 2],
}

/// Keys of blocks to look at, by region.
struct Doubtful([Vec<Key>; 2]);

impl Doubtful {
    fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    fn map<T>(self, with: impl Fn((Region, Vec<Key>)) -> T) -> [T; 2] {
        let [confirmed, pending] = self.0;
        [with((Region::Confirmed, confirmed)), with((Region::Pending, pending))]
    }
}

impl Draft {
    fn new(loaded: Loaded, authority: Authority) -> Result<Self, LogError> {
        let mut view = View {
            epoch: loaded.epoch,
            is_new: true,
            record: HeadRecord::new(authority),
            rejected: Sorted::default(),
            rejected_causes: Sorted::default(),
            parked: Vec::new(),
            archive: Rc::default(),
            identity: Rc::default(),
            orphans: Sorted::default(),
            index: Index::default(),
            bad_rows: Vec::new(),
        };
        let mut blocks = [Sorted::default(), Sorted::default()];
        for (rows, source) in loaded.rows.into_iter().zip(0..) {
            for (key, row) in rows {
                match (source, &key) {
                    (0, Key::Text(name)) if &**name == HEAD => {
                        view.record = HeadRecord::of_row(&key, &row)?;
                        view.is_new = false;
                    }
                    (0, Key::Text(name)) if &**name == DEVICE => match Known::of_row(&key, row) {
                        Ok(known) => view.identity = Rc::new(known),
                        Err(damage) => view.note_bad_row(Table::Meta, key, &damage.to_string()),
                    },
                    (0, Key::Text(name)) if &**name == PARKED => match parked_of_row(&key, &row) {
                        Ok(parked) => view.parked = parked,
                        Err(damage) => view.note_bad_row(Table::Meta, key, &damage.to_string()),
                    },
                    (0, Key::Text(name)) if &**name == ARCHIVE => match Archive::of_row(&key, &row) {
                        Ok(archive) => view.archive = Rc::new(archive),
                        Err(damage) => view.note_bad_row(Table::Meta, key, &damage.to_string()),
                    },
                    (1, Key::Text(text)) => match (orphan_of_key(&key), text.parse()) {
                        (Some(id), _) => {
                            view.orphans.insert(id, ());
                        }
                        (None, Ok(id)) => match rejected_of_row(&key, &row) {
                            Ok(rejected) => view.take_rejected(&rejected),
                            // whoever lists them notes the damage
                            Err(_) => {
                                view.rejected.insert(id, ());
                            }
                        },
                        (None, Err(_)) => {
                            view.note_bad_row(Table::Rejected, key, "its key is not the id of a commit")
                        }
                    },
                    (2, Key::Number(key)) => {
                        blocks[0].insert(*key, (Source::DirectoryRow, row));
                    }
                    (3, Key::Number(key)) => {
                        blocks[0].insert(*key, (Source::Block, row));
                    }
                    (4, Key::Number(key)) => {
                        blocks[1].insert(*key, (Source::DirectoryRow, row));
                    }
                    (5, Key::Number(key)) => {
                        blocks[1].insert(*key, (Source::Block, row));
                    }
                    _ => {}
                }
            }
        }
        Ok(Self { view, blocks })
    }

    /// Takes note of damaged directory rows; the keys of their blocks.
    fn doubtful(&mut self) -> Doubtful {
        Doubtful(Region::BOTH.map(|region| {
            let mut keys = Vec::new();
            for (key, (source, row)) in self.blocks[region as usize].entries() {
                if *source == Source::Block {
                    continue;
                }
                if let Err(damage) = read_directory(row, region, *key) {
                    self.view.note_bad_row(region.directories(), (*key).into(), &damage);
                    keys.push(Key::Number(*key));
                }
            }
            keys
        }))
    }

    fn settle(&mut self, again: Loaded) {
        for (region, rows) in Region::BOTH.into_iter().zip(again.rows) {
            for (key, row) in rows {
                if let Key::Number(key) = key {
                    self.blocks[region as usize].insert(key, (Source::Block, row));
                }
            }
        }
    }

    fn finish(self) -> View {
        let Self { mut view, blocks } = self;
        for (region, blocks) in Region::BOTH.into_iter().zip(blocks) {
            for (key, (source, row)) in blocks.entries() {
                let is_bad = |(table, at, _): &(Table, Key, String)| {
                    *table == region.directories() && *at == Key::Number(*key)
                };
                let has_directory_row = *source == Source::DirectoryRow || view.bad_rows.iter().any(is_bad);
                view.take_row(region, *key, row, has_directory_row);
            }
        }
        view
    }
}

fn read_directory(row: &[u8], region: Region, key: u64) -> Result<Directory, String> {
    let directory = Directory::read(row, region).map_err(|error| error.to_string())?;
    if directory.first == key {
        Ok(directory)
    } else {
        Err(format!("it belongs under key {}", directory.first))
    }
}

impl View {
    /// Takes in a block at the end of its region, from its row or its directory's.
    pub(super) fn take_row(&mut self, region: Region, key: u64, row: &[u8], has_directory_row: bool) {
        match read_directory(row, region, key) {
            Ok(directory) => self.index.push(&directory, has_directory_row),
            Err(damage) => self.index.push_opaque(region, key, row.len(), &damage),
        }
    }

    /// Takes in blocks that were written at the end of their region.
    pub(super) fn take(&mut self, blocks: &[Encoded]) {
        for block in blocks {
            self.index.push(&block.directory, block.has_directory_row());
        }
    }

    pub(super) fn take_rejected(&mut self, RejectedCommit { commit, reason, .. }: &RejectedCommit) {
        self.rejected.insert(commit.id, ());
        // an id that another commit has in the log names that one
        if &*reason.code != "command-id-taken" {
            self.rejected_causes.insert(commit.id.0, commit.id);
        }
        for event in &commit.events {
            self.rejected_causes.insert(event.id.0, commit.id);
        }
    }

    /// The rejected commit that this is the id of, or of an event of.
    pub(super) fn rejected_cause(&self, cause: Uuid) -> Option<CommitId> {
        self.rejected_causes.get(&cause).copied().filter(|id| self.rejected.contains(id))
    }

    pub(super) fn note_bad_row(&mut self, table: Table, key: Key, damage: &str) {
        if !self.bad_rows.iter().any(|(its_table, at, _)| *its_table == table && *at == key) {
            self.bad_rows.push((table, key, damage.into()));
        }
    }

    /// Takes over what reading had found out about blocks that are still the same, and who this is if that can't be read any more.
    pub(super) fn keep_damage_of(&mut self, before: &Self) {
        if self.identity.is_nobody() {
            self.identity = Rc::clone(&before.identity);
        }
        for (region, key, info) in before.index.damaged() {
            let now = self.index.blocks(region).get(&key);
            let is_same = now.is_some_and(|now| !now.opaque && now.fingerprint == info.fingerprint);
            if let (true, Some(damage)) = (is_same, &info.damage) {
                self.index.note_damage(region, key, damage);
            }
        }
        for (table, key, damage) in &before.bad_rows {
            if *table == Table::Rejected {
                self.note_bad_row(*table, key.clone(), damage);
            }
        }
    }

    /// Whether it was taken at the same moment as `other` or later. Within an epoch rows are only added at the end.
    pub(super) fn is_no_older_than(&self, other: &Self) -> bool {
        let reach = |view: &Self| Region::BOTH.map(|region| view.index.end(region));
        let ([a, b], [other_a, other_b]) = (reach(self), reach(other));
        self.epoch > other.epoch || self.epoch == other.epoch && a >= other_a && b >= other_b
    }

    /// The region that appends go to.
    pub(super) fn appends_to(&self) -> Region {
        match self.record.authority {
            Authority::Device => Region::Confirmed,
            Authority::Server => Region::Pending,
        }
    }

    /// The position that the next confirmed event gets where this device is the authority.
    pub(super) fn next_position(&self) -> u64 {
        self.index.end(Region::Confirmed)
    }

    /// The sequence that the next pending commit gets.
    pub(super) fn next_sequence(&self) -> u64 {
        self.index.end(Region::Pending).max(self.record.next_sequence)
    }

    /// The key that the next block of a region gets.
    pub(super) fn next_key(&self, region: Region) -> u64 {
        match region {
            Region::Confirmed => self.next_position(),
            Region::Pending => self.next_sequence(),
        }
    }

    /// Refuses if there is a block that might hold any stream: then no stream's version is certain.
    pub(super) fn certain(&self) -> Result<(), LogError> {
        match self.index.damaged().find(|(_, _, info)| info.opaque) {
            Some((region, key, info)) => {
                let reason = info.damage.as_deref().unwrap_or_default();
                let reason =
                    format!("{reason}; nothing can be appended, for it may hold events of any stream");
                Err(LogError::Corrupt { table: region.table(), key: key.into(), reason })
            }
            None => Ok(()),
        }
    }

    pub(super) fn head(&self) -> Head {
        let (record, index) = (&self.record, &self.index);
        Head {
            epoch: self.epoch,
            revision: record.revision,
            position: self.next_position() - 1,
            confirmed_events: index.confirmed_events(),
            pending_commits: index.queue().len() as u64,
            pending_events: index.pending_events(),
            next_sequence: self.next_sequence(),
            cursor: record.cursor.clone(),
            log_id: record.log_id.clone(),
            rewinds: record.rewinds.len() as u64,
            rejected: self.rejected.len() as u64,
            parked: self.parked.len() as u64,
            orphans: self.orphans.len() as u64,
            blocks: Region::BOTH.into_iter().map(|region| index.blocks(region).len() as u64).sum(),
        }
    }
}
