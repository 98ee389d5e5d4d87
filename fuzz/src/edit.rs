//! What is done to a text: on its bytes, and on the values that it holds as JSON.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use serde_json::Value;

/// A change. Numbers that are too large are taken modulo what there is.
#[derive(Arbitrary, Clone, Debug)]
pub enum Edit {
    /// Cuts bytes out and puts others in.
    Splice { at: u16, cut: u8, put: Vec<u8> },
    /// Puts another value in the place of one.
    Put { which: u16, value: Odd },
    /// Takes a member or an element out.
    Remove { which: u16 },
    /// Puts one value of the text in the place of another.
    Move { from: u16, to: u16 },
    /// Puts an element into its list once more.
    Twice { which: u16 },
}

/// Values that are seldom thought of.
#[derive(Arbitrary, Clone, Debug)]
pub enum Odd {
    Null,
    Bool(bool),
    Number(i64),
    Large(u64),
    Fraction(f64),
    Text(String),
    Long(u8),
    Nested(u8),
    EmptyList,
    EmptyObject,
}

impl Odd {
    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::Large(value) => (*value).into(),
            Self::Fraction(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
            Self::Long(power) => "ä".repeat(1 << (power % 17)).into(),
            Self::Nested(depth) => (0..*depth).fold(Value::Null, |inner, _| Value::Array(vec![inner])),
            Self::EmptyList => Value::Array(vec![]),
            Self::EmptyObject => Value::Object(serde_json::Map::new()),
        }
    }
}

/// The text after all edits; what is no text any more is made one.
pub fn damage(text: &str, edits: &[Edit]) -> String {
    // Bounded, so that no input takes long.
    edits.iter().take(16).fold(text.to_owned(), |text, edit| match edit {
        Edit::Splice { at, cut, put } => splice(text, usize::from(*at), usize::from(*cut), put),
        edit => match serde_json::from_str(&text) {
            Ok(mut value) => {
                change(&mut value, edit);
                value.to_string()
            }
            // It is JSON no longer.
            Err(_) => text,
        },
    })
}

fn splice(text: String, at: usize, cut: usize, put: &[u8]) -> String {
    let mut bytes = text.into_bytes();
    let at = at % (bytes.len() + 1);
    let end = (at + cut).min(bytes.len());
    bytes.splice(at..end, put.iter().copied());
    String::from_utf8_lossy(&bytes).into_owned()
}

fn change(root: &mut Value, edit: &Edit) {
    let count = count(root);
    let at = |which: &u16| usize::from(*which) % count;
    match edit {
        Edit::Splice { .. } => {}
        Edit::Put { which, value } => visit(root, at(which), &mut |place| *place = value.value()),
        Edit::Move { from, to } => {
            let mut moved = Value::Null;
            visit(root, at(from), &mut |place| moved = place.clone());
            visit(root, at(to), &mut |place| *place = moved.clone());
        }
        Edit::Remove { which } => visit(root, at(which), &mut |place| match place {
            Value::Array(items) => drop(items.pop()),
            Value::Object(members) => {
                if let Some(name) = members.keys().nth(usize::from(*which) % members.len().max(1)).cloned() {
                    members.remove(&name);
                }
            }
            other => *other = Value::Null,
        }),
        Edit::Twice { which } => visit(root, at(which), &mut |place| {
            if let Value::Array(items) = place
                && let Some(item) = items.get(usize::from(*which) % items.len().max(1)).cloned()
            {
                items.push(item);
            }
        }),
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Hands the value with this number, counted from the outside in, to `take`.
fn visit(value: &mut Value, number: usize, take: &mut dyn FnMut(&mut Value)) {
    if number == 0 {
        return take(value);
    }
    let mut before = 1;
    let inner: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(items) => Box::new(items.iter_mut()),
        Value::Object(members) => Box::new(members.values_mut()),
        _ => return,
    };
    for inner in inner {
        let size = count(inner);
        if number < before + size {
            return visit(inner, number - before, take);
        }
        before += size;
    }
}
