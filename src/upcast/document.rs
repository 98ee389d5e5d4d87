//! A JSON document of which only the levels are opened that a step goes through; everything else stays the text it is, numbers
//! and order of keys included.

use super::path::Segment;
use crate::json::Json;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use std::fmt;

/// A value: its text, or opened.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(Json),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

/// The properties of an object, in their order; of two with one name the later counts, as in JavaScript.
struct Properties(Vec<(String, Node)>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Properties;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut properties: Vec<(String, Node)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Json>()? {
                    match properties.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, earlier)) => *earlier = Node::Text(value),
                        None => properties.push((key, Node::Text(value))),
                    }
                }
                Ok(Properties(properties))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// What keeps a step from its place.
pub(super) type Obstacle = String;

impl Node {
    /// Opens an object; none if it is something else.
    pub(super) fn object(&mut self) -> Option<&mut Vec<(String, Node)>> {
        if let Self::Text(text) = self
            && let Ok(Properties(properties)) = text.to()
        {
            *self = Self::Object(properties);
        }
        match self {
            Self::Object(properties) => Some(properties),
            _ => None,
        }
    }

    fn array(&mut self) -> Option<&mut Vec<Node>> {
        if let Self::Text(text) = self
            && text.as_str().starts_with('[')
            && let Ok(elements) = text.to::<Vec<Json>>()
        {
            *self = Self::Array(elements.into_iter().map(Self::Text).collect());
        }
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Text(text) if text.as_str() == "null")
    }

    /// Does something to every value that a path leads to. Where there is none, nothing is done, or with `make` the objects on
    /// the way are made. Objects that hold nothing afterwards are taken away again with `prune`.
    pub(super) fn visit(
        &mut self,
        path: &[Segment],
        way: Way,
        act: &mut dyn FnMut(&mut Node) -> Result<(), Obstacle>,
    ) -> Result<(), Obstacle> {
        let Some((segment, rest)) = path.split_first() else { return act(self) };
        match segment {
            Segment::Each if self.is_null() => Ok(()),
            Segment::Each => match self.array() {
                Some(elements) => elements.iter_mut().try_for_each(|element| element.visit(rest, way, act)),
                None => Err("* stands for the elements of an array, and there is none".into()),
            },
            Segment::Key(key) => {
                let is_null = self.is_null();
                let Some(properties) = self.object() else {
                    if is_null && !way.make {
                        return Ok(());
                    }
                    return Err(format!("what should hold {key:?} is no object"));
                };
                let at = match properties.iter().position(|(known, _)| known == key) {
                    Some(at) => at,
                    None if way.make => {
                        properties.push((key.clone(), Self::Object(Vec::new())));
                        properties.len() - 1
                    }
                    None => return Ok(()),
                };
                properties[at].1.visit(rest, way, act)?;
                if way.prune && matches!(&properties[at].1, Self::Object(left) if left.is_empty()) {
                    properties.remove(at);
                }
                Ok(())
            }
        }
    }

    /// The document as text.
    pub(super) fn text(self) -> Result<Json, Obstacle> {
        if let Self::Text(text) = self {
            return Ok(text);
        }
        let mut out = String::new();
        self.write(&mut out)?;
        Json::parse(out).map_err(|error| error.to_string())
    }

    fn write(&self, out: &mut String) -> Result<(), Obstacle> {
        match self {
            Self::Text(text) => out.push_str(text.as_str()),
            Self::Object(properties) => {
                out.push('{');
                for (index, (key, value)) in properties.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(Json::of(key).map_err(|error| error.to_string())?.as_str());
                    out.push(':');
                    value.write(out)?;
                }
                out.push('}');
            }
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    element.write(out)?;
                }
                out.push(']');
            }
        }
        Ok(())
    }
}

/// How to go along a path.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) make: bool,
    pub(super) prune: bool,
}

impl Way {
    /// Only what is there.
    pub(super) const FOUND: Self = Self { make: false, prune: false };
    /// Making the objects that are missing.
    pub(super) const MADE: Self = Self { make: true, prune: false };
    /// Only what is there, and no empty object is left behind.
    pub(super) const PRUNED: Self = Self { make: false, prune: true };
}
