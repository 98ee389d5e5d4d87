//! What the core throws: plain data with a stable code, made a `TidelogError` by `pkg/src/errors.ts`.

use super::value::value;
use crate::{
    aggregate::{DecideError, RegisterError},
    engine::{ReadError, WriteError},
    event::RecordedEvent,
    log::{
        AppendError, LogError,
        store::{Closing, StoreError},
    },
    version::{ExpectedVersion, Version},
};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// `CoreFailure` in `pkg/src/core.ts`.
#[derive(Serialize)]
pub(super) struct Failure<'a> {
    code: &'a str,
    message: String,
    details: Details<'a>,
}

impl Failure<'_> {
    /// One whose code says it all.
    pub(super) fn plain(code: &'static str, message: String) -> Self {
        Self { code, message, details: Details::default() }
    }
}

/// What the codes carry.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projection: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<ExpectedVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<Version>,
    #[serde(skip_serializing_if = "JsValue::is_undefined", with = "serde_wasm_bindgen::preserve")]
    missing: JsValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    argument: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supported: Option<u64>,
}

impl From<Failure<'_>> for JsValue {
    fn from(failure: Failure<'_>) -> Self {
        value(&failure).unwrap_or_else(|_| failure.message.into())
    }
}

/// Events by the way of all events.
fn events(events: &[RecordedEvent]) -> JsValue {
    let text = serde_json::to_string(events).unwrap_or_default();
    js_sys::JSON::parse(&text).unwrap_or_default()
}

/// Something that JavaScript gave is not what it should be.
pub(super) fn invalid(argument: &str, reason: impl std::fmt::Display) -> JsValue {
    let details = Details { argument: Some(argument), ..Details::default() };
    Failure { code: "invalid-argument", message: format!("{argument}: {reason}"), details }.into()
}

/// A failed read.
pub(super) fn read_failure(error: ReadError) -> JsValue {
    Failure { code: error.code(), message: error.to_string(), details: of_read(&error) }.into()
}

/// A failed write.
pub(super) fn write_failure(error: WriteError) -> JsValue {
    let details = match &error {
        WriteError::Read(error) => of_read(error),
        WriteError::Decide(DecideError::Refused { code, .. }) => {
            Details { detail: code.as_deref(), ..Details::default() }
        }
        WriteError::Decide(
            DecideError::UnknownCommand { aggregate, command_type, .. }
            | DecideError::Failed { aggregate, command_type, .. },
        ) => Details { aggregate: Some(aggregate), command: Some(command_type), ..Details::default() },
        WriteError::Append(AppendError::Conflict { stream, expected, actual, missing }) => Details {
            stream: Some(stream.as_str()),
            expected: Some(*expected),
            actual: Some(*actual),
            missing: events(missing),
            ..Details::default()
        },
        WriteError::Append(AppendError::Archived { stream, version }) => {
            Details { stream: Some(stream.as_str()), version: Some(*version), ..Details::default() }
        }
        WriteError::Append(AppendError::Log(error)) => of_log(error),
        WriteError::Append(AppendError::CauseRejected { cause, .. }) => {
            Details { commit_id: Some(cause.to_string()), ..Details::default() }
        }
        WriteError::Rejected { id, .. } => Details { commit_id: Some(id.to_string()), ..Details::default() },
        WriteError::CommandIdTaken { id, stream } => {
            Details { commit_id: Some(id.to_string()), stream: Some(stream.as_str()), ..Details::default() }
        }
        _ => Details::default(),
    };
    Failure { code: error.code(), message: error.to_string(), details }.into()
}

/// An aggregate that can't be registered.
pub(super) fn register_failure(error: RegisterError) -> JsValue {
    invalid("aggregates", error)
}

fn of_read(error: &ReadError) -> Details<'_> {
    let details = Details::default();
    match error {
        ReadError::UnknownAggregate(name) => Details { aggregate: Some(name), ..details },
        ReadError::UnknownProjection(name) => Details { projection: Some(name), ..details },
        ReadError::NoVersion(_) => Details { argument: Some("at"), ..details },
        ReadError::UnknownProcess(name) => Details { process: Some(name), ..details },
        ReadError::Process(error) => Details { process: Some(&error.process), ..details },
        ReadError::UnknownCommit(id) => Details { commit_id: Some(id.clone()), ..details },
        ReadError::Log(error) => of_log(error),
        ReadError::Upcast(error) => {
            let ((event_type, schema_version), place) = (error.event(), error.place());
            Details {
                event: Some(event_type),
                schema_version: Some(schema_version),
                stream: place.map(|(stream, _)| stream),
                version: place.map(|(_, version)| version),
                ..details
            }
        }
        ReadError::Evolve(error) => Details {
            aggregate: Some(&error.aggregate),
            stream: Some(&error.stream),
            version: Some(error.version),
            ..details
        },
        ReadError::Unkeepable { stream, .. } => {
            Details { aggregate: Some(stream.aggregate()), stream: Some(stream.as_str()), ..details }
        }
        ReadError::Project(error) => Details { projection: Some(&error.projection), ..details },
        ReadError::Refused { code, .. } => Details { detail: Some(code), ..details },
        ReadError::InvalidQuery(_) => Details { argument: Some("query"), ..details },
        ReadError::NotParked(_) => Details { argument: Some("stream"), ..details },
        ReadError::NotJson(_) | ReadError::Clock(_) | ReadError::Stream(_) => details,
    }
}

fn of_log(error: &LogError) -> Details<'_> {
    match error {
        LogError::Corrupt { table, key, .. } => {
            Details { table: Some(table.name()), key: Some(key.to_string()), ..Details::default() }
        }
        LogError::Store(StoreError::NewerFormat { found, supported, .. }) => {
            Details { found: Some(*found), supported: Some(*supported), ..Details::default() }
        }
        LogError::Store(StoreError::Closed { why: Closing::Outdated }) => {
            Details { by: Some("newer-version"), ..Details::default() }
        }
        LogError::Store(StoreError::Closed { why: Closing::Deleted }) => {
            Details { by: Some("deletion"), ..Details::default() }
        }
        LogError::Store(_) | LogError::Misfit { .. } => Details::default(),
    }
}
