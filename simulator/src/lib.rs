//! Random histories of devices, tabs, a network and a server, with every fault that can be thought of, and what must hold in all of
//! them.
//!
//! The devices run the real engine and sync machine over logs in memory, the server judges by the rules of `tidelog-server`; time, order
//! and faults come from a seed, so that a history that fails can be played again, and made shorter until only its cause is left.

mod academy;
mod app;
mod badge;
mod cheat;
mod clock;
mod copies;
mod device;
mod executor;
mod front;
mod history;
mod judge;
mod notation;
mod random;
mod run;
mod server;
mod shrink;
mod step;
mod world;

pub use history::Tally;
pub use run::run;
pub use tidelog::mistake::Mistake;

use mimalloc::MiMalloc;
use random::Random;
use step::Beat;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A history that did not go as it must.
#[derive(Debug, thiserror::Error)]
#[error("history {seed}: {reason}\n{shown}")]
pub struct Failure {
    /// Its seed: `cargo xtask simulate --seed SEED --histories 1` plays it again.
    pub seed: u64,
    /// What did not hold.
    pub reason: String,
    /// The steps that are left of it, and what they come to.
    pub shown: String,
}

/// Plays the history of a seed.
///
/// # Errors
/// [`Failure`] with the history made as short as it can be.
pub fn play(seed: u64) -> Result<Tally, Failure> {
    let script = script(seed);
    history::play(seed, &script).map_err(|reason| {
        let (script, reason) = shrink::shrink(seed, script, reason);
        Failure { seed, reason, shown: history::tell(seed, &script) }
    })
}

/// How many histories from this seed on it takes until one shows a mistake that is made on purpose; none if `most` don't.
#[must_use]
pub fn find(mistake: Mistake, seed: u64, most: u64) -> Option<Found> {
    tidelog::mistake::make(Some(mistake));
    let found = (0..most).find_map(|number| {
        let script = script(seed.wrapping_add(number));
        let reason = history::play(seed.wrapping_add(number), &script).err()?;
        let (shortest, reason) = shrink::shrink(seed.wrapping_add(number), script, reason);
        Some(Found { histories: number + 1, steps: shortest.len(), reason })
    });
    tidelog::mistake::make(None);
    found
}

/// A mistake that was noticed.
#[derive(Clone, Debug)]
pub struct Found {
    /// Histories until then, the one that shows it included.
    pub histories: u64,
    /// Steps of the shortest history found that shows it.
    pub steps: usize,
    /// How it shows.
    pub reason: String,
}

fn script(seed: u64) -> Vec<Beat> {
    let random = Random::new(seed);
    let length = 20 + random.below(100);
    // by numbers of their own, so that histories stay what they were without them
    let beats = step::with_forgeries(&Random::new(seed ^ 0xf096e), step::script(&random, length));
    let beats = step::with_badges(&Random::new(seed ^ 0xbad6e), beats);
    step::with_archivings(&Random::new(seed ^ 0xa9c41), beats)
}
