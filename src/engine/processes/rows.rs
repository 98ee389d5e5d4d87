//! The rows of processes: instances, what they want done, and the checkpoint that all of them are written with.

use super::{Process, Wanted};
use crate::{
    engine::{Inner, ReadError},
    json::Json,
    log::{
        LogError,
        store::{Batch, Bytes, Key, SEPARATOR, Selection, Store, Table, Write, Written},
    },
    process::Instance,
    version::Position,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::rc::Rc;

/// How far a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Checkpoint {
    /// Rises with every write of the process, so that no two tabs write on top of the same.
    pub(super) number: u64,
    /// The position of the last confirmed event that was taken in.
    pub(super) position: Position,
    /// The position of the log's end when the process first ran here.
    pub(super) first: Position,
    /// Whether what comes now is no longer history.
    pub(super) born: bool,
    /// Where history ended.
    #[serde(default)]
    pub(super) born_at: Position,
    /// How often the server had lost history ([`Head::rewinds`](crate::log::Head::rewinds)) when it was written.
    #[serde(default)]
    pub(super) rewinds: u64,
}

fn key(parts: &[&str]) -> Rc<str> {
    parts.join(&SEPARATOR.to_string()).into()
}

fn checkpoint_key(process: &str) -> Key {
    Key::Text(key(&["process", process]))
}

fn instance_key(process: &str, instance: &str) -> Key {
    Key::Text(key(&["instance", process, instance]))
}

fn agenda_key(process: &str, instance: &str) -> Key {
    Key::Text(key(&["agenda", process, instance]))
}

/// What stands behind the last separator.
fn last_part(key: &Key) -> &str {
    match key {
        Key::Text(text) => text.rsplit(SEPARATOR).next().unwrap_or_default(),
        Key::Number(_) => "",
    }
}

fn read<T: DeserializeOwned>(table: Table, key: &Key, row: &Bytes) -> Result<T, LogError> {
    serde_json::from_slice(row).map_err(|error| {
        let reason = format!("it is no row of a process: {error}");
        LogError::Corrupt { table, key: key.clone(), reason }
    })
}

fn bytes(value: &impl Serialize) -> Bytes {
    // plain data of our own: it can be written as JSON
    Json::of(value).map_or_else(|_| Rc::from(&b"null"[..]), |json| json.as_str().as_bytes().into())
}

impl<S: Store> Inner<S> {
    /// Reads how far the process is and what its instances want done, unless this tab knows.
    pub(in crate::engine) async fn remember_process(
        &self,
        process: &Process,
    ) -> Result<Checkpoint, ReadError> {
        let known = *process.checkpoint.borrow();
        if let Some(known) = known.filter(|known| known.rewinds == self.log.head().rewinds) {
            return Ok(known);
        }
        let name = process.name();
        loop {
            let wanted = [
                Selection::Keys(Table::Checkpoints, vec![checkpoint_key(name)]),
                Selection::Prefix(Table::Processes, key(&["agenda", name, ""])),
            ];
            let mut loaded = self.log.store().load(&wanted).await.map_err(LogError::from)?.rows.into_iter();
            let checkpoints = loaded.next().unwrap_or_default();
            let Some((at, row)) = checkpoints.first() else {
                let head = self.log.head();
                let fresh =
                    Checkpoint { first: head.position, rewinds: head.rewinds, ..Checkpoint::default() };
                *process.stored.borrow_mut() = None;
                // whether another tab is faster or not, there is one now
                self.write_process(process, fresh, &[]).await?;
                continue;
            };
            let checkpoint: Checkpoint = read(Table::Checkpoints, at, row)?;
            if checkpoint.rewinds > self.log.head().rewinds && self.log.catch_up().await? {
                continue;
            }
            *process.stored.borrow_mut() = Some(Rc::clone(row));
            {
                let mut agenda = process.agenda.borrow_mut();
                agenda.clear();
                for (at, row) in loaded.next().unwrap_or_default() {
                    agenda.insert(last_part(&at).to_owned(), read(Table::Processes, &at, &row)?);
                }
            }
            process.worked.set(None);
            if let Some(position) = self.log.rewound_to(checkpoint.rewinds) {
                self.forget_instances(process, checkpoint, position).await?;
                continue;
            }
            *process.checkpoint.borrow_mut() = Some(checkpoint);
            return Ok(checkpoint);
        }
    }

