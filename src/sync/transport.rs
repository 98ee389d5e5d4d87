//! The contract of the network: one exchange at a time, and a clock to wait on.

use super::{
    live::{Heard, Way},
    machine::Failure,
    machine::UPGRADE_NEEDED,
    protocol::{ArchivedPage, Cursor, MAX_PAGE_EVENTS, PROTOCOL, Page, Problem, Push, Pushed, problem},
};
use crate::streams::Streams;
use serde::de::DeserializeOwned;
use std::future::pending;

/// An answer of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type, in lower case, without parameters.
    pub content_type: String,
    /// The body as text.
    pub body: String,
    /// What `Retry-After` asked for, in milliseconds.
    pub retry_after: Option<u64>,
}

/// No answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer from the server: {reason}")]
pub struct NoAnswer {
    /// Whether time ran out.
    pub timeout: bool,
    /// What the network said.
    pub reason: String,
}

/// The network, and waiting.
#[allow(async_fn_in_trait)] // one thread: the browser's
pub trait Transport {
    /// One exchange; `path` is below the log's URL, such as `/commits`.
    async fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<Answer, NoAnswer>;
    /// Asks the app for a new token: whether there is one.
    async fn renew_token(&self) -> bool;
    /// Resolves after this many milliseconds.
    async fn sleep(&self, milliseconds: u64);
    /// Waits for the next sign that comes this way. A stream stays open from one call to the next; `after` is where a new one, or an answer
    /// that waits, begins. `follow`: what its query says of the streams that are followed, such as `&follow=course`; a stream that stays open
    /// was opened with the same. A future that is dropped before it resolves loses no more than a hint. By default there is no such way:
    /// nothing is ever heard.
    async fn listen(&self, way: Way, after: &Cursor, follow: &str) -> Heard {
        let _ = (way, after, follow);
        pending().await
    }
    /// Closes what `listen` left open.
    fn hang_up(&self) {}
}

/// Which archived events a request says to know of, in its query.
#[derive(Clone, Copy)]
pub enum Known<'a> {
    /// Those that these markers stand in; none if the cursor is empty.
    Markers(&'a Cursor),
    /// Any: it is not about what the page holds.
    Any,
}

/// Pulls the page after a cursor, with the commits of these streams.
///
/// # Errors
/// [`Failure`] if no answer came or it is no page.
pub async fn pull(
    transport: &impl Transport,
    after: &Cursor,
    limit: usize,
    streams: &Streams,
    known: Known<'_>,
) -> Result<Page, Failure> {
    let path = format!(
        "/events?after={}&limit={limit}&protocol={PROTOCOL}{}{}",
        escape(&after.0),
        follow_query(streams),
        archived_query(known)
    );
    read(transport.send("GET", &path, None).await)
}

/// Asks for markers of archived streams, of those among `streams`.
///
/// # Errors
/// [`Failure`] if no answer came or it is no page of markers.
pub async fn archived(
    transport: &impl Transport,
    after: &Cursor,
    streams: &Streams,
) -> Result<ArchivedPage, Failure> {
    let (after, follow) = (escape(&after.0), follow_query(streams));
    let path = format!("/archived?after={after}&limit={MAX_PAGE_EVENTS}&protocol={PROTOCOL}{follow}");
    read(transport.send("GET", &path, None).await)
}

/// Pushes commits; the answer has one outcome for each, in order.
///
/// # Errors
/// [`Failure`] if no answer came or it does not fit the push.
pub async fn push(transport: &impl Transport, push: &Push) -> Result<Pushed, Failure> {
    let body = serde_json::to_string(push).map_err(|error| bad_answer(error.to_string()))?;
    let pushed: Pushed = read(transport.send("POST", "/commits", Some(body)).await)?;
    let answers = pushed.outcomes.iter().map(|outcome| outcome.id);
    if !answers.eq(push.commits.iter().map(|commit| commit.id)) {
        return Err(bad_answer("the outcomes are not those of the pushed commits".into()));
    }
    Ok(pushed)
}

fn bad_answer(message: String) -> Failure {
    Failure { code: "bad-answer", message, retry_after: None, problem: None }
}

/// What a query says of the streams that it is about, with `&` in front; nothing if all are meant.
pub(crate) fn follow_query(streams: &Streams) -> String {
    let Some(rules) = streams.rules() else { return String::new() };
    let mut query: String = rules.map(|rule| format!("&follow={}", escape(&rule))).collect();
    if query.is_empty() {
        query.push_str("&follow=");
    }
    query
}

/// What a query says of archived events, with `&` in front; nothing where there are none.
pub(crate) fn archived_query(known: Known<'_>) -> String {
    match known {
        Known::Markers(cursor) if cursor.0.is_empty() => String::new(),
        Known::Markers(cursor) => format!("&archived={}", escape(&cursor.0)),
        Known::Any => "&archived=any".to_owned(),
    }
}

