//! The language of the scenarios: steps, what was kept, and whether an answer holds what was expected.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    #[serde(rename = "about")]
    _about: String,
    pub scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// Whether a server is the authority; else each device is its own.
    #[serde(default)]
    pub server: bool,
    /// Whether a device is opened again on what it has stored. The npm package keeps nothing outside of a browser: there it is played.
    #[serde(default, rename = "stored")]
    _stored: bool,
    /// Which domain it is played in.
    #[serde(default)]
    pub domain: Domain,
    pub steps: Vec<Step>,
}

/// What is played in: courses and exams, or what a process leads to.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Domain {
    #[default]
    Course,
    Academy,
}

#[derive(Deserialize)]
pub struct Step {
    #[serde(rename = "do")]
    pub verb: String,
    #[serde(default = "the_only_device")]
    pub on: String,
    #[serde(default, deserialize_with = "present")]
    pub gives: Option<Value>,
    #[serde(default)]
    pub fails: Option<Value>,
    /// Whether it is what the background will have done.
    #[serde(default)]
    pub eventually: bool,
    #[serde(default, rename = "as")]
    pub kept_as: Option<String>,
    #[serde(flatten)]
    pub arguments: Map<String, Value>,
}

fn the_only_device() -> String {
    "device".into()
}

/// `"gives": null` expects something: that there is nothing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Answers that were kept, by name.
#[derive(Default)]
pub struct Kept(BTreeMap<String, Value>);

impl Kept {
    pub fn keep(&mut self, name: String, answer: Value) {
        self.0.insert(name, answer);
    }

    /// The value with every `$name.path` in it replaced by what was kept.
    pub fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if text.starts_with('$') && text != ANY => self.find(text)?.clone(),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let resolved = fields.iter().map(|(key, value)| Ok((key.clone(), self.resolve(value)?)));
                Value::Object(resolved.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    fn find(&self, text: &str) -> Result<&Value, String> {
        let mut parts = text[1..].split('.');
        let kept = parts.next().and_then(|name| self.0.get(name));
        let found = parts.try_fold(kept, |value, part| {
            let value = value?;
            Some(match part.parse::<usize>() {
                Ok(index) if value.is_array() => value.get(index),
                _ => value.get(part),
            })
        });
        found.flatten().ok_or_else(|| format!("nothing was kept at {text}"))
    }
}

/// Stands for anything that is there.
const ANY: &str = "$any";

/// What does not hold of an answer, each with its path; nothing if all holds.
pub fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", expected, actual, &mut found);
    found
}

fn compare(path: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    let here = if path.is_empty() { "the answer" } else { path };
    match (expected, actual) {
        (Value::String(any), actual) if any == ANY && !actual.is_null() => {}
        (Value::Object(fields), Value::Object(there)) => {
            for (key, value) in fields {
                compare(&format!("{path}.{key}"), value, there.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Array(items), Value::Array(there)) => {
            if items.len() != there.len() {
                found.push(format!("{here}: {} items instead of {}: {actual}", there.len(), items.len()));
                return;
            }
            for (index, (item, actual)) in items.iter().zip(there).enumerate() {
                compare(&format!("{path}[{index}]"), item, actual, found);
            }
        }
        (Value::Number(expected), Value::Number(actual)) if expected.as_f64() == actual.as_f64() => {}
        (expected, actual) if expected == actual => {}
        _ => found.push(format!("{here}: {actual} instead of {expected}")),
    }
}

#[test]
fn what_counts_is_compared() {
    let json = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let check = |expected: &str, actual: &str| differences(&json(expected), &json(actual)).len();
    assert_eq!(check(r#"{"a":1,"b":null,"c":"$any"}"#, r#"{"a":1.0,"c":[],"d":2}"#), 0);
    assert_eq!(check(r#"{"a":1,"b":"$any"}"#, r#"{"a":"1","b":null}"#), 2);
    assert_eq!(check("[1,2]", "[1]"), 1);
    assert_eq!(check("[{},{}]", "[{\"a\":1},2]"), 1);
    assert_eq!(check("null", "0"), 1);
    let mut kept = Kept::default();
    kept.keep("it".into(), json(r#"{"list":[{"id":"x"}]}"#));
    assert_eq!(kept.resolve(&json(r#"{"id":["$it.list.0.id","$any"]}"#)), Ok(json(r#"{"id":["x","$any"]}"#)));
    assert!(kept.resolve(&json(r#""$it.list.1.id""#)).is_err());
}