    /// The server has lost what came after a position: instances are folded again from the beginning, and what comes back or comes
    /// new is no history. Steps that were carried out have their commits, under the same ids.
    async fn forget_instances(
        &self,
        process: &Process,
        before: Checkpoint,
        position: Position,
    ) -> Result<(), ReadError> {
        let name = process.name();
        let after = Checkpoint {
            number: before.number + 1,
            position: 0,
            first: before.first.min(position),
            born_at: before.born_at.min(position),
            rewinds: self.log.head().rewinds,
            ..before
        };
        let fence = (Table::Checkpoints, checkpoint_key(name), process.stored.borrow().clone());
        let writes = vec![
            Write::DeletePrefix(Table::Processes, key(&["instance", name, ""])),
            Write::DeletePrefix(Table::Processes, key(&["agenda", name, ""])),
            Write::Put(Table::Checkpoints, checkpoint_key(name), bytes(&after)),
        ];
        // whether another tab is faster or not, they are gone now
        let batch = Batch { unchanged: vec![fence], writes, ..Batch::default() };
        let _done = self.log.store().write(batch).await.map_err(LogError::from)?;
        process.ahead.borrow_mut().clear();
        Ok(())
    }

    /// How far the process is, by whatever tab.
    pub(super) async fn stored_checkpoint(&self, process: &Process) -> Result<Checkpoint, ReadError> {
        let wanted = [Selection::Keys(Table::Checkpoints, vec![checkpoint_key(process.name())])];
        let loaded = self.log.store().load(&wanted).await.map_err(LogError::from)?;
        let last = loaded.rows.into_iter().flatten().last();
        Ok(last.map_or(Ok(Checkpoint::default()), |(key, row)| read(Table::Checkpoints, &key, &row))?)
    }

    /// Instances by their ids; missing ones are left out.
    pub(super) async fn instances(
        &self,
        process: &Process,
        ids: impl Iterator<Item = &str>,
    ) -> Result<Vec<Instance>, ReadError> {
        let keys: Vec<Key> = ids.map(|id| instance_key(process.name(), id)).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.load_instances(Selection::Keys(Table::Processes, keys)).await
    }

    /// All instances of a process, sorted by id.
    pub(super) async fn all_instances(&self, process: &Process) -> Result<Vec<Instance>, ReadError> {
        let prefix = key(&["instance", process.name(), ""]);
        self.load_instances(Selection::Prefix(Table::Processes, prefix)).await
    }

    async fn load_instances(&self, wanted: Selection) -> Result<Vec<Instance>, ReadError> {
        let loaded = self.log.store().load(&[wanted]).await.map_err(LogError::from)?;
        let rows = loaded.rows.into_iter().flatten();
        Ok(rows.map(|(key, row)| read(Table::Processes, &key, &row)).collect::<Result<_, _>>()?)
    }

    /// Writes instances together with the checkpoint, which moves on by one; false if another tab was faster: then what this tab
    /// knew is forgotten.
    pub(super) async fn write_process(
        &self,
        process: &Process,
        checkpoint: Checkpoint,
        instances: &[Instance],
    ) -> Result<bool, ReadError> {
        let name = process.name();
        let after = Checkpoint { number: checkpoint.number + 1, ..checkpoint };
        let row = bytes(&after);
        let fence = (Table::Checkpoints, checkpoint_key(name), process.stored.borrow().clone());
        let mut writes = vec![Write::Put(Table::Checkpoints, checkpoint_key(name), Rc::clone(&row))];
        for instance in instances {
            let key = instance_key(name, &instance.id);
            let is_one = instance.run > 0 || instance.parked.is_some();
            let at = agenda_key(name, &instance.id);
            writes.push(match is_one {
                true => Write::Put(Table::Processes, key, bytes(instance)),
                false => Write::Delete(Table::Processes, key),
            });
            writes.push(match Wanted::of(instance) {
                Some(wanted) => Write::Put(Table::Processes, at, bytes(&wanted)),
                None => Write::Delete(Table::Processes, at),
            });
        }
        // not guarded by the log's epoch: all of it follows from what is confirmed
        let batch = Batch { unchanged: vec![fence], writes, ..Batch::default() };
        let written = self.log.store().write(batch).await;
        if !matches!(written, Ok(Written::Done)) {
            *process.checkpoint.borrow_mut() = None;
            return written.map(|_| false).map_err(|error| LogError::from(error).into());
        }
        *process.checkpoint.borrow_mut() = Some(after);
        *process.stored.borrow_mut() = Some(row);
        for instance in instances {
            let mut agenda = process.agenda.borrow_mut();
            match Wanted::of(instance) {
                Some(wanted) => agenda.insert(instance.id.clone(), wanted),
                None => agenda.remove(&instance.id),
            };
        }
        if !instances.is_empty() {
            self.tell_of_processes();
        }
        Ok(true)
    }
}
