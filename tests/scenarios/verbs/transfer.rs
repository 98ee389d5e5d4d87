//! In and out.

use super::{Failure, json_of};
use crate::device::Device;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tidelog::{
    stream::StreamName,
    time::Timestamp,
    transfer::{ExportOptions, Form, ImportError, ImportOptions, Mode, Row, Selection},
};

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        Self::Of { code: error.code(), message: error.to_string(), detail: None }
    }
}

/// The options of `tidelog.export` of the npm package.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Export {
    form: Form,
    person: Option<Part>,
    streams: Vec<StreamName>,
    aggregates: Vec<Arc<str>>,
    actor: Option<Arc<str>>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    confirmed_only: bool,
    shapes: super::Shapes,
    source: Option<Arc<str>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Part {
    streams: Vec<StreamName>,
    aggregates: Vec<Arc<str>>,
    actor: Option<Arc<str>>,
}

/// The text, and what it says: its lines, or the items of its array.
pub async fn export(device: &Device, given: Export) -> Result<Value, Failure> {
    let Export { form, person, streams, aggregates, actor, from, to, confirmed_only, shapes, source } = given;
    let either = person.is_some();
    let Part { streams, aggregates, actor } = person.unwrap_or(Part { streams, aggregates, actor });
    let selection = Selection { streams, aggregates, actor, either, from, to, confirmed_only };
    let mut export =
        device.export(ExportOptions { form, selection, versions: super::versions(&shapes), source });
    let mut text = String::new();
    while let Some(chunk) = export.next().await? {
        text.push_str(&chunk);
    }
    let items: Value = if form == Form::CloudEventsBatch {
        serde_json::from_str(&text).unwrap()
    } else {
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
    };
    Ok(json!({ "text": text, "items": items }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Import {
    text: String,
    mode: Option<Mode>,
    /// Damage: this text is replaced by that one, once.
    replace: Option<(String, String)>,
    /// Only so many of its lines, and half of the next.
    cut_after: Option<usize>,
}

pub async fn import(device: &Device, given: Import) -> Result<Value, Failure> {
    let mut text = given.text;
    if let Some((from, to)) = given.replace {
        text = text.replacen(&from, &to, 1);
    }
    if let Some(lines) = given.cut_after {
        let whole: usize = text.split_inclusive('\n').take(lines).map(str::len).sum();
        let next = text[whole..].split('\n').next().map_or(0, |line| line.len() / 2);
        text.truncate(whole + next);
    }
    let mut import = device.import(ImportOptions { mode: given.mode, source: None });
    import.push(&text).await?;
    Ok(json_of(&import.finish().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    source: Arc<str>,
    rows: Vec<Row>,
}

pub async fn import_rows(device: &Device, given: Rows) -> Result<Value, Failure> {
    let mut import = device.import(ImportOptions { mode: None, source: Some(given.source) });
    Ok(json_of(&import.rows(given.rows).await?))
}
