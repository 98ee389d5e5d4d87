//! Finding a field in a row without parsing the rest of it.

use super::value::Value;
use std::sync::Arc;

/// The name that stands for a row's key where a field is asked for.
pub(crate) const KEY: &str = "$key";

/// The way to a field: names from the outside in. Parted by dots where they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Arc<str>);

impl Path {
    pub(crate) fn is_key(&self) -> bool {
        &*self.0 == KEY
    }

    /// The value of the field in a row: null if there is none.
    pub(crate) fn value(&self, key: &str, row: &str) -> Value {
        if self.is_key() {
            return Value::Text(key.into());
        }
        let mut scanner = Scanner { text: row, at: 0 };
        for name in self.0.split('.') {
            if scanner.enter(name).is_none() {
                return Value::Null;
            }
        }
        scanner.value().map_or(Value::Null, Value::of_json)
    }
}

/// Walks over a JSON text. The text is known to be JSON: what does not fit ends the walk.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !byte.is_ascii_whitespace() {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Moves to the value of a name in the object that begins here.
    fn enter(&mut self, name: &str) -> Option<()> {
        self.eat(b'{')?;
        loop {
            let key = self.value()?;
            self.eat(b':')?;
            let is_it = match key.contains('\\') {
                false => key.get(1..key.len().checked_sub(1)?) == Some(name),
                true => serde_json::from_str::<String>(key).is_ok_and(|key| key == name),
            };
            if is_it {
                return Some(());
            }
            self.value()?;
            self.eat(b',')?;
        }
    }

    /// The text of the value that begins here; moves behind it.
    fn value(&mut self) -> Option<&'a str> {
        self.peek()?;
        let (from, bytes) = (self.at, self.text.as_bytes());
        let (mut depth, mut quoted) = (0_usize, false);
        loop {
            let byte = *bytes.get(self.at)?;
            match byte {
                b'\\' if quoted => self.at += 1,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            // a number or word has no end of its own
            let next = bytes.get(self.at).copied();
            let is_closed = matches!(byte, b'"' | b'}' | b']');
            let is_over =
                matches!(next, None | Some(b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
            if !quoted && depth == 0 && (is_closed || is_over) {
                return self.text.get(from..self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(row: &str, path: &str, expected: Value) {
        assert_eq!(Path(path.into()).value("the key", row), expected, "{path} of {row}");
    }

    #[test]
    fn fields_are_found_wherever_they_stand() {
        let row = r#"{ "a" : 1 , "b":{"c":[1,{"a":"no"}],"d":"x\"}y","e":{"f":-2.5e3}},"g":null,"h":true,"i\"j":"q","k":"ü\\"}"#;
        check(row, "a", Value::Number(1.0));
        check(row, "b.d", Value::Text("x\"}y".into()));
        check(row, "b.e.f", Value::Number(-2500.0));
        check(row, "b.c", Value::Other);
        check(row, "b", Value::Other);
        check(row, "g", Value::Null);
        check(row, "h", Value::Bool(true));
        check(row, "i\"j", Value::Text("q".into()));
        check(row, "k", Value::Text("ü\\".into()));
        check(row, "$key", Value::Text("the key".into()));
    }

    #[test]
    fn what_is_not_there_is_null() {
        for (row, path) in [
            ("{}", "a"),
            (r#"{"a":1}"#, "b"),
            (r#"{"a":1}"#, "a.b"),
            (r#"{"a":{"b":1}}"#, "a.c"),
            ("5", "a"),
            ("[1,2]", "a"),
            ("\"text\"", "a"),
            (r#"{"a":1}"#, ""),
            ("{\"a\"", "a"),
            ("", "a"),
        ] {
            check(row, path, Value::Null);
        }
    }
}
