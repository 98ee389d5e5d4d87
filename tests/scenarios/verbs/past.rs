//! Looking into the past: moments, differences, replays.

use super::{Failure, json_of};
use crate::{device::Device, domain::state_json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tidelog::{
    engine::{At, RowsDifference, StateDifference},
    event::RecordedEvent,
    json::Json,
    replay::{Control, Filter, HandleError, OnError, Replay},
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};

/// At most one of them.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    version: Option<Version>,
    position: Option<Position>,
    time: Option<Timestamp>,
    known: Option<Timestamp>,
}

impl Moment {
    pub fn at(self) -> At {
        match self {
            Self { version: Some(version), .. } => At::Version(version),
            Self { position: Some(position), .. } => At::Position(position),
            Self { time: Some(time), .. } => At::Occurred(time),
            Self { known: Some(known), .. } => At::Known(known),
            Self { .. } => At::Now,
        }
    }
}

/// Of an aggregate's instance, of a row, or of all rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Between {
    aggregate: Option<String>,
    id: Option<String>,
    projection: Option<String>,
    key: Option<String>,
    from: Moment,
    #[serde(default)]
    to: Moment,
}

pub async fn difference(device: &Device, given: Between) -> Result<Value, Failure> {
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
pub struct Again {
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

pub async fn replay(device: &Device, given: Again) -> Result<Value, Failure> {
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
