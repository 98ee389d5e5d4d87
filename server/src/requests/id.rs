//! Ids of requests: what the caller or a proxy gave, else a new one.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use uuid::Builder;

/// The header that names a request, in both directions.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over, in bytes.
const MOST: usize = 128;

/// The id of a request: at most 128 ASCII letters, digits and `-_.:+/=`, so that it can't be mistaken for anything else in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The id in `X-Request-Id`, else the trace in `traceparent`, else a new one. What is not well-formed is passed over.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let given = text(X_REQUEST_ID.as_str()).filter(|id| is_id(id));
        Self(given.or_else(|| trace_id(text("traceparent")?)).map_or_else(made, str::to_owned))
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte);
    (1..=MOST).contains(&text.len()) && text.bytes().all(allowed)
}

/// The id of the trace (<https://www.w3.org/TR/trace-context/#traceparent-header>): 32 lower-case hexadecimal digits, not all zero.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let mut part = |length: usize| {
        let part = parts.next()?;
        let hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (hex && part.len() == length).then_some(part)
    };
    let (version, trace, parent) = (part(2)?, part(32)?, part(16)?);
    part(2)?;
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    // Later versions may add parts at the end.
    let ends = version != "00" || parts.next().is_none();
    (version != "ff" && ends && !zero(trace) && !zero(parent)).then_some(trace)
}

fn made() -> String {
    let mut random = [0; 16];
    // A machine without randomness makes no new logs either, but can still answer: an id that is not the only one is better than none.
    let _ = getrandom::fill(&mut random);
    Builder::from_random_bytes(random).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn of(headers: &[(&'static str, &str)]) -> String {
        let header =
            |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        RequestId::of(&headers.iter().map(header).collect()).to_string()
    }

    #[test]
    fn what_is_well_formed_is_taken() {
        let longest = "a".repeat(MOST);
        for good in ["1", "a-b_C.9:+/=", &longest] {
            assert_eq!(of(&[("x-request-id", good)]), good);
        }
        let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(of(&[("traceparent", &traceparent)]), TRACE);
        assert_eq!(of(&[("traceparent", &format!("cc-{TRACE}-00f067aa0ba902b7-01-more"))]), TRACE);
        assert_eq!(of(&[("x-request-id", "first"), ("traceparent", &traceparent)]), "first");
        assert_eq!(of(&[("x-request-id", "not this"), ("traceparent", &traceparent)]), TRACE);
    }

    #[test]
    fn what_is_not_gets_a_new_one() {
        let long = "a".repeat(MOST + 1);
        for bad in ["", "a b", "a\"b", "\u{e4}", "a,b", "a\tb", &long] {
            let made = of(&[("x-request-id", bad)]);
            assert_eq!((made.len(), made == bad), (36, false), "{bad:?}");
        }
        for bad in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-0\u{e4}"),
        ] {
            assert_eq!(of(&[("traceparent", &bad)]).len(), 36, "{bad:?}");
        }
        assert_ne!(of(&[]), of(&[]));
    }
}
