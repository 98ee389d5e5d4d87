//! Snapshots at work: states begin with the nearest one that fits, and new ones are taken in the background.

mod resume;
mod take;

pub(super) use resume::Resumed;

use super::{Engine, Inner, ReadError};
use crate::{
    aggregate::{Decider, State},
    json::Json,
    log::{
        LogError,
        store::{Batch, Bytes, Key, Selection, Store, Table, Write},
    },
    snapshot::{
        Compression, Fingerprint, Keeper, Mode, SnapshotInfo, SnapshotPolicy,
        row::{Row, prefix, prefix_of_aggregate},
    },
    stream::StreamName,
};
use std::{cell::RefCell, collections::VecDeque, rc::Rc};

/// What the engine knows about snapshots as a whole.
pub(super) struct Keeping {
    policy: SnapshotPolicy,
    compression: Option<Rc<dyn Compression>>,
    upcasters: String,
    /// The streams of which one is to be taken, the first one first.
    due: RefCell<VecDeque<StreamName>>,
}

/// An aggregate's way of keeping states.
struct Way<'a> {
    keeper: &'a dyn Keeper,
    policy: &'a SnapshotPolicy,
    fingerprint: Fingerprint,
}

impl Keeping {
    pub(super) fn new(
        policy: SnapshotPolicy,
        compression: Option<Rc<dyn Compression>>,
        upcasters: String,
    ) -> Self {
        Self { policy, compression, upcasters, due: RefCell::default() }
    }

    /// How an aggregate's states are kept; none if they are not.
    fn way<'a>(&'a self, decider: &'a Rc<dyn Decider>) -> Option<Way<'a>> {
        let keeper = decider.keeper()?;
        let policy = keeper.policy().unwrap_or(&self.policy);
        let fingerprint = Fingerprint::of(&[&keeper.fingerprint().0.to_string(), &self.upcasters]);
        (policy.mode != Mode::Never).then_some(Way { keeper, policy, fingerprint })
    }

    /// The state that a row holds.
    async fn read(&self, keeper: &dyn Keeper, row: &Row<'_>) -> Option<State> {
        let bytes = match (row.is_compressed, &self.compression) {
            (false, _) => row.state.to_vec(),
            (true, Some(compression)) => compression.decompress(row.state.to_vec()).await?,
            (true, None) => return None,
        };
        // the checksum of the row held, so it is the text that was written
        let json = Json::trusted(std::str::from_utf8(&bytes).ok()?).ok()?;
        keeper.read(&json).ok()
    }
}

impl<S: Store> Engine<S> {
    /// Takes a snapshot of the confirmed state of an aggregate's instance now; none if it has no confirmed event.
    ///
    /// # Errors
    /// [`ReadError::Unkeepable`] if its states are not kept, or JSON can't hold this one; otherwise as [`Engine::load`].
    pub async fn take_snapshot(&self, aggregate: &str, id: &str) -> Result<Option<SnapshotInfo>, ReadError> {
        self.inner.keep(&StreamName::of(aggregate, id)?).await
    }

    /// The snapshots of an aggregate's instance, the oldest first. Rows that can't be read are left out.
    ///
    /// # Errors
    /// [`ReadError`]: an unknown aggregate, a bad name, storage that fails.
    pub async fn snapshots(&self, aggregate: &str, id: &str) -> Result<Vec<SnapshotInfo>, ReadError> {
        let stream = StreamName::of(aggregate, id)?;
        let decider = self.inner.decider(aggregate)?;
        let fingerprint = self.inner.keeping.way(&decider).map(|way| way.fingerprint);
        let rows = self.inner.rows_of(prefix(&stream)).await?;
        let listed = rows.iter().filter_map(|(_, bytes)| {
            let row = Row::decode(bytes, &stream).ok()?;
            Some(info(&stream, &row, bytes.len(), fingerprint))
        });
        Ok(listed.collect())
    }

    /// Removes the snapshots of an aggregate's instance, or without an id of all its instances; how many there were. The
    /// aggregate need not be registered: so what is left of one that is no more can be removed.
    ///
    /// # Errors
    /// [`ReadError`]: a bad name, storage that fails.
    pub async fn discard_snapshots(&self, aggregate: &str, id: Option<&str>) -> Result<usize, ReadError> {
        // without an id any will do: it checks the name of the aggregate
        let stream = StreamName::of(aggregate, id.unwrap_or("any"))?;
        let prefix = if id.is_some() { prefix(&stream) } else { prefix_of_aggregate(stream.aggregate()) };
        let count = self.inner.rows_of(Rc::clone(&prefix)).await?.len();
        self.inner.write_rows(vec![Write::DeletePrefix(Table::Snapshots, prefix)]).await?;
        // what is at hand counts from a snapshot that is gone: it is loaded anew
        self.inner.states.take();
        Ok(count)
    }
}

fn info(stream: &StreamName, row: &Row<'_>, stored: usize, today: Option<Fingerprint>) -> SnapshotInfo {
    SnapshotInfo {
        stream: stream.clone(),
        version: row.version,
        taken_at: row.taken_at,
        size: row.size,
        stored: stored as u64,
        current: today == Some(row.fingerprint),
    }
}

impl<S: Store> Inner<S> {
    async fn rows_of(&self, prefix: Rc<str>) -> Result<Vec<(Key, Bytes)>, LogError> {
        let loaded = self.log.store().load(&[Selection::Prefix(Table::Snapshots, prefix)]).await?;
        Ok(loaded.rows.into_iter().flatten().collect())
    }

    async fn write_rows(&self, writes: Vec<Write>) -> Result<(), LogError> {
        // nothing here is added, so there is nothing to collide with
        let _done = self.log.store().write(Batch { writes, ..Batch::default() }).await?;
        Ok(())
    }
}
