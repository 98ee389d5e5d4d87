//! Declarative steps: changes of an event's data that are data themselves, and run where events are decoded.

use super::{
    document::{Node, Obstacle, Way},
    flat::FlatStep,
    path::Path,
};
use crate::json::Json;
use serde::{Deserialize, Serialize};

/// One change of an event's data. In JSON one flat object, the same in Rust and TypeScript:
///
/// ```
/// use tidelog::{json::Json, upcast::{Direction, Step}};
///
/// let steps: Vec<Step> = serde_json::from_str(r#"[
///   { "rename": "name", "to": "title" },
///   { "move": "street", "to": "address.street" },
///   { "add": "currency", "value": "EUR" },
///   { "map": "level", "values": [["A", 1], ["B", 2]] },
///   { "wrap": "score", "key": "points" }
/// ]"#)?;
/// let old = Json::parse(r#"{"name":"n","street":"s","level":"B","score":3}"#)?;
/// let new = Step::apply_all(&steps, &old, Direction::Up)?;
/// assert_eq!(new.as_str(), r#"{"title":"n","level":2,"score":{"points":3},"address":{"street":"s"},"currency":"EUR"}"#);
/// let back = Step::apply_all(&steps, &new, Direction::Down)?;
/// assert_eq!(back.as_str(), r#"{"name":"n","level":"B","score":3,"street":"s"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where a path leads to nothing there is nothing to do, except that `add` and `set` make the objects on their way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "FlatStep", try_from = "FlatStep")]
pub enum Step {
    /// `{ add, value }`: a property with this value, where there is none. Going back it is removed.
    Add {
        /// The property.
        path: Path,
        /// Its value.
        value: Json,
    },
    /// `{ remove, restore? }`: no such property any more. Going back it gets the value of `restore`; without one there is no
    /// way back.
    Remove {
        /// The property.
        path: Path,
        /// What it is given going back.
        restore: Option<Json>,
    },
    /// `{ rename, to }`: the same value under another key of the same object.
    Rename {
        /// The property.
        path: Path,
        /// Its new key.
        to: String,
    },
    /// `{ move, to }`: the same value at another place. Objects that are missing there are made, and where it stood no empty
    /// object is left behind.
    Move {
        /// Where it was.
        from: Path,
        /// Where it goes.
        to: Path,
    },
    /// `{ set, value, restore? }`: this value, whatever was there. Going back it is set to `restore`; without one there is no way
    /// back.
    Set {
        /// The property.
        path: Path,
        /// Its value.
        value: Json,
        /// What it is given going back.
        restore: Option<Json>,
    },
    /// `{ map, values, otherwise? }`: another value for each of those listed; any other becomes `otherwise`, or stays where there
    /// is none. There is a way back if no two values become one.
    Map {
        /// The value.
        path: Path,
        /// The values before and after: texts, numbers, true, false or null.
        values: Vec<(Json, Json)>,
        /// What becomes of any other.
        otherwise: Option<Json>,
    },
    /// `{ wrap, key }`: an object that holds the value under this key.
    Wrap {
        /// The value.
        path: Path,
        /// The key.
        key: String,
    },
    /// `{ unwrap, key }`: what the object holds under this key, which must be all that it holds.
    Unwrap {
        /// The object.
        path: Path,
        /// The key.
        key: String,
    },
}

/// Which way a chain is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the newer shape.
    Up,
    /// Back to the older one.
    Down,
}

impl Step {
    /// Applies steps one after the other; going down from the last to the first.
    ///
    /// # Errors
    /// What kept a step from its work, and which one.
    pub fn apply_all(steps: &[Self], data: &Json, direction: Direction) -> Result<Json, String> {
        let mut root = Node::Text(data.clone());
        let mut apply = |step: &Self| {
            step.apply(&mut root, direction).map_err(|obstacle| format!("{}: {obstacle}", step.name()))
        };
        match direction {
            Direction::Up => steps.iter().try_for_each(&mut apply)?,
            Direction::Down => steps.iter().rev().try_for_each(&mut apply)?,
        }
        root.text()
    }

    /// Why there is no way back through this step; none if there is one.
    #[must_use]
    pub fn one_way(&self) -> Option<String> {
        match self {
            Self::Remove { restore: None, .. } | Self::Set { restore: None, .. } => {
                Some(format!("{} says no value to restore", self.name()))
            }
            Self::Map { values, otherwise, .. } => {
                let repeats = |at: usize| values[..at].iter().any(|(_, after)| is_same(after, &values[at].1));
                let is_shared = otherwise.is_some() || (0..values.len()).any(repeats);
                is_shared.then(|| format!("{} makes one value of several", self.name()))
            }
            _ => None,
        }
    }

