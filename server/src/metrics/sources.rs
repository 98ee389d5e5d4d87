//! What is not counted but seen when somebody asks.

use crate::{
    live::Places,
    storage::{Connections, Storage},
};
use std::sync::Arc;

/// Where to look.
pub(crate) struct Sources {
    pub(crate) places: Places,
    pub(crate) storage: Arc<dyn Storage>,
}

/// [`Connections`] as gauges want them.
pub(super) struct Shown {
    pub(super) in_use: i64,
    pub(super) idle: i64,
    pub(super) waiting: i64,
}

impl Sources {
    pub(super) fn live(&self) -> i64 {
        shown(self.places.taken())
    }

    pub(super) fn connections(&self) -> Option<Shown> {
        let Connections { in_use, idle, waiting } = self.storage.connections()?;
        Some(Shown { in_use: shown(in_use), idle: shown(idle), waiting: shown(waiting) })
    }
}

fn shown(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
