//! Rows as they are seen: what pending events change, over what confirmed events say; and the answers to questions about them.

use super::{
    definition::Definition,
    index::{Entry, Index, sort},
    layer::Layer,
    path::Path,
    projector::ChangedRows,
    query::{Direction, RowPage, RowQuery},
    value::Value,
};
use crate::json::Json;
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// The most answers that are kept.
const ANSWERS: usize = 32;
/// When more rows than this change at once, making indexes and answers anew is cheaper than changing them.
const MANY: usize = 256;

/// What is seen over a [`Layer`] of confirmed rows.
///
/// A rebase drops the upper rows and folds the pending events again; the lower ones are never rolled back. A pull that merely
/// confirms pending events moves them from the upper fold to the lower without changing what is seen.
pub(crate) struct Rows {
    pending: BTreeMap<Rc<str>, Option<Json>>,
    indexes: Vec<Index>,
    answers: Vec<(RowQuery, Rc<RowPage>)>,
    stamp: u64,
}

impl Rows {
    pub(crate) fn new(definition: &Definition) -> Self {
        let index = |field: &Arc<str>| Index::new(Path(Arc::clone(field)));
        Self {
            pending: BTreeMap::new(),
            indexes: definition.indexes.iter().map(index).collect(),
            answers: Vec::new(),
            stamp: 0,
        }
    }

    /// The row of a key as it is seen.
    pub(crate) fn get<'r>(&'r self, layer: &'r Layer, key: &str) -> Option<&'r Json> {
        match self.pending.get(key) {
            Some(row) => row.as_ref(),
            None => layer.get(key),
        }
    }

    /// All rows as they are seen, in the order of their keys.
    pub(crate) fn all(&self, layer: &Layer) -> Vec<(Rc<str>, Json)> {
        all(&self.pending, layer)
    }

    /// Sets rows of the lower layer.
    pub(crate) fn confirm(&mut self, layer: &mut Layer, changed: ChangedRows) {
        if changed.len() > MANY {
            self.forget();
        }
        for (key, row) in changed {
            let before = layer.set(Rc::clone(&key), row);
            if !self.pending.contains_key(&key) {
                self.change(&key, before.as_ref(), layer.get(&key));
            }
        }
    }

    /// Sets rows of the upper layer. With `afresh` it consists of these alone.
    pub(crate) fn pend(&mut self, layer: &Layer, changed: ChangedRows, afresh: bool) {
        if changed.len() > MANY {
            self.forget();
        }
        let mut before = if afresh { std::mem::take(&mut self.pending) } else { BTreeMap::new() };
        for (key, row) in changed {
            let seen = match before.remove(&key) {
                Some(row) => row,
                None => self.get(layer, &key).cloned(),
            };
            self.change(&key, seen.as_ref(), row.as_ref());
            self.pending.insert(key, row);
        }
        for (key, row) in before {
            self.change(&key, row.as_ref(), layer.get(&key));
        }
    }

    /// Takes in that the lower layer changed a row by itself.
    pub(crate) fn note(&mut self, key: &Rc<str>, before: Option<&Json>, after: Option<&Json>) {
        if !self.pending.contains_key(key) {
            self.change(key, before, after);
        }
    }

    /// Takes in that the lower layer is another one: what pending events change is gone too.
    pub(crate) fn replaced(&mut self) {
        self.pending.clear();
        self.forget();
    }

    fn forget(&mut self) {
        self.indexes.iter_mut().for_each(Index::forget);
        self.answers.clear();
    }

    fn change(&mut self, key: &Rc<str>, before: Option<&Json>, after: Option<&Json>) {
        if before.map(Json::as_str) == after.map(Json::as_str) {
            return;
        }
        for index in &mut self.indexes {
            index.change(key, before, after);
        }
        let finds = |query: &RowQuery, row: Option<&Json>| row.is_some_and(|row| query.finds(key, row));
        self.answers.retain(|(query, _)| !finds(query, before) && !finds(query, after));
    }

    /// Answers a query: as before, if no row changed that it finds or found.
    pub(crate) fn query(&mut self, layer: &Layer, query: &RowQuery) -> Rc<RowPage> {
        if let Some(at) = self.answers.iter().position(|(asked, _)| asked == query) {
            let answer = self.answers.remove(at);
            let page = Rc::clone(&answer.1);
            self.answers.push(answer);
            return page;
        }
        let found = self.find(layer, query);
        self.stamp += 1;
        let count = found.len();
        let rows = found.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect();
        let page = Rc::new(RowPage { rows, count, stamp: self.stamp });
        if self.answers.len() == ANSWERS {
            self.answers.remove(0);
        }
        self.answers.push((query.clone(), Rc::clone(&page)));
        page
    }

