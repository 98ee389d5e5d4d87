//! Some of the streams of a log, named by rules: what a token allows, and what a client follows.
//!
//! | rule | streams |
//! |---|---|
//! | `exam-ada-1` | this one |
//! | `course` | all of the aggregate `course` |
//! | `exam-ada-*` | all whose names begin with `exam-ada-` |
//! | `*` | all |

use crate::{
    order::sort,
    stream::{MAX_STREAM_NAME, StreamName},
};
use std::sync::Arc;

/// The most rules that one list may hold.
pub const MAX_STREAM_RULES: usize = 256;

/// Some of the streams of a log. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams(Option<Arc<Named>>);

/// Streams by name. Each list is sorted, and nothing in either is covered by a prefix, so that rules that name the same are the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// Whole names.
    pub exact: Vec<Box<str>>,
    /// Beginnings of names.
    pub prefixes: Vec<Box<str>>,
}

/// A list of rules does not name streams.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotStreams {
    /// There are too many.
    #[error("{count} rules are over the limit of {MAX_STREAM_RULES}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// One is not of the form of a rule.
    #[error(
        "rule {index} is {rule:?}: a rule is the name of a stream or of an aggregate, or the beginning of a name and *, of 1 to \
         {MAX_STREAM_NAME} bytes without control characters"
    )]
    Form {
        /// Its place in the list, from 0.
        index: usize,
        /// The rule, cut to 64 characters.
        rule: String,
    },
}

impl Streams {
    /// All streams.
    #[must_use]
    pub fn all() -> Self {
        Self(None)
    }

    /// No stream.
    #[must_use]
    pub fn none() -> Self {
        Self::named(Vec::new(), Vec::new())
    }

    /// The streams that at least one of the rules names; none if there are no rules.
    ///
    /// # Errors
    /// [`NotStreams`]: more than [`MAX_STREAM_RULES`], or one that is no rule.
    pub fn of<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, NotStreams> {
        let (mut exact, mut prefixes, mut count) = (Vec::new(), Vec::new(), 0);
        for (index, rule) in rules.into_iter().enumerate() {
            count = index + 1;
            let fits = (1..=MAX_STREAM_NAME).contains(&rule.len()) && !rule.chars().any(char::is_control);
            let named = rule.strip_suffix('*');
            let (begins, whole) = (named.unwrap_or(rule), named.is_none());
            if !fits || begins.contains('*') || begins.starts_with('-') {
                return Err(NotStreams::Form { index, rule: rule.chars().take(64).collect() });
            }
            match (whole, StreamName::parse(rule)) {
                (false, _) => prefixes.push(begins.into()),
                (true, Ok(_)) => exact.push(begins.into()),
                (true, Err(_)) if !begins.contains('-') => prefixes.push(format!("{begins}-").into()),
                (true, Err(_)) => {
                    return Err(NotStreams::Form { index, rule: rule.chars().take(64).collect() });
                }
            }
        }
        if count > MAX_STREAM_RULES {
            return Err(NotStreams::TooMany { count });
        }
        Ok(Self::named(exact, prefixes))
    }

    /// This stream alone.
    #[must_use]
    pub fn only(stream: &StreamName) -> Self {
        Self::named(vec![stream.as_str().into()], Vec::new())
    }

    fn named(mut exact: Vec<Box<str>>, mut prefixes: Vec<Box<str>>) -> Self {
        if prefixes.iter().any(|prefix| prefix.is_empty()) {
            return Self::all();
        }
        sort(&mut prefixes);
        sort(&mut exact);
        exact.dedup();
        let mut named = Named { exact: Vec::new(), prefixes: Vec::new() };
        // Sorted, a prefix comes right before what it covers.
        for prefix in prefixes {
            if !named.begins(&prefix) {
                named.prefixes.push(prefix);
            }
        }
        exact.retain(|name| !named.begins(name));
        named.exact = exact;
        Self(Some(Arc::new(named)))
    }

    /// Rules that name them, a whole name or a beginning and `*` each; none if all streams are meant.
    pub fn rules(&self) -> Option<impl Iterator<Item = String>> {
        let named = self.0.as_deref()?;
        let exact = named.exact.iter().map(|name| name.to_string());
        Some(exact.chain(named.prefixes.iter().map(|prefix| format!("{prefix}*"))))
    }