    /// Whether going up and down again gives back every document of the older shape. What is removed or overwritten is not
    /// known any more, even where there is a value to restore.
    #[must_use]
    pub fn is_invertible(&self) -> bool {
        self.one_way().is_none() && !matches!(self, Self::Remove { .. } | Self::Set { .. })
    }

    /// Checks what the types leave open.
    ///
    /// # Errors
    /// What is wrong: a path that doesn't end with a key where one is needed, a move out of an array, a value listed twice.
    pub fn check(&self) -> Result<(), String> {
        let keyed = |path: &Path| match path.key() {
            Some(_) => Ok(()),
            None => Err(format!("{} needs a path that ends with a key", self.name())),
        };
        match self {
            Self::Add { path, .. } | Self::Remove { path, .. } | Self::Set { path, .. } => keyed(path),
            Self::Rename { to, .. } if to.is_empty() => Err(format!("{} needs a key `to`", self.name())),
            Self::Rename { path, .. } => keyed(path),
            Self::Move { from, to } => {
                let shared = from.repeated();
                if shared != to.repeated() || from.0[..shared] != to.0[..shared] {
                    return Err(format!("{} to \"{to}\" leaves the array that * goes through", self.name()));
                }
                keyed(from).and(keyed(to))
            }
            Self::Map { values, .. } => {
                let repeats =
                    |at: usize| values[..at].iter().any(|(before, _)| is_same(before, &values[at].0));
                match (0..values.len()).find(|at| repeats(*at)) {
                    Some(at) => Err(format!("{} lists {} twice", self.name(), values[at].0.as_str())),
                    None => Ok(()),
                }
            }
            Self::Wrap { .. } | Self::Unwrap { .. } => Ok(()),
        }
    }

    /// Its verb and its path, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        let (verb, path) = match self {
            Self::Add { path, .. } => ("add", path),
            Self::Remove { path, .. } => ("remove", path),
            Self::Rename { path, .. } => ("rename", path),
            Self::Move { from, .. } => ("move", from),
            Self::Set { path, .. } => ("set", path),
            Self::Map { path, .. } => ("map", path),
            Self::Wrap { path, .. } => ("wrap", path),
            Self::Unwrap { path, .. } => ("unwrap", path),
        };
        format!("{verb} {path:?}", path = path.to_string())
    }

    fn apply(&self, root: &mut Node, direction: Direction) -> Result<(), Obstacle> {
        let is_up = direction == Direction::Up;
        match self {
            Self::Add { path, value } if is_up => put(root, path, value, false),
            Self::Add { path, .. } => remove(root, path, Way::PRUNED),
            Self::Remove { path, .. } if is_up => remove(root, path, Way::FOUND),
            Self::Remove { path, restore } => match restore {
                Some(value) => put(root, path, value, false),
                None => Ok(()),
            },
            Self::Rename { path, to } => {
                let (old, new) = (path.key().unwrap_or_default(), to.as_str());
                let (old, new) = if is_up { (old, new) } else { (new, old) };
                root.visit(path.parent(), Way::FOUND, &mut |parent| rename(parent, old, new))
            }
            Self::Move { from, to } => {
                let (from, to) = if is_up { (from, to) } else { (to, from) };
                relocate(root, from, to)
            }
            Self::Set { path, value, .. } if is_up => put(root, path, value, true),
            Self::Set { path, restore, .. } => match restore {
                Some(value) => put(root, path, value, true),
                None => Ok(()),
            },
            Self::Map { path, values, otherwise } => root.visit(&path.0, Way::FOUND, &mut |node| {
                let old = node.clone().text()?;
                let mut pairs = values
                    .iter()
                    .map(|(before, after)| if is_up { (before, after) } else { (after, before) });
                let found = pairs.find(|(from, _)| is_same(from, &old)).map(|(_, to)| to);
                if let Some(new) = found.or(otherwise.as_ref().filter(|_| is_up)) {
                    *node = Node::Text(new.clone());
                }
                Ok(())
            }),
            Self::Wrap { path, key } if is_up => root.visit(&path.0, Way::FOUND, &mut |node| wrap(node, key)),
            Self::Wrap { path, key } => root.visit(&path.0, Way::FOUND, &mut |node| unwrap(node, key)),
            Self::Unwrap { path, key } if is_up => {
                root.visit(&path.0, Way::FOUND, &mut |node| unwrap(node, key))
            }
            Self::Unwrap { path, key } => root.visit(&path.0, Way::FOUND, &mut |node| wrap(node, key)),
        }
    }
}

