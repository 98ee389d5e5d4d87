//! JSON kept as text: parsed only where somebody reads it.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, DeserializeSeed, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::sync::Arc;

/// A JSON document as its text. The text is known to be well-formed; nothing has been built from it. Clones share the text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Arc<RawValue>);

/// Any JSON.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Json {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Json".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

/// The text was not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not valid JSON: {0}")]
pub struct NotJson(pub String);

impl Json {
    /// Checks that `text` is one JSON document and keeps it.
    ///
    /// # Errors
    /// [`NotJson`] with the parser's message, which names line and column.
    pub fn parse(text: impl Into<String>) -> Result<Self, NotJson> {
        RawValue::from_string(text.into())
            .map(|raw| Self(raw.into()))
            .map_err(|error| NotJson(error.to_string()))
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// [`NotJson`] if the value can't be written as JSON, such as a map whose keys are not text.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, NotJson> {
        serde_json::value::to_raw_value(value)
            .map(|raw| Self(raw.into()))
            .map_err(|error| NotJson(error.to_string()))
    }

    /// The document `null`.
    #[must_use]
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned().into())
    }

    /// Takes a text that this library has written itself, from bytes whose checksum held, without parsing it again.
    pub(crate) fn trusted(text: &str) -> Result<Self, NotJson> {
        match Box::<RawValue>::deserialize(Trusted(Some(text))) {
            Ok(raw) => Ok(Self(raw.into())),
            Err(_) => Self::parse(text),
        }
    }

    /// Reads a value of type `T` out of the document.
    ///
    /// # Errors
    /// [`NotJson`] if the document has another shape than `T`.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, NotJson> {
        serde_json::from_str(self.0.get()).map_err(|error| NotJson(error.to_string()))
    }

    /// The text of the document.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The length of the text in bytes of UTF-8.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.get().len()
    }

    /// Never true: an empty text is not JSON. It stands beside [`Json::len`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Hands a text to `RawValue` as its own parser does, in a map of one entry, for it has no public door past the parser.
struct Trusted<'a>(Option<&'a str>);

impl<'de> Deserializer<'de> for Trusted<'_> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_map(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Trusted<'_> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        seed.deserialize(serde::de::value::BorrowedStrDeserializer::new("$serde_json::private::RawValue"))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        seed.deserialize(serde::de::value::StrDeserializer::new(self.0.take().unwrap_or("null")))
    }
}

/// Two documents are equal when their texts are: `{"a":1}` and `{ "a": 1 }` differ.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_text_is_the_same_document_as_a_parsed_one() {
        for text in ["null", r#"{"a":[1,2.5,"é\n"],"b":{}}"#, "\"\"", "17"] {
            let trusted = Json::trusted(text).unwrap();
            assert_eq!(trusted, Json::parse(text).unwrap());
            assert_eq!(serde_json::to_string(&trusted).unwrap(), text);
        }
    }

    #[test]
    fn a_trusted_text_is_not_parsed() {
        assert!(
            Json::trusted("{").is_ok(),
            "parsing is what this door saves; if it does, loading gets slower"
        );
    }
}
