//! The difference between two JSON documents: which fields changed, from what to what.
//!
//! Documents are compared by what they say, not by how they are written: the order of an object's keys, spaces and escapes don't
//! count. The values found are texts of the documents themselves.

use crate::json::Json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap};

/// Numbers above it may share a 64-bit float with another one, so they are compared as written.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// A field that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Where it stands: a JSON Pointer (RFC 6901), such as `/lessons/2`; empty for the whole document. Of an element that was
    /// removed from a list it names the place in the list before, otherwise the place in the list after.
    pub path: String,
    /// What it was; none if it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// What it is; none if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Json>,
}

/// The fields that differ, in the order of their names; elements of lists in the order of the lists. None means that there is no
/// document, as where a row is new or gone.
///
/// Lists are compared without the elements that both begin with and both end with: what is put into or taken out of the middle
/// of a list is one change. What is left between is compared pair by pair.
///
/// ```
/// use tidelog::{difference::difference, json::Json};
///
/// let before = Json::parse(r#"{"name":"Ada","lessons":["l1","l2"]}"#)?;
/// let after = Json::parse(r#"{"lessons":["l1","l3","l2"],"name":"Ada"}"#)?;
/// let changes = difference(Some(&before), Some(&after));
/// assert_eq!(changes.len(), 1);
/// assert_eq!(changes[0].path, "/lessons/1");
/// assert_eq!(changes[0].before, None);
/// assert_eq!(changes[0].after.as_ref().map(Json::as_str), Some("\"l3\""));
/// # Ok::<(), tidelog::json::NotJson>(())
/// ```
#[must_use]
pub fn difference(before: Option<&Json>, after: Option<&Json>) -> Vec<FieldChange> {
    if before == after {
        return Vec::new();
    }
    let mut found = Finder { path: String::new(), changes: Vec::new() };
    let before = before.map(|document| Part::of(document.as_str()));
    let after = after.map(|document| Part::of(document.as_str()));
    found.compare(before.as_ref(), after.as_ref());
    found.changes
}

/// A document or a part of one, as text and taken apart.
struct Part<'a> {
    text: &'a str,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Object(BTreeMap<Cow<'a, str>, Part<'a>>),
    List(Vec<Part<'a>>),
    Text(Cow<'a, str>),
    /// A number, true, false or null: its text says all.
    Plain,
}

/// A name or text, borrowed where it holds no escape.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.trim();
        // what is here was checked to be JSON when it came in; what could not be read would be compared as text
        let kind = match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).ok().map(|fields: BTreeMap<Word<'a>, &'a RawValue>| {
                let fields = fields.into_iter();
                Kind::Object(fields.map(|(name, value)| (name.0, Self::of(value.get()))).collect())
            }),
            Some(b'[') => serde_json::from_str(text).ok().map(|elements: Vec<&'a RawValue>| {
                Kind::List(elements.into_iter().map(|value| Self::of(value.get())).collect())
            }),
            Some(b'"') => serde_json::from_str(text).ok().map(|Word(text)| Kind::Text(text)),
            _ => None,
        };
        Self { text, kind: kind.unwrap_or(Kind::Plain) }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.text == other.text
            || match (&self.kind, &other.kind) {
                (Kind::Object(one), Kind::Object(other)) => {
                    let is_there = |(name, value): (_, &Self)| {
                        other.get(name).is_some_and(|its_value| value.is_same(its_value))
                    };
                    one.len() == other.len() && one.iter().all(is_there)
                }
                (Kind::List(one), Kind::List(other)) => {
                    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is_same(other))
                }
                (Kind::Text(one), Kind::Text(other)) => one == other,
                (Kind::Plain, Kind::Plain) => is_same_number(self.text, other.text),
                _ => false,
            }
    }

    /// What stands here, as a document of its own.
    fn document(&self) -> Option<Json> {
        Json::trusted(self.text).ok()
    }
}

fn is_same_number(one: &str, other: &str) -> bool {
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one == other && one.abs() <= EXACT,
        _ => false,
    }
}

/// Walks both documents at once.
struct Finder {
    path: String,
    changes: Vec<FieldChange>,
}

impl Finder {
    fn compare(&mut self, before: Option<&Part<'_>>, after: Option<&Part<'_>>) {
        if let (Some(before), Some(after)) = (before, after) {
            match (&before.kind, &after.kind) {
                (Kind::Object(one), Kind::Object(other)) => return self.compare_objects(one, other),
                (Kind::List(one), Kind::List(other)) => return self.compare_lists(one, other),
                _ if before.is_same(after) => return,
                _ => {}
            }
        }
        let (before, after) = (before.and_then(Part::document), after.and_then(Part::document));
        self.changes.push(FieldChange { path: self.path.clone(), before, after });
    }