    /// The streams that are among these, or among the others.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        let (Some(one), Some(other)) = (&self.0, &others.0) else { return Self::all() };
        let joined = |one: &[Box<str>], other: &[Box<str>]| [one, other].concat();
        Self::named(joined(&one.exact, &other.exact), joined(&one.prefixes, &other.prefixes))
    }

    /// What these name by rules that the others do not cover.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        match (&self.0, &others.0) {
            (_, None) => Self::none(),
            (None, Some(_)) => Self::all(),
            (Some(these), Some(other)) => {
                let left = |names: &[Box<str>], is_there: &dyn Fn(&str) -> bool| {
                    names.iter().filter(|name| !is_there(name)).cloned().collect()
                };
                let exact = left(&these.exact, &|name| others.includes(name));
                Self::named(exact, left(&these.prefixes, &|prefix| other.begins(prefix)))
            }
        }
    }

    /// Whether every stream of the others is among these, as far as their rules tell.
    #[must_use]
    pub fn covers(&self, others: &Self) -> bool {
        others.without(self).are_none()
    }

    /// The streams that are among these and among the others.
    #[must_use]
    pub fn both(&self, others: &Self) -> Self {
        let (Some(one), Some(other)) = (&self.0, &others.0) else {
            return if self.0.is_none() { others.clone() } else { self.clone() };
        };
        let (mut exact, mut prefixes) = (Vec::new(), Vec::new());
        for (these, those) in [(one, others), (other, self)] {
            exact.extend(these.exact.iter().filter(|name| those.includes(name)).cloned());
            let is_inner = |prefix: &str| those.0.as_ref().is_none_or(|named| named.begins(prefix));
            prefixes.extend(these.prefixes.iter().filter(|prefix| is_inner(prefix)).cloned());
        }
        Self::named(exact, prefixes)
    }

    /// Whether the stream of this name is among them.
    #[must_use]
    pub fn includes(&self, stream: &str) -> bool {
        self.0.as_ref().is_none_or(|named| {
            named.begins(stream) || named.exact.binary_search_by(|name| (**name).cmp(stream)).is_ok()
        })
    }

    /// What names them, for a database; none if all streams are meant.
    #[must_use]
    pub fn names(&self) -> Option<&Named> {
        self.0.as_deref()
    }

    /// Whether no stream can be among them.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.0.as_ref().is_some_and(|named| named.exact.is_empty() && named.prefixes.is_empty())
    }

    /// 16 hexadecimal digits that are the same for rules that name the same; none if all streams are meant. (FNV-1a: whoever
    /// makes the rules has no reason to deceive himself.)
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        let named = self.0.as_ref()?;
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut take = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (list, end) in [(&named.exact, b"\0"), (&named.prefixes, b"*")] {
            for name in list {
                take(name.as_bytes());
                take(end);
            }
        }
        Some(format!("{hash:016x}"))
    }
}

impl Named {
    /// Whether one of the prefixes begins the name. No prefix begins another, so that only the last one before the name can.
    fn begins(&self, name: &str) -> bool {
        let before = self.prefixes.partition_point(|prefix| **prefix <= *name);
        before.checked_sub(1).is_some_and(|last| name.starts_with(&*self.prefixes[last]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn streams(rules: &[&str]) -> Streams {
        Streams::of(rules.iter().copied()).unwrap()
    }

    #[test]
    fn rules_name_streams() {
        let some = streams(&["exam-ada*", "course", "note-7", "exam-ada-1", "exam-b*", "exam-bob*"]);
        for named in ["exam-ada", "exam-ada-9", "exam-adam", "course-1", "note-7", "exam-b", "exam-bob-1"] {
            assert!(some.includes(named), "{named}");
        }
        for other in ["exam-ad", "exam-a", "courses-1", "note-77", "note-", "exam", "zebra-1", "a-1"] {
            assert!(!some.includes(other), "{other}");
        }
        assert!(!streams(&[]).includes("course-1"));
        assert!(streams(&["x-1", "*"]).includes("course-1"));
    }

    #[test]
    fn rules_that_name_the_same_are_the_same() {
        let cases: [(&[&str], &[&str]); 3] = [
            (&["course", "exam-1"], &["exam-1", "course-*", "course-7", "exam-1"]),
            (&["e*"], &["exam", "e*", "exam-a*", "exam-1"]),
            (&["*"], &["course", "*"]),
        ];
        for (one, other) in cases {
            assert_eq!(streams(one), streams(other));
            assert_eq!(streams(one).fingerprint(), streams(other).fingerprint());
        }
        assert_eq!(Streams::all().fingerprint(), None);
        let different: [&[&str]; 5] = [&[], &["a-1"], &["a-1*"], &["a-1", "b-1"], &["a"]];
        let prints: BTreeSet<_> = different.iter().map(|rules| streams(rules).fingerprint()).collect();
        assert_eq!(prints.len(), different.len());
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let long = "x".repeat(513);
        for bad in ["", "-1", "course-", "a*b", "**", "a-\n*", &long] {
            let index = 1;
            assert!(
                matches!(Streams::of(["course", bad]), Err(NotStreams::Form { index: at, .. }) if at == index),
                "{bad:?}"
            );
        }
        let many: Vec<_> = (0..257).map(|number| format!("course-{number}")).collect();
        assert_eq!(Streams::of(many.iter().map(String::as_str)), Err(NotStreams::TooMany { count: 257 }));
        assert!(Streams::of(many[..256].iter().map(String::as_str)).is_ok());
    }

    #[test]
    fn streams_are_joined_and_parted_by_their_rules() {
        let (some, others) =
            (streams(&["course", "exam-ada-*", "note-1"]), streams(&["exam-*", "note-1", "a-1"]));
        assert_eq!(some.with(&others), streams(&["course", "exam-*", "note-1", "a-1"]));
        assert_eq!(some.without(&others), streams(&["course"]));
        assert_eq!(others.without(&some), streams(&["exam-*", "a-1"]));
        assert_eq!(some.both(&others), streams(&["exam-ada-*", "note-1"]));
        assert_eq!(others.both(&some), some.both(&others));
        let all = Streams::all();
        assert_eq!(
            (all.with(&some), all.both(&some), some.both(&all)),
            (all.clone(), some.clone(), some.clone())
        );
        assert_eq!((all.without(&some), some.without(&all)), (all.clone(), Streams::none()));
        assert!(all.covers(&some) && all.covers(&all) && !some.covers(&all));
        assert!(some.covers(&streams(&["exam-ada-7", "course-x", "course-7*"])));
        assert!(!some.covers(&streams(&["exam-ada*"])) && some.covers(&Streams::none()));
        let rules: Vec<String> = some.rules().unwrap().collect();
        assert_eq!(rules, ["note-1", "course-*", "exam-ada-*"]);
        assert_eq!(Streams::of(rules.iter().map(String::as_str)), Ok(some));
        assert!(all.rules().is_none());
        assert_eq!(Streams::only(&StreamName::parse("note-1").unwrap()), streams(&["note-1"]));
    }
}
