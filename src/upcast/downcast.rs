//! Downcasting: events in the shape that an older server or app understands.

use super::{UpcastError, chain::Chain, upcaster::Shape};
use crate::event::RecordedEvent;
use serde::Deserialize;
use std::sync::Arc;

/// The schema version that is wanted of each type. Types that are not named come in today's shape.
///
/// An older type that a newer one took in can be named too: then events of the newer type are given as the older one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Versions(Vec<(Arc<str>, u32)>);

impl Versions {
    /// The version wanted of a type.
    #[must_use]
    pub fn of(&self, event_type: &str) -> Option<u32> {
        self.0.iter().find(|(name, _)| **name == *event_type).map(|(_, version)| *version)
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The types with their versions.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Arc<str>, u32)> {
        self.0.iter()
    }

    fn has(&self, event_type: &str, schema_version: u32) -> bool {
        self.of(event_type) == Some(schema_version)
    }
}

impl<'t> FromIterator<(&'t str, u32)> for Versions {
    fn from_iter<I: IntoIterator<Item = (&'t str, u32)>>(versions: I) -> Self {
        Self(versions.into_iter().map(|(name, version)| (name.into(), version)).collect())
    }
}

impl Chain {
    /// An event, as new as it gets, in the shape that is wanted of it. As it is if none is.
    pub(super) fn downcast(
        &self,
        shape: Shape,
        wanted: &Versions,
        stored: &RecordedEvent,
    ) -> Result<Shape, UpcastError> {
        let fails = |event_type, schema_version, reason| UpcastError::NoDowncast {
            event_type,
            schema_version,
            stream: stored.stream.as_str().into(),
            version: stored.version,
            reason,
        };
        let (event_type, schema_version) = (Arc::clone(&shape.event_type), shape.schema_version);
        if !self.comes_from(&event_type, schema_version, wanted) {
            return match wanted.of(&event_type) {
                Some(older) if older < schema_version => {
                    let reason = format!("no upcaster leads here from version {older}");
                    Err(fails(event_type, schema_version, reason))
                }
                _ => Ok(shape),
            };
        }
        match self.back(shape, wanted) {
            Ok(Some(older)) => Ok(older),
            Ok(None) => {
                let reason = "no upcaster that leads here says that it came from there".into();
                Err(fails(event_type, schema_version, reason))
            }
            Err((at, reason)) => Err(fails(at.event_type, at.schema_version, reason)),
        }
    }

    /// Whether a shape is wanted, or made of one that is.
    fn comes_from(&self, event_type: &str, schema_version: u32, wanted: &Versions) -> bool {
        wanted.has(event_type, schema_version)
            || self.upcasters.iter().any(|it| {
                it.leads_to(event_type, schema_version) && self.comes_from(&it.event_type, it.from, wanted)
            })
    }

    fn back(&self, shape: Shape, wanted: &Versions) -> Result<Option<Shape>, (Shape, String)> {
        if wanted.has(&shape.event_type, shape.schema_version) {
            return Ok(Some(shape));
        }
        let mut found: Option<Shape> = None;
        for upcaster in &self.upcasters {
            if !upcaster.leads_to(&shape.event_type, shape.schema_version)
                || !self.comes_from(&upcaster.event_type, upcaster.from, wanted)
            {
                continue;
            }
            let older = upcaster.downcast(shape.clone()).map_err(|reason| (shape.clone(), reason))?;
            let older = older.map(|older| self.back(older, wanted)).transpose()?.flatten();
            match (&found, older) {
                (Some(one), Some(other)) => {
                    let reason = format!(
                        "it may have been {} version {} or {} version {}: ask for one of them",
                        one.event_type, one.schema_version, other.event_type, other.schema_version
                    );
                    return Err((shape, reason));
                }
                (None, Some(older)) => found = Some(older),
                (_, None) => {}
            }
        }
        Ok(found)
    }
}
