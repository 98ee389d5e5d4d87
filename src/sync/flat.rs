//! The form of an outcome on the wire: one flat object. An enum that serde writes flat would buffer every field of it in a
//! value of its own when read, which costs more wasm than the rest of the protocol.

use super::protocol::{Problem, PushOutcome, PushResult};
use crate::{
    commit::ConfirmedCommit,
    id::CommitId,
    version::{ExpectedVersion, Position, Version},
};
use serde::{Deserialize, Serialize};

#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    Committed,
    Duplicate,
    Conflict,
    Rejected,
    Blocked,
}

#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(
    feature = "schema",
    schemars(rename = "Outcome", extend("oneOf" = [
        { "properties": { "status": { "const": "committed" } }, "required": ["firstVersion", "firstPosition"] },
        { "properties": { "status": { "const": "duplicate" } }, "required": ["firstVersion", "firstPosition"] },
        { "properties": { "status": { "const": "conflict" } }, "required": ["expected", "actual"] },
        { "properties": { "status": { "const": "rejected" } }, "required": ["problem"] },
        { "properties": { "status": { "const": "blocked" } }, "required": ["by"] },
    ]))
)]
pub(super) struct FlatOutcome {
    id: CommitId,
    generation: u32,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_version: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_position: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<ExpectedVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<CommitId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<ConfirmedCommit>,
}

impl From<PushOutcome> for FlatOutcome {
    fn from(outcome: PushOutcome) -> Self {
        let PushOutcome { id, generation, result, missing } = outcome;
        let mut flat = Self {
            id,
            generation,
            status: Status::Committed,
            first_version: None,
            first_position: None,
            expected: None,
            actual: None,
            problem: None,
            by: None,
            missing,
        };
        match result {
            PushResult::Committed { first_version, first_position } => {
                (flat.first_version, flat.first_position) = (Some(first_version), Some(first_position));
            }
            PushResult::Duplicate { first_version, first_position } => {
                flat.status = Status::Duplicate;
                (flat.first_version, flat.first_position) = (Some(first_version), Some(first_position));
            }
            PushResult::Conflict { expected, actual } => {
                flat.status = Status::Conflict;
                (flat.expected, flat.actual) = (Some(expected), Some(actual));
            }
            PushResult::Rejected { problem } => {
                (flat.status, flat.problem) = (Status::Rejected, Some(problem));
            }
            PushResult::Blocked { by } => (flat.status, flat.by) = (Status::Blocked, Some(by)),
        }
        flat
    }
}

impl TryFrom<FlatOutcome> for PushOutcome {
    type Error = &'static str;

    fn try_from(flat: FlatOutcome) -> Result<Self, Self::Error> {
        let result = match flat.status {
            Status::Committed | Status::Duplicate => {
                let first_version = flat.first_version.ok_or("an accepted commit lacks firstVersion")?;
                let first_position = flat.first_position.ok_or("an accepted commit lacks firstPosition")?;
                if flat.status == Status::Committed {
                    PushResult::Committed { first_version, first_position }
                } else {
                    PushResult::Duplicate { first_version, first_position }
                }
            }
            Status::Conflict => PushResult::Conflict {
                expected: flat.expected.ok_or("a conflict lacks expected")?,
                actual: flat.actual.ok_or("a conflict lacks actual")?,
            },
            Status::Rejected => {
                PushResult::Rejected { problem: flat.problem.ok_or("a rejected commit lacks problem")? }
            }
            Status::Blocked => PushResult::Blocked { by: flat.by.ok_or("a blocked commit lacks by")? },
        };
        Ok(Self { id: flat.id, generation: flat.generation, result, missing: flat.missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn outcomes_read_back_what_they_wrote() {
        let problem = Problem {
            problem_type: "urn:x".into(),
            title: "no".into(),
            status: None,
            detail: None,
            code: None,
            supported: None,
            gone: None,
            marker: None,
        };
        let by = CommitId(Uuid::from_u128(2));
        let results = [
            (PushResult::Committed { first_version: 1, first_position: 2 }, "committed"),
            (PushResult::Duplicate { first_version: 1, first_position: 2 }, "duplicate"),
            (PushResult::Conflict { expected: ExpectedVersion::None, actual: 4 }, "conflict"),
            (PushResult::Rejected { problem }, "rejected"),
            (PushResult::Blocked { by }, "blocked"),
        ];
        for (result, status) in results {
            let outcome = PushOutcome { id: CommitId(Uuid::nil()), generation: 3, result, missing: vec![] };
            let text = serde_json::to_string(&outcome).unwrap();
            assert!(text.contains(&format!(r#""status":"{status}""#)), "{text}");
            assert_eq!(serde_json::from_str::<PushOutcome>(&text).unwrap(), outcome);
            let lacking = format!(r#"{{"id":"{}","generation":0,"status":"{status}"}}"#, Uuid::nil());
            let error = serde_json::from_str::<PushOutcome>(&lacking).unwrap_err();
            assert!(error.to_string().contains("lacks"), "{error}");
        }
    }
}