    /// All rows that a query finds, in its order.
    fn find(&mut self, layer: &Layer, query: &RowQuery) -> Vec<(Rc<str>, Json)> {
        let mut order = &query.order_by[..];
        let candidates = match self.narrowed(layer, query) {
            Some(keys) => keys
                .into_iter()
                .filter_map(|key| Some((Rc::clone(&key), self.get(layer, &key)?.clone())))
                .collect(),
            None => match self.ordered(layer, order) {
                Some(rows) => {
                    order = &[];
                    rows
                }
                None => self.all(layer),
            },
        };
        let mut found: Vec<(Rc<str>, Json)> =
            candidates.into_iter().filter(|(key, row)| query.finds(key, row)).collect();
        // the last field first: rows that are equal in one keep the order of those after it
        for (field, direction) in order.iter().rev() {
            let path = Path(Arc::clone(field));
            let entry = |(key, row): &(Rc<str>, Json)| (path.value(key, row.as_str()), Rc::clone(key));
            let mut entries: Vec<Entry> = found.iter().map(entry).collect();
            sort(&mut entries, *direction == Direction::Descending);
            found = entries
                .into_iter()
                .filter_map(|(_, key)| self.get(layer, &key).cloned().map(|row| (key, row)))
                .collect();
        }
        found
    }

    /// The keys that an index leaves of all, in order, if there is one for every alternative.
    fn narrowed(&mut self, layer: &Layer, query: &RowQuery) -> Option<Vec<Rc<str>>> {
        if query.any_of.is_empty() {
            return None;
        }
        let mut keys: Vec<Entry> = Vec::new();
        let Self { pending, indexes, .. } = self;
        for tests in &query.any_of {
            let mut best: Option<Vec<&[Entry]>> = None;
            let length = |found: &[&[Entry]]| found.iter().map(|part| part.len()).sum::<usize>();
            for index in indexes.iter_mut() {
                let Some((_, test)) = tests.iter().find(|(field, _)| *index.path.0 == **field) else {
                    continue;
                };
                let entries = index.make(&|| all(pending, layer));
                let found = Index::narrow(entries, test);
                if best.as_ref().is_none_or(|best| length(&found) < length(best)) {
                    best = Some(found);
                }
            }
            let found = best?;
            keys.extend(
                found.into_iter().flatten().map(|(_, key)| (Value::Text(Rc::clone(key)), Rc::clone(key))),
            );
        }
        sort(&mut keys, false);
        keys.dedup();
        Some(keys.into_iter().map(|(_, key)| key).collect())
    }

    /// All rows in the order of one field, if there is an index on it and no second field.
    fn ordered(&mut self, layer: &Layer, order: &[(Arc<str>, Direction)]) -> Option<Vec<(Rc<str>, Json)>> {
        let [(field, direction)] = order else { return None };
        let Self { pending, indexes, .. } = self;
        let index = indexes.iter_mut().find(|index| *index.path.0 == **field)?;
        let entries = index.make(&|| all(pending, layer));
        let keys: Vec<Rc<str>> = match direction {
            Direction::Ascending => entries.iter().map(|(_, key)| Rc::clone(key)).collect(),
            Direction::Descending => {
                let equal = entries.chunk_by(|(one, _), (other, _)| one == other);
                equal.rev().flatten().map(|(_, key)| Rc::clone(key)).collect()
            }
        };
        Some(
            keys.into_iter().filter_map(|key| self.get(layer, &key).cloned().map(|row| (key, row))).collect(),
        )
    }
}

fn all(pending: &BTreeMap<Rc<str>, Option<Json>>, layer: &Layer) -> Vec<(Rc<str>, Json)> {
    let mut rows = Vec::with_capacity(layer.len() + pending.len());
    let mut upper = pending.iter().peekable();
    let mut take = |key: &Rc<str>, row: &Json| rows.push((Rc::clone(key), row.clone()));
    for (key, row) in layer.all() {
        while let Some((own, row)) = upper.next_if(|(own, _)| *own < key) {
            row.iter().for_each(|row| take(own, row));
        }
        match upper.next_if(|(own, _)| *own == key) {
            Some((_, own)) => own.iter().for_each(|row| take(key, row)),
            None => take(key, row),
        }
    }
    for (key, row) in upper {
        row.iter().for_each(|row| take(key, row));
    }
    rows
}
