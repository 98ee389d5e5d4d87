//! Stories about upcasters.

use super::{
    difference::same_json,
    happened::{Happened, recorded},
};
use crate::{
    event::NewEvent,
    json::Json,
    upcast::{Decoder, Shape, UpcastError},
};
use serde::Serialize;

/// A type, a schema version, and data of that shape.
///
/// # Panics
/// If the data can't be written as JSON.
#[must_use]
#[track_caller]
pub fn shape<D: Serialize>(event_type: &str, schema_version: u32, data: D) -> Shape {
    let data = Json::of(&data).expect("data that can be written as JSON");
    Shape { event_type: event_type.into(), schema_version, data }
}

/// Given a stored event of this shape, read with these upcasters.
#[must_use]
pub fn upcaster(decoder: &Decoder, stored: Shape) -> Decoded {
    let Shape { event_type, schema_version, data } = stored;
    let schema_version = Some(schema_version);
    let event = NewEvent { event_type, schema_version, data, id: None, occurred_at: None, custom: None };
    let stream = crate::testing::stream("upcast-1");
    let decoded = decoder.decode(recorded([Happened { stream, event, actor: None }]));
    Decoded(decoded.map(|events| {
        let shapes = events.into_iter().map(|recorded| Shape {
            event_type: recorded.event.event_type,
            schema_version: recorded.event.schema_version,
            data: recorded.event.data,
        });
        shapes.collect()
    }))
}

/// What the event is read as.
pub struct Decoded(Result<Vec<Shape>, UpcastError>);

impl Decoded {
    /// It is read as these; as none if it means nothing any more.
    ///
    /// # Panics
    /// If it is read as others, or a step failed.
    #[track_caller]
    pub fn then(&self, expected: impl IntoIterator<Item = Shape>) -> &Self {
        let shapes = self.0.as_ref().unwrap_or_else(|error| panic!("{error}"));
        let expected: Vec<Shape> = expected.into_iter().collect();
        same_json("the shapes", &expected, shapes);
        self
    }

    /// A step fails, with a message that has this part.
    ///
    /// # Panics
    /// If none does, or with another message.
    #[track_caller]
    pub fn then_fails(&self, part: &str) -> &Self {
        match &self.0 {
            Ok(shapes) => panic!("the step was to fail, but it gave {shapes:?}"),
            Err(error) => assert!(error.to_string().contains(part), "{error} does not say {part:?}"),
        }
        self
    }
}
