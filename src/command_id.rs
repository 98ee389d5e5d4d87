//! Names for commands, so that giving one twice is giving it once.

use crate::{id::CommitId, stream::StreamName};
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

/// The longest name of a command, in bytes of UTF-8.
pub const MAX_COMMAND_ID: usize = 128;

/// The namespace of ids that are derived from texts (RFC 9562, section 5.5); fixed for good.
pub(crate) const NAMESPACE: Uuid = Uuid::from_u128(0x7a2e_1f0c_5f3b_4c0e_9d0a_71de_1090_0001);

/// What its giver calls a command: a UUID, or any text of 1 to 128 bytes.
///
/// A command that has a name is carried out once, however often it is given: in other tabs, after a reload and, because the
/// commit's id is derived from the name, on other devices too. A UUID is the commit's id itself. From any other text and the
/// stream a UUID of version 5 is made, so that the same text in another stream names another command.
///
/// ```
/// use tidelog::{command_id::CommandId, stream::StreamName};
///
/// let (ada, bob) = (StreamName::parse("course-ada")?, StreamName::parse("course-bob")?);
/// let order = CommandId::parse("order 17")?;
/// assert_eq!(order.commit_id(&ada), order.commit_id(&ada));
/// assert_ne!(order.commit_id(&ada), order.commit_id(&bob));
/// assert!(CommandId::parse("").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CommandId(Arc<str>);

/// The name of a command is empty or too long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a command id of {length} bytes is not within 1 to {MAX_COMMAND_ID}")]
pub struct CommandIdError {
    /// Its length in bytes of UTF-8.
    pub length: usize,
}

impl CommandId {
    /// Checks a name.
    ///
    /// # Errors
    /// [`CommandIdError`] if it is empty or over 128 bytes.
    pub fn parse(text: &str) -> Result<Self, CommandIdError> {
        match text.len() {
            1..=MAX_COMMAND_ID => Ok(Self(text.into())),
            length => Err(CommandIdError { length }),
        }
    }

    /// The id of the commit that the command leads to in a stream.
    #[must_use]
    pub fn commit_id(&self, stream: &StreamName) -> CommitId {
        // braces, `urn:` and missing hyphens are other spellings: only the usual one is taken for a UUID
        let uuid = (self.0.len() == 36).then(|| self.0.parse().ok()).flatten();
        CommitId(uuid.unwrap_or_else(|| derive(&[stream.as_str(), &self.0])))
    }
}

impl TryFrom<String> for CommandId {
    type Error = CommandIdError;

    fn try_from(text: String) -> Result<Self, CommandIdError> {
        Self::parse(&text)
    }
}

impl From<CommitId> for CommandId {
    fn from(id: CommitId) -> Self {
        Self(id.to_string().into())
    }
}

/// A UUID of version 5 made from several texts. None of them holds a control character, so that no two lists read alike.
pub(crate) fn derive(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, parts.join("\0").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_the_commit_id_itself_and_texts_are_derived() {
        let stream = StreamName::parse("course-ada").unwrap();
        let id = |text: &str| CommandId::parse(text).unwrap().commit_id(&stream).to_string();
        let uuid = "0191b3a4-7c1e-7a52-9f3b-6d6f0c2f1e00";
        assert_eq!(id(uuid), uuid);
        assert_eq!(id(&uuid.to_uppercase()), uuid);
        // written down, because other devices and other versions of this library must come to the same
        assert_eq!(id("order 17"), "916b4e4e-36e1-5b0b-914a-76eb87a6c614");
        assert_ne!(id("order 17"), id("order 18"));
        assert_eq!(CommandId::parse(&"x".repeat(129)), Err(CommandIdError { length: 129 }));
    }
}
