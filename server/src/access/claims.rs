//! What a signed token says its bearer may do: the claim `tidelog`, described in docs/server.md.

use super::pass::{LogRule, Pass};
use serde::Deserialize;
use tidelog::{
    authority::{NotStreams, Rights, Streams},
    id::DeviceId,
};

/// The most rules for logs in one token.
const MAX_LOG_RULES: usize = 64;
/// The longest subject, in bytes.
const MAX_SUBJECT: usize = 512;

/// The claims that the server reads; others are ignored. Its lifetime, issuer and audience are checked with the signature.
#[derive(Deserialize)]
pub(super) struct Claims {
    /// When the token ends, in seconds since 1970. That it is there is checked with the signature.
    #[serde(default)]
    pub(super) exp: f64,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    tidelog: Option<Allowed>,
}

/// What is not named is not allowed.
#[derive(Deserialize)]
struct Allowed {
    #[serde(default)]
    logs: Vec<String>,
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    write: Vec<String>,
    #[serde(default)]
    device: Option<DeviceId>,
}

/// A claim is not of the form that it has to have.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadClaim {
    #[error("it has no claim tidelog, so that it allows nothing here")]
    Missing,
    #[error("claim sub: {0} bytes are over the limit of {MAX_SUBJECT}")]
    Subject(usize),
    #[error("claim tidelog.logs: {0} rules are over the limit of {MAX_LOG_RULES}")]
    TooManyLogs(usize),
    #[error("claim tidelog.logs: rule {index} is neither the name of a log nor the beginning of one and *")]
    Log { index: usize },
    #[error("claim tidelog.{list}: {error}")]
    Streams { list: &'static str, error: NotStreams },
}

impl Claims {
    /// What they allow.
    pub(super) fn pass(self) -> Result<Pass, BadClaim> {
        let Allowed { logs, read, write, device } = self.tidelog.ok_or(BadClaim::Missing)?;
        let subject = self.sub.filter(|subject| !subject.is_empty());
        if let Some(subject) = &subject
            && subject.len() > MAX_SUBJECT
        {
            return Err(BadClaim::Subject(subject.len()));
        }
        if logs.len() > MAX_LOG_RULES {
            return Err(BadClaim::TooManyLogs(logs.len()));
        }
        let logs = logs.iter().enumerate();
        let logs = logs.map(|(index, rule)| LogRule::parse(rule).ok_or(BadClaim::Log { index }));
        let streams = |list, rules: &[String]| {
            Streams::of(rules.iter().map(String::as_str)).map_err(|error| BadClaim::Streams { list, error })
        };
        Ok(Pass {
            logs: Some(logs.collect::<Result<_, _>>()?),
            rights: Rights { read: streams("read", &read)?, write: streams("write", &write)? },
            device,
            subject: subject.map(Into::into),
            ..Pass::default()
        })
    }
}
