//! Reading: everything a load asks for, in one transaction.

use super::{bytes, connection::Connection, ended, epoch_of, fault::Fault, js_key, scope};
use crate::log::store::{Bytes, EPOCH, Key, Loaded, Selection, Table, end_of_prefix};
use indexed_db_futures::{
    KeyRange,
    future::{BasicRequest, GetAllPrimitiveRequest},
    iter::ArrayMapIter,
    object_store::ObjectStore,
    prelude::*,
    transaction::Transaction,
};
use wasm_bindgen::JsValue;

/// A list of keys or rows, asked for.
type Listing = GetAllPrimitiveRequest<JsValue>;

/// The requests of a selection, issued.
enum Asked {
    /// Rows by keys that were asked for beside them.
    Range(Listing, Listing),
    /// Rows by keys that are known.
    Runs(Vec<(Vec<Key>, Listing)>),
    Rows(Vec<(Key, BasicRequest<Option<JsValue>>)>),
}

/// Reads the selections.
pub(super) async fn load(connection: &Connection, selections: &[Selection]) -> Result<Loaded, Fault> {
    let names = tables(selections);
    let transaction = connection.database().transaction(&names[..]).build()?;
    let mut differences = Vec::new();
    for selection in selections {
        if let Selection::Without(table, other) = selection {
            let keys = |table: &Table| -> Result<Listing, Fault> {
                Ok(transaction.object_store(table.name())?.get_all_keys().primitive()?)
            };
            differences.push((keys(table)?, keys(other)?));
        }
    }
    let mut differences = differences.into_iter();
    let mut asked = Vec::with_capacity(selections.len());
    for selection in selections {
        asked.push(match (selection, ask(&transaction, selection)?) {
            (_, Some(asked)) => asked,
            (Selection::Without(table, _), None) => {
                let Some((keys, others)) = differences.next() else { continue };
                let (keys, others) = (keys_of(keys.await?)?, keys_of(others.await?)?);
                runs(&transaction.object_store(table.name())?, &keys, &others)?
            }
            (_, None) => continue,
        });
    }
    // Requests end in order: when this one has, the others have. (The end of the transaction would not do: Chromium tells of it
    // before it has handed over a large answer.)
    let epoch = get(&transaction.object_store(Table::Meta.name())?, &EPOCH.into())?;
    let epoch = epoch_of(epoch.await?)?;
    let rows = asked.into_iter().map(answer).collect::<Result<_, _>>()?;
    Ok(Loaded { epoch, rows })
}

fn tables(selections: &[Selection]) -> Vec<&'static str> {
    let read = selections.iter().flat_map(|selection| match selection {
        Selection::All(table)
        | Selection::From(table, _)
        | Selection::Keys(table, _)
        | Selection::Prefix(table, _) => [Some(*table), None],
        Selection::Without(table, other) => [Some(*table), Some(*other)],
    });
    scope([Table::Meta].into_iter().chain(read.flatten()))
}

fn get(store: &ObjectStore<'_>, key: &Key) -> Result<BasicRequest<Option<JsValue>>, Fault> {
    Ok(store.get::<JsValue, _, _>(js_key(key)).primitive()?)
}

/// Issues the requests of a selection, but for differences.
fn ask(transaction: &Transaction<'_>, selection: &Selection) -> Result<Option<Asked>, Fault> {
    let store = |table: Table| transaction.object_store(table.name());
    Ok(Some(match selection {
        Selection::All(table) => range(&store(*table)?, &|| from(0))?,
        Selection::From(table, first) => range(&store(*table)?, &|| from(*first))?,
        Selection::Prefix(table, prefix) => range(&store(*table)?, &|| of_prefix(prefix))?,
        Selection::Without(..) => return Ok(None),
        Selection::Keys(table, keys) => {
            let store = store(*table)?;
            let get = |key: &Key| Ok((key.clone(), get(&store, key)?));
            Asked::Rows(keys.iter().map(get).collect::<Result<_, Fault>>()?)
        }
    }))
}

/// Every key from a number on. Texts stand behind all numbers.
fn from(first: u64) -> KeyRange<JsValue> {
    KeyRange::LowerBound(JsValue::from_f64(first as f64), false)
}

/// Every key that begins with a text.
pub(super) fn of_prefix(prefix: &str) -> KeyRange<JsValue> {
    KeyRange::Bound(JsValue::from_str(prefix), false, JsValue::from_str(&end_of_prefix(prefix)), true)
}

/// Every key and row of a range.
fn range(store: &ObjectStore<'_>, keys: &dyn Fn() -> KeyRange<JsValue>) -> Result<Asked, Fault> {
    Ok(Asked::Range(
        store.get_all_keys().with_query::<JsValue, _>(keys()).primitive()?,
        store.get_all().with_query::<JsValue, _>(keys()).primitive()?,
    ))
}

/// The rows under keys that are not among others. Keys that stand next to each other are read in one request.
fn runs(store: &ObjectStore<'_>, keys: &[Key], others: &[Key]) -> Result<Asked, Fault> {
    let is_other = |key: &Key| others.binary_search(key).is_ok();
    let mut asked = Vec::new();
    for run in keys.chunk_by(|a, b| is_other(a) == is_other(b)) {
        if let (Some(first), Some(last)) = (run.first(), run.last())
            && !is_other(first)
        {
            let range = KeyRange::Bound(js_key(first), false, js_key(last), false);
            asked.push((run.to_vec(), store.get_all().with_query::<JsValue, _>(range).primitive()?));
        }
    }
    Ok(Asked::Runs(asked))
}

fn answer(asked: Asked) -> Result<Vec<(Key, Bytes)>, Fault> {
    let mut found = Vec::new();
    match asked {
        Asked::Range(keys, rows) => pair(keys_of(ended(keys)?)?, ended(rows)?, &mut found)?,
        Asked::Runs(runs) => {
            for (run, rows) in runs {
                pair(run, ended(rows)?, &mut found)?;
            }
        }
        Asked::Rows(rows) => {
            for (key, row) in rows {
                if let Some(row) = ended(row)? {
                    found.push((key, bytes(&row)));
                }
            }
        }
    }
    Ok(found)
}

type List = ArrayMapIter<JsValue>;

fn keys_of(keys: List) -> Result<Vec<Key>, Fault> {
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let key = key?;
        found.push(match (key.as_f64(), key.as_string()) {
            (Some(number), _) => Key::Number(number as u64),
            (None, Some(text)) => Key::Text(text.into()),
            (None, None) => return Err(Fault::new("DataError", "a key is neither a number nor a text")),
        });
    }
    Ok(found)
}

fn pair(keys: Vec<Key>, rows: List, found: &mut Vec<(Key, Bytes)>) -> Result<(), Fault> {
    for (key, row) in keys.into_iter().zip(rows) {
        found.push((key, bytes(&row?)));
    }
    Ok(())
}
