//! Which streams an app wants to follow, within what fits into the address of a request.

use super::transport::follow_query;
use crate::streams::{NotStreams, Streams};

/// The most rules that an app may follow by.
pub const MAX_FOLLOW_RULES: usize = 64;
/// The most bytes that they may take in the address of a request, percent-encoded.
pub const MAX_FOLLOW_BYTES: usize = 2_048;
/// The most bytes that are sent, with the streams that the device follows only as long as it has something for them.
const MOST_BYTES: usize = 6_000;

/// What an app wants to follow. The default: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Follow {
    streams: Streams,
    forget: bool,
}

/// A list does not say what to follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFollow {
    /// It does not name streams.
    #[error(transparent)]
    Rules(#[from] NotStreams),
    /// There are too many rules.
    #[error("{count} rules are over the limit of {MAX_FOLLOW_RULES}")]
    TooMany {
        /// How many there are, but for those that others cover.
        count: usize,
    },
    /// They take too much room.
    #[error("the rules take {bytes} bytes in the address of a request; the limit is {MAX_FOLLOW_BYTES}")]
    TooLong {
        /// How many bytes.
        bytes: usize,
    },
}

impl Follow {
    /// What is named by rules: names of streams, names of aggregates, or beginnings of names and `*` (see [`Streams`]).
    ///
    /// ```
    /// use tidelog::sync::follow::Follow;
    ///
    /// let class = Follow::of(["course", "exam-7a-*", "note-7"])?;
    /// assert!(class.streams().includes("exam-7a-ada") && !class.streams().includes("exam-7b-bob"));
    /// assert!(Follow::of(["exam-*-7"]).is_err());
    /// # Ok::<(), tidelog::sync::follow::NotFollow>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFollow`]: a rule is none, or they are more than fit.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, NotFollow> {
        let streams = Streams::of(rules)?;
        let count = streams.rules().map_or(0, Iterator::count);
        if count > MAX_FOLLOW_RULES {
            return Err(NotFollow::TooMany { count });
        }
        let bytes = follow_query(&streams).len();
        if bytes > MAX_FOLLOW_BYTES {
            return Err(NotFollow::TooLong { bytes });
        }
        Ok(Self { streams, forget: false })
    }

    /// Whether confirmed events of streams that are no longer followed are forgotten. By default they are kept as they are.
    #[must_use]
    pub fn forgetting(self, forget: bool) -> Self {
        Self { forget, ..self }
    }

    /// The streams.
    #[must_use]
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Whether what is no longer followed is forgotten.
    #[must_use]
    pub fn forgets(&self) -> bool {
        self.forget
    }
}

/// Whether what is to be followed still fits into the address of a request.
pub(crate) fn fits(streams: &Streams) -> bool {
    follow_query(streams).len() <= MOST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let names: Vec<String> = (0..65).map(|number| format!("course-{number}")).collect();
        let rules = |count: usize| names[..count].iter().map(String::as_str);
        assert!(Follow::of(rules(64)).is_ok());
        assert_eq!(Follow::of(rules(65)), Err(NotFollow::TooMany { count: 65 }));
        assert!(Follow::of(rules(65).chain(["course"])).is_ok());
        let long = format!("course-{}", "é".repeat(250));
        assert!(Follow::of([&*long]).is_ok());
        let two = [format!("{long}1"), format!("{long}2")];
        assert!(
            matches!(Follow::of(two.iter().map(String::as_str)), Err(NotFollow::TooLong { bytes }) if bytes > 2_048)
        );
        assert!(matches!(Follow::of(["a*b"]), Err(NotFollow::Rules(_))));
    }
}
