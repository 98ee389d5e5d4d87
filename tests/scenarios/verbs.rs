//! The verbs of the scenarios over the Rust API. Each takes its arguments as a struct that refuses those it does not know.

use super::{
    device::{Device, World},
    domain::state_json,
    processes,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{fmt, sync::Arc};
use tidelog::{
    aggregate::DecideError,
    commit::Command,
    engine::{At, Imported, ReadError, Receipt, RowsDifference, StateDifference, WriteError, WriteOptions},
    event::{NewEvent, RecordedEvent},
    health::{Safety, StorageSigns, Told},
    id::CommitId,
    json::Json,
    log::{EventPage, Place, Query},
    replay::{Control, Filter, HandleError, OnError, Replay},
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};
use uuid::Uuid;

/// Why a step gave no answer.
pub enum Failure {
    /// The API refused, in its own words: a step may expect that.
    Of { code: &'static str, message: String, detail: Option<String> },
    /// The scenario is wrong.
    Scenario(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of { code, message, .. } => write!(f, "failed: {message} ({code})"),
            Self::Scenario(why) => f.write_str(why),
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let detail = match &error {
            WriteError::Decide(DecideError::Refused { code, .. }) => code.clone(),
            _ => None,
        };
        Self::Of { code: error.code(), message: error.to_string(), detail }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Of { code: error.code(), message: error.to_string(), detail: None }
    }
}

pub fn arguments<T: DeserializeOwned>(given: Value) -> Result<T, Failure> {
    serde_json::from_value(given).map_err(|error| Failure::Scenario(format!("arguments: {error}")))
}

pub fn json_of<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap()
}

/// Runs a verb on a device.
pub async fn run(world: &mut World, on: &str, verb: &str, given: Value) -> Result<Value, Failure> {
    if verb == "clock" {
        let Clock { advance } = arguments(given)?;
        world.clock.advance(advance);
        return Ok(Value::Null);
    }
    let device = world.device(on).await;
    match verb {
        "execute" => execute(&device, arguments(given)?).await,
        "append" => append(&device, arguments(given)?).await,
        "appendAll" => append_all(&device, arguments(given)?).await,
        "load" => load(&device, arguments(given)?).await,
        "read" => read(&device, arguments(given)?).await,
        "page" => page(world, &device, arguments(given)?).await,
        "version" => version(&device, arguments(given)?),
        "exists" => Ok(device.log().exists(&arguments::<Stream>(given)?.stream).into()),
        "streams" => streams(&device, arguments(given)?),
        "snapshot" => snapshot(&device, arguments(given)?).await,
        "snapshots" => snapshots(&device, arguments(given)?).await,
        "discardSnapshots" => discard_snapshots(&device, arguments(given)?).await,
        "row" => row(&device, arguments(given)?).await,
        "rows" => rows(&device, arguments(given)?).await,
        "sync" => sync(world, &device, arguments(given)?).await,
        "queue" => queue(&device, arguments(given)?).await,
        "rejected" => rejected(&device, arguments(given)?).await,
        "retry" => Ok(receipt_json(&device.retry(arguments::<OneCommit>(given)?.commit).await?)),
        "discard" => Ok(device.discard(arguments::<OneCommit>(given)?.commit).await?.into()),
        "difference" => difference(&device, arguments(given)?).await,
        "replay" => replay(&device, arguments(given)?).await,
        "metrics" => Ok(json_of(&device.metrics())),
        "health" => Ok(json_of(&device.health(in_memory()))),
        "dump" => Ok(json_of(&device.dump(in_memory(), false).await?)),
        "outcome" => outcome(&device, arguments(given)?).await,
        other => match processes::run(&device, other, given).await? {
            Some(answer) => Ok(answer),
            None => Err(Failure::Scenario(format!("there is no verb {other}"))),
        },
    }
}

/// What every host says of itself here: storage that ends with the scenario.
fn in_memory() -> Told {
    let storage = StorageSigns { standing: Some(Safety::Memory), ..StorageSigns::default() };
    Told { storage, sync: None }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    advance: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Execute {
    aggregate: String,
    id: String,
    command: Command,
    #[serde(default)]
    options: WriteOptions,
}

async fn execute(device: &Device, given: Execute) -> Result<Value, Failure> {
    let Execute { aggregate, id, command, options } = given;
    Ok(receipt_json(&device.execute(&aggregate, &id, command, options).await?))
}

fn receipt_json(receipt: &Receipt) -> Value {
    json!({
        "commitId": receipt.commit_id,
        "stream": receipt.stream,
        "version": receipt.version,
        "events": receipt.events,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Append {
    stream: String,
    events: Vec<NewEvent>,
    #[serde(default)]
    options: WriteOptions,
}

async fn append(device: &Device, given: Append) -> Result<Value, Failure> {
    Ok(receipt_json(&device.append(&given.stream, given.events, given.options).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppendAll {
    commits: Vec<Imported>,
}

async fn append_all(device: &Device, given: AppendAll) -> Result<Value, Failure> {
    Ok(json!({ "events": device.append_many(given.commits).await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    aggregate: String,
    id: String,
    #[serde(default)]
    at: Moment,
}

/// At most one of them.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    version: Option<Version>,
    position: Option<Position>,
    time: Option<Timestamp>,
    known: Option<Timestamp>,
}

impl Moment {
    fn at(self) -> At {
        match self {
            Self { version: Some(version), .. } => At::Version(version),
            Self { position: Some(position), .. } => At::Position(position),
            Self { time: Some(time), .. } => At::Occurred(time),
            Self { known: Some(known), .. } => At::Known(known),
            Self { .. } => At::Now,
        }
    }
}

async fn load(device: &Device, given: Load) -> Result<Value, Failure> {
    let (state, version) = device.load(&given.aggregate, &given.id, given.at.at()).await?;
    Ok(json!({ "state": state_json(&given.aggregate, &state), "version": version }))
}

/// What to read. `after`, `first` and `last` are versions with `stream`, else positions.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct Read {
    stream: Option<StreamName>,
    aggregate: Option<Arc<str>>,
    types: Vec<Arc<str>>,
    correlation_id: Option<Uuid>,
    first: Option<u64>,
    last: Option<u64>,
    after: Option<Value>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: Option<usize>,
    backwards: bool,
}

impl Read {
    fn query(&self) -> Query {
        let range = self.first.unwrap_or(0)..=self.last.unwrap_or(u64::MAX);
        let (positions, versions) = match self.stream {
            None => (range, Query::default().versions),
            Some(_) => (Query::default().positions, range),
        };
        Query {
            positions,
            versions,
            correlation: self.correlation_id,
            stream: self.stream.clone(),
            aggregate: self.aggregate.clone(),
            types: self.types.clone(),
            from: self.from,
            to: self.to,
            backwards: self.backwards,
            ..Query::default()
        }
    }

    async fn start(&self, world: Option<&World>, device: &Device) -> Result<Place, Failure> {
        let step = u64::from(self.backwards);
        let number = |value: &Value| value.as_u64().map(|number| number.saturating_sub(step));
        let no_place = || Failure::Scenario("after is a version, a position or the next of a page".into());
        match (&self.after, &self.stream) {
            (None, _) => Ok(if self.backwards { Place::END } else { Place::START }),
            (Some(Value::String(next)), _) => {
                let index = next.strip_prefix("page ").and_then(|index| index.parse::<usize>().ok());
                let place = world.zip(index).and_then(|(world, index)| world.places.get(index).copied());
                place.ok_or_else(no_place)
            }
            (Some(value), Some(stream)) => {
                Ok(device.place_of(stream, number(value).ok_or_else(no_place)?).await?)
            }
            (Some(value), None) => Ok(Place::Confirmed(number(value).ok_or_else(no_place)?)),
        }
    }
}

async fn read(device: &Device, given: Read) -> Result<Value, Failure> {
    let mut from = given.start(None, device).await?;
    let mut left = given.limit.unwrap_or(usize::MAX);
    let mut all = Vec::new();
    loop {
        let EventPage { events, next } = device.read(&given.query(), from, left.min(2)).await?;
        left -= events.len().min(left);
        all.extend(events);
        match next {
            Some(next) if left > 0 => from = next,
            _ => return Ok(json_of(&all)),
        }
    }
}

async fn page(world: &mut World, device: &Device, given: Read) -> Result<Value, Failure> {
    let from = given.start(Some(world), device).await?;
    let EventPage { events, next } = device.read(&given.query(), from, given.limit.unwrap_or(500)).await?;
    let next = next.map(|place| {
        world.places.push(place);
        format!("page {}", world.places.len() - 1)
    });
    Ok(json!({ "events": events, "next": next }))
}

/// An instance of an aggregate; without an id, all of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instance {
    aggregate: String,
    id: Option<String>,
}

async fn snapshot(device: &Device, given: Instance) -> Result<Value, Failure> {
    Ok(json_of(&device.take_snapshot(&given.aggregate, &given.id.unwrap_or_default()).await?))
}

async fn snapshots(device: &Device, given: Instance) -> Result<Value, Failure> {
    Ok(json_of(&device.snapshots(&given.aggregate, &given.id.unwrap_or_default()).await?))
}

async fn discard_snapshots(device: &Device, given: Instance) -> Result<Value, Failure> {
    Ok(device.discard_snapshots(&given.aggregate, given.id.as_deref()).await?.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    stream: StreamName,
}

fn version(device: &Device, Stream { stream }: Stream) -> Result<Value, Failure> {
    Ok(device.log().version(&stream).into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Streams {
    aggregate: Option<String>,
}

fn streams(device: &Device, given: Streams) -> Result<Value, Failure> {
    let mut names: Vec<_> = device.log().streams(given.aggregate.as_deref());
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    Ok(json_of(&names))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneRow {
    projection: String,
    key: String,
    #[serde(default)]
    at: Moment,
}

async fn row(device: &Device, given: OneRow) -> Result<Value, Failure> {
    let row = device.row_at(&given.projection, &given.key, given.at.at()).await?;
    Ok(row.map_or(Value::Null, |row| json_of(&row)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllRows {
    projection: String,
    #[serde(default)]
    at: Moment,
}

async fn rows(device: &Device, given: AllRows) -> Result<Value, Failure> {
    Ok(json_of(&device.rows_at(&given.projection, given.at.at()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn sync(world: &World, device: &Device, Nothing {}: Nothing) -> Result<Value, Failure> {
    let server = world.server.as_ref();
    server.ok_or_else(|| Failure::Scenario("the scenario has no server".into()))?.sync(device).await;
    let status = device.status();
    Ok(json!({ "pending": status.pending_commits, "rejected": status.rejected }))
}

async fn queue(device: &Device, Nothing {}: Nothing) -> Result<Value, Failure> {
    Ok(json_of(&device.queue(1_000).await?))
}

async fn rejected(device: &Device, Nothing {}: Nothing) -> Result<Value, Failure> {
    Ok(json_of(&device.rejected().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneCommit {
    commit: CommitId,
}

/// Of an aggregate's instance, of a row, or of all rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    aggregate: Option<String>,
    id: Option<String>,
    projection: Option<String>,
    key: Option<String>,
    from: Moment,
    #[serde(default)]
    to: Moment,
}

async fn difference(device: &Device, given: Between) -> Result<Value, Failure> {
    let (from, to) = (given.from.at(), given.to.at());
    if let Some(projection) = given.projection {
        let found = device.rows_difference(&projection, given.key.as_deref(), from, to, 500).await?;
        let RowsDifference { rows, events, total } = found;
        return Ok(match (given.key, rows.first()) {
            (None, _) => json!({ "rows": rows, "events": events, "total": total }),
            (Some(_), Some(row)) => json!({
                "before": row.before, "after": row.after, "changes": row.changes, "events": events, "total": total
            }),
            (Some(_), None) => json!({ "changes": [], "events": events, "total": total }),
        });
    }
    let (Some(aggregate), Some(id)) = (given.aggregate, given.id) else {
        return Err(Failure::Scenario("a difference is of an aggregate and id or of a projection".into()));
    };
    let found = device.state_difference(&aggregate, &id, from, to, 500).await?;
    let (before, after) = (state_json(&aggregate, &found.before.0), state_json(&aggregate, &found.after.0));
    let json = |value: &Value| Json::of(value).unwrap();
    let changes = tidelog::difference::difference(Some(&json(&before)), Some(&json(&after)));
    let StateDifference { events, total, .. } = found;
    Ok(json!({ "before": before, "after": after, "changes": changes, "events": events, "total": total }))
}

/// A replay that notes which events it is handed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Again {
    #[serde(default)]
    types: Vec<Arc<str>>,
    #[serde(default)]
    aggregates: Vec<Arc<str>>,
    #[serde(default)]
    streams: Vec<StreamName>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    #[serde(default)]
    after: Position,
    until: Option<Position>,
    /// The handler refuses the event with this position.
    refuses: Option<Position>,
    #[serde(default)]
    collect: bool,
}

async fn replay(device: &Device, given: Again) -> Result<Value, Failure> {
    let Again { types, aggregates, streams, from, to, after, until, refuses, collect } = given;
    let filter = Filter { types, aggregates, streams, from, to };
    let on_error = if collect { OnError::Collect(100) } else { OnError::Stop };
    let mut handed = Vec::new();
    let mut taking = |events: &[RecordedEvent]| {
        if events.iter().any(|event| event.position == refuses && refuses.is_some()) {
            return Err(HandleError { index: None, reason: "not this one".into() });
        }
        handed.extend(events.iter().filter_map(|event| event.position));
        Ok(())
    };
    let asked = Replay { filter, after, until, batch: 1, on_error };
    let report = device.replay(&asked, &mut taking, &Control::default()).await?;
    let mut report = json_of(&report);
    report["handed"] = json_of(&handed);
    Ok(report)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settled {
    stream: StreamName,
    commit: CommitId,
}

async fn outcome(device: &Device, given: Settled) -> Result<Value, Failure> {
    Ok(json_of(&device.outcome(&given.stream, given.commit).await?))
}
