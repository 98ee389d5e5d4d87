//! Conflicts: what is asked, answers, and what became of commits.

use super::{Failure, arguments, json_of};
use crate::device::{Device, World};
use serde::Deserialize;
use serde_json::Value;
use tidelog::{conflict::Choice, id::CommitId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    commit: CommitId,
    choice: Choice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The answer of a verb about conflicts; none if it is about something else.
pub async fn run(
    world: &World,
    (on, device): (&str, &Device),
    verb: &str,
    given: &Value,
) -> Result<Option<Value>, Failure> {
    match verb {
        "conflicts" => {
            let Nothing {} = arguments(given.clone())?;
            Ok(Some(json_of(&device.conflicts().await?)))
        }
        "resolve" => {
            let Answer { commit, choice } = arguments(given.clone())?;
            device.resolve(commit, choice).await?;
            Ok(Some(Value::Null))
        }
        "met" => {
            let Nothing {} = arguments(given.clone())?;
            Ok(Some(json_of(&world.met(on))))
        }
        _ => Ok(None),
    }
}
