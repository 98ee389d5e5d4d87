//! Projections: their rows, questions about them, and what they could not take in.

use super::{Failure, json_of, past::Moment};
use crate::device::Device;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;
use tidelog::{
    projection::{Direction, RowQuery, Test},
    version::Position,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneRow {
    projection: String,
    key: String,
    #[serde(default)]
    at: Moment,
}

pub async fn row(device: &Device, given: OneRow) -> Result<Value, Failure> {
    let row = device.row_at(&given.projection, &given.key, given.at.at()).await?;
    Ok(row.map_or(Value::Null, |row| json_of(&row)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllRows {
    projection: String,
    #[serde(default)]
    at: Moment,
}

pub async fn rows(device: &Device, given: AllRows) -> Result<Value, Failure> {
    Ok(json_of(&device.rows_at(&given.projection, given.at.at()).await?))
}

/// A query as `tidelog.query` of the npm package takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Query {
    projection: String,
    #[serde(default, rename = "where")]
    any_of: Vec<Map<String, Value>>,
    #[serde(default)]
    order_by: Vec<String>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

pub async fn query(device: &Device, given: Query) -> Result<Value, Failure> {
    let mut query = RowQuery { limit: given.limit, offset: given.offset, ..RowQuery::default() };
    for tests in given.any_of {
        query = query.or();
        for (field, tests) in tests {
            let Value::Object(tests) = tests else {
                return Err(Failure::Scenario(format!("{field} has no tests: write {{ eq: … }}")));
            };
            for (operator, value) in tests {
                query = query.filter(&field, super::arguments::<Test>(json!({ operator: value }))?);
            }
        }
    }
    for field in &given.order_by {
        query = match field.strip_prefix('-') {
            Some(field) => query.order_by(field, Direction::Descending),
            None => query.order_by(field, Direction::Ascending),
        };
    }
    let page = device.query(&given.projection, &query).await?;
    Ok(json!({ "rows": page.rows, "count": page.count }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneProjection {
    projection: String,
}

pub async fn status(device: &Device, given: OneProjection) -> Result<Value, Failure> {
    Ok(json_of(&device.projection_status(&given.projection).await?))
}

pub async fn rebuild(device: &Device, given: OneProjection) -> Result<Value, Failure> {
    Ok(json_of(&device.rebuild(&given.projection, &mut |_| ControlFlow::Continue(())).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    projection: String,
    position: Option<Position>,
}

pub async fn wait_for(device: &Device, given: Reached) -> Result<Value, Failure> {
    Ok(device.wait_for(&given.projection, given.position).await?.into())
}

pub async fn dead_letters(device: &Device, given: OneProjection) -> Result<Value, Failure> {
    Ok(json_of(&device.dead_letters(&given.projection).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parked {
    projection: String,
    stream: Option<String>,
}

pub async fn replay_dead_letters(device: &Device, given: Parked) -> Result<Value, Failure> {
    Ok(json_of(&device.replay_dead_letters(&given.projection, given.stream.as_deref()).await?))
}
