//! A database in memory: for tests, for native use, and for a browser that has no IndexedDB.

use super::{
    sorted::Sorted,
    store::{
        Batch, Bytes, Closing, EPOCH, Key, Loaded, Selection, Store, StoreError, Table, Write, Written,
        end_of_prefix, epoch_from_row,
    },
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

type Rows = [Sorted<Key, Bytes>; Table::ALL.len()];

/// A database in memory. Clones are further holders of the same rows, as tabs are; each is closed by itself.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Rc<RefCell<Rows>>,
    closed: Cell<bool>,
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { rows: Rc::clone(&self.rows), closed: Cell::new(false) }
    }
}

impl MemoryStore {
    /// A new, empty database.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another database with the same rows: a copied profile, a backup.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { rows: Rc::new(RefCell::new(self.rows.borrow().clone())), closed: Cell::new(false) }
    }

    fn open_rows(&self) -> Result<&RefCell<Rows>, StoreError> {
        if self.closed.get() {
            return Err(StoreError::Closed { why: Closing::Here });
        }
        Ok(&self.rows)
    }
}

fn epoch_of(rows: &Rows) -> Result<u64, StoreError> {
    epoch_from_row(rows[Table::Meta as usize].get(&EPOCH.into()).map(|row| &**row))
}

fn select(rows: &Rows, selection: &Selection) -> Vec<(Key, Bytes)> {
    match selection {
        Selection::All(table) => rows[*table as usize].entries().to_vec(),
        Selection::From(table, first) => rows[*table as usize].from(&Key::Number(*first)).to_vec(),
        Selection::Without(table, other) => {
            let mut found = rows[*table as usize].entries().to_vec();
            found.retain(|(key, _)| !rows[*other as usize].contains(key));
            found
        }
        Selection::Keys(table, keys) => {
            let row = |key: &Key| Some((key.clone(), Rc::clone(rows[*table as usize].get(key)?)));
            keys.iter().filter_map(row).collect()
        }
        Selection::Prefix(table, prefix) => of_prefix(&rows[*table as usize], prefix).to_vec(),
    }
}

fn of_prefix<'a>(rows: &'a Sorted<Key, Bytes>, prefix: &Rc<str>) -> &'a [(Key, Bytes)] {
    let from = rows.from(&Key::Text(Rc::clone(prefix)));
    let behind = rows.from(&Key::Text(end_of_prefix(prefix)));
    &from[..from.len() - behind.len()]
}

/// Sets or removes a row; what was there before.
fn set(rows: &mut Rows, place: (Table, Key), row: Option<Bytes>) -> Option<Bytes> {
    match row {
        Some(row) => rows[place.0 as usize].insert(place.1, row),
        None => rows[place.0 as usize].remove(&place.1),
    }
}

fn roll_back(rows: &mut Rows, before: Vec<((Table, Key), Option<Bytes>)>) {
    for (place, row) in before.into_iter().rev() {
        set(rows, place, row);
    }
}

impl Store for MemoryStore {
    async fn load(&self, selections: &[Selection]) -> Result<Loaded, StoreError> {
        let rows = self.open_rows()?.borrow();
        Ok(Loaded {
            epoch: epoch_of(&rows)?,
            rows: selections.iter().map(|selection| select(&rows, selection)).collect(),
        })
    }

    async fn write(&self, batch: Batch) -> Result<Written, StoreError> {
        let mut stored = self.open_rows()?.borrow_mut();
        let epoch = epoch_of(&stored)?;
        if batch.epoch.is_some_and(|expected| expected != epoch)
            || batch.absent.iter().any(|(table, key)| stored[*table as usize].contains(key))
            || batch
                .unchanged
                .iter()
                .any(|(table, key, row)| stored[*table as usize].get(key) != row.as_ref())
        {
            return Ok(Written::Collision);
        }
        let mut before = Vec::with_capacity(batch.writes.len());
        for write in batch.writes {
            let (place, row) = match write {
                Write::Add(table, key, _) if stored[table as usize].contains(&key) => {
                    roll_back(&mut stored, before);
                    return Ok(Written::Collision);
                }
                Write::Add(table, key, row) | Write::Put(table, key, row) => ((table, key), Some(row)),
                Write::Delete(table, key) => ((table, key), None),
                Write::DeletePrefix(table, prefix) => {
                    for (key, _) in of_prefix(&stored[table as usize], &prefix).to_vec() {
                        let row = set(&mut stored, (table, key.clone()), None);
                        before.push(((table, key), row));
                    }
                    continue;
                }
            };
            before.push((place.clone(), set(&mut stored, place, row)));
        }
        if let Some(epoch) = batch.new_epoch {
            set(&mut stored, (Table::Meta, EPOCH.into()), Some(epoch.to_le_bytes().into()));
        }
        Ok(Written::Done)
    }

    fn close(&self) {
        self.closed.set(true);
    }
}
