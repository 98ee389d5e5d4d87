//! Whether upcasters fit together: no two from one shape, no circle, no version from which nothing leads on.

use super::{UpcastError, upcaster::Upcaster};
use crate::event::MAX_TYPE;
use std::sync::Arc;

/// Upcasters by type and version, and the newest version that they know of each type.
#[derive(Clone, Default)]
pub(super) struct Chain {
    pub(super) upcasters: Vec<Upcaster>,
    pub(super) newest: Vec<(Arc<str>, u32)>,
}

/// Checks and sorts upcasters.
pub(super) fn chain(mut upcasters: Vec<Upcaster>) -> Result<Chain, UpcastError> {
    for upcaster in &upcasters {
        check(upcaster)?;
    }
    crate::order::sort_by(&mut upcasters, |a, b| (&a.event_type, a.from).cmp(&(&b.event_type, b.from)));
    if let Some([twice, _]) = upcasters
        .windows(2)
        .find(|pair| (&pair[0].event_type, pair[0].from) == (&pair[1].event_type, pair[1].from))
    {
        return Err(UpcastError::Ambiguous {
            event_type: Arc::clone(&twice.event_type),
            schema_version: twice.from,
        });
    }
    let chain = Chain { newest: newest(&upcasters), upcasters };
    chain.check_circles()?;
    chain.check_gaps()?;
    Ok(chain)
}

fn check(upcaster: &Upcaster) -> Result<(), UpcastError> {
    let Upcaster { event_type, from, into, forth, back } = upcaster;
    let invalid = |reason: String| {
        Err(UpcastError::Invalid { event_type: Arc::clone(event_type), schema_version: *from, reason })
    };
    if *from == 0 {
        return invalid("the first schema version is 1".into());
    }
    for name in into.iter().map(|target| &target.event_type).chain([event_type]) {
        if name.is_empty() || name.len() > MAX_TYPE {
            return invalid(format!("a type of {} bytes is not within 1 to {MAX_TYPE}", name.len()));
        }
    }
    for target in into {
        if target.schema_version == 0 {
            return invalid(format!("it leads to {} version 0; the first is 1", target.event_type));
        }
        if target.event_type == *event_type && target.schema_version <= *from {
            return invalid(format!(
                "it leads to version {} of the same type, which is not above",
                target.schema_version
            ));
        }
        for step in &target.steps {
            if let Err(reason) = step.check() {
                return invalid(reason);
            }
        }
    }
    if forth.is_some() && into.iter().any(|target| !target.steps.is_empty()) {
        return invalid("it has both a function and steps: it can't go by both".into());
    }
    if back.is_some() && into.is_empty() {
        return invalid("it leads to nothing: there is no way back from there".into());
    }
    Ok(())
}

fn newest(upcasters: &[Upcaster]) -> Vec<(Arc<str>, u32)> {
    let mut newest: Vec<(Arc<str>, u32)> = Vec::new();
    let mut note = |event_type: &Arc<str>, version: u32| match newest
        .iter_mut()
        .find(|(known, _)| known == event_type)
    {
        Some((_, highest)) => *highest = version.max(*highest),
        None => newest.push((Arc::clone(event_type), version)),
    };
    for upcaster in upcasters {
        note(&upcaster.event_type, upcaster.from);
        for target in &upcaster.into {
            note(&target.event_type, target.schema_version);
        }
    }
    newest
}

/// How far a walk has come with one upcaster.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Never,
    OnTheWay,
    Done,
}

impl Chain {
    /// The place of the upcaster from a shape.
    pub(super) fn find(&self, event_type: &str, schema_version: u32) -> Option<usize> {
        self.upcasters
            .binary_search_by(|it| (&*it.event_type, it.from).cmp(&(event_type, schema_version)))
            .ok()
    }

    /// The newest version of a type that the upcasters know; none if they don't know the type.
    pub(super) fn newest(&self, event_type: &str) -> Option<u32> {
        self.newest.iter().find(|(known, _)| **known == *event_type).map(|(_, newest)| *newest)
    }

    fn check_circles(&self) -> Result<(), UpcastError> {
        let mut visits = vec![Visit::Never; self.upcasters.len()];
        for start in 0..self.upcasters.len() {
            let mut way = Vec::new();
            self.walk(start, &mut visits, &mut way)?;
        }
        Ok(())
    }

    fn walk(&self, at: usize, visits: &mut [Visit], way: &mut Vec<usize>) -> Result<(), UpcastError> {
        if visits[at] == Visit::Done {
            return Ok(());
        }
        let Upcaster { event_type, from, into, .. } = &self.upcasters[at];
        if visits[at] == Visit::OnTheWay {
            let circle = way.iter().skip_while(|earlier| **earlier != at).chain([&at]);
            let names =
                circle.map(|at| format!("{} {}", self.upcasters[*at].event_type, self.upcasters[*at].from));
            return Err(UpcastError::Cycle {
                event_type: Arc::clone(event_type),
                schema_version: *from,
                way: names.collect::<Vec<_>>().join(" → "),
            });
        }
        visits[at] = Visit::OnTheWay;
        way.push(at);
        for target in into {
            if let Some(next) = self.find(&target.event_type, target.schema_version) {
                self.walk(next, visits, way)?;
            }
        }
        way.pop();
        visits[at] = Visit::Done;
        Ok(())
    }

    /// Every version of a type that anything is known of must lead on, but for the newest.
    fn check_gaps(&self) -> Result<(), UpcastError> {
        let targets = self.upcasters.iter().flat_map(|it| &it.into);
        for target in targets {
            let (event_type, version) = (&target.event_type, target.schema_version);
            let newest = self.newest(event_type).unwrap_or(version);
            if version < newest && self.find(event_type, version).is_none() {
                return Err(gap(event_type, version, newest));
            }
        }
        Ok(())
    }
}

pub(super) fn gap(event_type: &Arc<str>, schema_version: u32, newest: u32) -> UpcastError {
    UpcastError::Gap { event_type: Arc::clone(event_type), schema_version, newest }
}
