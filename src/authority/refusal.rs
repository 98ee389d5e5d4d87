//! Answers other than success, in the words of the protocol.

use super::{Fenced, InvalidCursor};
use crate::sync::protocol::{Gone, PROTOCOL, Problem, problem};

/// A request is refused as a whole: what a server answers with this status and these problem details (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// One of the URIs in [`problem`].
    pub problem_type: &'static str,
    /// What that type says in general.
    pub title: &'static str,
    /// What happened this time.
    pub detail: String,
    /// With [`problem::ARCHIVED`]: how much is gone.
    pub gone: Option<Gone>,
}

impl Refusal {
    /// 400: the request is not what the protocol says.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        let title = "The request is not what the protocol says";
        Self { status: 400, problem_type: problem::INVALID_REQUEST, title, detail: detail.into(), gone: None }
    }

    /// 400: the request is of another version of the protocol.
    #[must_use]
    pub fn unsupported_protocol(detail: impl Into<String>) -> Self {
        let title = "The server does not speak this version of the protocol";
        Self {
            status: 400,
            problem_type: problem::UNSUPPORTED_PROTOCOL,
            title,
            detail: detail.into(),
            gone: None,
        }
    }

    /// 404.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        let title = "There is no such resource";
        Self { status: 404, problem_type: problem::NOT_FOUND, title, detail: detail.into(), gone: None }
    }

    /// 413: too many bytes or commits.
    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        let title = "The push is too large";
        Self { status: 413, problem_type: problem::TOO_LARGE, title, detail: detail.into(), gone: None }
    }

    /// 503: not now; trying again is safe.
    #[must_use]
    pub fn busy(detail: impl Into<String>) -> Self {
        let title = "The server can't answer at the moment";
        Self { status: 503, problem_type: problem::UNAVAILABLE, title, detail: detail.into(), gone: None }
    }

    /// The problem details.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem {
            problem_type: self.problem_type.into(),
            title: self.title.to_owned(),
            status: Some(self.status),
            detail: Some(self.detail.clone()),
            code: None,
            supported: (self.problem_type == problem::UNSUPPORTED_PROTOCOL).then(|| vec![PROTOCOL]),
            gone: self.gone,
            marker: None,
        }
    }
}

/// The cursor is of no use for this log: 410 if its history is no more, 400 if it never was this log's.
impl From<InvalidCursor> for Refusal {
    fn from(error: InvalidCursor) -> Self {
        let (status, problem_type, title) = match error {
            InvalidCursor::Ahead { .. }
            | InvalidCursor::OtherHistory { .. }
            | InvalidCursor::OtherMarkers => {
                (410, problem::HISTORY_LOST, "The log has lost the history that the cursor was made by")
            }
            InvalidCursor::Unreadable | InvalidCursor::OtherLog => {
                (400, problem::INVALID_CURSOR, "The cursor is not one of this log")
            }
        };
        Self { status, problem_type, title, detail: error.to_string(), gone: None }
    }
}

/// 409: somebody else pushes as the same producer.
impl From<Fenced> for Refusal {
    fn from(error: Fenced) -> Self {
        let title = "Another device pushes as this producer";
        Self { status: 409, problem_type: problem::FENCED, title, detail: error.to_string(), gone: None }
    }
}
