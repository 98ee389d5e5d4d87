//! The names of an enum's variants, as serde knows them: which types of events a Rust aggregate can read.

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, MapAccess, VariantAccess, Visitor,
        value::StrDeserializer,
    },
};
use std::fmt;

/// A name that no variant has.
const NOBODY: &str = "\0";

/// The variants of an enum that serde reads as `{ "type", "data" }`, adjacently or internally tagged. None if it takes any type
/// (`#[serde(other)]`), is no such enum, or reads itself by hand.
pub(crate) fn variants_of<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    T::deserialize(Probe { is_value: false }).err().and_then(|Answer(variants)| variants)
}

/// What the type answers to a name that no variant has: the error of serde lists those it knows.
#[derive(Debug)]
struct Answer(Option<&'static [&'static str]>);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a variant")
    }
}

impl std::error::Error for Answer {}

impl de::Error for Answer {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(Some(expected))
    }
}

/// The document `{ "type": NOBODY }`, and the text in it.
struct Probe {
    is_value: bool,
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Answer;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Answer> {
        if self.is_value { visitor.visit_str(NOBODY) } else { visitor.visit_map(Tag { is_read: false }) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Answer> {
        if self.is_value { visitor.visit_enum(Variant) } else { Err(Answer(None)) }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Tag {
    is_read: bool,
}

impl<'de> MapAccess<'de> for Tag {
    type Error = Answer;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Answer> {
        if std::mem::replace(&mut self.is_read, true) {
            return Ok(None);
        }
        seed.deserialize(StrDeserializer::new("type")).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Answer> {
        seed.deserialize(Probe { is_value: true })
    }
}

struct Variant;

impl<'de> EnumAccess<'de> for Variant {
    type Error = Answer;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Answer> {
        Ok((seed.deserialize(Probe { is_value: true })?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = Answer;

    fn unit_variant(self) -> Result<(), Answer> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Answer> {
        Err(Answer(None))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Answer> {
        Err(Answer(None))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Answer> {
        Err(Answer(None))
    }
}

#[cfg(test)]
#[allow(dead_code)] // the variants are read, never made
mod tests {
    use super::variants_of;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(tag = "type", content = "data")]
    enum Adjacent {
        Opened,
        #[serde(rename = "was-closed")]
        Closed {
            by: String,
        },
    }

    #[derive(Deserialize)]
    #[serde(tag = "type")]
    enum Internal {
        Opened { by: String },
        Closed,
    }

    #[derive(Deserialize)]
    #[serde(tag = "type", content = "data")]
    enum Lenient {
        Opened,
        #[serde(other)]
        Anything,
    }

    #[derive(Deserialize)]
    struct Plain {
        by: String,
    }

    #[test]
    fn a_tagged_enum_tells_its_variants() {
        assert_eq!(variants_of::<Adjacent>(), Some(&["Opened", "was-closed"][..]));
        assert_eq!(variants_of::<Internal>(), Some(&["Opened", "Closed"][..]));
    }

    #[test]
    fn what_takes_anything_tells_nothing() {
        assert_eq!(variants_of::<Lenient>(), None);
        assert_eq!(variants_of::<Plain>(), None);
        assert_eq!(variants_of::<serde_json::Value>(), None);
    }
}