fn properties<'n>(parent: &'n mut Node, key: &str) -> Result<Option<&'n mut Vec<(String, Node)>>, Obstacle> {
    if matches!(parent, Node::Text(text) if text.as_str() == "null") {
        return Ok(None);
    }
    match parent.object() {
        Some(properties) => Ok(Some(properties)),
        None => Err(format!("what should hold {key:?} is no object")),
    }
}

fn put(root: &mut Node, path: &Path, value: &Json, replaces: bool) -> Result<(), Obstacle> {
    let key = path.key().unwrap_or_default();
    root.visit(path.parent(), Way::MADE, &mut |parent| {
        let Some(properties) = properties(parent, key)? else {
            return Err(format!("what should hold {key:?} is null"));
        };
        match properties.iter_mut().find(|(known, _)| known == key) {
            Some((_, found)) if replaces => *found = Node::Text(value.clone()),
            Some(_) => {}
            None => properties.push((key.to_owned(), Node::Text(value.clone()))),
        }
        Ok(())
    })
}

fn remove(root: &mut Node, path: &Path, way: Way) -> Result<(), Obstacle> {
    let key = path.key().unwrap_or_default();
    root.visit(path.parent(), way, &mut |parent| {
        if let Some(properties) = properties(parent, key)? {
            properties.retain(|(known, _)| known != key);
        }
        Ok(())
    })
}

fn rename(parent: &mut Node, old: &str, new: &str) -> Result<(), Obstacle> {
    let Some(properties) = properties(parent, old)? else { return Ok(()) };
    let Some(at) = properties.iter().position(|(known, _)| known == old) else { return Ok(()) };
    if old != new && properties.iter().any(|(known, _)| known == new) {
        return Err(format!("there is a {new:?} already"));
    }
    new.clone_into(&mut properties[at].0);
    Ok(())
}

/// Moves a value within the whole, or where the paths go through an array, within each of its elements.
fn relocate(root: &mut Node, from: &Path, to: &Path) -> Result<(), Obstacle> {
    let shared = from.repeated();
    let (from_key, to_key) = (from.key().unwrap_or_default(), to.key().unwrap_or_default());
    root.visit(&from.0[..shared], Way::FOUND, &mut |within| {
        let mut moved = None;
        within.visit(&from.parent()[shared..], Way::PRUNED, &mut |parent| {
            if let Some(properties) = properties(parent, from_key)?
                && let Some(at) = properties.iter().position(|(known, _)| known == from_key)
            {
                moved = Some(properties.remove(at).1);
            }
            Ok(())
        })?;
        let Some(mut moved) = moved else { return Ok(()) };
        within.visit(&to.parent()[shared..], Way::MADE, &mut |parent| {
            let Some(properties) = properties(parent, to_key)? else {
                return Err(format!("what should hold {to_key:?} is null"));
            };
            if properties.iter().any(|(known, _)| known == to_key) {
                return Err(format!("there is a {to_key:?} already"));
            }
            let moved = std::mem::replace(&mut moved, Node::Array(Vec::new()));
            properties.push((to_key.to_owned(), moved));
            Ok(())
        })
    })
}

fn wrap(node: &mut Node, key: &str) -> Result<(), Obstacle> {
    let inner = std::mem::replace(node, Node::Array(Vec::new()));
    *node = Node::Object(vec![(key.to_owned(), inner)]);
    Ok(())
}

fn unwrap(node: &mut Node, key: &str) -> Result<(), Obstacle> {
    let Some(properties) = node.object() else { return Err("it is no object".into()) };
    let is_sole = properties.len() == 1 && properties[0].0 == key;
    match properties.pop() {
        Some((_, inner)) if is_sole => {
            *node = inner;
            Ok(())
        }
        _ => Err(format!("it should hold {key:?} and nothing else, which would be lost")),
    }
}

/// Whether two plain values are the same, however their text is escaped.
fn is_same(one: &Json, other: &Json) -> bool {
    one == other
        || (one.as_str().starts_with('"')
            && other.as_str().starts_with('"')
            && one.to::<String>().ok() == other.to::<String>().ok())
}
