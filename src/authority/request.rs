//! Reading requests: what is wrong with one commit is that commit's alone, what is wrong around them refuses the whole.

use super::{Offer, Refusal, Streams, candidate::Candidate};
use crate::{
    id::DeviceId,
    sync::{
        protocol::{About, AboutLimits, Cursor, MAX_PAGE_EVENTS, MAX_PUSH_COMMITS, PROTOCOL, Producer},
        transport::unescape,
    },
    version::MAX_SAFE_INTEGER,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The push with its commits still unread, so that a malformed one is refused alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    protocol: u32,
    device_id: DeviceId,
    #[serde(default)]
    producer: Option<Producer>,
    #[serde(default)]
    cursor: Option<Cursor>,
    #[serde(borrow)]
    commits: Vec<&'a RawValue>,
}

/// All that is expected of a push of another protocol.
#[derive(Deserialize)]
struct Spoken {
    protocol: u32,
}

/// What the body of a push offers.
///
/// # Errors
/// [`Refusal`]: it is not JSON, not of this protocol, has no commit or more than [`MAX_PUSH_COMMITS`], or one whose id can't be
/// read.
pub fn read_push(body: &[u8]) -> Result<Offer, Refusal> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let envelope: Envelope<'_> = match serde_path_to_error::deserialize(&mut deserializer) {
        Ok(envelope) => envelope,
        Err(error) => {
            return Err(match serde_json::from_slice(body) {
                Ok(Spoken { protocol }) if protocol != PROTOCOL => other_protocol(protocol),
                _ => Refusal::invalid(format!("{}: {}", error.path(), error.inner())),
            });
        }
    };
    deserializer.end().map_err(|error| Refusal::invalid(error.to_string()))?;
    check_protocol(Some(envelope.protocol))?;
    for (field, value) in
        envelope.producer.iter().flat_map(|it| [("epoch", it.epoch), ("sequence", it.sequence)])
    {
        if value > MAX_SAFE_INTEGER {
            let detail = format!("producer.{field}: {value} is above {MAX_SAFE_INTEGER}");
            return Err(Refusal::invalid(detail));
        }
    }
    match envelope.commits.len() {
        0 => Err(Refusal::invalid("commits: a push needs at least one commit")),
        count if count > MAX_PUSH_COMMITS => {
            Err(Refusal::too_large(format!("{count} commits are over the limit of {MAX_PUSH_COMMITS}")))
        }
        _ => {
            let commits = envelope.commits.into_iter().enumerate();
            let commits = commits
                .map(|(index, commit)| Candidate::read(commit, index))
                .collect::<Result<_, _>>()
                .map_err(|error| Refusal::invalid(error.to_string()))?;
            Ok(Offer {
                commits,
                cursor: envelope.cursor,
                producer: envelope.producer,
                device: Some(envelope.device_id),
                ..Offer::default()
            })
        }
    }
}

fn other_protocol(protocol: u32) -> Refusal {
    Refusal::unsupported_protocol(format!(
        "the request is of protocol {protocol}; this server speaks {PROTOCOL}"
    ))
}

/// Whether a request is of a version of the protocol that this code speaks; one that names none is of version 1.
///
/// # Errors
/// [`Refusal`] if it is not.
pub fn check_protocol(protocol: Option<u32>) -> Result<(), Refusal> {
    match protocol.unwrap_or(1) {
        PROTOCOL => Ok(()),
        protocol => Err(other_protocol(protocol)),
    }
}

/// What a server says of itself: the most bytes that it takes in the body of a push, for how many seconds at most it lets a client
/// wait for news, if it does, and what it offers.
#[must_use]
pub fn about(push_bytes: usize, wait_seconds: Option<u64>, features: &[&str]) -> About {
    About {
        protocols: vec![PROTOCOL],
        limits: AboutLimits {
            push_bytes: push_bytes as u64,
            push_commits: MAX_PUSH_COMMITS as u64,
            page_events: MAX_PAGE_EVENTS as u64,
            wait_seconds,
        },
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
    }
}

/// How many events a pull asks for; [`MAX_PAGE_EVENTS`] if it does not say.
///
/// # Errors
/// [`Refusal`] for none or too many.
pub fn page_events(limit: Option<usize>) -> Result<usize, Refusal> {
    let limit = limit.unwrap_or(MAX_PAGE_EVENTS);
    if (1..=MAX_PAGE_EVENTS).contains(&limit) {
        return Ok(limit);
    }
    Err(Refusal::invalid(format!("limit is {limit}, not within 1 to {MAX_PAGE_EVENTS}")))
}

/// The streams that a client follows: what the query of a pull says in its parameters `follow`, a rule in each. All streams without such a
/// parameter, none with an empty one alone.
///
/// # Errors
/// [`Refusal`] for what is no rule, and for too many.
pub fn followed(query: &str) -> Result<Streams, Refusal> {
    let mut rules = Vec::new();
    let mut is_asked = false;
    for pair in query.split('&') {
        if let Some(rule) = pair.strip_prefix("follow=") {
            is_asked = true;
            rules.push(unescape(&rule.replace('+', " ")));
        }
    }
    if !is_asked {
        return Ok(Streams::all());
    }
    Streams::of(rules.iter().map(String::as_str).filter(|rule| !rule.is_empty()))
        .map_err(|error| Refusal::invalid(format!("follow: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_the_streams_that_are_followed() {
        let rules = |query: &str| followed(query).unwrap().rules().map(Iterator::collect::<Vec<_>>);
        assert_eq!(rules("after=&limit=5"), None);
        assert_eq!(rules("follow="), Some(vec![]));
        assert_eq!(
            rules("follow=course-1&after=x&follow=exam-a%2A&follow="),
            Some(vec!["course-1".into(), "exam-a*".into()])
        );
        assert_eq!(
            rules("follow=note-a+b&follow=note-a%20c"),
            Some(vec!["note-a b".into(), "note-a c".into()])
        );
        assert_eq!(rules("follow=*&follow=course-1"), None);
        for bad in ["follow=a*b".to_owned(), "follow=%0A".to_owned(), "follow=a&".repeat(257)] {
            let refusal = followed(&bad).unwrap_err();
            assert_eq!(refusal.status, 400);
            assert!(refusal.detail.starts_with("follow: "), "{}", refusal.detail);
        }
    }
}
