//! Secondary indexes: the keys of rows in the order of a field.

use super::{path::Path, query::Test, value::Value};
use crate::json::Json;
use std::rc::Rc;

/// A value of a field and the key of the row that has it.
pub(crate) type Entry = (Value, Rc<str>);

/// An index on one field. It is made when it is first asked, and kept from then on.
pub(crate) struct Index {
    pub(crate) path: Path,
    entries: Option<Vec<Entry>>,
}

impl Index {
    pub(crate) fn new(path: Path) -> Self {
        Self { path, entries: None }
    }

    /// Makes it, if it is not there.
    pub(crate) fn make(&mut self, rows: &dyn Fn() -> Vec<(Rc<str>, Json)>) -> &[Entry] {
        let path = &self.path;
        self.entries.get_or_insert_with(|| {
            let entry = |(key, row): (Rc<str>, Json)| (path.value(&key, row.as_str()), key);
            let mut entries: Vec<Entry> = rows().into_iter().map(entry).collect();
            sort(&mut entries, false);
            entries
        })
    }

    /// Drops it; it is made anew when it is next asked.
    pub(crate) fn forget(&mut self) {
        self.entries = None;
    }

    /// Takes in that a row changed.
    pub(crate) fn change(&mut self, key: &Rc<str>, before: Option<&Json>, after: Option<&Json>) {
        let Some(entries) = &mut self.entries else { return };
        let entry = |row: &Json| (self.path.value(key, row.as_str()), Rc::clone(key));
        let (before, after) = (before.map(entry), after.map(entry));
        if before == after {
            return;
        }
        if let Some(Ok(at)) = before.map(|entry| entries.binary_search(&entry)) {
            entries.remove(at);
        }
        if let Some(entry) = after
            && let Err(at) = entries.binary_search(&entry)
        {
            entries.insert(at, entry);
        }
    }

    /// The part of some sorted entries that a test can hold for; none if it gives no bounds.
    pub(crate) fn narrow<'e>(entries: &'e [Entry], test: &Test) -> Vec<&'e [Entry]> {
        let from =
            |is_before: &dyn Fn(&Value) -> bool| entries.partition_point(|(value, _)| is_before(value));
        let equal = |wanted: &Value| &entries[from(&|it| it < wanted)..from(&|it| it <= wanted)];
        match test {
            Test::Eq(wanted) => vec![equal(wanted)],
            Test::In(wanted) => wanted.iter().map(equal).collect(),
            Test::Lt(limit) | Test::Lte(limit) => vec![&entries[..from(&|it| it <= limit)]],
            Test::Gt(limit) | Test::Gte(limit) => vec![&entries[from(&|it| it < limit)..]],
            Test::Prefix(prefix) => {
                let is_before = |it: &Value| match it {
                    Value::Text(text) => **text < **prefix,
                    other => *other < Value::Text(Rc::clone(prefix)),
                };
                let from = from(&is_before);
                let begins =
                    |(value, _): &Entry| matches!(value, Value::Text(text) if text.starts_with(&**prefix));
                let length = entries[from..].partition_point(begins);
                vec![&entries[from..from + length]]
            }
        }
    }
}

/// Sorts by value; equal values stay in their order.
pub(crate) fn sort(entries: &mut [Entry], descending: bool) {
    crate::order::sort_by(
        entries,
        |(one, _), (other, _)| if descending { other.cmp(one) } else { one.cmp(other) },
    );
}
