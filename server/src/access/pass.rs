//! What one request may do: what its token says, read and checked.

use super::rates::Holder;
use crate::{log_name::LogName, refusal::Refusal};
use sha2::{Digest, Sha256};
use tidelog::{
    authority::{Offer, Rights},
    id::DeviceId,
};
use tokio::time::Instant;

/// What the bearer of a token may do. The default is everything, for ever.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pass {
    /// The logs; none if all.
    pub(super) logs: Option<Vec<LogRule>>,
    /// What may be done with the streams of each.
    pub(crate) rights: Rights,
    /// The only device that may push; none if any may.
    pub(super) device: Option<DeviceId>,
    /// Whose token it is; none if it is not told apart from others.
    pub(super) subject: Option<Box<str>>,
    /// Whom the limits of one token count for.
    pub(crate) holder: Holder,
    /// When it ends.
    pub(crate) until: Option<Instant>,
}

/// A name of a log, or the beginning of names.
#[derive(Clone, Debug)]
pub(super) struct LogRule {
    begins: Box<str>,
    is_whole: bool,
}

impl LogRule {
    /// Reads a rule; none if it can't name any log.
    pub(super) fn parse(rule: &str) -> Option<Self> {
        let named = rule.strip_suffix('*');
        let begins = named.unwrap_or(rule);
        // The beginning of a name is a name, but for the empty one.
        let fits = (begins.is_empty() && named.is_some()) || LogName::parse(begins).is_ok();
        fits.then(|| Self { begins: begins.into(), is_whole: named.is_none() })
    }

    fn names(&self, log: &LogName) -> bool {
        if self.is_whole { log.as_str() == &*self.begins } else { log.as_str().starts_with(&*self.begins) }
    }
}

impl Pass {
    /// Whether the log may be used at all. What is refused is refused without a look at whether there is such a log.
    pub(crate) fn check_log(&self, log: &LogName) -> Result<(), Refusal> {
        match &self.logs {
            Some(rules) if !rules.iter().any(|rule| rule.names(log)) => {
                Err(Refusal::forbidden("the token does not allow this log"))
            }
            _ => Ok(()),
        }
    }

    /// Whether anything may be read.
    pub(crate) fn check_read(&self) -> Result<(), Refusal> {
        if self.rights.read.are_none() {
            return Err(Refusal::forbidden("the token does not allow reading"));
        }
        Ok(())
    }

    /// Gives the push the rights of its token, if its device may push.
    pub(crate) fn sign(&self, offer: Offer) -> Result<Offer, Refusal> {
        if let Some(device) = self.device {
            let named = [offer.device, offer.producer.map(|producer| producer.id)];
            if named.into_iter().flatten().any(|named| named != device) {
                return Err(Refusal::forbidden(
                    "the token belongs to another device than the one that pushes",
                ));
            }
        }
        let producer = offer.producer.map(|mut producer| {
            producer.id = self.own(producer.id);
            producer
        });
        Ok(Offer { producer, rights: self.rights.clone(), subject: self.subject.clone(), ..offer })
    }

    /// The producer as the log knows it: of this subject alone. Else whoever has seen the id of another's device could fence it, and
    /// find out how often it has pushed.
    fn own(&self, producer: DeviceId) -> DeviceId {
        let Some(subject) = &self.subject else { return producer };
        let bytes = digest(producer.0.as_bytes(), subject.as_bytes());
        DeviceId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// The first half of a SHA-256.
pub(super) fn digest(first: &[u8], second: &[u8]) -> [u8; 16] {
    let digest = Sha256::new().chain_update(first).chain_update(second).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_logs() {
        let named =
            |rule: &str, log: &str| LogRule::parse(rule).unwrap().names(&LogName::parse(log).unwrap());
        assert!(named("academy", "academy") && !named("academy", "academy-1"));
        assert!(named("academy-*", "academy-1") && !named("academy-*", "academy"));
        assert!(named("*", "academy"));
        for bad in ["", "**", "a*b", "-*", "A", "a b"] {
            assert!(LogRule::parse(bad).is_none(), "{bad:?}");
        }
    }
}
