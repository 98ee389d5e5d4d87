//! Names of logs, as they stand in the address: `/logs/{name}`.

use std::{fmt, sync::Arc};

/// The longest name of a log, in bytes.
pub const MAX_LOG_NAME: usize = 63;

/// The name of a log: 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogName(Arc<str>);

/// The text is no name of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a log is 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit"
)]
pub struct NotALogName;

impl LogName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`NotALogName`].
    pub fn parse(name: &str) -> Result<Self, NotALogName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        match name.as_bytes() {
            [first, rest @ ..]
                if plain(*first)
                    && rest.len() < MAX_LOG_NAME
                    && rest.iter().all(|&byte| plain(byte) || byte == b'-') =>
            {
                Ok(Self(name.into()))
            }
            _ => Err(NotALogName),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(63);
        for good in ["a", "0", "academy-1", "a--b-", &longest] {
            assert_eq!(LogName::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(64);
        for bad in ["", "-a", "A", "a_b", "a.b", "a/b", "ä", "a b", &long] {
            assert_eq!(LogName::parse(bad), Err(NotALogName), "{bad:?}");
        }
    }
}
