//! Paths into the data of an event: `address.street`, `lessons.*.name`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// The most segments of a path: how deep data may be nested.
pub const MAX_SEGMENTS: usize = 100;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Into a property of an object.
    Key(String),
    /// Into every element of an array.
    Each,
}

/// Where in the data of an event a step is at work: keys with dots between them, `*` for every element of an array, the empty
/// path for the whole. A dot, an asterisk alone or a backslash that belongs to a key is written with a backslash before it.
///
/// ```
/// use tidelog::upcast::Path;
/// let path: Path = "lessons.*.name".parse()?;
/// assert_eq!(path.to_string(), "lessons.*.name");
/// assert!("lessons..name".parse::<Path>().is_err());
/// # Ok::<(), tidelog::upcast::InvalidPath>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub(super) Vec<Segment>);

/// A text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is no path: {reason}")]
pub struct InvalidPath {
    /// The text, cut to 64 characters.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Path {
    /// Whether it is the whole data.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that it ends with; none for the whole, and for elements of an array.
    pub(super) fn key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Segment::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// What stands before its last segment.
    pub(super) fn parent(&self) -> &[Segment] {
        self.0.split_last().map_or(&[], |(_, parent)| parent)
    }

    /// How many segments there are up to its last `*`.
    pub(super) fn repeated(&self) -> usize {
        self.0.iter().rposition(|segment| *segment == Segment::Each).map_or(0, |last| last + 1)
    }
}

impl FromStr for Path {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let invalid = |reason| Err(InvalidPath { path: text.chars().take(64).collect(), reason });
        let mut segments = Vec::new();
        let (mut key, mut is_plain) = (String::new(), true);
        let mut characters = text.chars();
        loop {
            let next = characters.next();
            match next {
                Some('\\') => match characters.next() {
                    Some(escaped) => {
                        key.push(escaped);
                        is_plain = false;
                    }
                    None => return invalid("a backslash stands before the character that it belongs to"),
                },
                Some('.') | None => {
                    if key.is_empty() {
                        if next.is_none() && segments.is_empty() {
                            return Ok(Self::default());
                        }
                        return invalid("a key is empty");
                    }
                    let key = std::mem::take(&mut key);
                    let is_each = key == "*" && std::mem::replace(&mut is_plain, true);
                    segments.push(if is_each { Segment::Each } else { Segment::Key(key) });
                    is_plain = true;
                    if segments.len() > MAX_SEGMENTS {
                        return invalid("it has more than 100 segments");
                    }
                    if next.is_none() {
                        return Ok(Self(segments));
                    }
                }
                Some(character) => key.push(character),
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            match segment {
                Segment::Each => f.write_str("*")?,
                Segment::Key(key) if key == "*" => f.write_str("\\*")?,
                Segment::Key(key) => {
                    for character in key.chars() {
                        if matches!(character, '.' | '\\') {
                            f.write_str("\\")?;
                        }
                        fmt::Write::write_char(f, character)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_back_what_they_wrote() {
        for text in ["", "a", "a.b.c", "lessons.*.name", "*", r"a\.b", r"\*", r"c:\\d", "é.ü"] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
        assert_eq!(r"\*".parse::<Path>().unwrap().key(), Some("*"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [".", "a.", ".a", "a..b", "a\\"] {
            assert!(text.parse::<Path>().is_err(), "{text:?}");
        }
        assert!(vec!["a"; 101].join(".").parse::<Path>().is_err());
    }
}
