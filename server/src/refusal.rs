//! The errors of the server as problem details (RFC 9457).

use crate::storage::{PageError, PushError, StorageError};
use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use tidelog::{authority, sync::protocol::problem};

/// Why a request was refused, for the line that is written about it: beside the answer, never in it.
#[derive(Clone, Debug)]
pub(crate) struct Why {
    /// The type of the problem.
    pub(crate) problem: &'static str,
    /// What the server could not do. Not what is wrong with a request: that may quote from it.
    pub(crate) detail: Option<String>,
}

/// An answer other than success: what the protocol says of it, and what HTTP wants beside it.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    plain: authority::Refusal,
    header: Option<Header>,
}

/// A header that belongs to some refusals.
#[derive(Clone, Copy, Debug)]
enum Header {
    /// `WWW-Authenticate`.
    Challenge(&'static str),
    /// `Retry-After`, in seconds.
    RetryAfter(u64),
}

impl From<authority::Refusal> for Refusal {
    fn from(plain: authority::Refusal) -> Self {
        Self { plain, header: None }
    }
}

impl Refusal {
    fn new(
        status: StatusCode,
        problem_type: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        authority::Refusal { status: status.as_u16(), problem_type, title, detail: detail.into(), gone: None }
            .into()
    }

    fn with(self, header: Header) -> Self {
        Self { header: Some(header), ..self }
    }

    /// 401; `shown` tells whether there was a token at all (RFC 6750, section 3).
    pub(crate) fn unauthorized(detail: &str, shown: bool) -> Self {
        let challenge = if shown {
            "Bearer realm=\"tidelog\", error=\"invalid_token\""
        } else {
            "Bearer realm=\"tidelog\""
        };
        Self::new(StatusCode::UNAUTHORIZED, problem::UNAUTHORIZED, "A valid token is needed", detail)
            .with(Header::Challenge(challenge))
    }

    /// 403: the token is genuine, but does not allow this.
    pub(crate) fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, problem::FORBIDDEN, "The token does not allow this", detail)
    }

    /// 404.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        authority::Refusal::not_found(detail).into()
    }

    /// 405; the router adds `Allow`.
    pub(crate) fn method_not_allowed(detail: impl Into<String>) -> Self {
        let title = "The resource has no such method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, problem::METHOD_NOT_ALLOWED, title, detail)
    }

    /// 413.
    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        authority::Refusal::too_large(detail).into()
    }

    /// 400.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        authority::Refusal::invalid(detail).into()
    }

    /// 415.
    pub(crate) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        let title = "The body has a media type that the server does not read";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem::INVALID_REQUEST, title, detail)
    }

    /// 408.
    pub(crate) fn body_too_slow() -> Self {
        let detail = "the body did not arrive within the time that the server gives a request";
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            problem::TIMEOUT,
            "The request took too long to arrive",
            detail,
        )
    }

    /// 429; `what` has run out, and there will be some in so many seconds.
    pub(crate) fn rate_limited(what: &str, seconds: u64) -> Self {
        let detail = format!("the token has used up its {what} for now; trying again in {seconds} s is safe");
        Self::new(StatusCode::TOO_MANY_REQUESTS, problem::RATE_LIMITED, "The token is used too much", detail)
            .with(Header::RetryAfter(seconds))
    }

    /// 503.
    pub(crate) fn busy() -> Self {
        let detail =
            "the server could not answer within the time that it gives a request; trying again is safe";
        Self::unavailable(detail)
    }

    /// 503, for a client that wants to wait for news.
    pub(crate) fn no_place() -> Self {
        let detail = "as many clients wait for news as the server has places for: pull now and then instead";
        let title = "The server can't answer at the moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, problem::UNAVAILABLE, title, detail)
            .with(Header::RetryAfter(30))
    }

    /// 503, for who asks whether the server can serve.
    pub(crate) fn not_ready(detail: &'static str) -> Self {
        Self::unavailable(detail)
    }

    fn unavailable(detail: &'static str) -> Self {
        let title = "The server can't answer at the moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, problem::UNAVAILABLE, title, detail)
            .with(Header::RetryAfter(1))
    }

    fn internal() -> Self {
        let detail = "the server failed; its own log says how. Trying again is safe";
        let title = "The server failed";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, problem::UNAVAILABLE, title, detail)
    }
}

/// What happened inside goes to the operator's log, never to the client.
impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        tracing::error!("{error}");
        match error {
            StorageError::Unavailable(_) | StorageError::Stopped => {
                Self::unavailable("the database can't serve at the moment; trying again is safe")
            }
            _ => Self::internal(),
        }
    }
}

impl From<PushError> for Refusal {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Cursor(error) => authority::Refusal::from(error).into(),
            PushError::Fenced(error) => authority::Refusal::from(error).into(),
            PushError::Overtaken(_) => {
                Self::unavailable("others push to the same streams; trying again is safe")
            }
            PushError::Storage(error) => error.into(),
        }
    }
}

impl From<PageError> for Refusal {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Cursor(error) => authority::Refusal::from(error).into(),
            PageError::Gap(gap) => authority::Refusal::from(gap).into(),
            PageError::Storage(error) => error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // Writing plain text fields can't fail; an empty body still carries the status.
        let body = serde_json::to_vec(&self.plain.problem()).unwrap_or_default();
        let status = StatusCode::from_u16(self.plain.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body).into_response();
        let detail = status.is_server_error().then_some(self.plain.detail);
        response.extensions_mut().insert(Why { problem: self.plain.problem_type, detail });
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.header {
            Some(Header::Challenge(challenge)) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            Some(Header::RetryAfter(seconds)) => {
                headers.insert(RETRY_AFTER, seconds.into());
            }
            None => {}
        }
        response
    }
}
