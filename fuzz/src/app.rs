//! What the app of the tests does with a log.

use crate::support::parts;
use tidelog::{
    engine::{At, Engine, WriteError},
    log::{Authority, Place, Query, store::Store},
    testing::ManualEnvironment,
};

/// An engine over a store that another one may have written.
///
/// # Errors
/// What opening it says.
pub async fn engine<S: Store>(store: S, authority: Authority, seed: u64) -> Result<Engine<S>, WriteError> {
    Engine::open(store, parts(authority, &ManualEnvironment::new(seed))).await
}

/// What could be read of a log.
#[derive(Debug, Default)]
pub struct Exercise {
    /// The ids of the commits whose events could be read, in order.
    pub commits: Vec<String>,
}

/// Reads everything there is to read. Whatever can't be is an error, and nothing worse.
pub async fn exercise<S: Store>(engine: &Engine<S>) -> Exercise {
    let mut exercise = Exercise::default();
    let mut from = Place::START;
    // More than any log here has; a log that does not end would be an error too.
    for page in 0.. {
        assert!(page < 10_000, "reading goes round in circles");
        let Ok(page) = engine.read(&Query::default(), from, 50).await else { break };
        exercise.commits.extend(page.events.iter().map(|event| event.commit_id.to_string()));
        let Some(next) = page.next else { break };
        from = next;
    }
    exercise.commits.dedup();
    let _ = engine.load("course", "a", At::Now).await;
    let _ = engine.queue(100).await;
    let _ = engine.rejected().await;
    let _ = engine.orphans().await;
    let _ = engine.conflicts().await;
    let _ = engine.maintain().await;
    let _ = engine.status();
    exercise
}
