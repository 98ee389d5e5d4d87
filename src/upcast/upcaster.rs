//! One upcaster: from one type and schema version to what came after it.

use super::step::{Direction, Step};
use crate::json::Json;
use serde::{Deserialize, Serialize};
use std::{rc::Rc, sync::Arc};

/// What an upcaster sees of an event, and what it gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: Arc<str>,
    /// The version of the shape of `data`. A missing one means 1.
    #[serde(default = "crate::event::first_schema_version")]
    pub schema_version: u32,
    /// The fact itself.
    #[serde(default = "Json::null")]
    pub data: Json,
}

/// The newer shapes of an event: none if it means nothing any more, one, or several if it was split.
pub type Forth = Rc<dyn Fn(Shape) -> Result<Vec<Shape>, String>>;
/// The older shape of an event; none if this one did not come from there.
pub type Back = Rc<dyn Fn(Shape) -> Result<Option<Shape>, String>>;

/// What an upcaster leads to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The type.
    #[serde(rename = "type")]
    pub event_type: Arc<str>,
    /// The schema version.
    pub schema_version: u32,
    /// How the data is made from that of the older shape.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// From one type and schema version to what came after it: one shape, another type, several, or nothing.
///
/// ```
/// use tidelog::upcast::{Decoder, Upcaster};
/// let decoder = Decoder::new(vec![
///     // a property was renamed
///     Upcaster::new("LessonCompleted", 1).steps(serde_json::from_str(r#"[{ "rename": "name", "to": "lesson" }]"#)?),
///     // an older type says the same
///     Upcaster::new("LessonDone", 1).becomes("LessonCompleted", 2).steps(serde_json::from_str(r#"[{ "rename": "unit", "to": "lesson" }]"#)?),
///     // nobody cares any more
///     Upcaster::new("LessonOpened", 1).drops(),
/// ])?;
/// assert_eq!(decoder.newest("LessonCompleted"), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Deserialize)]
pub struct Upcaster {
    #[serde(rename = "type")]
    pub(super) event_type: Arc<str>,
    pub(super) from: u32,
    pub(super) into: Vec<Target>,
    #[serde(skip)]
    pub(super) forth: Option<Forth>,
    #[serde(skip)]
    pub(super) back: Option<Back>,
}

impl Upcaster {
    /// From this type and schema version to the next version of the same type, with the same data until steps or a function say
    /// otherwise.
    #[must_use]
    pub fn new(event_type: &str, from: u32) -> Self {
        let event_type: Arc<str> = event_type.into();
        let next = Target {
            event_type: Arc::clone(&event_type),
            schema_version: from.saturating_add(1),
            steps: vec![],
        };
        Self { event_type, from, into: vec![next], forth: None, back: None }
    }

    /// Leads to this type and version instead: a renamed type, or one that took this one in.
    #[must_use]
    pub fn becomes(mut self, event_type: &str, schema_version: u32) -> Self {
        let steps = self.into.pop().map_or_else(Vec::new, |target| target.steps);
        self.into = vec![Target { event_type: event_type.into(), schema_version, steps }];
        self
    }

    /// Makes the data by these steps.
    #[must_use]
    pub fn steps(mut self, steps: Vec<Step>) -> Self {
        if let Some(target) = self.into.first_mut() {
            target.steps = steps;
        }
        self
    }

    /// Leads to several events. They share id, version and position of the one that they were.
    #[must_use]
    pub fn splits_into(mut self, targets: Vec<Target>) -> Self {
        self.into = targets;
        self
    }

    /// Leads to nothing: such events mean nothing any more.
    #[must_use]
    pub fn drops(mut self) -> Self {
        self.into.clear();
        self
    }

    /// Goes by a pure function. What it gives back must be among the shapes that the upcaster is said to lead to, as many of
    /// each as it likes.
    #[must_use]
    pub fn by(mut self, forth: impl Fn(Shape) -> Result<Vec<Shape>, String> + 'static) -> Self {
        self.forth = Some(Rc::new(forth));
        self
    }

    /// Comes back by a pure function.
    #[must_use]
    pub fn back_by(mut self, back: impl Fn(Shape) -> Result<Option<Shape>, String> + 'static) -> Self {
        self.back = Some(Rc::new(back));
        self
    }

    /// What it reads, what it leads to, and by which steps.
    pub(super) fn signature(&self) -> String {
        let mut text = format!("{}@{}", self.event_type, self.from);
        for target in &self.into {
            text.push_str(&format!(">{}@{}", target.event_type, target.schema_version));
            for step in &target.steps {
                text.push_str(Json::of(step).as_ref().map_or("", Json::as_str));
            }
        }
        text.push(';');
        text
    }

    /// Whether it leads to this shape.
    pub(super) fn leads_to(&self, event_type: &str, schema_version: u32) -> bool {
        self.into
            .iter()
            .any(|target| *target.event_type == *event_type && target.schema_version == schema_version)
    }

    /// The newer shapes of an event.
    pub(super) fn upcast(&self, shape: Shape) -> Result<Vec<Shape>, String> {
        let Some(forth) = &self.forth else {
            let newer = self.into.iter().map(|target| {
                Ok(Shape {
                    event_type: Arc::clone(&target.event_type),
                    schema_version: target.schema_version,
                    data: Step::apply_all(&target.steps, &shape.data, Direction::Up)?,
                })
            });
            return newer.collect();
        };
        let newer = forth(shape)?;
        match newer.iter().find(|newer| !self.leads_to(&newer.event_type, newer.schema_version)) {
            Some(Shape { event_type, schema_version, .. }) => Err(format!(
                "it returned {event_type} version {schema_version}, which is not among the shapes that it is said to lead to"
            )),
            None => Ok(newer),
        }
    }

    /// The older shape of an event; none if it did not come from there. The error says why there is no way back.
    pub(super) fn downcast(&self, shape: Shape) -> Result<Option<Shape>, String> {
        if let Some(back) = &self.back {
            return match back(shape)? {
                Some(older) if *older.event_type != *self.event_type || older.schema_version != self.from => {
                    Err(format!(
                        "its way back returned {} version {}, which is not what it reads",
                        older.event_type, older.schema_version
                    ))
                }
                older => Ok(older),
            };
        }
        if self.forth.is_some() {
            return Err("the upcaster is a function, and there is none for the way back".into());
        }
        let [target] = self.into.as_slice() else {
            return Err("the older event was split, and its parts can't be put together again".into());
        };
        if let Some(reason) = target.steps.iter().find_map(Step::one_way) {
            return Err(reason);
        }
        let data = Step::apply_all(&target.steps, &shape.data, Direction::Down)?;
        Ok(Some(Shape { event_type: Arc::clone(&self.event_type), schema_version: self.from, data }))
    }
}