/// A cursor is opaque: whatever it holds must reach the server as it is (RFC 3986, section 2.3).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte as char);
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// The reverse of [`escape`]; what is no escape stays as it is.
#[cfg(feature = "authority")]
pub(crate) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| first == b'%');
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read<T: DeserializeOwned>(answer: Result<Answer, NoAnswer>) -> Result<T, Failure> {
    let answer = answer.map_err(|error| Failure {
        code: if error.timeout { "timeout" } else { "network" },
        message: error.to_string(),
        retry_after: None,
        problem: None,
    })?;
    if answer.status == 200 {
        if answer.content_type != "application/json" {
            return Err(bad_answer(format!(
                "the server answered with {:?} where application/json was due: is the URL right, and no login page between?",
                answer.content_type
            )));
        }
        return serde_json::from_str(&answer.body).map_err(|error| {
            bad_answer(format!("the server's answer is not what the protocol says: {error}"))
        });
    }
    let code = match answer.status {
        401 => "unauthorized",
        413 => "too-large",
        429 => "rate-limited",
        500..=599 => "server",
        400 | 422 => "invalid",
        400..=499 => "refused",
        _ => "bad-answer",
    };
    let problem = (answer.content_type == "application/problem+json")
        .then(|| serde_json::from_str::<Problem>(&answer.body).ok())
        .flatten();
    // Fewer commits would not help, and no commit is at fault: nothing may be rejected for it.
    let other_protocol = problem.as_ref().filter(|it| *it.problem_type == *problem::UNSUPPORTED_PROTOCOL);
    let code = if other_protocol.is_some() { UPGRADE_NEEDED } else { code };
    let message = match &problem {
        Some(Problem { supported: Some(supported), .. }) if other_protocol.is_some() => {
            who_is_behind(supported)
        }
        Some(Problem { problem_type, title, detail, .. }) => {
            let detail = detail.as_ref().unwrap_or(title);
            format!("the server answered {}: {detail} ({problem_type})", answer.status)
        }
        None => format!("the server answered {}", answer.status),
    };
    let problem = problem.map(|it| it.problem_type).filter(|it| it.starts_with(problem::PREFIX));
    Err(Failure { code, message, retry_after: answer.retry_after, problem })
}

/// Who has to be brought up to date, for a person.
fn who_is_behind(supported: &[u32]) -> String {
    let (app, advice) = if supported.iter().any(|&version| version > PROTOCOL) {
        ("older", "update the app")
    } else {
        ("newer", "update the server")
    };
    format!(
        "this app is {app} than the server: it speaks version {PROTOCOL} of the sync protocol, the server {supported:?}; nothing is lost, {advice}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, content_type: &str, body: &str, code: &str, part: &str) {
        let answer = Answer {
            status,
            content_type: content_type.into(),
            body: body.into(),
            retry_after: (status == 429).then_some(3_000),
        };
        let failure = read::<Page>(Ok(answer)).unwrap_err();
        assert_eq!(failure.code, code);
        assert!(failure.message.contains(part), "{}", failure.message);
        assert_eq!(failure.retry_after.is_some(), status == 429);
    }

    #[test]
    fn bad_answers_say_what_is_wrong() {
        check(200, "text/html", "<html>", "bad-answer", "login page");
        check(200, "application/json", "{\"logId\":", "bad-answer", "protocol");
        check(200, "application/json", "[]", "bad-answer", "protocol");
        check(204, "", "", "bad-answer", "204");
        check(
            401,
            "application/problem+json",
            r#"{"type":"urn:x","title":"no token"}"#,
            "unauthorized",
            "no token",
        );
        check(413, "text/plain", "", "too-large", "413");
        check(429, "text/plain", "", "rate-limited", "429");
        check(404, "text/html", "<h1>", "refused", "404");
        check(500, "application/problem+json", "not json", "server", "500");
        check(400, "application/problem+json", r#"{"type":"urn:x","title":"no push"}"#, "invalid", "no push");
        let other = format!(r#"{{"type":"{}","title":"too new"}}"#, problem::UNSUPPORTED_PROTOCOL);
        check(400, "application/problem+json", &other, "upgrade-needed", "too new");
        for (supported, part) in [("[2,3]", "update the app"), ("[0]", "update the server")] {
            let body = other.replace('}', &format!(r#","supported":{supported}}}"#));
            check(400, "application/problem+json", &body, "upgrade-needed", part);
        }
    }

    #[test]
    fn a_cursor_reaches_the_server_as_it_is() {
        assert_eq!(escape("0000-aZ_~.é &"), "0000-aZ_~.%C3%A9%20%26");
        #[cfg(feature = "authority")]
        for text in ["0000-aZ_~.é &", "", "%", "50%25"] {
            assert_eq!(unescape(&escape(text)), text);
        }
    }
}
