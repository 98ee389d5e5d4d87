//! The verbs about process managers.

use super::{Failure, arguments, json_of};
use crate::device::Device;
use serde::Deserialize;
use serde_json::Value;
use tidelog::process::ProcessState;

/// How often the log may change before the processes must have come to rest.
const ROUNDS: usize = 100;

/// Runs a verb on a device; none if it is not about processes.
pub async fn run(device: &Device, verb: &str, given: Value) -> Result<Option<Value>, Failure> {
    let answer = match verb {
        "act" => {
            let Nothing {} = arguments(given)?;
            act(device).await?;
            Value::Null
        }
        "processes" => {
            let All { process, status } = arguments(given)?;
            let mut all = device.processes(&process).await?;
            all.retain(|one| status.is_none_or(|status| one.status == status));
            json_of(&all)
        }
        "process" => {
            let One { process, id } = arguments(given)?;
            json_of(&device.process(&process, &id).await?)
        }
        "processStatus" => json_of(&device.process_status(&arguments::<Named>(given)?.process).await?),
        "retryProcess" => {
            let One { process, id } = arguments(given)?;
            device.retry_process(&process, &id).await?;
            Value::Null
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    process: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    process: String,
    status: Option<ProcessState>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    process: String,
    id: String,
}

/// Lets processes and log act on each other until nothing more comes of it.
async fn act(device: &Device) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        let standing = || {
            let head = device.log().head();
            (head.position, head.next_sequence, head.epoch)
        };
        let before = standing();
        device.advance_processes().await?;
        if standing() == before {
            return Ok(());
        }
    }
    Err(Failure::Scenario("the processes do not come to rest".into()))
}
