//! The form of a step in JSON: one flat object, whose verb names the path.

use super::{
    path::{InvalidPath, Path},
    step::Step,
};
use crate::json::Json;
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FlatStep {
    #[serde(skip_serializing_if = "Option::is_none")]
    add: Option<Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remove: Option<Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rename: Option<Path>,
    #[serde(rename = "move", skip_serializing_if = "Option::is_none")]
    relocate: Option<Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map: Option<Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap: Option<Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unwrap: Option<Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(deserialize_with = "also_null", skip_serializing_if = "Option::is_none")]
    value: Option<Json>,
    #[serde(deserialize_with = "also_null", skip_serializing_if = "Option::is_none")]
    restore: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<(Json, Json)>>,
    #[serde(deserialize_with = "also_null", skip_serializing_if = "Option::is_none")]
    otherwise: Option<Json>,
}

/// A null is a value here, not the lack of one.
fn also_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl From<Step> for FlatStep {
    fn from(step: Step) -> Self {
        let flat = Self::default();
        match step {
            Step::Add { path, value } => Self { add: Some(path), value: Some(value), ..flat },
            Step::Remove { path, restore } => Self { remove: Some(path), restore, ..flat },
            Step::Rename { path, to } => Self { rename: Some(path), to: Some(to), ..flat },
            Step::Move { from, to } => Self { relocate: Some(from), to: Some(to.to_string()), ..flat },
            Step::Set { path, value, restore } => {
                Self { set: Some(path), value: Some(value), restore, ..flat }
            }
            Step::Map { path, values, otherwise } => {
                Self { map: Some(path), values: Some(values), otherwise, ..flat }
            }
            Step::Wrap { path, key } => Self { wrap: Some(path), key: Some(key), ..flat },
            Step::Unwrap { path, key } => Self { unwrap: Some(path), key: Some(key), ..flat },
        }
    }
}

impl TryFrom<FlatStep> for Step {
    type Error = String;

    fn try_from(flat: FlatStep) -> Result<Self, String> {
        let FlatStep {
            add,
            remove,
            rename,
            relocate,
            set,
            map,
            wrap,
            unwrap,
            to,
            key,
            value,
            restore,
            values,
            otherwise,
        } = flat;
        let lacks = |verb: &str, field: &str| format!("{verb} needs `{field}`");
        let step = match (add, remove, rename, relocate, set, map, wrap, unwrap) {
            (Some(path), None, None, None, None, None, None, None) => {
                Self::Add { path, value: value.ok_or_else(|| lacks("add", "value"))? }
            }
            (None, Some(path), None, None, None, None, None, None) => Self::Remove { path, restore },
            (None, None, Some(path), None, None, None, None, None) => {
                Self::Rename { path, to: to.ok_or_else(|| lacks("rename", "to"))? }
            }
            (None, None, None, Some(from), None, None, None, None) => {
                let to = to.ok_or_else(|| lacks("move", "to"))?;
                Self::Move { from, to: to.parse().map_err(|error: InvalidPath| error.to_string())? }
            }
            (None, None, None, None, Some(path), None, None, None) => {
                Self::Set { path, value: value.ok_or_else(|| lacks("set", "value"))?, restore }
            }
            (None, None, None, None, None, Some(path), None, None) => {
                Self::Map { path, values: values.ok_or_else(|| lacks("map", "values"))?, otherwise }
            }
            (None, None, None, None, None, None, Some(path), None) => {
                Self::Wrap { path, key: key.ok_or_else(|| lacks("wrap", "key"))? }
            }
            (None, None, None, None, None, None, None, Some(path)) => {
                Self::Unwrap { path, key: key.ok_or_else(|| lacks("unwrap", "key"))? }
            }
            _ => return Err("a step has one of add, remove, rename, move, set, map, wrap, unwrap".into()),
        };
        step.check()?;
        Ok(step)
    }
}