    fn compare_objects<'a>(
        &mut self,
        before: &BTreeMap<Cow<'a, str>, Part<'a>>,
        after: &BTreeMap<Cow<'a, str>, Part<'a>>,
    ) {
        let new = after.keys().filter(|name| !before.contains_key(*name));
        let mut names: Vec<_> = before.keys().chain(new).collect();
        crate::order::sort(&mut names);
        for name in names {
            self.go_into(name, before.get(name), after.get(name));
        }
    }

    fn compare_lists(&mut self, before: &[Part<'_>], after: &[Part<'_>]) {
        let is_same = |(one, other): &(&Part<'_>, &Part<'_>)| one.is_same(other);
        let start = before.iter().zip(after).take_while(is_same).count();
        let (before, after) = (&before[start..], &after[start..]);
        let end = before.iter().rev().zip(after.iter().rev()).take_while(is_same).count();
        let (before, after) = (&before[..before.len() - end], &after[..after.len() - end]);
        for index in 0..before.len().max(after.len()) {
            self.go_into(&(start + index).to_string(), before.get(index), after.get(index));
        }
    }

    /// Goes one level down.
    fn go_into(&mut self, name: &str, before: Option<&Part<'_>>, after: Option<&Part<'_>>) {
        let length = self.path.len();
        self.path.push('/');
        for character in name.chars() {
            match character {
                '~' => self.path.push_str("~0"),
                '/' => self.path.push_str("~1"),
                other => self.path.push(other),
            }
        }
        self.compare(before, after);
        self.path.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, expected: &[(&str, &str, &str)]) {
        let (before, after) = (Json::parse(before).unwrap(), Json::parse(after).unwrap());
        let text =
            |side: &Option<Json>| side.as_ref().map_or("-".to_owned(), |json| json.as_str().to_owned());
        let found: Vec<_> = difference(Some(&before), Some(&after))
            .iter()
            .map(|change| (change.path.clone(), text(&change.before), text(&change.after)))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(path, before, after)| (path.to_string(), before.to_string(), after.to_string()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn how_a_document_is_written_makes_no_difference() {
        for (one, other) in [
            (r#"{"a":1,"b":[true,null]}"#, "{ \"b\": [true, null],\n \"a\": 1.0 }"),
            (r#""é""#, r#""\u00e9""#),
            (r#"{"\u0061":{}}"#, r#"{"a": { }}"#),
            ("100", "1e2"),
            ("-0", "0"),
        ] {
            check(one, other, &[]);
        }
    }

    #[test]
    fn changed_new_and_removed_fields_are_named() {
        check(
            r#"{"name":"Ada","score":{"tma":71,"exam":null},"left":true}"#,
            r#"{"name":"Ada","score":{"tma":84,"exam":null},"since":"2014"}"#,
            &[("/left", "true", "-"), ("/score/tma", "71", "84"), ("/since", "-", "\"2014\"")],
        );
    }

    #[test]
    fn what_is_put_into_or_taken_out_of_a_list_is_one_change() {
        check("[1,2,3]", "[1,2,3,4]", &[("/3", "-", "4")]);
        check("[1,2,3]", "[0,1,2,3]", &[("/0", "-", "0")]);
        check("[1,2,3]", "[1,3]", &[("/1", "2", "-")]);
        check("[7,7]", "[7,7,7]", &[("/2", "-", "7")]);
        check("[]", "[[]]", &[("/0", "-", "[]")]);
        check(
            r#"[{"id":1,"n":1},{"id":2,"n":2},{"id":3}]"#,
            r#"[{"id":1,"n":1},{"id":2,"n":5},{"id":3}]"#,
            &[("/1/n", "2", "5")],
        );
    }

    #[test]
    fn another_kind_of_value_is_a_change_of_the_whole() {
        check(r#"{"a":[1]}"#, r#"{"a":{"0":1}}"#, &[("/a", "[1]", r#"{"0":1}"#)]);
        check("1", "\"1\"", &[("", "1", "\"1\"")]);
        check("null", "false", &[("", "null", "false")]);
    }

    #[test]
    fn names_are_escaped_as_in_a_pointer() {
        check(
            r#"{"a/b":1,"~":2,"":3}"#,
            r#"{"a/b":2,"~":3,"":4}"#,
            &[("/", "3", "4"), ("/a~1b", "1", "2"), ("/~0", "2", "3")],
        );
    }

    #[test]
    fn numbers_beyond_the_exact_ones_are_compared_as_written() {
        check("9007199254740993", "9007199254740992", &[("", "9007199254740993", "9007199254740992")]);
        check("0.1", "0.10", &[]);
    }

    #[test]
    fn a_document_that_is_new_or_gone_is_one_change() {
        let row = Json::parse("{}").unwrap();
        let new = difference(None, Some(&row));
        assert_eq!(new, [FieldChange { path: String::new(), before: None, after: Some(row.clone()) }]);
        let gone = difference(Some(&row), None);
        assert_eq!(gone, [FieldChange { path: String::new(), before: Some(row), after: None }]);
        assert_eq!(difference(None, None), []);
    }

    #[test]
    fn nesting_as_deep_as_json_may_be_is_walked() {
        let nested = |inner: &str| format!("{}{inner}{}", "[".repeat(120), "]".repeat(120));
        let path = "/0".repeat(120);
        check(&nested("1"), &nested("2"), &[(path.as_str(), "1", "2")]);
    }
}
