//! The verbs of the scenarios over the Rust API. Each takes its arguments as a struct that refuses those it does not know.

mod conflicts;
mod past;
mod processes;
mod rows;
mod transfer;

use super::{
    device::{Device, Rules, World},
    domain::state_json,
};
use past::Moment;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt, sync::Arc};
use tidelog::{
    aggregate::DecideError,
    commit::Command,
    engine::{Imported, ReadError, Receipt, WriteError, WriteOptions},
    event::NewEvent,
    health::{Safety, StorageSigns, Told},
    id::CommitId,
    log::{EventPage, Place, Query},
    stream::StreamName,
    time::Timestamp,
    upcast::{UpcastError, Versions},
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

impl From<UpcastError> for Failure {
    fn from(error: UpcastError) -> Self {
        Self::Of { code: error.code(), message: error.to_string(), detail: None }
    }
}

fn arguments<T: DeserializeOwned>(given: Value) -> Result<T, Failure> {
    serde_json::from_value(given).map_err(|error| Failure::Scenario(format!("arguments: {error}")))
}

fn json_of<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap()
}

/// Runs a verb on a device.
pub async fn run(world: &mut World, on: &str, verb: &str, given: Value) -> Result<Value, Failure> {
    if verb == "clock" {
        let Clock { advance } = arguments(given)?;
        world.clock.advance(advance);
        return Ok(Value::Null);
    }
    if verb == "open" {
        world.open(on, arguments::<Rules>(given)?).await?;
        return Ok(Value::Null);
    }
    let device = world.device(on).await?;
    if let Some(answer) = conflicts::run(world, (on, &device), verb, &given).await? {
        return Ok(answer);
    }
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
        "row" => rows::row(&device, arguments(given)?).await,
        "rows" => rows::rows(&device, arguments(given)?).await,
        "query" => rows::query(&device, arguments(given)?).await,
        "status" => rows::status(&device, arguments(given)?).await,
        "rebuild" => rows::rebuild(&device, arguments(given)?).await,
        "waitFor" => rows::wait_for(&device, arguments(given)?).await,
        "deadLetters" => rows::dead_letters(&device, arguments(given)?).await,
        "replayDeadLetters" => rows::replay_dead_letters(&device, arguments(given)?).await,
        "export" => transfer::export(&device, arguments(given)?).await,
        "import" => transfer::import(&device, arguments(given)?).await,
        "importRows" => transfer::import_rows(&device, arguments(given)?).await,
        "sync" => sync(world, &device, arguments(given)?).await,
        "queue" => queue(&device, arguments(given)?).await,
        "rejected" => rejected(&device, arguments(given)?).await,
        "retry" => Ok(receipt_json(&device.retry(arguments::<OneCommit>(given)?.commit).await?)),
        "discard" => Ok(device.discard(arguments::<OneCommit>(given)?.commit).await?.into()),
        "difference" => past::difference(&device, arguments(given)?).await,
        "replay" => past::replay(&device, arguments(given)?).await,
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
    shapes: Shapes,
}

/// The schema version that is wanted of each type.
type Shapes = BTreeMap<String, u32>;

fn versions(shapes: &Shapes) -> Versions {
    shapes.iter().map(|(name, version)| (name.as_str(), *version)).collect()
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
        let EventPage { events, next } =
            device.read_as(&given.query(), from, left.min(2), &versions(&given.shapes)).await?;
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
    let EventPage { events, next } =
        device.read_as(&given.query(), from, given.limit.unwrap_or(500), &versions(&given.shapes)).await?;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settled {
    stream: StreamName,
    commit: CommitId,
}

async fn outcome(device: &Device, given: Settled) -> Result<Value, Failure> {
    Ok(json_of(&device.outcome(&given.stream, given.commit).await?))
}
